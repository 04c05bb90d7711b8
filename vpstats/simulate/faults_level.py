"""Faults of treated levels: vertebrae, grades, volumes, leaks."""

from __future__ import annotations

import pandas as pd

from vpstats.schema_tables import VERTEBRAE
from vpstats.simulate.fault import Cell, Fault, Writer, Written, scaled, words

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
ONE_PER_ROW = ("hr", "excel")


def respelled(cell: Cell) -> Written:
    """The same vertebra in the spelling of another hospital."""
    level = str(cell.true)
    number = level[1:]
    if level[0] == "L":
        return cell.one_of((f"L {number}", f"LWK {number}", f"L-{number}", f"l{number}."))
    spellings = (
        f"TH {number}", f"T-{number}", f"D{number}", f"BWK {number}", f"th{number}.",
        f"Th {ROMAN[int(number) - 1]}", f"{number}. prsni",
    )  # fmt: skip
    return cell.one_of(spellings)


def _list_respelled(cell: Cell) -> Written:
    """A list in another hospital's spelling."""
    if "," not in cell.raw:
        return None
    return cell.raw.replace("BWK ", "Th").replace("LWK ", "L").replace(", ", " + ")


def ambiguous(cell: Cell) -> Written:
    """Two vertebrae, or the disc between them."""
    level = str(cell.true)
    if level in ("T12", "L5") or ";" in level:
        return None
    sign = "-" if cell.rng.random() < 0.5 else "/"
    return f"{cell.raw}{sign}{int(level[1:]) + 1}"


def _one_too_many(cell: Cell) -> Written:
    return {"T12": "Th13", "L5": "L6"}.get(str(cell.true))


def _neighbour(cell: Cell) -> Written:
    """The vertebra below, where the session did not treat that one too."""
    position = VERTEBRAE.index(str(cell.true)) + 1
    if position >= VERTEBRAE.index("S1"):
        return None
    rows = cell.facts.tables["levels"]
    # the patient's other levels: a vertebra cannot be treated twice without notice
    patient = cell.facts.patient_of("levels", cell.key)
    sessions = cell.facts.tables["procedures"]
    own = rows[rows["procedure_id"].isin(sessions.index[sessions["patient_id"] == patient])]
    if own["level"].isin([VERTEBRAE[position]]).any():
        return None
    return cell.sheet.dialect.vertebra(VERTEBRAE[position])


def _fraction(cell: Cell) -> Written:
    return cell.number(float(str(cell.true)) / 100)


def _sign_flipped(cell: Cell) -> Written:
    value = -float(str(cell.true))
    return cell.number(value) if -20 <= value <= -3 else None


def _as_sum(cell: Cell) -> Written:
    half = float(str(cell.true)) / 2
    return f"2x{cell.number(half)}" if round(half, 1) == half else None


def _digits_swapped(cell: Cell) -> Written:
    whole, _, tenths = f"{float(str(cell.true)):.1f}".partition(".")
    swapped = float(f"{tenths}.{whole}")
    fits = len(whole) == 1 and whole != tenths and 1.5 <= swapped <= 7.5
    return cell.number(swapped) if fits else None


def _body_too_small(cell: Cell) -> Written:
    cement = cell.row["cement_ml"]
    return cell.number(5.1) if not pd.isna(cement) and float(cement) >= 5.4 else None


def _mass(cell: Cell) -> Written:
    return cell.sheet.dialect.yes_no["yes"] if str(cell.true) == "not_applicable" else None


def _any_denied(cell: Cell) -> Written:
    named = cell.row["leak_sites_fluoro"]
    told = not pd.isna(named) and str(named) != "none"
    return cell.sheet.dialect.yes_no["no"] if told and str(cell.true) == "yes" else None


def _all_clear(unread: bool) -> Writer:
    """No leak on CT: where a CT was not read, or (else) not even made."""

    def write(cell: Cell) -> Written:
        session = cell.facts.row("procedures", str(cell.row["procedure_id"]))
        scanned = str(session["ct_post_done"]) == "yes"
        if scanned != unread or (unread and "none" in str(cell.true)):
            return None
        return cell.sheet.dialect.word(cell.field, "none")

    return write


