"""What the pages of a data-quality report say in plain words."""

from __future__ import annotations

from collections.abc import Mapping

READING = (
    "This page is about the record, not about care. Read it before any outcome: a center that "
    "records less, looks less or follows less can look better or worse than it is."
)
BESIDE = (
    "Centers stand in the order of their names; beside each number stand the median and the range "
    "of the centers."
)

NOTHING_FOUND = "Nothing falls below what is asked for."

COUNTED: Mapping[str, str] = {"error": "Errors", "warning": "Warnings", "info": "Notes"}
"""Severity to the words for a number of findings."""

LOOK = "to be looked at in"
COMMON: Mapping[str, str] = {
    "completeness": "less often known than is asked for in",
    "validity": "more than pass in",
    "ascertainment": "fewer than are asked for in",
    "followup": "less than is asked for in",
}
"""Section to what is wrong with a measure of it at many centers; elsewhere `LOOK`."""

TITLES: Mapping[str, str] = {
    "completeness": "Cells of key variables that are known",
    "validity": "Findings and changes per 100 records",
    "timeliness": "Days to entry, and the series of months",
    "ascertainment": "Procedures of the hospital that are in the registry",
    "imaging": "Procedures that each kind of imaging covers",
    "followup": "Length and completeness of follow-up",
}
"""Section to the caption of its table."""

NO_RANKING = (
    "In the order of names: this is no ranking. Which imaging is made is a center's choice; that "
    "it differs is why outcomes are compared within one modality."
)

LEADS: Mapping[str, str] = {
    "completeness": (
        "Of the cells of key variables that could hold a value, those that do. Cells to which a "
        "variable does not apply are left out; an answer such as “not known” or “not done” is no "
        "value."
    ),
    "validity": (
        "What cleaning found, per 100 records: rows of patients, procedures, levels, visits and "
        "events. An error is certainly wrong, a warning probably; a refused value could not be "
        "used and is missing now; a changed one could be read in one way only."
    ),
    "timeliness": (
        "How soon procedures are entered, how long ago the last one was at the data cut, and "
        "whether months are missing from the series."
    ),
    "ascertainment": (
        "Procedures in the registry, of those that the hospital counted by its own books in the "
        "same period. What is not in the registry may differ from what is."
    ),
    "imaging": (
        "Of all procedures, those that each kind of imaging covers, as a routine or on suspicion. "
        "What was not looked at was not seen: rates of leakage and embolism mean something only "
        "beside these shares."
    ),
    "followup": (
        "How long patients were followed from their first procedure, and how much of the time "
        "that could have been observed was."
    ),
}

NONE: Mapping[str, str] = {
    "completeness": "There is no row to look at.",
    "validity": "There is no record.",
    "timeliness": "Neither days of entry nor days of procedures are known.",
    "ascertainment": (
        "Not known: no count of the hospital's own is given. registry.toml takes them as "
        "hospital_counts of [quality]."
    ),
    "imaging": "There is no procedure.",
    "followup": "There is no patient whose follow-up is known.",
}

NOTES: Mapping[str, tuple[str, ...]] = {
    "validity": (
        "The usual way of writing of a column is logged once, so that changed values count what "
        "departs from it. Records that were left out are findings and no longer records, so that a "
        "rate may exceed 100. A record whose center is not known counts for the network alone. "
        "Findings about whole files or columns are about no record: they are counted by "
        "themselves, and “vpstats check” lists them.",
    ),
    "timeliness": (
        "Days since the last procedure run to the data cut; months without one, from the first "
        "procedure of the center to the last one of the network.",
    ),
    "ascertainment": (
        "Wilson intervals. Above 100 % the registry holds more than the hospital did.",
    ),
    "imaging": (
        "Radiographs of the spine are those at visits, of procedures of which a year has passed; "
        "leaks on CT, of procedures with a CT. What is not recorded counts as not covered.",
    ),
    "followup": (
        "Median follow-up by the reverse Kaplan–Meier estimate, in days. Clark's C: time observed "
        "over time that could have been; whoever died was followed completely. Wilson interval for "
        "the share known after a year, of patients of whom a year has passed.",
    ),
}

STATES: Mapping[str, str] = {
    "known": "known",
    "unknown": "asked for, not known",
    "not_done": "not done",
    "refused": "not usable",
    "blank": "blank",
    "not_applicable": "does not apply",
}
"""What a cell can be, and the heading for it."""

WHY_MISSING = (
    "A value may be missing because nobody knew it, because nothing was examined, because what is "
    "written cannot be used, or because the cell is blank; only the last two can be mended in the "
    "export."
)
STATE_NOTES = (
    "Rows are patients (those without a procedure as well), procedures or treated levels, "
    "whichever a variable belongs to. Known, %: of the rows to which it applies.",
)

