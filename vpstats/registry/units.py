"""Units that exports use, and the factor to the unit of the schema."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

_TABLE: Mapping[str, str] = MappingProxyType(
    {
        "mL": (
            "ml=1 mls=1 cc=1 ccm=1 cm3=1 milliliter=1 mililitar=1 mililitara=1 millilitri=1 "
            "mililitros=1 millilitres=1 millilitre=1 mililitro=1 mililitry=1 mililitru=1 "
            "mililitr=1 mililitrow=1 mililitre=1 millilitro=1 milliliters=1 mililitri=1 cm^3=1 "
            "l=1000 ul=0.001"
        ),
        "mg/L": (
            "mg/l=1 mgl=1 mg/lt=1 ug/ml=1 mcg/ml=1 mg/dl=10 mgdl=10 mg/100ml=10 mg%=10 g/l=1000"
        ),
        "10⁹/L": (
            "10^9/l=1 10e9/l=1 10*9/l=1 x10^9/l=1 x10e9/l=1 x10*9/l=1 109/l=1 x109/l=1 giga/l=1 "
            "g/l=1 gpt/l=1 10^3/ul=1 x10^3/ul=1 10*3/ul=1 103/ul=1 tsd/ul=1 k/ul=1 /nl=1 1/nl=1 "
            "x10^3=1 x103=1 x10^9=1 x109=1 10^3/mm3=1 x10^3/mm3=1 x103/mm3=1 10^3/mmc=1 "
            "x10^3/mmc=1 mila/mmc=1 mila/mm3=1 mil/mm3=1 miles/mm3=1 tsd=1 "
            "/ul=0.001 1/ul=0.001 /mm3=0.001 1/mm3=0.001 /mmc=0.001 ul=0.001 stanica/ul=0.001 "
            "cells/ul=0.001 10(9)/l=1 x10(9)/l=1 e9/l=1 10e3/ul=1 x10e3/ul=1 10(3)/ul=1 "
            "x10(3)/ul=1 10^3/mcl=1 x10^3/mcl=1 10e3/mcl=1 x10e3/mcl=1 k/mcl=1 k/mm3=1 k/cumm=1 "
            "k/cmm=1 thou/ul=1 thou/mcl=1 thou/mm3=1 thou/cumm=1 thou/cmm=1 thousand/ul=1 "
            "tys/ul=1 tys/mm3=1 tis/ul=1 tis/mm3=1 /mcl=0.001 cells/mcl=0.001 "
            "cells/mm3=0.001 /cumm=0.001 cells/cumm=0.001"
        ),
        "ng/mL": "ng/ml=1 ug/l=1 mcg/l=1",
        "mm/h": (
            "mm/h=1 mm/1h=1 mm/1.h=1 mm1h=1 mm/3.6ks=1 mm=1 mm/hr=1 mm/1hr=1 mm/1sthr=1 mm/hour=1 "
            "mm/1sthour=1 mm/std=1 mm/1std=1 mm/1.std=1 mm/stunde=1 mm/sat=1 mm/1sat=1 mm/g=1 "
            "mm/godz=1 mm/1godz=1 mm/hod=1 mm/1hod=1 mm/1.hod=1 mm/ora=1 mm/1ora=1 mm/1aora=1 "
            "mm/hora=1 mm/1hora=1 mm/1ahora=1 mm/heure=1 mm/1heure=1 mm/1ereh=1 mm/1ereheure=1 "
            "mm/uur=1 mm/u=1 mm/tim=1 mm/timme=1 mm/saat=1 mm/sa=1"
        ),
        "cm": "cm=1 cms=1 m=100 mt=100 mts=100 mm=0.1 in=2.54 inch=2.54 inches=2.54",
        "kg": (
            "kg=1 kgs=1 kilo=1 kilos=1 g=0.001 lb=0.45359237 lbs=0.45359237 pound=0.45359237 "
            "pounds=0.45359237"
        ),
        "kg/m²": "kg/m2=1 kg/m^2=1",
        "Gy·cm²": (
            "gycm2=1 dgycm2=0.1 cgycm2=0.01 mgycm2=0.001 ugycm2=0.000001 gym2=10000 dgym2=1000 "
            "cgym2=100 mgym2=10 ugym2=0.01 mcgym2=0.01"
        ),
        "min": (
            "min=1 mins=1 minuta=1 minute=1 minuten=1 minutes=1 minuti=1 minutos=1 ' =1 "
            "mn=1 mns=1 minut=1 minuty=1 minutu=1 minuto=1 minuter=1 minutter=1 minuut=1 "
            "perc=1 perces=1 dakika=1 dak=1 dk=1 "
            "′=1 ′′=1/60 ''=1/60 \"=1/60 ”=1/60 s=1/60 sec=1/60 sek=1/60 seg=1/60 secs=1/60 "
            "seconds=1/60 seconden=1/60 secondi=1/60 secondes=1/60 segundos=1/60 sekund=1/60 "
            "sekunde=1/60 sekunden=1/60 sekundi=1/60 sekundy=1/60 sekunder=1/60 saniye=1/60 "
            "sn=1/60 masodperc=1/60 mp=1/60 "
            "h=60 hr=60 hrs=60 hour=60 hours=60 sat=60 sati=60 std=60 stunde=60 stunden=60 hod=60 "
            "hodin=60 hodiny=60 hodina=60 godz=60 godziny=60 godzin=60 godzina=60 ora=60 ore=60 "
            "hora=60 horas=60 heure=60 heures=60 uur=60 tim=60 timmar=60 timme=60 saat=60 "
            "h:mm=1 hh:mm=1 mm:ss=1 m:ss=1"
        ),
        "%": (
            "%=1 /100=1 percent=1 pct=1 posto=1 prozent=1 procent=1 procenta=1 procentow=1 "
            "szazalek=1 porciento=1 porcento=1 percento=1 pourcent=1 yuzde=1 fraction=100 0-1=100"
        ),
        "degrees": (
            "degrees=1 degree=1 deg=1 degs=1 °=1 st=1 stup=1 stupanj=1 stupnja=1 stupnjeva=1 "
            "stepen=1 stepeni=1 stopinj=1 stopinje=1 grad=1 grado=1 gradi=1 grados=1 grau=1 "
            "graus=1 grade=1 gradus=1 grader=1 graden=1 degre=1 degres=1 stupen=1 stupne=1 "
            "stupnu=1 stopien=1 stopnie=1 stopni=1 fok=1 derece=1 rad=57.29577951308232"
        ),
        "SD": "sd=1 ds=1",
        "HU": "hu=1 he=1 uh=1 jh=1 h.u=1 u.h=1 j.h=1",
        "years": (
            "years=1 year=1 y=1 yrs=1 yr=1 yo=1 y/o=1 god=1 godina=1 godine=1 g=1 jahre=1 j=1 "
            "anni=1 anos=1 ans=1 a=1 lat=1 lata=1 let=1 rokov=1 eves=1 ev=1 yas=1 jaar=1 ar=1 ani=1"
        ),
        "days": (
            "days=1 day=1 d=1 dan=1 dana=1 tage=1 giorni=1 dias=1 jours=1 weeks=7 week=7 wk=7 "
            "tj=7 tjedan=7 tjedna=7 tjedana=7 wochen=7 woche=7 wo=7 w=7 wks=7 settimana=7 "
            "settimane=7 semana=7 semanas=7 semaine=7 semaines=7 giorno=1 dia=1 jour=1 tag=1 "
            "tagen=1 months=30.4375 mj=30.4375 month=30.4375 mjesec=30.4375 mjeseca=30.4375 "
            "mjeseci=30.4375 monat=30.4375 monate=30.4375 monaten=30.4375 mese=30.4375 "
            "dni=1 dzien=1 den=1 dnu=1 nap=1 gun=1 dag=1 dagen=1 dagar=1 "
            "tyg=7 tydzien=7 tygodnie=7 tygodni=7 tyden=7 tydny=7 tydnu=7 het=7 hafta=7 weken=7 "
            "veckor=7 vecka=7 mies=30.4375 miesiac=30.4375 miesiace=30.4375 miesiecy=30.4375 "
            "mesic=30.4375 mesice=30.4375 mesicu=30.4375 honap=30.4375 ay=30.4375 maand=30.4375 "
            "maanden=30.4375 manad=30.4375 manader=30.4375 "
            "mesi=30.4375 mes=30.4375 meses=30.4375 mois=30.4375"
        ),
        "points": "points=1 /10=1 0-10=1 bod=1 bodova=1 punkte=1 /100=0.1 0-100=0.1 mm=0.1",
        "1": "1=1 fraction=1 %=0.01 percent=0.01",
        "fractures": "fractures=1",
        "levels": "levels=1",
        "procedures": "procedures=1",
        "year": "year=1",
    }
)


def _parse(text: str) -> Mapping[str, Decimal]:
    pairs = (pair.rsplit("=", 1) for pair in text.replace("' =", "'=").split())
    return MappingProxyType({name: _factor(value) for name, value in pairs})


def _factor(text: str) -> Decimal:
    above, _, below = text.partition("/")
    return Decimal(above) / Decimal(below or "1")


_FACTORS: Mapping[str, Mapping[str, Decimal]] = MappingProxyType(
    {unit: _parse(text) for unit, text in _TABLE.items()}
)


_DEGREE_SIGNS = str.maketrans("º˚", "°°")
"""Signs that keyboards have in the place of a degree's: that of an ordinal and a ring."""
_DOSE_AREA = re.compile(r"gy[*.x•∙-]?(c?m)(?:\^|\*\*)?2(?![0-9])")
"""A dose times an area, with what people write for the product and for the square."""


