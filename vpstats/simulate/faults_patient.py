"""Faults of patient fields: identity, body, bone, illness, consent."""

from __future__ import annotations

import pandas as pd

from vpstats.simulate.fault import Cell, Fault, Writer, Written, scaled, swap, words

ROMAN = {"1": "I", "2": "II", "3": "III", "4": "IV"}
YES_NO_FIELDS = tuple(
    f"patients.{name}" for name in ("diabetes", "ckd", "copd", "chf", "steroid_chronic")
)


def year_alone(cell: Cell) -> Written:
    """Only the year of a date is kept."""
    return str(pd.Timestamp(str(cell.true)).year)


def two_digit_year(cell: Cell) -> Written:
    """25.8.23 for 25.08.2023."""
    day = pd.Timestamp(str(cell.true))
    return f"{day.day}.{day.month}.{day.year % 100:02d}"


def _renamed(cell: Cell) -> Written:
    return "Klinička bolnica Sjever" if cell.raw == "KB Sjever" else None


def _retyped_bmi(cell: Cell) -> Written:
    row = cell.row
    if pd.isna(row["height_cm"]) or pd.isna(row["weight_kg"]):
        return None
    return cell.number(round(float(row["bmi"]) + 5.5, 1))


def _sign_lost(low: float, high: float) -> Writer:
    def write(cell: Cell) -> Written:
        value = -float(str(cell.true))
        return cell.number(value) if low <= value <= high else None

    return write


def _unicode_minus(cell: Cell) -> Written:
    sign = "−" if cell.style in ("redcap", "excel") else "–"
    return cell.raw.replace("-", sign) if cell.raw.startswith("-") else None


def _hu_and_tscore(cell: Cell) -> Written:
    hu, tscore = cell.row["ct_hu"], cell.row["bmd_tscore"]
    if pd.isna(hu) or pd.isna(tscore) or float(tscore) > -1:
        return None
    return {"bmd_tscore": cell.number(float(hu)), "ct_hu": cell.number(float(tscore))}


def _z_score(cell: Cell) -> Written:
    value = float(str(cell.true)) + 1.4
    return cell.number(value) if value < 0 else None


def _brand(cell: Cell) -> Written:
    brands = {
        "denosumab": ("Prolia",),
        "bisphosphonate": ("Fosavance", "Fosamax"),
        "teriparatide": ("Forsteo",),
    }
    known = brands.get(str(cell.true))
    return cell.one_of(known) if known else None


def _century_ahead(cell: Cell) -> Written:
    return cell.date(pd.Timestamp(str(cell.true)) + pd.DateOffset(years=20))


def _asa(cell: Cell) -> Written:
    grade = str(cell.true)
    return cell.one_of((ROMAN[grade], f"ASA {grade}"))


def _box_without_answer(complete: str) -> Writer:
    def write(cell: Cell) -> Written:
        boxes = dict.fromkeys(cell.sheet.columns_of("patients", "immuno_reasons"), "0")
        return boxes | {"patient_complete": complete} if cell.raw == "1" else None

    return write


def _swapped_digits(cell: Cell) -> Written:
    text = str(int(float(str(cell.true))))
    if len(text) != 2 or text[0] == text[1] or not 40 <= int(text[::-1]) <= 99:
        return None
    return text[::-1]


def _with_unit(cell: Cell) -> Written:
    return f"{cell.raw} {'cm' if cell.field == 'height_cm' else 'kg'}"


def _unknown_word(cell: Cell) -> Written:
    if str(cell.true) != "unknown":
        return None
    return cell.one_of(("n.p.", "?", "NA", "-99"))


def _sign_for_yes(cell: Cell) -> Written:
    if str(cell.true) != "yes":
        return None
    return cell.one_of(("+", "x", "DA" if cell.style == "hr" else "y"))


