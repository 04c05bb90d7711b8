"""Faults that other hospitals' exports have and the demonstration does not."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd

from vpstats.simulate.fault import Cell, Fault, Writer, Written
from vpstats.simulate.faults_followup import FRACTURES
from vpstats.simulate.faults_patient import YES_NO_FIELDS, year_alone

NUMBERS = (
    "patients.ct_hu", "patients.weight_kg", "patients.charlson", "procedures.crp_mg_l",
    "procedures.wbc_10e9_l", "procedures.dose_gy_cm2", "levels.cement_ml",
    "levels.height_loss_pct", "visits.vas_0_10", "visits.odi_pct",
)  # fmt: skip
COMMA_FIELDS = ("levels.cement_ml", "procedures.crp_mg_l", "patients.bmd_tscore")
TEXT_STYLES = ("hr", "excel", "de")


def _first_session(cell: Cell) -> pd.Timestamp | None:
    sessions = cell.facts.tables["procedures"]
    own = sessions.loc[sessions["patient_id"] == cell.key, "proc_date"]
    return pd.Timestamp(own.min()) if len(own) else None


def _born_late(cell: Cell) -> Written:
    """The century of today for that of the birth."""
    later = pd.Timestamp(str(cell.true)) + pd.DateOffset(years=100)
    session = _first_session(cell)
    if session is None:
        return None
    # where a hundred years end after the export, a slip of one digit does the same
    fits = later if later < cell.facts.data_cut else later - pd.DateOffset(years=30)
    young = fits + pd.DateOffset(years=17) > session
    return cell.date(fits) if young and fits < cell.facts.data_cut else None


def _dead_before_session(cell: Cell) -> Written:
    session = _first_session(cell)
    return None if session is None else cell.date(session - pd.Timedelta(days=400))


def _contact_before_session(cell: Cell) -> Written:
    session = _first_session(cell)
    return None if session is None else cell.date(session - pd.Timedelta(days=30))


def _year_off(cell: Cell) -> Written:
    """A year later, where the kind of the visit then fits no session."""
    later = pd.Timestamp(str(cell.true)) + pd.DateOffset(years=1)
    patient = cell.facts.patient(cell.table, cell.key)
    sessions = cell.facts.tables["procedures"]
    single = (sessions["patient_id"] == patient.name).sum() == 1
    early = str(cell.row["visit_type"]) in ("discharge", "week_2_4", "month_3", "month_6")
    fits = early and single and later <= patient["last_contact_date"]
    return cell.date(later) if fits else None


def _malignancy_denied(cell: Cell) -> Written:
    sessions = cell.facts.tables["procedures"]
    own = sessions.loc[sessions["patient_id"] == cell.key, "indication"]
    tumour = own.isin(["metastasis", "myeloma"]).any() and str(cell.true) == "yes"
    return cell.sheet.dialect.yes_no["no"] if tumour else None


def _biopsy_denied(cell: Cell) -> Written:
    taken = str(cell.row["biopsy_done"]) == "yes" and str(cell.true) != "none"
    return cell.sheet.dialect.word("biopsy_result", "none") if taken else None


def _event_after_death(cell: Cell) -> Written:
    died = cell.facts.patient(cell.table, cell.key)["death_date"]
    if pd.isna(died) or str(cell.row["event_type"]) == "death":
        return None
    late = pd.Timestamp(str(died)) + pd.Timedelta(days=60)
    return cell.date(late) if late < cell.facts.data_cut else None


def _of_other_session(cell: Cell) -> Written:
    """A vertebra that the patient's first session has treated, in a later one."""
    levels, sessions = cell.facts.tables["levels"], cell.facts.tables["procedures"]
    own = sessions[sessions["patient_id"] == cell.facts.patient_of("levels", cell.key)]
    first = own.index[own["proc_date"] == own["proc_date"].min()]
    here = levels.loc[levels["procedure_id"] == cell.row["procedure_id"], "level"]
    others = sorted(set(levels.loc[levels["procedure_id"].isin(first), "level"]) - set(here))
    later = cell.row["procedure_id"] not in first
    return cell.sheet.dialect.vertebra(others[0]) if others and later else None


def _range_of_list(cell: Cell) -> Written:
    """First and last of three or more vertebrae in a row."""
    listed = cell.raw.split(", ")
    if len(listed) < 3 or not _adjoining(listed):
        return None
    return f"{listed[0]}-{listed[-1]}"


