"""Words: yes and no, kinds of missing, and codes, in the languages of the exports.

A spelling is looked up in the mapping's own codes first, then among the kinds of missing, then in
the lexicons here. What can mean two things is left unread.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from vpstats.registry.cells import EMPTY, Reading, fold, unwrapped
from vpstats.registry.synonyms import NONE_WORDS, SITE_WORDS, SYNONYMS, lexicon, tumour_code
from vpstats.registry.synonyms_forms import BOX_WORDS, CONSENT_WORDS
from vpstats.schema import SET_SEPARATOR, Column

# ------------------------------------------------------------------ kinds of missing

MISSING_WORDS = lexicon(
    {
        "unknown": (
            "nepoznato|nepoznat|nepoznata|nepozn|nije poznato|ne zna se|np|n.p|unknown|unk|ukn|"
            "not known|unbekannt|unbek|nicht bekannt|sconosciuto|non noto|ignoto|desconocido|"
            "no conocido|se desconoce|inconnu|inconnue|non connu|na|nan|not available|"
            "nije dostupno|?|??|???|-99|-999|-9999|-88|-888|-9|999|9999|888|nd|n.d|nk|k.a|"
            "keine angabe|n.e|n.r|nema podataka|bez podataka|no data|sin datos|"
            "nicht erhoben|n.erh|nicht erh|n.bek|nicht dokumentiert|nicht beurteilbar|"
            "non valutabile|non rilevato|"
            "not recorded|not asked|ne zna|n/d|n/k|s.d|s/d|nsp|non renseigne|no consta|"
            "nicht verfugbar|non disponibile|non disponible|no disponible|ne sait pas|"
            "je ne sais pas|sais pas|donnees manquantes|no sabe|no contesta|no sabe/no contesta|"
            "no sabe / no contesta|ns/nc|non so|non sa|no information|weiss nicht|weiss ich nicht|"
            "nicht angegeben|ohne angabe|do not know|don't know|dont know|no answer|not answered|"
            "nao sabe|desconhecido|desconhecida|nao informado|ignorado|nie wiem|brak danych|nevim|"
            "se ignora|no se sabe|no especificado|no especificada|"
            "no registrado|dato mancante|information non disponible|pas d'information|"
            "non precise|not documented|unknown / not documented|inconnu / non renseigne|inconnues|"
            "neuvedeno|neznamo|nieznane|ved ikke|vet ej|okand|ukendt|ukjent|onbekend|weet niet"
        ),
        "not_done": (
            "nije radeno|nije radjeno|nije ucinjeno|nije napravljeno|nije mjereno|nije uzeto|"
            "not done|not_done|not performed|not examined|not measured|not tested|"
            "nicht gemacht|nicht durchgefuhrt|nicht erfolgt|nicht untersucht|nicht gemessen|"
            "nicht bestimmt|not assessed|nije procijenjeno|nicht beurteilt|non valutato|"
            "no evaluado|non evalue|non effettuato|non effettuata|"
            "non eseguito|non eseguita|non fatto|non misurato|no realizado|"
            "no realizada|no hecho|no medido|non fait|non realise|non effectue|non mesure|"
            "nie oznaczono|nie oznaczano|nie ozn|nie wykonano|nie zmierzono|nie badano"
        ),
        "not_applicable": (
            "nap|n/a|n.a|not applicable|not_applicable|nije primjenjivo|ne primjenjuje se|"
            "ne odnosi se|entfallt|trifft nicht zu|nicht zutreffend|nicht anwendbar|"
            "non applicabile|no aplica|no procede|no aplicable|sans objet|non applicable"
        ),
        "missing": (
            ".|..|-|--|---|/|//|_|__|null|(null)|<null>|\\n|#n/a|#ref|#value|#null|#div/0|#name|#num|"
            "#nv|#bezug|#wert|#zahl|#n/d|#rif|#valore|#valor|#valeur|#nombre|#nom|<na>|nat"
        ),
    }
)
"""Folded spelling → kind of missing; ``missing`` is a blank by another name."""

NUMERIC_MISSING = frozenset({"-99", "-999", "-9999", "-88", "-888", "-9", "999", "9999", "888"})
"""Spellings that are numbers too: missing only where they cannot be a value."""


DECLARED = "missing:"
"""Begins the text of a value that its own file declares missing."""
_STATED = re.compile(r"(unknown|not_done|not_applicable):(\S.*)", re.DOTALL)
"""A code that its file or the mapping states to be of one kind of missing: ``unknown:99``."""

_LETTERED = re.compile(r"\.[a-z]")  # how Stata and SAS write their kinds of missing


def kind_of_missing(text: str) -> str | None:
    """Which kind of missing a spelling stands for.

    Parameters
    ----------
    text : str
        The cell; any text is safe.

    Returns
    -------
    str or None
        "unknown", "not_done", "not_applicable", "missing", "declared" (by the file, which does not
        say of which kind), or None where it is something else.

    Examples
    --------
    >>> [kind_of_missing(text) for text in ("nije rađeno", "NAP", ".", "da")]
    ['not_done', 'not_applicable', 'missing', None]
    """
    text = unwrapped(text)
    raw = " ".join(text.split()).casefold()
    if raw in MISSING_WORDS:
        return MISSING_WORDS[raw]
    if raw.startswith(DECLARED) or _LETTERED.fullmatch(raw):
        return "declared"
    stated = _STATED.fullmatch(raw)
    if stated is not None:
        return stated[1]
    plain = fold(text)
    return MISSING_WORDS.get(plain) or MISSING_WORDS.get(plain.replace(". ", "."))


_OF_PROGRAMS = frozenset({"None", "NaN", "nan", "NaT"})


def is_empty_of_program(text: str) -> bool:
    """Whether a program wrote the cell for an empty one, where other people's names stand.

    ``None`` is a no in other columns, and capitals are somebody's initials.

    Examples
    --------
    >>> [is_empty_of_program(text) for text in ("None", "NaN", "NAN", "[NULL]", "#N/A", "NA")]
    [True, True, False, True, True, False]
    """
    return text.strip() in _OF_PROGRAMS or kind_of_missing(text) == "missing"


def missing_reading(kind: str, column: Column, style: str = "") -> Reading:
    """A typed missing value: its code where the column has one, else missing, and why."""
    if kind == "missing":
        return Reading(rule="missing.blank", note="a sign for an empty cell")
    value = kind if kind in column.codes else None
    return Reading(value=value, rule=f"missing.{kind}", note=kind.replace("_", " "), style=style)


def _missing_style(text: str) -> str:
    """Whole words are a way of writing; -99, NA and the like are logged wherever they stand."""
    return "words" if sum(c.isalpha() for c in text) >= 5 else ""


# ------------------------------------------------------------------ yes and no

_YES = (
    "hr:da,d,ima,prisutno,prisutan,prisutna,pozitivno,pozitivan,pozitivna,postoji,ucinjeno,radeno|en:yes,y,true,"
    "present,positive,pos,checked,done|de:ja,j,wahr,vorhanden,positiv|it:si,s,vero,positivo,"
    "positiva,presente,verdadero|fr:oui,vrai,positif|"
    "pt:sim|pl:tak|cs:ano|nl:aanwezig|hu:igen|tr:evet|sign:+,++,+++,x,✓,✔,☒,☑|digit:1,1.0"
)
_NO = (
    "hr:ne,n,nije,nema,bez,nije bilo,negativno,negativan,negativna,odsutno|en:no,false,absent,"
    "negative,neg,none,without,unchecked|de:nein,kein,keine,keiner,ohne,falsch,negativ,nicht,"
    "nicht vorhanden|it:falso,senza,assente,negativo,negativa,sin,negado,negada,"
    "ausente,nessuno,nessuna,ninguno,ninguna,non presente,no presente|"
    "fr:non,faux,sans,aucun,aucune,negatif|pt:nao,nenhum,nenhuma,sem|pl:nie|sv:nej,nei,ingen,inget|"
    "nl:nee,geen,afwezig|hu:nem,nincs|tr:hayır,hayir,yok|sign:☐|"
    "digit:0,0.0"
)


def _by_language(text: str, code: str) -> dict[str, tuple[str, str]]:
    entries = (part.split(":", 1) for part in text.split("|"))
    return {word: (code, language) for language, words in entries for word in words.split(",")}


_BOXES = {word: (code, "box") for word, code in BOX_WORDS.items()}
_YES_NO = MappingProxyType({**_BOXES, **_by_language(_NO, "no"), **_by_language(_YES, "yes")})


def answer_language(plain: str) -> str:
    """Language that a yes or a no is listed under, by its folded spelling; "" for signs and digits.

    Examples
    --------
    >>> [answer_language(word) for word in ("da", "nein", "1", "x", "abc")]
    ['hr', 'de', '', '', '']
    """
    language = _YES_NO.get(plain, ("", ""))[1]
    return language if len(language) == _NAME_OF_LANGUAGE else ""


_NAME_OF_LANGUAGE = 2  # letters; signs, digits and boxes have longer names


def _is_accented(text: str, plain: str) -> bool:
    """Whether a lone letter has an accent, or one stands alone: both show a wrong code page.

    ``Ď`` is the Greek for no, and ``s˘`` is ``só`` as DOS writes it.
    """
    if "ñ" in text.casefold() or any(unicodedata.category(c) == "Sk" for c in text):
        return True  # año is no Czech yes
    shown = unicodedata.normalize("NFKC", text).casefold()
    return len(plain) == 1 and not text.isascii() and plain not in shown


_CROSSES = frozenset("x×✕✖✗✘☒❌")
_CIRCLES = frozenset("o○〇◯⭕●◎ｏоο")
_CHECKS = frozenset("✓✔√v☑✅")
"""A cross is a tick, but a no beside a circle, as in Korea and Japan, or a check mark."""


def doubtful_crosses(spellings: Sequence[str], like: Sequence[str] = ()) -> frozenset[str]:
    """Crosses of a column that stand beside circles or check marks, and may be a no.

    Of columns that are `like` it, circles count: who ticks with crosses may use a check mark there.

    Examples
    --------
    >>> sorted(doubtful_crosses(("X", "O"))), sorted(doubtful_crosses(("x", "0", "no")))
    (['X'], [])
    >>> sorted(doubtful_crosses(("x",), ("✓",))), sorted(doubtful_crosses(("x",), ("○",)))
    ([], ['x'])
    """
    beside = {s.strip().casefold() for s in spellings} & (_CIRCLES | _CHECKS)
    if not beside and not {s.strip().casefold() for s in like} & _CIRCLES:
        return frozenset()
    return frozenset(s for s in spellings if s.strip().casefold() in _CROSSES)


def read_yes_no(text: str, column: Column) -> Reading:
    """Read yes, no or a kind of missing, as the languages of Europe and Turkish write them.

    Words that are a yes in one language and something else in another are left: Czech ``a``.

    ``-`` alone is left as "missing"; in a column that also holds ``+`` it is a no, which the
    column's reader knows and one cell does not.

    Examples
    --------
    >>> from vpstats.schema_tables import PATIENTS
    >>> [read_yes_no(t, PATIENTS["diabetes"]).value for t in ("DA", "nein", "bez", "n.p.")]
    ['yes', 'no', 'no', 'unknown']
    """
    plain = fold(text)
    if not plain and not text.strip():
        return EMPTY
    if plain in column.codes:
        return Reading(plain, style="code")
    kind = kind_of_missing(text)
    if kind is not None:
        return missing_reading(kind, column, _missing_style(text))
    found = None if _is_accented(text, plain) else _YES_NO.get(plain)
    if column.name == "consent_research" and plain in CONSENT_WORDS:
        found = CONSENT_WORDS[plain], "words"
    if found is None:
        return Reading(rule="word.unknown", note="neither a yes nor a no that is known")
    if column.name in _EXAMINATIONS and plain.startswith(_RESULTS):
        return Reading(rule="word.ambiguous", note=_A_RESULT)
    return Reading(found[0], rule="word.spelling", style=found[1])


_EXAMINATIONS = frozenset({"mri_pre", "biopsy_done", "ct_post_done"})
_RESULTS = ("neg", "poz", "pos", "uredn", "norm")
_A_RESULT = "what an examination showed, where the question is whether it was made"


# ------------------------------------------------------------------ categories

_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}

_SCHEMES = {
    "asa": "asa",
    "of_class": "of",
    "genant": "genant",
    "severity_cirse": "cirse",
    "sir_ae": "sir",
}
"""Graded field → the name of its scheme; a grade of another scheme is not one of this."""
_GRADE = re.compile(r"([a-z]*)[ :]{0,2}-?([0-9]{1,3}|[ivx]{1,4})(?:[.,]0)?")
_GRADE_WORDS = frozenset(
    {"", "grade", "grad", "gr", "g", "stupanj", "type", "tip", "typ", "klasse", "classe", "clase"}
    | {"class", "klasa", "grado", "stufe", "stadium", "st"}
)
_AO = re.compile(r"(?:ao ?)?(?:type |tip |typ )?a ?([0-4])")


def read_code(text: str, column: Column, codes: Mapping[str, str]) -> Reading:
    """Read a category: the mapping's codes, kinds of missing, the code itself, its synonyms.

    Parameters
    ----------
    text : str
        The cell; any text is safe.
    column : Column
        A category or yes/no column.
    codes : mapping of str to str
        Raw code to canonical code or kind of missing, from the mapping.

    Returns
    -------
    Reading
        Value None where it cannot be read.

    Examples
    --------
    >>> from vpstats.schema_tables import PATIENTS
    >>> read_code("ASA III", PATIENTS["asa"], {}).value, read_code("2-3", PATIENTS["asa"], {}).rule
    ('3', 'word.ambiguous')
    """
    if not text.strip():
        return EMPTY
    mapped = coded(text, codes)
    if mapped is not None:
        return _mapped_reading(mapped, column)
    if column.kind == "yes_no":
        return read_yes_no(text, column)
    return _unmapped(text, column)


def coded(text: str, codes: Mapping[str, str]) -> str | None:
    """Look a spelling up in the mapping's codes: as written, then folded, then as a number."""
    if not codes:
        return None
    if text in codes:
        return codes[text]
    plain = fold(text)
    for raw, code in codes.items():
        if fold(raw) == plain:
            return code
    whole = plain.removesuffix(".0").removesuffix(",0")
    if whole != plain:
        return codes.get(whole)
    stated = _STATED.fullmatch(text)  # what the mapping says of the code itself comes first
    return None if stated is None else coded(stated[2], codes)