def _mojibake(cell: Cell) -> Written:
    """UTF-8 bytes read as the code page of the export."""
    page = "cp1250" if cell.style == "hr" else "cp1252"
    try:
        broken = cell.raw.encode("utf-8").decode(page)
        broken.encode(page)
    except UnicodeError:
        return None
    return broken if broken != cell.raw else None


def _consent_kept(cell: Cell) -> Written:
    return cell.sheet.dialect.yes_no["yes"] if str(cell.true) == "no" else None


def _died_before_contact(cell: Cell) -> Written:
    return cell.date(pd.Timestamp(str(cell.true)) - pd.Timedelta(days=45))


def _alive_with_death(cell: Cell) -> Written:
    return cell.sheet.dialect.word("status", "alive") if str(cell.true) == "dead" else None


def _export_day(cell: Cell) -> Written:
    return cell.date(cell.facts.data_cut) if str(cell.row["status"]) == "alive" else None


PATIENT_FAULTS = (
    Fault("center_renamed", "the center's new name from some day on", ("patients.center_id",),
          True, "the mapping lists both names", _renamed, ("hr",), 4),
    Fault("birth_year_alone", "only the year of birth is kept", ("patients.birth_date",), True,
          "a year is not a day", year_alone, ("hr", "redcap")),
    Fault("birth_two_digits", "year of birth with two digits", ("patients.birth_date",), True,
          "two digits name two centuries, one of them in the future", two_digit_year, ("hr",)),
    Fault("sex_number", "sex as 1 or 2, which centers count differently", ("patients.sex",), True,
          "not among the codes of the column", words("1", "2"), ("hr", "excel", "de")),
    Fault("sex_word", "sex spelled out", ("patients.sex",), True, "a known spelling",
          lambda c: {"hr": {"f": "ženski", "m": "muški"}, "de": {"f": "weiblich", "m": "männlich"},
                     "excel": {"f": "female", "m": "male"}}[c.style].get(str(c.true)),
          ("hr", "excel", "de")),
    Fault("sex_swapped", "the other sex", ("patients.sex",), False,
          "both codes are possible and nothing else tells the sex", swap("f", "m")),
    Fault("height_metres", "height in metres", ("patients.height_cm",), True,
          "nobody is 1.62 cm tall", scaled(0.01, 1.2, 2.1)),
    Fault("bmi_retyped", "body mass index typed in, and wrong", ("patients.bmi",), True,
          "height and weight give another one", _retyped_bmi, ("hr", "redcap", "excel")),
    Fault("osteoporosis_blank", "blank for no", ("patients.osteoporosis_dx",), False,
          "a blank may as well mean that nobody wrote it down",
          lambda c: "" if str(c.true) == "no" else None),
    Fault("tscore_sign_implausible", "minus sign lost, the result implausible",
          ("patients.bmd_tscore",), True, "T-scores above +2 do not occur here",
          _sign_lost(2.05, 5)),
    Fault("tscore_sign_plausible", "minus sign lost, the result plausible",
          ("patients.bmd_tscore",), False, "T-scores a little above zero occur",
          _sign_lost(0.1, 0.95)),
    Fault("tscore_is_z_score", "Z-score in the place of the T-score", ("patients.bmd_tscore",),
          False, "both lie in the same range", _z_score),
    Fault("minus_unicode", "another sign for minus", ("patients.bmd_tscore",), True,
          "dashes before a number are minus signs", _unicode_minus),
    Fault("hu_tscore_swapped", "attenuation and T-score in each other's column",
          ("patients.bmd_tscore",), True, "neither number is possible where it stands",
          _hu_and_tscore, ("hr", "redcap", "excel")),
    Fault("count_as_text", "a number of fractures in words", ("patients.prior_vfx_n",), True,
          "not a whole number",
          words(hr=(">3", "više"), redcap=(">3", "multiple"), excel=(">3", "multiple"),
                de=(">3", "mehrere"))),
    Fault("drug_start_future", "start of treatment twenty years ahead",
          ("patients.antiosteo_start",), True, "after the day of the export", _century_ahead,
          ("hr", "redcap", "excel")),
    Fault("drug_brand", "brand for substance", ("patients.antiosteo_tx",), True,
          "not among the codes of the column", _brand,
          ("hr", "excel", "de")),
    Fault("steroid_dose", "drug and dose for yes", ("patients.steroid_chronic",), True,
          "neither yes nor no", lambda c: "Medrol 8 mg" if str(c.true) == "yes" else None,
          ("hr", "excel", "de")),
    Fault("tumour_icd", "diagnosis code of the metastasis for the primary tumour",
          ("patients.primary_tumour",), True, "not among the codes of the column",
          words("C79.5", "C79,5"), ("hr", "excel", "de")),
    Fault("checkbox_incomplete", "no box ticked on a form that is not complete",
          ("patients.immuno_reasons",), True, "the form says that it is not complete",
          _box_without_answer("0"), ("redcap",), 4),
    Fault("checkbox_not_asked", "no box ticked because nobody asked",
          ("patients.immuno_reasons",), False, "looks like a form on which nothing applied",
          _box_without_answer("2"), ("redcap",), 4),
    Fault("asa_spelling", "grade in Roman numerals or with its name", ("patients.asa",), True,
          "a known spelling", _asa, ("hr", "excel", "de")),
    Fault("asa_between", "between two grades", ("patients.asa",), True, "two grades in one cell",
          words("2-3", "3-4"), ("hr", "de")),
    Fault("charlson_with_age", "comorbidity index with points for age", ("patients.charlson",),
          False, "the sum does not say what went into it",
          lambda c: c.number(float(str(c.true)) + 3), ("hr", "redcap", "excel")),
    Fault("smoker_word", "another word for a current smoker", ("patients.smoker",), True,
          "a known spelling",
          lambda c: {"hr": "pušač", "de": "Raucher", "excel": "smoker"}[c.style]
          if str(c.true) == "current" else None, ("hr", "excel", "de")),
    Fault("missing_number", "a code for missing in a number",
          ("patients.ct_hu", "patients.weight_kg", "procedures.crp_mg_l"), True,
          "outside the possible range, and a known sign for missing",
          words("-99", "n.p.", "999", "NA"), ("hr", "redcap", "excel"), 8, blank=True),
    Fault("missing_word", "another sign for unknown", YES_NO_FIELDS, True,
          "a known sign for missing", _unknown_word, ("hr", "excel", "de"), 8),
    Fault("yes_sign", "a sign or another language's word for yes", YES_NO_FIELDS, True,
          "a known spelling", _sign_for_yes, ("hr", "excel", "de"), 8),
    Fault("mojibake", "text that was written in one encoding and read in another",
          ("patients.sex", "patients.bmd_site", "patients.smoker", "patients.status",
           "procedures.guidance", "procedures.chest_imaging_modality", "visits.visit_type"), True,
          "character pairs that no word of the language has", _mojibake, ("hr", "de"), 8),
    Fault("optout_kept", "consent still yes beside a day of opting out",
          ("patients.consent_research",), True, "the day of opting out is there", _consent_kept,
          n=4),
    Fault("death_before_contact", "death before the last contact", ("patients.death_date",), True,
          "the order of the days is impossible", _died_before_contact),
    Fault("alive_with_death", "alive, with a day of death", ("patients.status",), True,
          "the two fields contradict each other", _alive_with_death),
    Fault("contact_is_export_day", "day of the export as last contact",
          ("patients.last_contact_date",), False,
          "one patient may have been seen on that day; only many of them are suspicious",
          _export_day),
    Fault("weight_digits", "two digits swapped", ("patients.weight_kg",), False,
          "the result is as plausible as the truth", _swapped_digits),
    Fault("unit_in_cell", "a unit behind the number",
          ("patients.height_cm", "patients.weight_kg"), True, "the unit is the column's own",
          _with_unit),
)  # fmt: skip