def fold_unit(text: str) -> str:
    """Spell a unit without case, spaces, accents, superscripts and kinds of micro sign.

    Examples
    --------
    >>> fold_unit("mGy · cm²"), fold_unit("x 10⁹ / L"), fold_unit("µg/mL"), fold_unit("uGy*m^2")
    ('mgycm2', 'x109/l', 'ug/ml', 'ugym2')
    """
    plain = unicodedata.normalize("NFKC", text.translate(_DEGREE_SIGNS)).casefold()
    plain = plain.replace("μ", "u").replace("×", "x")
    if not plain.isascii():
        bare = (unicodedata.normalize("NFKD", c)[0] if c.isalpha() else c for c in plain)
        plain = "".join(bare).replace("ł", "l")
    plain = "".join(plain.split()).replace("·", "").replace("⋅", "")
    plain = plain.strip(".").replace("god.", "god")
    return _DOSE_AREA.sub(r"gy\g<1>2", plain).replace("cm^2", "cm2")


def factor(canonical: str, written: str) -> Decimal | None:
    """What to multiply by to get from a written unit to the schema's.

    Parameters
    ----------
    canonical : str
        Unit of the schema.
    written : str
        Unit as the export writes it.

    Returns
    -------
    Decimal or None
        None where the unit is not known for this quantity.

    Examples
    --------
    >>> factor("mg/L", "mg/dL"), factor("10⁹/L", "/µl"), factor("mL", "furlong")
    (Decimal('10'), Decimal('0.001'), None)
    """
    plain = fold_unit(written)
    if plain == fold_unit(canonical):
        return Decimal(1)
    return _FACTORS.get(canonical, {}).get(plain)