def stated_missing(code: str, kind: str) -> str:
    """Text of a code of which it is stated which kind of missing it is, and so never a number.

    Examples
    --------
    >>> text = stated_missing("99", "unknown")
    >>> text, kind_of_missing(text), coded(text, {"99": "not_done"})
    ('unknown:99', 'unknown', 'not_done')
    """
    return f"{DECLARED if kind in ('missing', 'declared') else f'{kind}:'}{code}"


def _mapped_reading(code: str, column: Column) -> Reading:
    if code in column.codes:
        return Reading(code, rule="word.code", style="code")
    return missing_reading(code, column)


def _unmapped(text: str, column: Column) -> Reading:
    plain = fold(text)
    canonical = {fold(code): code for code in column.codes}
    if plain in canonical:
        rule = "" if text == canonical[plain] else "word.spelling"
        return Reading(canonical[plain], rule=rule, style="code")
    if len(plain) > _LONGEST_WORD:
        return Reading(rule="word.unknown", note="too long for a code")
    if column.name in _SCHEMES or column.name == "ao_type":
        graded = _read_grade(plain, column)
        if graded is not None:
            return graded
    kind = kind_of_missing(text)
    if kind is not None:
        return missing_reading(kind, column, _missing_style(text))
    return _synonym(plain, column)


