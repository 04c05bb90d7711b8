"""How each hospital writes: yes and no, codes, vertebrae, dates and numbers of four dialects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from vpstats.errors import UsageError
from vpstats.schema import SET_SEPARATOR, Column
from vpstats.schema_tables import LEAK_SITES, TABLES

LEAK_LISTS = ("leak_sites_fluoro", "leak_sites_ct")
YEOM_LIST = "yeom"


def _codes(text: str) -> Mapping[str, str]:
    pairs = (pair.split("=") for pair in text.split("|"))
    return MappingProxyType({p[0]: p[1] for p in pairs})


_SITES_HR = _codes(
    "epidural=epiduralno|foraminal=foraminalno|disc_sup=gornji disk|disc_inf=donji disk|"
    "paravertebral_soft=meka tkiva|venous=venozno|needle_track=kanal igle|remote=udaljeno|none=nema"
)
_SITES_DE = _codes(
    "epidural=epidural|foraminal=foraminal|disc_sup=Bandscheibe oben|disc_inf=Bandscheibe unten|"
    "paravertebral_soft=Weichteile|venous=venös|needle_track=Stichkanal|remote=fern|none=keine"
)
_SITES_EN = _codes(
    "epidural=epidural|foraminal=foraminal|disc_sup=disc above|disc_inf=disc below|"
    "paravertebral_soft=soft tissue|venous=venous|needle_track=needle track|remote=remote|none=none"
)

HR: Mapping[str, Mapping[str, str]] = {
    "sex": _codes("f=Ž|m=M|unknown=N"),
    "bmd_site": _codes("spine=kralježnica|hip=kuk|wrist=zapešće"),
    "antiosteo_tx": _codes(
        "none=nema|bisphosphonate=bisfosfonat|denosumab=denosumab|teriparatide=teriparatid|"
        "romosozumab=romosozumab|other=ostalo"
    ),
    "primary_tumour": _codes(
        "breast=dojka|lung=pluća|prostate=prostata|kidney=bubreg|thyroid=štitnjača|"
        "myeloma=mijelom|other=ostalo"
    ),
    "immuno_reasons": _codes(
        "chemo=kemoterapija|steroid=steroidi|transplant=transplantacija|hiv=HIV|"
        "neutropenia=neutropenija|biologics=biološka terapija"
    ),
    "anticoag": _codes("none=nema|asa=ASK|doac=DOAK|vka=varfarin|lmwh=NMH"),
    "smoker": _codes("never=nepušač|ex=bivši|current=aktivni"),
    "status": _codes("alive=živ|dead=umro|lost=izgubljen|withdrawn=odustao"),
    "indication": _codes(
        "osteoporotic=osteoporoza|trauma=trauma|metastasis=metastaza|myeloma=mijelom|"
        "haemangioma=hemangiom|other=ostalo"
    ),
    "technique": _codes("pvp=PVP|bkp=BKP|stent=stent|rf_ablation_pvp=RFA+PVP|other=ostalo"),
    "guidance": _codes("fluoro=fluoroskopija|biplane=biplanarno|ct=CT|ct_fluoro=CT fluoroskopija"),
    "anaesthesia": _codes("local=lokalna|sedation=sedacija|general=opća"),
    "blood_culture": _codes("none=nije uzeta|negative=negativna|positive=pozitivna"),
    "biopsy_result": _codes("none=nema|negative=negativna|tumour=tumor|infection=infekcija"),
    "antibiotic_iv": _codes("none=nema|cefazolin=cefazolin|other=drugi"),
    "antibiotic_in_cement": _codes("none=nema|tobramycin=tobramicin|gentamicin=gentamicin"),
    "viscosity_class": _codes("low=niska|medium=srednja|high=visoka|unknown=nepoznata"),
    "approach": _codes("uni=unilateralno|bi=bilateralno|mixed=mješovito"),
    "ct_post_reason": _codes("routine=rutinski|suspicion=sumnja|other=drugo"),
    "chest_imaging_modality": _codes("none=nema|xray=RTG|ct_partial=CT djelomični|ct_full=CT puni"),
    "fracture_type": _codes(
        "wedge=klinasti|biconcave=bikonkavni|crush=kompresivni|burst=rasprskavajući|none=nema"
    ),
    "vascularity": _codes("low=slaba|moderate=umjerena|high=jaka|unknown=nepoznata"),
    "leak_intervention": _codes(
        "none=nema|steroid=steroid|decompression=dekompresija|removal=uklanjanje|"
        "vascular=vaskularna"
    ),
    "leak_sites_fluoro": _SITES_HR,
    "leak_sites_ct": _SITES_HR,
    "yeom": _codes("b=B|s=S|c=C|none=nema"),
    "visit_type": _codes(
        "discharge=otpust|week_2_4=2-4 tjedna|month_3=3 mjeseca|month_6=6 mjeseci|"
        "month_12=12 mjeseci|annual=godišnja|unscheduled=izvanredna"
    ),
    "imaging_at_visit": _codes("none=nema|xray=RTG|ct=CT|mri=MR"),
    "event_type": _codes(
        "infection=infekcija|adjacent_fx=prijelom susjednog|nonadjacent_fx=prijelom udaljenog|"
        "refracture_same=ponovni prijelom istog|pce=embolija cementom|"
        "thrombotic_pe=tromboembolija|fat_embolism=masna embolija|"
        "pe_unspecified=PE|neuro_deficit=neurološki deficit|"
        "cement_removal=uklanjanje cementa|reoperation=reoperacija|rib_fx=prijelom rebra|"
        "pneumothorax=pneumotoraks|hypotension=hipotenzija|"
        "cardiac_perforation=perforacija srca|cerebral_embolism=cerebralna embolija|"
        "pain_fever=bol ili vrućica|other=ostalo"
    ),
    "infection_certainty": _codes("proven=dokazana|probable=vjerojatna|possible=moguća"),
    "source": _codes(
        "preexisting=od prije|procedural=zahvat|haematogenous=hematogena|unclear=nejasno"
    ),
    "infection_treatment": _codes(
        "antibiotic=antibiotik|debridement=debridman|stabilisation=stabilizacija"
    ),
    "fx_trigger": _codes("fall=pad|none=bez povoda"),
    "pce_extent": _codes("peripheral=periferna|central=centralna"),
    "detected_by": _codes("clinical=klinički|xray=RTG|ct=CT|mri=MR|autopsy=obdukcija"),
}

DE: Mapping[str, Mapping[str, str]] = {
    "sex": _codes("f=w|m=m|unknown=u"),
    "antiosteo_tx": _codes(
        "none=keine|bisphosphonate=Bisphosphonat|denosumab=Denosumab|teriparatide=Teriparatid|"
        "romosozumab=Romosozumab|other=andere"
    ),
    "smoker": _codes("never=nie|ex=früher|current=aktuell"),
    "status": _codes("alive=lebt|dead=verstorben|lost=verloren|withdrawn=zurückgezogen"),
    "indication": _codes(
        "osteoporotic=Osteoporose|trauma=Trauma|metastasis=Metastase|myeloma=Plasmozytom|"
        "haemangioma=Hämangiom|other=sonstige"
    ),
    "primary_tumour": _codes(
        "breast=Mamma|lung=Lunge|prostate=Prostata|kidney=Niere|thyroid=Schilddrüse|"
        "myeloma=Myelom|other=andere"
    ),
    "technique": _codes("pvp=PVP|bkp=BKP|stent=Stent|rf_ablation_pvp=RFA und PVP|other=sonstige"),
    "guidance": _codes("fluoro=Durchleuchtung|biplane=Zweiebenen|ct=CT|ct_fluoro=CT-Fluoroskopie"),
    "anaesthesia": _codes("local=lokal|sedation=Sedierung|general=Vollnarkose"),
    "biopsy_result": _codes("none=keine|negative=negativ|tumour=Tumor|infection=Infektion"),
    "antibiotic_iv": _codes("none=kein|cefazolin=Cefazolin|other=anderes"),
    "viscosity_class": _codes("low=niedrig|medium=mittel|high=hoch|unknown=unbekannt"),
    "approach": _codes("uni=einseitig|bi=beidseitig|mixed=gemischt"),
    "ct_post_reason": _codes("routine=Routine|suspicion=Verdacht|other=sonstige"),
    "chest_imaging_modality": _codes("none=keine|xray=Röntgen|ct_partial=CT partiell|ct_full=CT"),
    "fracture_type": _codes(
        "wedge=Keil|biconcave=bikonkav|crush=Kompression|burst=Berst|none=keine"
    ),
    "leak_sites_fluoro": _SITES_DE,
    "leak_sites_ct": _SITES_DE,
    "yeom": _codes("b=B|s=S|c=C|none=keine"),
    "visit_type": _codes(
        "discharge=Entlassung|week_2_4=2-4 Wochen|month_3=3 Monate|month_6=6 Monate|"
        "month_12=12 Monate|annual=jährlich|unscheduled=ungeplant"
    ),
    "imaging_at_visit": _codes("none=keine|xray=Röntgen|ct=CT|mri=MRT"),
    "event_type": _codes(
        "infection=Infektion|adjacent_fx=Anschlussfraktur|nonadjacent_fx=entfernte Fraktur|"
        "refracture_same=Refraktur|pce=Zementembolie|thrombotic_pe=Thrombembolie|"
        "fat_embolism=Fettembolie|pe_unspecified=LE|neuro_deficit=neurologisches Defizit|"
        "cement_removal=Zemententfernung|reoperation=Reoperation|rib_fx=Rippenfraktur|"
        "pneumothorax=Pneumothorax|hypotension=Hypotonie|"
        "cardiac_perforation=Herzperforation|cerebral_embolism=Hirnembolie|"
        "pain_fever=Schmerz oder Fieber|other=sonstige"
    ),
    "infection_certainty": _codes("proven=gesichert|probable=wahrscheinlich|possible=möglich"),
    "source": _codes(
        "preexisting=vorbestehend|procedural=Eingriff|haematogenous=hämatogen|unclear=unklar"
    ),
    "infection_treatment": _codes(
        "antibiotic=Antibiotikum|debridement=Debridement|stabilisation=Stabilisierung"
    ),
    "fx_trigger": _codes("fall=Sturz|none=kein Anlass"),
    "pce_extent": _codes("peripheral=peripher|central=zentral"),
    "detected_by": _codes("clinical=klinisch|xray=Röntgen|ct=CT|mri=MRT|autopsy=Obduktion"),
}

EN: Mapping[str, Mapping[str, str]] = {
    "sex": _codes("f=F|m=M|unknown=U"),
    "technique": _codes("pvp=PVP|bkp=BKP|stent=Stent|rf_ablation_pvp=RFA + PVP|other=other"),
    "guidance": _codes("fluoro=fluoroscopy|biplane=biplane|ct=CT|ct_fluoro=CT fluoroscopy"),
    "chest_imaging_modality": _codes("none=none|xray=X-ray|ct_partial=partial CT|ct_full=full CT"),
    "leak_sites_fluoro": _SITES_EN,
    "leak_sites_ct": _SITES_EN,
    "yeom": _codes("b=B|s=S|c=C|none=none"),
    "visit_type": _codes(
        "discharge=discharge|week_2_4=2-4 weeks|month_3=3 months|month_6=6 months|"
        "month_12=12 months|annual=yearly|unscheduled=unscheduled"
    ),
    "imaging_at_visit": _codes("none=none|xray=X-ray|ct=CT|mri=MRI"),
    "event_type": _codes(
        "infection=infection|adjacent_fx=adjacent fracture|nonadjacent_fx=remote fracture|"
        "refracture_same=refracture|pce=cement embolism|thrombotic_pe=thromboembolism|"
        "fat_embolism=fat embolism|pe_unspecified=PE|neuro_deficit=neurological deficit|"
        "cement_removal=cement removal|reoperation=reoperation|rib_fx=rib fracture|"
        "pneumothorax=pneumothorax|hypotension=hypotension|"
        "cardiac_perforation=cardiac perforation|cerebral_embolism=cerebral embolism|"
        "pain_fever=pain or fever|other=other"
    ),
}


def _numbered() -> Mapping[str, Mapping[str, str]]:
    """Raw REDCap choices: 1, 2, 3 … in the order of the schema."""
    choices = {
        c.name: {code: str(i) for i, code in enumerate(c.codes, start=1)}
        for table in TABLES.values()
        for c in table
        if c.kind in ("category", "set") and c.name not in _WRITTEN_OUT
    }
    return choices | {"sex": {"f": "1", "m": "2", "unknown": "9"}}


_WRITTEN_OUT = ("level", "event_levels", "modality", "site", "state")


_DECIMALS = {"bmi": 1}
"""Decimals that are written of a value that is computed."""


@dataclass(frozen=True)
class Dialect:
    """How one group of hospitals writes.

    Parameters
    ----------
    name : str
        "hr", "redcap", "excel" or "de".
    centers : tuple of str
        Centers that write it.
    yes_no : mapping of str to str
        Code to word.
    codes : mapping of str to mapping
        Field to code to word; a code that is not there is written as it is.
    vertebra : callable
        Canonical vertebra to its spelling.
    day : str
        `strftime` pattern; "" for the serial numbers of a spreadsheet.
    decimal : str
        Decimal mark.
    separator : str
        Between the parts of a list in one cell.
    factors : mapping of str to (float, str)
        Field to the factor and the unit in which the dialect writes it.
    """

    name: str
    centers: tuple[str, ...]
    yes_no: Mapping[str, str]
    codes: Mapping[str, Mapping[str, str]]
    vertebra: Callable[[str], str]
    day: str
    decimal: str
    separator: str
    factors: Mapping[str, tuple[float, str]]

    def number(self, value: float) -> str:
        """Write a number with the dialect's decimal mark.

        Examples
        --------
        >>> DIALECTS["hr"].number(4.5)
        '4,5'
        """
        return f"{round(float(value), 6):.10g}".replace(".", self.decimal)

    def date(self, value: pd.Timestamp) -> str:
        """Write a day."""
        if self.day:
            return str(value.strftime(self.day))
        return str((value - pd.Timestamp("1899-12-30")).days)

    def word(self, field: str, code: str) -> str:
        """Write a code of a field."""
        return self.codes.get(field, {}).get(code, code)

    def listed(self, field: str, codes: str) -> str:
        """Write codes that share a cell."""
        parts = codes.split(SET_SEPARATOR)
        if field == "event_levels":
            return self.separator.join(self.vertebra(p) for p in parts)
        return self.separator.join(self.word(field, p) for p in parts)

    def write(self, column: Column, value: object) -> str:
        """Write one canonical value; missing is a blank cell.

        Parameters
        ----------
        column : Column
            The field's declaration.
        value : object
            Canonical value.

        Returns
        -------
        str
            As the dialect writes it.
        """
        if pd.isna(value):
            return ""
        if column.kind == "date":
            return self.date(pd.Timestamp(value))
        if column.kind in ("number", "integer"):
            scaled = float(str(value)) * self.factors.get(column.name, (1.0, ""))[0]
            return self.number(round(scaled, _DECIMALS.get(column.name, 6)))
        return self._write_text(column, str(value))

    def _write_text(self, column: Column, value: str) -> str:
        if column.role in ("identifier", "key"):
            return value.rsplit("/", 1)[-1]
        if column.name == "level":
            return self.vertebra(value)
        if column.kind == "yes_no":
            return self.yes_no[value]
        return (
            self.listed(column.name, value)
            if column.kind == "set"
            else self.word(column.name, value)
        )


def _thoracic(letters: str, lumbar: str) -> Callable[[str], str]:
    return lambda level: (letters if level[0] == "T" else lumbar) + level[1:]


_YES_NO = ("yes", "no", "unknown", "not_done", "not_applicable")


def _yes_no(*words: str) -> Mapping[str, str]:
    return MappingProxyType(dict(zip(_YES_NO, words, strict=True)))


DIALECTS: Mapping[str, Dialect] = {
    d.name: d
    for d in (
        Dialect(
            "hr",
            ("C01", "C02", "C03"),
            _yes_no("da", "ne", "nepoznato", "nije rađeno", "nije primjenjivo"),
            HR,
            _thoracic("Th", "L"),
            "%d.%m.%Y.",
            ",",
            ", ",
            {},
        ),
        Dialect(
            "redcap",
            ("C04", "C05", "C06"),
            _yes_no("1", "0", "9", "8", "7"),
            _numbered(),
            str,
            "%Y-%m-%d",
            ".",
            ";",
            {},
        ),
        Dialect(
            "excel",
            ("C07", "C08", "C09"),
            _yes_no("yes", "no", "unknown", "not done", "not applicable"),
            EN,
            str,
            "",
            ".",
            "; ",
            {"crp_mg_l": (0.1, "mg/dL"), "infection_crp_mg_l": (0.1, "mg/dL")},
        ),
        Dialect(
            "de",
            ("C10", "C11", "C12"),
            _yes_no("ja", "nein", "unbekannt", "nicht durchgeführt", "entfällt"),
            DE,
            _thoracic("BWK ", "LWK "),
            "%d.%m.%Y",
            ",",
            ", ",
            {},
        ),
    )
}
"""The four dialects of the demonstration registry, three centers each."""


def dialect_of(center_id: str) -> Dialect:
    """The dialect that a center writes.

    Raises
    ------
    UsageError
        If the center belongs to none.

    Examples
    --------
    >>> dialect_of("C05").name
    'redcap'
    """
    for dialect in DIALECTS.values():
        if center_id in dialect.centers:
            return dialect
    raise UsageError(f"center '{center_id}' has no dialect; write_exports needs C01 to C12.")


def declared(table: str, field: str) -> Column:
    """Declaration of a field, list fields of leaks included."""
    if field in LEAK_LISTS or field == YEOM_LIST:
        codes = (
            {**LEAK_SITES, "none": "no leak"} if field in LEAK_LISTS else dict.fromkeys("bsc", "")
        )
        return Column(field, "set", "Several in one cell.", codes=codes)
    if field.startswith("leak_") and field not in TABLES[table]:
        return Column(field, "yes_no", "A leak.", codes=TABLES["patients"]["diabetes"].codes)
    if field in TABLES[table]:
        return TABLES[table][field]
    return next(t[field] for t in TABLES.values() if field in t)
