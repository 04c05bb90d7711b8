"""Rules for workbooks, each with the example that tests it."""

from __future__ import annotations

from vpstats.registry.rule import Export, Rule

_LOOK = "Look the cell up in the workbook; keep there what is meant, and nothing else."


def _sheet(*lines: str) -> str:
    return "\n".join(("== Patients", *lines)) + "\n"


EXCEL_RULES = (
    Rule(
        "file.hidden_sheet",
        "finding",
        "warning",
        "The workbook has a hidden sheet.",
        Export(
            "== Patients\npatient_id;sex\n1;f\n== Old (hidden)\npatient_id;sex\n2;m\n",
            "patients",
            (0,),
            packed="workbook",
        ),
        "Look at the sheet; name it in sheet = … if its rows belong to the registry.",
    ),
    Rule(
        "file.other_sheets",
        "finding",
        "warning",
        "The mapping names no sheet and the workbook has several; only the first was read.",
        Export(
            "== 2023\npatient_id;sex\n1;f\n== 2024\npatient_id;sex\n2;m\n",
            "patients",
            (0,),
            packed="workbook",
        ),
        'Name the sheets in sheet = …; "*" is all of them.',
    ),
    Rule(
        "file.merged_cells",
        "finding",
        "warning",
        "Cells among the rows of a workbook are merged; only the first of them has the value.",
        Export(
            "== Patients\npatient_id;sex\n1;f\n2;^\n",
            "patients",
            (2,),
            packed="workbook",
        ),
        "Undo the merge in the source and fill in every cell.",
    ),
    Rule(
        "file.hidden_rows",
        "finding",
        "warning",
        "Rows of a sheet are hidden, by hand or by a filter; they were read.",
        Export(
            _sheet("patient_id;sex", "1;f", "2;m (hidden)"), "patients", (0,), packed="workbook"
        ),
        "Look at the rows; delete those that do not belong to the registry.",
    ),
    Rule(
        "file.hidden_columns",
        "finding",
        "info",
        "Columns that the mapping uses are hidden in the workbook; they were read.",
        Export(_sheet("patient_id;sex |hidden|", "1;f"), "patients", (0,), packed="workbook"),
        "Look at the columns, which may be out of date.",
    ),
    Rule(
        "file.struck_row",
        "finding",
        "warning",
        "All cells of a row are struck out; it was read.",
        Export(_sheet("patient_id;sex", "1;f", "~~2~~;~~m~~"), "patients", (3,), packed="workbook"),
        "Look the row up; delete it from the workbook if it does not count.",
    ),
    Rule(
        "file.struck_out",
        "finding",
        "warning",
        "A cell, or a part of it, is struck out; it was read without that.",
        Export(
            _sheet("patient_id;weight_kg", "1;~~61~~", "2;60"), "patients", (2,), packed="workbook"
        ),
        _LOOK,
    ),
    Rule(
        "file.raised_mark",
        "finding",
        "warning",
        "A raised mark, as of a footnote, stands in a cell; the text was read without it.",
        Export(_sheet("patient_id;weight_kg", "1;61^^2"), "patients", (2,), packed="workbook"),
        "Look the footnote up; it may say that the value is doubtful.",
    ),
    Rule(
        "file.cell_comment",
        "finding",
        "warning",
        "A cell has a comment; its value was read as it stands.",
        Export(
            _sheet("patient_id;weight_kg", "1;61 |comment|"), "patients", (2,), packed="workbook"
        ),
        "Read the comment in the workbook; if it corrects the value, correct the cell and take "
        "the comment away.",
    ),
    Rule(
        "file.shown_otherwise",
        "finding",
        "error",
        "By its format a cell shows another number than it holds, or nothing; it was read as "
        "empty.",
        Export(_sheet("patient_id;weight_kg", "1;61000 |0,|"), "patients", (2,), packed="workbook"),
        "Give the cell a plain format, and see that it holds the value that is meant.",
    ),
    Rule(
        "file.cell_error",
        "finding",
        "error",
        "A cell holds the error of a formula in place of a value; it was read as empty.",
        Export(_sheet("patient_id;weight_kg", "1;#DIV/0!"), "patients", (2,), packed="workbook"),
        "Correct the formula, or write the value.",
    ),
)