def is_unit(written: str) -> bool:
    """Whether a text is a unit of any quantity.

    Examples
    --------
    >>> is_unit("mg/dL"), is_unit("patients"), is_unit("")
    (True, False, False)
    """
    plain = fold_unit(written)
    return any(plain == fold_unit(name) or plain in known for name, known in _FACTORS.items())


SIGNS = frozenset("%‰°'’′´\"”″€$£")
"""Signs that stand for a unit; every other is a mark that somebody put there."""
_MARKS = frozenset({"Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "No"})
"""Kinds of characters, as Unicode names them: punctuation, symbols and raised numbers."""
_NOTE = re.compile(r" ?\([0-9a-z]\)$")


def is_marked(canonical: str, beside: str) -> bool:
    """Whether a mark, as of doubt or of a footnote, is what stands beside a number or its unit.

    Parameters
    ----------
    canonical : str
        Unit of the schema.
    beside : str
        What stands behind the digits of a cell.

    Returns
    -------
    bool
        False where a unit or word is not known, whatever marks it has.

    Examples
    --------
    >>> [is_marked("mL", text) for text in ("?", "ml *", "(?)", "¹", "(2)", "g", "%")]
    [True, True, True, True, True, False, False]
    """
    plain = _NOTE.sub("", beside.rstrip())
    marked = plain != beside.rstrip()
    while plain and not (marked and factor(canonical, plain) is not None):
        if plain[-1] in SIGNS or unicodedata.category(plain[-1]) not in _MARKS:
            return False
        plain, marked = plain[:-1].rstrip(), True
    return marked


def known_units(canonical: str) -> tuple[str, ...]:
    """Spellings that are understood for a quantity, for error messages.

    Examples
    --------
    >>> "percent" in known_units("%")
    True
    """
    return tuple(_FACTORS.get(canonical, {canonical: Decimal(1)}))