def _adjoining(listed: list[str]) -> bool:
    at = [int(v.split()[1]) + (12 if v.startswith("LWK") else 0) for v in listed]
    return all(b - a == 1 for a, b in pairwise(at))


def _last_with_und(cell: Cell) -> Written:
    head, comma, last = cell.raw.rpartition(", ")
    return f"{head} und {last}" if comma else None


def _with_time(cell: Cell) -> Written:
    return f"{cell.raw} 14:30" if cell.style != "redcap" else f"{cell.raw}T14:30:00"


def _month_alone(cell: Cell) -> Written:
    day = pd.Timestamp(str(cell.true))
    sign = {"hr": "/", "de": ".", "redcap": "-", "excel": "/"}[cell.style]
    return f"{day.year}-{day.month:02d}" if sign == "-" else f"{day.month:02d}{sign}{day.year}"


def _crp_in_cell_unit(cell: Cell) -> Written:
    if cell.raw.startswith("<") or float(str(cell.true)) < 1:
        return None
    return f"{cell.number(round(float(str(cell.true)) / 10, 2))} mg/dl"


def _censored(cell: Cell) -> Written:
    if not cell.raw.startswith("<"):
        return None
    limit = cell.raw[1:].strip()
    lower = {"hr": "manje od", "de": "unter", "redcap": "less than", "excel": "below"}
    unit = "mg/dl" if cell.style == "excel" else "mg/l"  # the column's own
    return cell.one_of((f"< {limit}", f"{lower[cell.style]} {limit}", f"<{limit} {unit}"))


def _per_microlitre(cell: Cell) -> Written:
    return str(round(float(str(cell.true)) * 1000))


def _other_mark(cell: Cell) -> Written:
    if "," in cell.raw:
        return cell.raw.replace(",", ".")
    return cell.raw.replace(".", ",") if "." in cell.raw else None


def _said(code: str, **options: tuple[str, ...]) -> Writer:
    def write(cell: Cell) -> Written:
        return cell.one_of(options[cell.style]) if str(cell.true) == code else None

    return write


def _not_known(cell: Cell) -> Written:
    """A sign for missing, in a cell that has no value in truth."""
    return None if not pd.isna(cell.true) else cell.one_of((".", "NAP", "n/a", "9999", "-"))


def _of_ten(cell: Cell) -> Written:
    return f"{cell.raw}/10"


def _pounds(cell: Cell) -> Written:
    return f"{round(float(str(cell.true)) / 0.45359237)} lbs"


def _in_hours(cell: Cell) -> Written:
    minutes = int(float(str(cell.true)))
    return f"{minutes // 60}:{minutes % 60:02d}" if minutes >= 60 else None


def _unread_site(cell: Cell) -> Written:
    """Nobody looked for leaks, in words, where the cell was left empty."""
    unread = {"hr": "nije procijenjeno", "de": "nicht beurteilt", "excel": "not assessed"}
    return unread[cell.style]


def _tumour_in_words(cell: Cell) -> Written:
    return "C90.0" if str(cell.true) == "myeloma" else cell.one_of(("CUP", "NSCLC?", "C80"))


def _fracture_of_list(cell: Cell) -> Written:
    """The fractured vertebra and the treated one, as one writes a disc."""
    if str(cell.row["event_type"]) not in FRACTURES or ";" in str(cell.true):
        return None
    level = str(cell.true)
    return f"{cell.raw}?" if level not in ("T12", "L5") else None


