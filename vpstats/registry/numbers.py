"""Numbers as hospitals write them: decimal commas, thousands, limits, units and products in cells.

A number is read when it can be read in one way only. Whether ``7.500`` is seven and a half or
seven thousand five hundred depends on the decimal mark of its column and on what is possible for
the quantity; where both remain, it is left unread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from vpstats.registry.cells import EMPTY, Reading, fold, simplify, unwrapped
from vpstats.registry.compound import compound_values, listed_numbers
from vpstats.registry.digits import has_both_marks, readings_of
from vpstats.registry.dotted_clocks import may_be_clock
from vpstats.registry.laboratory import without_flag
from vpstats.registry.lexicon import NUMERIC_MISSING, kind_of_missing
from vpstats.registry.limit_words import ABOUT, ABOVE, BELOW
from vpstats.registry.units import SIGNS, factor, fold_unit, is_marked
from vpstats.schema import Column, Range

_LONGEST = 60
_NO_COUNT = frozenset(
    {"none", "nema", "nijedan", "keine", "kein"}
    | {"nessuno", "nessuna", "ninguno", "ninguna", "aucun", "aucune"}
)
_MINUS = ("minus ", "meno ", "menos ", "moins ")
_SIGNED = frozenset({"SD", "degrees", "HU"})
"""Units of quantities that are often negative, where a minus may stand behind the number."""
_DANISH_MINUS = "÷"  # a minus before a number in Denmark, and no sign of it elsewhere
_FRACTIONS = MappingProxyType({"½": "5", "¼": "25", "¾": "75"})
_FRACTION = re.compile("([0-9]{0,4}) ?([½¼¾])")
_T_LABEL = re.compile(r"t(?:[- ]?(?:score|skor|wert))?(?:[:=] ?| )(?=[+-]?[0-9])")
_POWER = re.compile(r"([0-9])(?: ?[x*] ?10[\^e*]{0,2}| 10\^)([39])(?= ?/|$)")
_BODY = re.compile(r"([+-]?) ?([0-9.,][0-9., ']*)(.*)", re.DOTALL)
_PLAIN = re.compile(r"-?[0-9]*\.?[0-9]*")
_USUAL = re.compile(r"([0-9]{1,7})([.,])([0-9]{1,2})")
_EXPONENT = re.compile(r"e([+-]?[0-9]{1,3})")
_PRODUCT = re.compile(r"([^0-9x×*+]{0,14})([x×*+]) ?([0-9][0-9.,]{0,8}) ?([^0-9]*)")
_HOUR = Decimal(60)
_BARE = ("", "number.spelling")  # a number alone
_CLOCK = re.compile(r"[0-9]{1,2}[.,][0-5][0-9]")
_BETWEEN = re.compile(r"(?:-|do|bis|to|a|à) ?[0-9][0-9.,]{0,12}.{0,12}")


_A_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?: 00:00:00)?")
_BRACKETS = "brackets around the number, as of an estimate, that other cells do not have"
_POINT_OR_COLON = "a fraction of minutes, or a time with a point in place of the colon"
_TURNED = "a day, into which spreadsheets turn 3.5"
_DAY_OF_YEAR = re.compile(r"(?:0?[1-9]|[12][0-9]|3[01])\.(?:0?[1-9]|1[0-2])\.")
"""What spreadsheets show of a day into which they turned ``3.5``: ``03.05.``"""


@dataclass(frozen=True, slots=True)
class NumberContext:
    """What a column says about its numbers.

    Parameters
    ----------
    column : Column
        Declaration: unit and possible range.
    decimal, thousands : str, optional
        Marks declared or inferred.
    scale : Decimal
        From the declared unit of the raw column to the schema's.
    declared_unit : bool
        Whether a unit was declared for the column or stands in a unit column.
    limits : bool
        Whether a limit (``<0,3``) has a column to go to.
    clock : str
        How the column writes times, ``h:mm`` or ``mm:ss``, where it was declared.
    dotted : tuple of str
        Clocks for which a number with a point may be meant: ``4.30`` among ``3:45``.
    wrapped : bool
        Whether brackets are a database's, as where they stand in every cell of the column.
    """

    column: Column
    decimal: str | None = None
    thousands: str | None = None
    scale: Decimal = Decimal(1)
    declared_unit: bool = False
    limits: bool = False
    clock: str = ""
    dotted: tuple[str, ...] = ()
    wrapped: bool = True


@dataclass(frozen=True, slots=True)
class _Parts:
    sign: str
    token: str
    rest: str
    limit: str
    about: bool


def _take_prefix(text: str) -> tuple[str, str, bool]:
    if "0" <= text[:1] <= "9":
        return text, "exact", False
    for prefixes, limit in ((BELOW, "below"), (ABOVE, "above")):
        for prefix in prefixes:
            if text.startswith(prefix):
                return text[len(prefix) :].strip(), limit, False
    for prefix in ABOUT:
        if text.startswith(prefix):
            return text[len(prefix) :].strip(), "exact", True
    return text, "exact", False


def _spelled_out(text: str, unit: str) -> str:
    """Half marks, powers of ten, words for a minus and labels as plain digits and signs."""
    plain = _FRACTION.sub(
        lambda m: f"{m[1] or '0'}.{_FRACTIONS[m[2]]}", simplify(text).casefold().replace("×", "x")
    )
    if unit == "10⁹/L":
        plain = _POWER.sub(r"\1 x10^\2", plain.replace("10³", "10^3").replace("10⁹", "10^9"))
    if unit in _SIGNED and plain.startswith(_DANISH_MINUS):
        plain = f"-{plain.removeprefix(_DANISH_MINUS)}"
    if unit == "SD":
        plain = _T_LABEL.sub("", plain, count=1) if plain.startswith("t") else plain
    return plain


def _parts(text: str, unit: str = "") -> _Parts | None:
    plain, limit, about = _take_prefix(_spelled_out(text, unit))
    for word in _MINUS:
        if plain.startswith(word):
            plain = f"-{plain.removeprefix(word)}"
    match = _BODY.fullmatch(plain)
    if match is None:
        return None
    sign, token, rest = match.groups()
    token, ticks = token.strip(), len(token.strip()) - len(token.strip().rstrip("' "))
    token, rest = (
        token[: len(token) - ticks],
        f"{token[len(token) - ticks :].strip()}{rest.strip()}",
    )
    if rest.startswith("x") and token.endswith((".", ",")):
        return None
    if rest == "-" and not sign and unit in _SIGNED:  # as SAP writes it: 2,8-
        sign, rest = "-", ""
    return _Parts(sign, token.rstrip(".,' "), rest, limit, about)


# ------------------------------------------------------------------ marks that a cell proves


def decimal_evidence(text: str) -> str | None:
    """Which mark a cell shows to be the decimal mark, if it can be told from the cell alone.

    Examples
    --------
    >>> decimal_evidence("4,5"), decimal_evidence("1,234.5"), decimal_evidence("7.500")
    (',', '.', None)
    """
    parts = _parts(text) if len(text) <= _LONGEST else None
    if parts is None:
        return None
    marks = [c for c in parts.token if c in ".,"]
    if len(set(marks)) == 2:
        return marks[-1]
    if len(marks) != 1:
        return None
    before, after = parts.token.split(marks[0])[:2]
    clear = len(after) != 3 or not before or before.startswith("0") or len(before) > 3
    return marks[0] if clear else None


def thousands_evidence(text: str) -> str | None:
    """Which mark a cell shows to be that of thousands, if it has both marks.

    Examples
    --------
    >>> thousands_evidence("1,234.5"), thousands_evidence("1,234")
    (',', None)
    """
    parts = _parts(text) if len(text) <= _LONGEST else None
    if parts is None or not has_both_marks(parts.token) or not readings_of(parts.token, None, None):
        return None
    return next(c for c in parts.token if c in ".,")


# ------------------------------------------------------------------ a whole cell


def within(value: Decimal, allowed: Range | None) -> bool:
    """Whether a value lies in a range; no range allows everything."""
    return allowed is None or Decimal(str(allowed[0])) <= value <= Decimal(str(allowed[1]))


NO_NUMBERS: Mapping[str, str] = {"n.b": "unknown"}
"""Initials or a nota bene where words may stand: German not known, where a number should."""


def read_number(text: str, context: NumberContext) -> Reading:
    """Read one cell of a number column.

    Parameters
    ----------
    text : str
        The cell; any text is safe.
    context : NumberContext
        What the column says about its numbers.

    Returns
    -------
    Reading
        A float in the schema's unit. Ranges are judged later, by the column's reader.

    Examples
    --------
    >>> from vpstats.schema_tables import LEVELS, PROCEDURES
    >>> volume = NumberContext(LEVELS["cement_ml"])
    >>> [read_number(t, volume).value for t in ("4,5 ml", "2x2,5", "~3", "−1")]
    [4.5, 5.0, 3.0, -1.0]
    >>> read_number("<0,3", NumberContext(PROCEDURES["crp_mg_l"], limits=True)).limit
    'below'
    """
    usual = _USUAL.fullmatch(text)
    if usual is not None:  # as most are written: the mark is no thousands mark before two digits
        return _read_usual(usual, context)
    if not text.strip():
        return EMPTY
    if len(text) > _LONGEST:
        return Reading(rule="number.unreadable", note="too long for a number")
    if context.wrapped and text[0] in "{[" and "," not in text:
        text = unwrapped(text)
    kind = kind_of_missing(text) or NO_NUMBERS.get(fold(text).replace(". ", "."))
    if kind is not None and not _is_value(text, context):
        return Reading(
            rule=f"missing.{'blank' if kind == 'missing' else kind}", note=kind.replace("_", " ")
        )
    if context.column.kind == "integer" and fold(text) in _NO_COUNT:
        return Reading(0.0, "number.none")
    if _DAY_OF_YEAR.fullmatch(simplify(text)):
        return Reading(rule="number.ambiguous", note=_TURNED)
    compound = _read_compound(text, context)
    if compound is not None:
        return compound
    parts = _parts(text, context.column.unit)
    return _assemble(parts, context, text) if parts else _no_number(text)


def _no_number(text: str) -> Reading:
    bare = unwrapped(text)
    if bare != text and any(c.isdigit() for c in bare) and not listed_numbers(text):
        return Reading(rule="number.marked", note=_BRACKETS)
    return Reading(rule="number.unreadable", note="not a number")


def _read_usual(match: re.Match[str], context: NumberContext) -> Reading:
    before, mark, after = match.groups()
    if context.dotted and _may_be_clock(match, context):
        return Reading(rule="number.ambiguous", note=_POINT_OR_COLON)
    value, rule = rescale(Decimal(f"{before}.{after}") * context.scale, context)
    comma = mark == ","
    rule = rule or ("number.spelling" if comma else "")
    return Reading(float(value), rule, style="comma" if comma else "point", limit="exact")


def _may_be_clock(match: re.Match[str], context: NumberContext) -> bool:
    return may_be_clock(match[1], match[3], context.dotted, context.column.hard)


def _read_compound(text: str, context: NumberContext) -> Reading | None:
    """A number in two units, such as ``1m62``; None where the cell is something else."""
    unit = context.column.unit
    values = compound_values(simplify(text).casefold(), unit, context.clock)
    if not values:
        return None
    if len(values) > 1:
        return Reading(rule="number.ambiguous", note="h:mm or mm:ss; declare it as the unit")
    if ":" in text:
        return Reading(float(values[0]), "number.clock", style="clock")
    return _conclude(list(values), _Parts("", "", unit, "exact", False), context, unit, text)


def _is_value(text: str, context: NumberContext) -> bool:
    """999 and its like are missing only where they cannot be a value."""
    plain = simplify(text)
    possible = plain in NUMERIC_MISSING and within(Decimal(plain), context.column.hard)
    return possible and context.column.hard is not None


def _assemble(parts: _Parts, context: NumberContext, text: str) -> Reading:
    if _BETWEEN.fullmatch(parts.rest):
        if _A_DAY.fullmatch(simplify(text)):
            return Reading(rule="number.ambiguous", note=_TURNED)
        return Reading(rule="number.ambiguous", note="a range instead of one number")
    product = _PRODUCT.fullmatch(parts.rest)
    if product is not None and _scale(parts.rest, context) is None:
        return _read_product(parts, product, context)
    exponent = _EXPONENT.fullmatch(parts.rest)
    power = int(exponent[1]) if exponent else 0
    unit = "" if exponent else parts.rest
    scale = _scale(unit, context)
    if scale is None and listed_numbers(simplify(text)):
        return Reading(rule="number.ambiguous", note="several numbers instead of one")
    if scale is None:
        bare = without_flag(context.column.name, unit)
        if bare is not None and _scale(bare, context) is not None:
            return _flagged(_assemble(replace(parts, rest=bare), context, text))
        return _beside(unit, context)
    if unit and context.column.unit == "min" and scale == _HOUR and _CLOCK.fullmatch(parts.token):
        return Reading(rule="number.ambiguous", note="a fraction of hours, or hours and minutes")
    usual = _USUAL.fullmatch(parts.token) if context.dotted and not parts.rest else None
    if usual is not None and _may_be_clock(usual, context):  # ca. 4.30
        return Reading(rule="number.ambiguous", note=_POINT_OR_COLON)
    values = readings_of(parts.token, context.decimal, context.thousands)
    signed = [_signed(v.scaleb(power), parts.sign) * scale for v in values]
    return _conclude(signed, parts, context, unit, text)


def _flagged(reading: Reading) -> Reading:
    """A number without the flag of its laboratory; a unit or a limit beside it says so itself."""
    return reading._replace(rule="number.flag") if reading.rule in _BARE else reading


def _beside(text: str, context: NumberContext) -> Reading:
    """What is wrong with a number beside which something stands that is no unit of it."""
    if is_marked(context.column.unit, text):
        return Reading(rule="number.marked", note="a mark beside the number, as of doubt or a note")
    if not any(c.isalpha() or c in SIGNS for c in text):
        return Reading(rule="number.unreadable", note="not a number")
    return Reading(rule="unit.unknown", note="a unit or word that is not known for the quantity")


def _scale(unit: str, context: NumberContext) -> Decimal | None:
    if not unit:
        return context.scale
    return factor(context.column.unit, unit)


def stated_factor(text: str, unit: str) -> float:
    """What the unit in a cell makes of its number in another unit; 1 where the cell has none.

    Examples
    --------
    >>> stated_factor("1,96 mg/dl", "mg/L"), stated_factor("19,6", "mg/L")
    (10.0, 1.0)
    """
    parts = _parts(text, unit)
    found = factor(unit, parts.rest) if parts is not None and parts.rest else None
    return 1.0 if found is None else float(found)


def states_unit(text: str, unit: str) -> bool:
    """Whether a cell has a unit beside its number, be it a limit or not.

    Examples
    --------
    >>> states_unit("<0,5 mg/dl", "mg/L"), states_unit("19,6", "mg/L")
    (True, False)
    """
    parts = _parts(text, unit) if text[-1:] not in "0123456789" else None
    return parts is not None and bool(parts.rest) and factor(unit, parts.rest) is not None


def _signed(value: Decimal, sign: str) -> Decimal:
    return -value if sign == "-" else value


def _conclude(
    values: list[Decimal], parts: _Parts, context: NumberContext, unit: str, text: str
) -> Reading:
    if not values or not all(abs(v) < Decimal("1e12") for v in values):
        return Reading(rule="number.unreadable", note="not a number")
    grouped = False
    if len(values) > 1:
        possible = [v for v in values if within(v, context.column.hard)]
        if len(possible) != 1:
            mark = "," if "," in parts.token else "."
            said = f"a decimal or a thousands mark; decimal or thousands = '{mark}' says which"
            return Reading(rule="number.ambiguous", note=said)
        values, grouped = possible, True
    value, rule = rescale(values[0], context, unit)
    rule = rule or ("number.grouping" if grouped else _rule(parts, unit, text))
    return _limited(Reading(float(value), rule, style=_style(text), limit=parts.limit), context)


def _rule(parts: _Parts, unit: str, text: str) -> str:
    if parts.about:
        return "number.approximate"
    if unit:
        return "number.unit_in_cell"
    return "" if _PLAIN.fullmatch(text.strip()) else "number.spelling"


def _style(text: str) -> str:
    plain = simplify(text)
    return "comma" if "," in plain else ("point" if "." in plain else "")


def _limited(reading: Reading, context: NumberContext) -> Reading:
    if reading.limit == "exact":
        return reading
    if not context.limits:
        return Reading(
            rule="number.limit_lost", note="a limit where the registry has no column for it"
        )
    return Reading(reading.value, "number.limit", reading.note, limit=reading.limit)


def _read_product(parts: _Parts, match: re.Match[str], context: NumberContext) -> Reading:
    """``2x2,5``, ``2,5 ml x 2`` and ``2+2,5`` of cement are what went through two needles."""
    if context.column.unit != "mL":
        return Reading(rule="number.ambiguous", note="a product or sum instead of one number")
    left = readings_of(parts.token, ",", None)
    right = readings_of(match[3].rstrip(".,"), ",", None)
    first, last = match[1].strip(), match[4].strip()
    scale = _scale(last or first, context)
    clear = len(left) == len(right) == 1 and (not first or not last or first == last)
    if not clear or scale is None or parts.sign or parts.limit != "exact":
        return Reading(rule="number.unreadable", note="not a number")
    if match[2] != "+" and first and last:
        return Reading(rule="number.ambiguous", note="a product of two volumes")
    value = left[0] + right[0] if match[2] == "+" else left[0] * right[0]
    return Reading(float(value * scale), "number.product")


# ------------------------------------------------------------------ scales that show


def rescale(value: Decimal, context: NumberContext, unit: str = "") -> tuple[Decimal, str]:
    """Repair a scale that cannot be meant: a height in metres, white cells per microlitre.

    Parameters
    ----------
    value : Decimal
        In the unit that was declared.
    context : NumberContext
        What the column says.
    unit : str
        Unit written in the cell; a written or declared unit is believed.

    Returns
    -------
    tuple
        The value, and the rule that changed it or "".
    """
    written = bool(unit) and fold_unit(unit) != fold_unit(context.column.unit)
    if written or context.declared_unit:
        return value, ""
    if context.column.name == "height_cm" and Decimal("1.2") <= value <= Decimal("2.1"):
        return value * 100, "unit.height_metres"
    if context.column.name == "wbc_10e9_l" and Decimal(500) <= value <= Decimal(200_000):
        return value / 1000, "unit.wbc_per_ul"
    return value, ""