_LONGEST_WORD = 200  # patterns are tried on no longer text: it would take them minutes
_DOSE = re.compile(r" [0-9]+(?:[.,][0-9]+)? ?(?:mg|g|ug|mcg|iu|ie|ij|ml)$")


def _synonym(plain: str, column: Column) -> Reading:
    words = SYNONYMS.get(column.name, {})
    undosed = _DOSE.sub("", plain)
    code = words.get(plain) or words.get(undosed)
    if undosed != plain and undosed in column.codes:
        code = undosed
    if column.name == "primary_tumour":
        code = code or tumour_code(plain)
    if code is None and "none" in column.codes and plain in NONE_WORDS:
        code = "none"
    if code is not None:
        return Reading(code, rule="word.spelling", style="word")
    if column.name == "sex" and plain in ("0", "1", "2", "0.0", "1.0", "2.0"):
        return Reading(
            rule="word.ambiguous", note="a number for a sex, which centers count differently"
        )
    return Reading(rule="word.unknown", note="not among the codes of the column")


def _read_grade(plain: str, column: Column) -> Reading | None:
    if re.fullmatch(r"[a-z ]*[0-9ivx]+ ?[-/] ?[0-9ivx]+", plain):
        return Reading(rule="word.ambiguous", note="between two grades")
    grade = _ao_grade(plain) if column.name == "ao_type" else _scheme_grade(plain, column)
    if grade not in column.codes:
        return None
    return Reading(grade, rule="word.spelling", style="grade")