HEAT = "Per cent of cells that hold a value; “All” is the network as a whole. Darker is more."
STRIPS = (
    "Dot: this center. Grey bar: from the lowest to the highest center; stroke: their median. In "
    "per cent of the cells to which the variable applies."
)
MONTHS = "Each stroke is a month; months without a procedure leave a gap."

MONTHS_INSIDE = "The series of months is in the internal edition alone: its numbers are small."
RULES_INSIDE = "Groups of rules are in the internal edition alone: their numbers are small."
NO_RULES = "Cleaning found nothing about a record."
PATTERNS_INSIDE = "Patterns of a center are in the internal edition alone: their numbers are small."

PATTERNS = (
    "Procedures by the key variables that are missing: of the patient, of the procedure, or of any "
    "of its levels. Variables that are missing together were often not asked for together; one "
    "that nobody recorded is left out."
)

ABSENT_LEAD = (
    "Those whose outcome is known beside those whose outcome is not. The standardised difference "
    "is the difference of the means over the root of the mean of both variances; for categories, "
    "the Mahalanobis distance between the shares. No test is made: the question is how far results "
    "may be about other people, not whether chance made them so. Of imaging, centers decide: that "
    "it differs between them is expected."
)
ABSENT_NOTES = ("Percentages are of the rows of a side, those of whom it is not known included.",)
HEADS: Mapping[str, tuple[str, str]] = {
    "": ("Known", "Not known"),
    "leak_ct": ("Recorded", "Not recorded"),
    "chest_ct": ("By CT", "Not by CT"),
}
"""Outcome to the headings of those with and without it."""
ROWS = "Rows"
SIDES = ("with", "without")
COMPARED = ("age_at_proc", "sex", "indication", "center_id")

CHANCES = ("silence_chance", "gap_chance")
"""Measures that findings are judged by and nobody reads."""

ONE_PATIENT = ("silence",)
"""Measures of one procedure's day, which the public edition does not hold."""

GROUPS: Mapping[str, str] = {
    "cement": "Cement volumes",
    "center": "Names of centers",
    "conflict": "Rows that contradict one another",
    "contact": "Last contacts",
    "date": "Dates",
    "death": "Deaths",
    "derived": "Derived fields",
    "duplicate": "Duplicates",
    "encoding": "Encoding",
    "event": "Events",
    "explode": "Several vertebrae in one cell",
    "file": "Files",
    "fracture": "New fractures",
    "key": "Keys",
    "leak": "Leaks",
    "level": "Vertebrae",
    "mapping": "Mapping",
    "number": "Numbers",
    "operator": "Operators",
    "patient": "Patients",
    "range": "Ranges",
    "redcap": "REDCap",
    "required": "Required fields",
    "session": "Procedures",
    "tscore": "Bone density",
    "unit": "Units",
    "visit": "Visits",
    "word": "Words and codes",
}
"""Group of rules to the words for it."""

METHODS: tuple[tuple[str, str], ...] = (
    (
        "Completeness",
        "The share of cells with a value, of those to which the variable applies. Kinds of missing "
        "come from the codes of yes/no columns and from the log of cleaning.",
    ),
    (
        "Validity",
        "A rate has the findings about records of a center over the records of the center that "
        "were kept, times 100; records are rows of patients, procedures, levels, visits and "
        "events. A record may have several findings.",
    ),
    (
        "Silence and gaps",
        "A silence or a gap is pointed out where procedures that come at the center's mean pace, "
        "by chance, would leave one as long with a probability below 0.01, divided by the number "
        "of centers. For a gap that probability is bounded by the number of places it could have.",
    ),
    (
        "Follow-up",
        "The state after a year is known of whoever died, and of whoever was seen, or known to be "
        "alive, a year after the first procedure or later. Reverse Kaplan–Meier: Schemper M, Smith "
        "TL. Control Clin Trials 1996;17:343-346. C: Clark TG, Altman DG, De Stavola BL. Lancet "
        "2002;359:1309-1310.",
    ),
    (
        "Who is missing",
        "A difference is pointed out where its square, less what samples of these sizes differ by "
        "on average by chance, is above that of the difference that is let pass, and both sides "
        "have at least 30 rows. Categories: Yang D, Dalton JE. SAS Global Forum 2012, paper 335.",
    ),
    (
        "Limits",
        "A value that is known may still be wrong: nothing here was compared with the patients' "
        "files. A hospital's own count may be wrong too, and may count by other codes.",
    ),
)
