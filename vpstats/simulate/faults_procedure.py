"""Faults of sessions: operator, days, laboratory, technique, imaging."""

from __future__ import annotations

import pandas as pd

from vpstats.simulate.fault import Cell, Fault, Writer, Written, scaled, shifted, swap, words
from vpstats.simulate.faults_patient import two_digit_year

DAY_FIELDS = ("procedures.crp_date", "visits.visit_date", "procedures.proc_date")


def _two_operators(cell: Cell) -> Written:
    return f"{cell.raw}/OP{(int(cell.raw[2:]) % 28) + 1:02d}"


def _elsewhere(cell: Cell) -> Written:
    """An operator who works in another center on the same day."""
    all_rows = cell.facts.tables["procedures"]
    row = cell.row
    same_day = all_rows[
        (all_rows["proc_date"] == row["proc_date"]) & (all_rows["center_id"] != row["center_id"])
    ]
    return str(same_day["operator_id"].iloc[0]) if len(same_day) else None


def _serial(cell: Cell) -> Written:
    return str((pd.Timestamp(str(cell.true)) - pd.Timestamp("1899-12-30")).days)


def _us_date(ambiguous: bool) -> Writer:
    def write(cell: Cell) -> Written:
        day = pd.Timestamp(str(cell.true))
        if (day.day <= 12) != ambiguous or day.day == day.month:
            return None
        return f"{day.month:02d}/{day.day:02d}/{day.year}"

    return write


def _day_month_swapped(cell: Cell) -> Written:
    """The other day stays between the session and the end of observation."""
    day = pd.Timestamp(str(cell.true))
    if day.day > 12 or day.day == day.month:
        return None
    swapped = day.replace(month=day.day, day=day.month)
    person = cell.facts.patient(cell.table, cell.key)
    sessions = cell.facts.tables["procedures"]
    first = sessions.loc[sessions["patient_id"] == person.name, "proc_date"].min()
    return cell.date(swapped) if first < swapped <= person["last_contact_date"] else None


def _year(change: int) -> Writer:
    def write(cell: Cell) -> Written:
        return cell.date(pd.Timestamp(str(cell.true)) + pd.DateOffset(years=change))

    return write


def _one_level_more(cell: Cell) -> Written:
    return cell.number(float(str(cell.true)) + 1)


def _fracture_after(cell: Cell) -> Written:
    if cell.field == "days_fx_to_proc":
        return "-14"
    return cell.date(pd.Timestamp(str(cell.row["proc_date"])) + pd.Timedelta(days=14))


def _crp_in_other_unit(cell: Cell) -> Written:
    value = float(str(cell.true))
    if cell.raw.startswith("<") or value < 4 or cell.key.startswith("C12"):
        return None
    factor = 1.0 if cell.style == "excel" else 0.1
    return cell.number(round(value * factor, 2))


def _crp_late(cell: Cell) -> Written:
    days = int(cell.rng.integers(3, 10))
    return cell.date(pd.Timestamp(str(cell.row["proc_date"])) + pd.Timedelta(days=days))


def _thousands_dot(cell: Cell) -> Written:
    return f"{float(str(cell.true)):.3f}"


def _biopsy(cell: Cell) -> Written:
    dialect = cell.sheet.dialect
    no_biopsy = str(cell.row["biopsy_done"]) == "no"
    return dialect.word("biopsy_result", "tumour") if no_biopsy else None


def _misspelt_brand(cell: Cell) -> Written:
    return cell.raw.lower().replace("x", "ks").replace("c", "k")


def _age_at_export(cell: Cell) -> Written:
    years = int((cell.facts.data_cut - pd.Timestamp(str(cell.row["proc_date"]))).days / 365.25)
    age = float(str(cell.true)) + years
    return cell.number(age) if years >= 2 and age <= 95 else None


def _age_well_off(cell: Cell) -> Written:
    written = _age_at_export(cell)
    # an age is typed in whole years: two years off is the least that can be told
    return written if written and float(str(written)) - float(str(cell.true)) > 2 else None


def _back_filled(cell: Cell) -> Written:
    row = cell.row
    fits = str(row["ct_post_done"]) == "yes" == str(row["venous_leak_fluoro"])
    return cell.sheet.dialect.yes_no["yes"] if fits and str(cell.true) == "no" else None


def _blank_for(code: str) -> Writer:
    return lambda cell: "" if str(cell.true) == code else None


def _ct_too_early(cell: Cell) -> Written:
    return cell.date(pd.Timestamp(str(cell.row["proc_date"])) - pd.Timedelta(days=20))


def _no_chest_imaging(cell: Cell) -> Written:
    events = cell.facts.tables["events"]
    found = events[(events["procedure_id"] == cell.key) & (events["event_type"] == "pce")]
    return cell.sheet.dialect.word(cell.field, "none") if len(found) else None