def _ao_grade(plain: str) -> str | None:
    match = _AO.fullmatch(plain)
    return f"A{match[1]}" if match else None


def _scheme_grade(plain: str, column: Column) -> str | None:
    plain = re.sub(r"(?<=[0-9ivx])e$", "", plain)  # an emergency, 3E
    match = _GRADE.fullmatch(plain.removeprefix("typ ").removeprefix("type ").removeprefix("tip "))
    if match is None or match[1] not in (_GRADE_WORDS | {_SCHEMES[column.name]}):
        # "iii" is all letters, and so is a scheme's name before a Roman number
        return _ROMAN.get(plain.removeprefix(_SCHEMES[column.name]).strip())
    return _ROMAN.get(match[2], match[2].lstrip("0") or "0")


# ------------------------------------------------------------------ sets

_SET_CUTS = re.compile(r"[,;+&|\n]| (?:i|and|und|et|y|e|te|a|in|oraz|och|og|en|es|és|ve|și|si) ")


def read_set(text: str, column: Column, codes: Mapping[str, str]) -> Reading:
    """Read several codes in one cell.

    Parameters
    ----------
    text : str
        The cell; any text is safe.
    column : Column
        A set column.
    codes : mapping of str to str
        Raw code to canonical code.

    Returns
    -------
    Reading
        Codes in the schema's order joined by ";"; missing where a part cannot be read.

    Examples
    --------
    >>> from vpstats.schema_tables import VISITS
    >>> read_set("MRI, xray", VISITS["imaging_at_visit"], {}).value
    'xray;mri'
    """
    if not text.strip():
        return EMPTY
    whole = None if _lists_codes(text, codes) else coded(text, codes)
    said = text if whole is None else whole
    if "none" not in column.codes and (said == "none" or fold(said) in NONE_WORDS):
        return Reading(rule="word.empty_set", note="none", style="set")
    parts = [whole] if whole is not None else [_part(p, column, codes) for p in _cut(text)]
    if whole is None and (None in parts or not parts):  # a "+" alone names nothing
        kind = kind_of_missing(text)
        if kind is not None:
            return missing_reading(kind, column)
        return Reading(rule="word.unknown", note="a part of the list is not among the codes")
    return _set_reading([p for p in parts if p is not None], text, column)