MORE_FAULTS = (
    Fault("birth_late", "a year of birth too late by a century, or seventy years",
          ("patients.birth_date",), True, "a child, or nobody yet, on the day of the session",
          _born_late, ("hr", "redcap")),
    Fault("death_before_session", "death before the first session", ("patients.death_date",),
          True, "the order of the days is impossible", _dead_before_session),
    Fault("event_after_death", "an event after the death", ("events.event_date",), True,
          "the order of the days is impossible", _event_after_death),
    Fault("contact_before_session", "last contact before the first session",
          ("patients.last_contact_date",), True, "the order of the days is impossible",
          _contact_before_session),
    Fault("visit_year_off", "a year too late", ("visits.visit_date",), True,
          "no session is as long ago as the kind of the visit says", _year_off),
    Fault("malignancy_denied", "no malignancy of a patient treated for a tumour",
          ("patients.malignancy_hist",), True, "the two fields contradict each other",
          _malignancy_denied),
    Fault("biopsy_denied", "no result of a biopsy that was taken", ("procedures.biopsy_result",),
          True, "the two fields contradict each other", _biopsy_denied),
    Fault("level_of_other_session", "a vertebra of another session of the patient",
          ("levels.level",), True, "the vertebra is cemented twice", _of_other_session,
          ("hr", "excel")),
    Fault("level_list_range", "three or more vertebrae by the first and the last",
          ("levels.level",), True, "a range that can be read in one way", _range_of_list, ("de",)),
    Fault("level_list_and", "an and before the last vertebra", ("levels.level",), True,
          "a known spelling", _last_with_und, ("de",)),
    Fault("day_with_time", "the time behind the day",
          ("procedures.proc_date", "visits.visit_date", "procedures.crp_date"), True,
          "a time is no part of a day", _with_time, n=6),
    Fault("month_alone", "month and year alone",
          ("visits.visit_date", "procedures.crp_date", "patients.death_date"), True,
          "a month is not a day", _month_alone, n=6),
    Fault("contact_year_alone", "year alone", ("patients.last_contact_date",), True,
          "a year is not a day", year_alone),
    Fault("crp_unit_in_cell", "a CRP with another unit behind it", ("procedures.crp_mg_l",), True,
          "the unit is written down", _crp_in_cell_unit, ("hr", "redcap", "de")),
    Fault("crp_below_in_words", "below the limit, in another way", ("procedures.crp_mg_l",), True,
          "a known spelling", _censored),
    Fault("wbc_per_microlitre", "white cells per microlitre", ("procedures.wbc_10e9_l",), True,
          "no number of cells per nanolitre", _per_microlitre),
    Fault("decimal_mark", "the decimal mark of another language", COMMA_FIELDS, True,
          "the other mark of the column", _other_mark, n=8),
    Fault("number_not_known", "a sign for missing where a number is missing", NUMBERS, True,
          "no number, or out of range", _not_known, n=10, blank=True),
    Fault("no_in_words", "another word for no", YES_NO_FIELDS, True, "a known spelling",
          _said("no", hr=("bez", "nije", "negativno"), de=("ohne", "keine", "negativ"),
                excel=("none", "absent", "negative")), TEXT_STYLES, 8),
    Fault("unknown_in_words", "another word for unknown", YES_NO_FIELDS, True,
          "a known sign for missing",
          _said("unknown", hr=("ne zna se", "."), de=("k.A.", "nicht bekannt"),
                excel=("not known", "unk")), TEXT_STYLES, 6),
    Fault("leaks_not_looked_for", "not assessed, in words",
          ("levels.leak_sites_fluoro", "levels.leak_sites_ct"), True, "no leak is claimed",
          _unread_site, TEXT_STYLES, 6, blank=True),
    Fault("asa_emergency", "the letter of an emergency behind the grade", ("patients.asa",), True,
          "a known spelling", lambda c: f"{c.raw}E", TEXT_STYLES),
    Fault("weight_pounds", "weight in pounds", ("patients.weight_kg",), True,
          "the unit is written down", _pounds, ("hr", "redcap", "excel")),
    Fault("vas_of_ten", "the end of the scale behind the score", ("visits.vas_0_10",), True,
          "a fraction of ten", _of_ten, TEXT_STYLES),
    Fault("duration_hours", "hours and minutes for minutes", ("procedures.duration_min",), True,
          "a colon is no decimal mark", _in_hours, TEXT_STYLES),
    Fault("cement_cubic", "cubic centimetres behind the number", ("levels.cement_ml",), True,
          "the same as millilitres", lambda c: f"{c.raw} ccm"),
    Fault("fx_level_doubted", "a question mark behind the vertebra", ("events.event_levels",),
          True, "a doubt is written down", _fracture_of_list, TEXT_STYLES),
    Fault("tumour_in_words", "a diagnosis for the primary tumour", ("patients.primary_tumour",),
          True, "not among the codes of the column", _tumour_in_words,
          TEXT_STYLES),
)  # fmt: skip
"""Injected where `write_exports` is asked for them; the demonstration is not."""