def _symptoms_without_leak(cell: Cell) -> Written:
    row = cell.row
    on_ct = row["leak_sites_ct"]
    clear = str(row["leak_sites_fluoro"]) == "none" and (pd.isna(on_ct) or on_ct == "none")
    return cell.sheet.dialect.yes_no["yes"] if clear else None


LEVEL_FAULTS = (
    Fault("level_spelling", "a vertebra in another hospital's spelling", ("levels.level",), True,
          "a known spelling", respelled, ONE_PER_ROW, 12),
    Fault("level_list_spelling", "a list of vertebrae in another hospital's spelling",
          ("levels.level",), True, "a known spelling", _list_respelled, ("de",), 4),
    Fault("level_ambiguous", "two vertebrae or the disc between them", ("levels.level",), True,
          "can be read in two ways", ambiguous, ONE_PER_ROW, 6),
    Fault("level_transitional", "a vertebra that most people do not have", ("levels.level",),
          True, "readers count transitional vertebrae differently", _one_too_many, ONE_PER_ROW),
    Fault("level_as_date", "levels that a spreadsheet took for a day", ("levels.level",), True,
          "a day is not a vertebra", words("01.02.2025.", "3. velj", "2-Jan"), ONE_PER_ROW, 4),
    Fault("level_neighbour", "the vertebra below", ("levels.level",), False,
          "one vertebra is as possible as the next", _neighbour, ONE_PER_ROW),
    Fault("grade_of_another_scheme", "a grade of another classification", ("levels.of_class",),
          True, "not among the codes of the column", words("A3", "Genant 2"),
          ("hr", "excel", "de")),
    Fault("height_fraction", "height loss as a fraction", ("levels.height_loss_pct",), True,
          "nobody measures hundredths of a percent", _fraction),
    Fault("kyphosis_sign", "kyphosis with the opposite sign", ("levels.kyphosis_deg_pre",), False,
          "lordosis of that size occurs", _sign_flipped, ("hr", "redcap", "excel")),
    Fault("cement_with_unit", "millilitres behind the number", ("levels.cement_ml",), True,
          "the unit is the column's own", lambda c: f"{c.raw} ml"),
    Fault("cement_as_sum", "two equal portions", ("levels.cement_ml",), True,
          "a product of two numbers", _as_sum, ("hr", "excel", "de")),
    Fault("cement_about", "about so much", ("levels.cement_ml",), True, "a sign for about",
          lambda c: f"~{c.raw}", ("hr", "excel", "de")),
    Fault("cement_grams", "grams for millilitres", ("levels.cement_ml",), True,
          "not a unit of volume", lambda c: f"{c.raw} g"),
    Fault("cement_comma_lost", "decimal mark lost", ("levels.cement_ml",), True,
          "more cement than a vertebra holds", scaled(10, 15.5, 90)),
    Fault("cement_digits", "two digits swapped", ("levels.cement_ml",), False,
          "the result is as plausible as the truth", _digits_swapped),
    Fault("fill_above_one", "a vertebra smaller than its cement", ("levels.vb_volume_ml",), True,
          "the cement does not fit in", _body_too_small),
    Fault("mass_in_osteoporotic", "an epidural mass in osteoporosis", ("levels.epidural_mass",),
          True, "the field is for tumours alone", _mass),
    Fault("leak_in_words", "leaks in a sentence", ("levels.leak_sites_ct",), True,
          "a disc without its side names no site",
          words(hr=("curenje u disk i epid. venu",), excel=("leak into disc and epid. vein",),
                de=("Austritt in Bandscheibe und epid. Vene",)), ("hr", "excel", "de")),
    Fault("leak_any_denied", "no leak, and sites of leaks", ("levels.leak_any_fluoro",), True,
          "the two fields contradict each other", _any_denied, ("excel",), 4),
    Fault("ct_clear_without_ct", "no leak on a CT that was not made", ("levels.leak_sites_ct",),
          True, "the session says that there was no CT", _all_clear(unread=False),
          ("hr", "excel"), blank=True),
    Fault("ct_clear_unread", "no leak on a CT that nobody read", ("levels.leak_sites_ct",), False,
          "looks like a CT without a leak", _all_clear(unread=True), ("hr", "excel")),
    Fault("symptoms_without_leak", "symptoms of a leak that is not there",
          ("levels.leak_symptomatic",), True, "the fields contradict each other",
          _symptoms_without_leak, ("hr", "excel"), 4, blank=True),
)  # fmt: skip
