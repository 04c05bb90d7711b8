"""Faults of visits and events."""

from __future__ import annotations

import pandas as pd

from vpstats.schema_tables import VERTEBRAE
from vpstats.simulate.fault import Cell, Fault, Written, words
from vpstats.simulate.faults_level import ambiguous

FRACTURES = ("adjacent_fx", "nonadjacent_fx")


def _zero_lost(cell: Cell) -> Written:
    return cell.raw.lstrip("0") if cell.raw.startswith("0") else None


def _other_case(cell: Cell) -> Written:
    return cell.raw[0].lower() + cell.raw[1:].lstrip("0") if cell.raw[0].isalpha() else None


def _unlisted(cell: Cell) -> Written:
    return f"{cell.raw[:5]}. (alt)" if cell.style == "de" else f"{cell.raw[:4]}. old site"


def _after_death(cell: Cell) -> Written:
    died = cell.facts.patient(cell.table, cell.key)["death_date"]
    late = pd.Timestamp(str(died)) + pd.Timedelta(days=40) if not pd.isna(died) else None
    return cell.date(late) if late is not None and late < cell.facts.data_cut else None


def _month_alone(cell: Cell) -> Written:
    day = pd.Timestamp(str(cell.true))
    return {
        "hr": f"{day.month:02d}/{day.year}",
        "de": f"{day.month:02d}.{day.year}",
        "redcap": f"{day.year}-{day.month:02d}",
        "excel": f"{day.month:02d}/{day.year}",
    }[cell.style]


def _interval_swapped(cell: Cell) -> Written:
    left, right = cell.row["event_left_date"], cell.row["event_right_date"]
    if pd.isna(left) or pd.isna(right) or left == right:
        return None
    return {"event_left_date": cell.date(right), "event_right_date": cell.date(left)}


def _before_procedure(cell: Cell) -> Written:
    row = cell.row
    started = cell.facts.row("procedures", str(row["procedure_id"]))["proc_date"]
    wrong = pd.Timestamp(str(row["event_date"])) - pd.DateOffset(years=3)
    fracture = str(row["event_type"]) in FRACTURES
    return cell.date(wrong) if fracture and wrong < started else None


def _levels_of(cell: Cell) -> list[str]:
    """Vertebrae that the event's patient had treated by then."""
    sessions, levels = cell.facts.tables["procedures"], cell.facts.tables["levels"]
    own = sessions.index[sessions["patient_id"] == cell.row["patient_id"]]
    return [str(v) for v in levels.loc[levels["procedure_id"].isin(own), "level"]]


def _far_as_adjacent(cell: Cell) -> Written:
    if str(cell.true) != "nonadjacent_fx":
        return None
    at = VERTEBRAE.index(str(cell.row["event_levels"]))
    near = any(abs(at - VERTEBRAE.index(v)) < 2 for v in _levels_of(cell))
    return None if near else cell.sheet.dialect.word("event_type", "adjacent_fx")


def _at_cemented(cell: Cell) -> Written:
    kind = str(cell.row["event_type"])
    treated = _levels_of(cell)
    return cell.sheet.dialect.vertebra(treated[0]) if kind == "adjacent_fx" else None


def _any_embolism(cell: Cell) -> Written:
    word = cell.sheet.dialect.word("event_type", "pe_unspecified")
    return word if str(cell.true) == "pce" else None


def _culture(cell: Cell) -> Written:
    row = cell.row
    if str(row["event_type"]) != "infection" or pd.isna(row["event_left_date"]):
        return None
    late = cell.date(pd.Timestamp(str(row["event_date"])) + pd.Timedelta(days=42))
    return {"event_date": late, "event_right_date": late}


def _fx_ambiguous(cell: Cell) -> Written:
    return ambiguous(cell) if str(cell.row["event_type"]) in FRACTURES else None


def _of_hundred(cell: Cell) -> Written:
    value = float(str(cell.true)) * 10 + 5
    return cell.number(value) if 15 <= value <= 95 else None


def _between(cell: Cell) -> Written:
    value = int(float(str(cell.true)))
    return f"{value}-{value + 1}"


FOLLOW_UP_FAULTS = (
    Fault("id_zero_lost", "leading zeros of the patient's number lost",
          ("visits.patient_id", "events.patient_id"), True, "no patient has that number",
          _zero_lost, ("hr", "excel"), 6),
    Fault("id_spelling", "the patient's number in another spelling",
          ("visits.patient_id", "events.patient_id"), True, "no patient has that number",
          _other_case, ("de",), 6),
    Fault("center_unlisted", "a center under a name that nobody listed", ("visits.center_id",),
          True, "the mapping does not know the name", _unlisted, ("hr", "excel", "de"), 4),
    Fault("vas_of_100", "pain of 100 in a column of 10", ("visits.vas_0_10",), True,
          "above the end of the scale", _of_hundred, n=8),
    Fault("vas_between", "between two scores", ("visits.vas_0_10",), True, "two numbers in a cell",
          _between, ("hr", "excel", "de")),
    Fault("visit_after_death", "a contact after death", ("visits.visit_date",), True,
          "the order of the days is impossible", _after_death),
    Fault("event_month_alone", "month and year alone", ("events.event_date",), True,
          "a month is not a day", _month_alone, n=6),
    Fault("interval_swapped", "last negative and first positive contact swapped",
          ("events.event_left_date",), True, "the order of the days is impossible",
          _interval_swapped),
    Fault("event_before_procedure", "a new fracture before the procedure",
          ("events.event_date",), True, "the order of the days is impossible",
          _before_procedure),
    Fault("fx_level_ambiguous", "two vertebrae or the disc between them",
          ("events.event_levels",), True, "can be read in two ways", _fx_ambiguous,
          ("hr", "redcap", "excel")),
    Fault("fx_far_as_adjacent", "a distant fracture called adjacent", ("events.event_type",),
          True, "the vertebrae treated are known", _far_as_adjacent),
    Fault("fx_at_cemented", "an adjacent fracture at a treated vertebra",
          ("events.event_levels",), True, "the vertebrae treated are known", _at_cemented),
    Fault("embolism_of_any_kind", "PE for a cement embolism", ("events.event_type",), False,
          "is kept as embolism of unspecified kind; which kind, nobody can know",
          _any_embolism),
    Fault("culture_redates", "an infection dated by its culture", ("events.event_date",), False,
          "a plausible day", _culture, n=4),
    Fault("event_type_vague", "something that the list of events does not have",
          ("events.event_type",), True, "not among the codes of the column",
          words(hr=("komplikacija",), excel=("complication",), de=("Komplikation",)),
          ("hr", "excel", "de"), 4),
)  # fmt: skip