PROCEDURE_FAULTS = (
    Fault("operator_two", "two operators in one cell", ("procedures.operator_id",), True,
          "a slash between two names", _two_operators, ("hr", "excel", "de")),
    Fault("operator_initials", "initials for the operator's code", ("procedures.operator_id",),
          False, "any text may name an operator", words("DD", "TŽ", "MK"), ("hr", "excel")),
    Fault("operator_two_places", "an operator at two centers on one day",
          ("procedures.operator_id",), True, "nobody operates in two towns on one day",
          _elsewhere),
    Fault("age_at_export", "age on the day of the export", ("procedures.age_at_proc",), False,
          "the date of birth is not there to compare", _age_at_export, ("de",)),
    Fault("age_at_export_with_year", "age on the day of the export, beside the year of birth",
          ("procedures.age_at_proc",), True, "year of birth and day of the session give another",
          _age_well_off, ("excel",)),
    Fault("date_two_digits", "year with two digits", DAY_FIELDS, True,
          "the other century lies before the first vertebroplasty", two_digit_year,
          ("hr", "de"), 6),
    Fault("date_serial", "serial number of a spreadsheet for a day", DAY_FIELDS, True,
          "a whole number where days are written", _serial, ("hr", "de"), 6),
    Fault("date_us", "month before day, day above 12", DAY_FIELDS, True,
          "there is no thirteenth month", _us_date(ambiguous=False), ("hr", "de"), 6),
    Fault("date_us_ambiguous", "month before day, day up to 12", ("visits.visit_date",), True,
          "slashes in a column of dots: another order may be meant, and nobody can know",
          _us_date(ambiguous=True), ("hr", "de"), 4),
    Fault("day_and_month_swapped", "day and month swapped, written as the column is",
          ("visits.visit_date",), False, "reads as another day, and looks like all the others",
          _day_month_swapped, ("hr", "redcap", "de"), 4),
    Fault("date_before_first_use", "a day before the first vertebroplasty",
          ("procedures.proc_date",), True, "vertebroplasty was first done in 1984",
          _year(-100), ("hr", "redcap", "de")),
    Fault("date_after_export", "a day after the export",
          ("procedures.proc_date", "visits.visit_date"), True, "after the day of the export",
          _year(10), n=6),
    Fault("indication_vague", "pathological fracture for the indication",
          ("procedures.indication",), True, "a tumour and osteoporosis both fit",
          words(hr=("patol. fx",), excel=("pathol. fx",), de=("pathol. Fx",)),
          ("hr", "excel", "de")),
    Fault("technique_typo", "a slip in the technique", ("procedures.technique",), True,
          "not among the codes of the column", words("PPV", "BPK"), ("hr", "excel", "de")),
    Fault("technique_swapped", "vertebroplasty for kyphoplasty", ("procedures.technique",), False,
          "both codes are possible", swap("pvp", "bkp")),
    Fault("choice_unknown", "a choice that the form no longer has",
          ("procedures.technique", "procedures.approach", "levels.fracture_type"), True,
          "not among the codes of the column", words("17"), ("redcap",), 6),
    Fault("guidance_vague", "X-ray for the kind of guidance", ("procedures.guidance",), True,
          "fluoroscopy and biplane both fit",
          words(hr=("RTG",), excel=("X-ray",), de=("Rö",)), ("hr", "excel", "de")),
    Fault("levels_declared", "more levels declared than listed",
          ("procedures.n_levels_declared",), True, "the levels can be counted", _one_level_more),
    Fault("fracture_date_words", "day of the fracture in words",
          ("procedures.fracture_date", "procedures.days_fx_to_proc"), True, "not a day",
          words(hr=("prije 3 tj",), de=("vor 3 Wo",), excel=("3 wk ago",)),
          ("hr", "excel", "de")),
    Fault("fracture_after", "fracture after its treatment",
          ("procedures.fracture_date", "procedures.days_fx_to_proc"), True,
          "the order of the days is impossible", _fracture_after),
    Fault("crp_other_unit", "one CRP in the other unit", ("procedures.crp_mg_l",), False,
          "a tenth of a plausible value is plausible",
          _crp_in_other_unit, ("hr", "redcap", "de")),
    Fault("crp_after_procedure", "CRP taken after the procedure", ("procedures.crp_date",), True,
          "the day is there to compare", _crp_late),
    Fault("wbc_thousands", "7.500 for 7.5, or for 7500 per microlitre",
          ("procedures.wbc_10e9_l",), True, "not a possible number per nanolitre",
          _thousands_dot, ("hr", "de")),
    Fault("biopsy_contradiction", "a result of a biopsy that was not taken",
          ("procedures.biopsy_result",), True, "the two fields contradict each other", _biopsy),
    Fault("antibiotic_protocol", "according to protocol", ("procedures.antibiotic_iv",), True,
          "not among the codes of the column",
          words(hr=("po protokolu",), excel=("per protocol",), de=("nach Schema",)),
          ("hr", "excel", "de")),
    Fault("brand_spelling", "a brand misspelt", ("procedures.cement_brand",), False,
          "brands are kept as written; there is no list of them", _misspelt_brand),
    Fault("approach_route", "the route for the number of needles", ("procedures.approach",), True,
          "not among the codes of the column",
          words(hr=("kostovertebralno",), excel=("costovertebral",), de=("kostovertebral",)),
          ("hr", "excel", "de")),
    Fault("dose_unit", "dose in mGy·cm²", ("procedures.dose_gy_cm2",), True,
          "above any possible dose in Gy·cm²", scaled(1000, 1001, 1e7)),
    Fault("azygos_back_filled", "cement in the azygos vein, entered after the CT",
          ("procedures.azygos_or_ivc_leak_fluoro",), False,
          "the entry does not say when it was made", _back_filled),
    Fault("ct_blank_for_no", "blank for no CT", ("procedures.ct_post_done",), False,
          "a blank may as well mean that nobody wrote it down", _blank_for("no")),
    Fault("chest_blank_for_none", "blank for no chest imaging",
          ("procedures.chest_imaging_modality",), False,
          "a blank may as well mean that nobody wrote it down", _blank_for("none")),
    Fault("ct_before_procedure", "the CT after the procedure, before it",
          ("procedures.ct_post_date",), True, "the order of the days is impossible",
          _ct_too_early),
    Fault("pce_without_imaging", "cement embolism found, no chest imaging",
          ("procedures.chest_imaging_modality",), True, "only imaging shows such an embolism",
          _no_chest_imaging),
    Fault("day_shifted", "a day mistyped by up to three weeks", ("procedures.crp_date",), False,
          "the result is as plausible as the truth", shifted(-20, -1)),
)  # fmt: skip