def _lists_codes(text: str, codes: Mapping[str, str]) -> bool:
    """Whether ``6,0`` is two codes, and not a 6 that a spreadsheet shows as a number."""
    if "," not in text or any(fold(raw) == fold(text) for raw in codes):
        return False
    return all(coded(part, codes) is not None for part in _cut(text))


def unread_parts(text: str, column: Column, codes: Mapping[str, str]) -> tuple[str, ...]:
    """Parts of a list that are no codes: what a translation would have to name.

    Examples
    --------
    >>> from vpstats.schema_tables import VISITS
    >>> unread_parts("MRI, foo", VISITS["imaging_at_visit"], {})
    ('foo',)
    """
    parts = (part.strip() for part in _SET_CUTS.split(unwrapped(text)))
    return tuple(part for part in parts if part and _part(part, column, codes) is None)


def _cut(text: str) -> list[str]:
    return [part for part in _SET_CUTS.split(unwrapped(text.casefold())) if part.strip()]


def _part(text: str, column: Column, codes: Mapping[str, str]) -> str | None:
    code = coded(text, codes)
    if code is not None:
        return code
    plain = fold(text)
    canonical = {fold(known): known for known in column.codes}
    if plain in canonical:
        return canonical[plain]
    if "none" in column.codes and plain in NONE_WORDS:
        return "none"
    if "epidural" in column.codes:
        return SITE_WORDS.get(plain)
    return SYNONYMS.get(column.name, {}).get(plain)


def _set_reading(parts: list[str], text: str, column: Column) -> Reading:
    unknown = [p for p in parts if p not in column.codes]
    if unknown and len(set(unknown)) < len(set(parts)):
        return Reading(rule="word.ambiguous", note="that something is not known stands beside it")
    if unknown:
        return missing_reading(unknown[0], column)
    ordered = [code for code in column.codes if code in set(parts)]
    if "none" in ordered and len(ordered) > 1:
        return Reading(rule="word.ambiguous", note="'none' stands beside other entries")
    value = SET_SEPARATOR.join(ordered)
    return Reading(value or None, rule="" if value == text else "word.spelling", style="set")
