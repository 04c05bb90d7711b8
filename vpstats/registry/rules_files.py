"""Rules for files, encodings and identifiers, each with the example that tests it."""

from __future__ import annotations

from vpstats.registry.rule import Export, Rule
from vpstats.registry.rule_texts import CELL, CODES
from vpstats.registry.rules_excel import EXCEL_RULES
from vpstats.registry.rules_redcap import REDCAP_RULES

_FILE = "Correct the export and read it again."

FILE_RULES = (
    Rule(
        "file.no_rows",
        "finding",
        "warning",
        "The file has a header and no rows.",
        Export("patient_id\n", "patients", (0,)),
        _FILE,
    ),
    Rule(
        "file.ragged_row",
        "finding",
        "error",
        "A row has more or fewer cells than the header, so its cells may be shifted; it was left "
        "out.",
        Export("patient_id;sex\n1;f\n2;f;9\n", "patients", (3,)),
        _FILE,
    ),
    Rule(
        "file.repeated_header",
        "finding",
        "warning",
        "The header stands again among the rows; that row was left out.",
        Export("patient_id;sex\n1;f\npatient_id;sex\n", "patients", (3,)),
        _FILE,
    ),
    Rule(
        "file.formula",
        "finding",
        "error",
        "Cells of a workbook hold formulas without their results, so they were read as empty.",
        Export("== Patients\npatient_id;weight_kg\n1;=1+60\n", "patients", (2,), packed="workbook"),
        "Open the workbook in a spreadsheet program, save it and read it again.",
    ),
    Rule(
        "file.summary_row",
        "finding",
        "warning",
        "A row holds a total, a mean or a note below the data and no record; it was left out.",
        Export("patient_id;sex;weight_kg\n1;f;60\n2;m;80\nTotal;;140\n", "patients", (4,)),
        "Look at the row; if it is a record, correct its identifier in the source.",
    ),
    Rule(
        "file.text_mark",
        "correction",
        "info",
        "The apostrophe by which a spreadsheet keeps digits as text was taken away.",
        Export("patient_id;sex;weight_kg\n'001;f;'60\n", "patients", (2, 2)),
    ),
    Rule(
        "file.filled_down",
        "correction",
        "info",
        "A cell that stands for those below it, as the mapping says, was given to them.",
        Export(
            "patient_id;sex\n1;f\n;f\n2;m\n",
            "patients",
            (3,),
            {"fill_down": ["patient_id"]},
        ),
    ),
    Rule(
        "file.duplicate_header",
        "finding",
        "warning",
        "Two columns share a name; the later one was not read.",
        Export("patient_id;x;x\n1;2;3\n", "patients", (0,)),
        _FILE,
    ),
    Rule(
        "file.nul",
        "finding",
        "warning",
        "NUL characters were removed from the file.",
        Export("patient_id;sex\n1;f\x00\n", "patients", (0,)),
        _FILE,
    ),
    Rule(
        "file.unmapped",
        "finding",
        "info",
        "Columns of the file that the mapping does not use were not read.",
        Export("patient_id;napomena\n1;x\n", "patients", (0,)),
        "Map them in registry.toml if they matter.",
    ),
    Rule(
        "file.column_spelling",
        "finding",
        "info",
        "A column was found under a name that differs in case or spaces from the mapping.",
        Export("Patient_ID;sex\n1;f\n", "patients", (0,)),
        "Write the name in registry.toml as the file does.",
    ),
    Rule(
        "file.column_absent",
        "finding",
        "warning",
        "A file lacks a mapped column that other files of its source have; it is blank in all of "
        "its rows.",
        Export(
            "== 2021.csv\npatient_id;sex\n1;f\n== 2022.csv\npatient_id;gender\n2;m\n",
            "patients",
            (0,),
            packed="zip",
        ),
        "If the file has it under another name, give it that of the others, or the file a source "
        "of its own.",
    ),
    Rule(
        "file.not_read",
        "finding",
        "info",
        "A folder or archive holds files that no source of the mapping reads.",
        Export("== a.csv\npatient_id;sex\n1;f\n== notes.pdf\nx\n", "patients", (0,), packed="zip"),
        "Name them in member = …, or in a source of their own, if they matter.",
    ),
    *EXCEL_RULES,
    Rule(
        "mapping.unconfirmed",
        "finding",
        "error",
        "A part of registry.toml is a proposal that nobody has confirmed; it was not read.",
        Export(
            "patient_id;sex\n1;f\n",
            "patients",
            (0,),
            {"columns": {"sex": {"column": "sex", "confirmed": False}}},
        ),
        "Look it over; remove confirmed = false where it is right, or the line where it is not.",
    ),
    Rule(
        "mapping.contradicted",
        "finding",
        "error",
        "Most cells of a column are not what the mapping says, are in another unit or order, or "
        "have another meaning by the labels of their own file or were rounded by it.",
        Export(
            "patient_id;height_cm\n" + "".join(f"{i};2021-03-0{i % 9 + 1}\n" for i in range(12)),
            "patients",
            (0,),
        ),
        "Correct the column, unit, codes or date_order in registry.toml.",
    ),
    Rule(
        "mapping.day_unread",
        "finding",
        "error",
        "Rows are chosen by a day, and that of the row cannot be read.",
        Export(
            "patient_id;optout_date;sex\n1;2020-02-01;f\n2;soon;m\n",
            "patients",
            (3,),
            {"where": {"optout_date": {"from": "2020-01-01"}}},
        ),
        CELL,
    ),
    Rule(
        "mapping.no_rows",
        "finding",
        "info",
        "No row of a source is one that the mapping chooses for a table.",
        Export(
            "patient_id;visit_date;form\n1;2023-05-01;baseline\n",
            "visits",
            (0,),
            {"where": {"form": "control"}},
        ),
        "Compare where = { … } with the source, if there should be such rows.",
    ),
    Rule(
        "mapping.row_untaken",
        "finding",
        "warning",
        "No table takes the row, although its cell is like one that where asks for.",
        Export(
            "patient_id;diabetes\n1;yes\n2;yes, type 2\n3;no\n",
            "patients",
            (3,),
            {"where": {"diabetes": "yes"}},
        ),
        "Add the cell to where = { … } in registry.toml, or correct it in the source.",
    ),
    Rule(
        "mapping.codes_missing",
        "finding",
        "error",
        "A code that stands often in the data is neither in the mapping nor known.",
        Export(
            "patient_id;smoker\n" + "".join(f"{i};{'abc'[i % 3]}\n" for i in range(15)),
            "patients",
            (0,),
        ),
        CODES,
    ),
    Rule(
        "encoding.undecodable",
        "finding",
        "error",
        "A byte is no character of the file's encoding.",
        Export("patient_id;death_cause\n1;š\x81ž\n", "patients", (2,), {}, "raw-1250"),
        "Export as UTF-8, or declare encoding in registry.toml.",
    ),
    Rule(
        "encoding.doubtful",
        "finding",
        "info",
        "Letters would be words in more than one code page; the likeliest was taken.",
        Export("patient_id;smoker\n1;año\n", "patients", (0,), {}, "cp1252"),
        "Compare a name with the source; declare encoding in registry.toml.",
    ),
    Rule(
        "encoding.mojibake",
        "finding",
        "warning",
        "Letters show that text was written in one encoding and read in another.",
        Export("patient_id;smoker\n1;puĹˇaÄŤ\n", "patients", (0,)),
        "Declare the right encoding, or repair_encoding = true for the source.",
    ),
    Rule(
        "encoding.repaired",
        "correction",
        "warning",
        "Text that was written in one encoding and read in another was repaired.",
        Export("patient_id;smoker\n1;puĹˇaÄŤ\n", "patients", (2,), {"repair_encoding": True}),
    ),
    Rule(
        "database.no_key",
        "finding",
        "info",
        "A table of the database has no primary key; its rows stand in the order of all columns.",
        Export("== people\npatient_id;sex\n1;f\n", "patients", (0,), packed="database"),
        "Name the columns that identify a row in order_by = …",
    ),
    *REDCAP_RULES,
)

_WHICH = "Look up which session is meant, and correct its number, patient or day in the row."
_NUMBERED = {"where": {"what": "level"}, "beside": {"procedures": {"what": "op"}}}

KEY_RULES = (
    Rule(
        "required.missing",
        "finding",
        "error",
        "A field that names the row, or without which it cannot be used, is missing; the row was "
        "left out.",
        Export("patient_id;proc_date\n1;\n", "procedures", (2,)),
        CELL,
    ),
    Rule(
        "key.spelling",
        "correction",
        "warning",
        "Another spelling of an identifier was replaced: a patient's by the patient's own, digits "
        "and letters of full width or of another script by plain ones.",
        Export("patient_id;birth_date;sex\nP001;1.2.1950.;f\np1;1.2.1950.;f\n", "patients", (3,)),
    ),
    Rule(
        "key.padded",
        "correction",
        "info",
        "Zeros that an identifier had lost were put back, up to the width that the mapping states.",
        Export(
            "patient_id;sex\n00712;f\n713;m\n",
            "patients",
            (3,),
            {"columns": {"patient_id": {"column": "patient_id", "width": 5}}},
        ),
    ),
    Rule(
        "key.session_shared",
        "correction",
        "warning",
        "A number of sessions, visits or events that several patients share was made each "
        "patient's own.",
        Export(
            "patient_id;procedure_id;proc_date\n1;1;2020-01-01\n2;1;2020-01-02\n",
            "procedures",
            (2, 3),
        ),
    ),
    Rule(
        "key.placeholder",
        "finding",
        "error",
        "The identifier identifies nobody: it says that it is not known, or that of the row above, "
        "or a spreadsheet cut it.",
        Export(
            "patient_id;proc_date\n101;2020-01-01\n?;2020-01-02\n1,23E+11;2020-01-03\n",
            "procedures",
            (3, 4),
        ),
        "Give everybody an identifier of their own in the source; format identifiers as text "
        "there.",
    ),
    Rule(
        "key.other_patient",
        "finding",
        "error",
        "The number of the session is another patient's than the row says.",
        Export(
            "what;patient_id;procedure_id;proc_date;level\nop;1;S1;2020-03-01;\n"
            "op;2;S2;2020-04-01;\nlevel;1;S2;;L1\n",
            "levels",
            (4,),
            _NUMBERED,
        ),
        _WHICH,
    ),
    Rule(
        "key.other_day",
        "finding",
        "error",
        "The number and the day by which the row names its session are of two sessions.",
        Export(
            "what;patient_id;procedure_id;proc_date;level\nop;1;S1;2020-03-01;\n"
            "op;1;S2;2020-04-01;\nlevel;1;S2;2020-03-01;L1\n",
            "levels",
            (4,),
            _NUMBERED,
        ),
        _WHICH,
    ),
    Rule(
        "key.day_differs",
        "finding",
        "warning",
        "The day of the row is not the day of the session whose number it gives; it was taken for "
        "that session's.",
        Export(
            "what;patient_id;procedure_id;proc_date;level\nop;1;S1;2020-03-01;\n"
            "op;1;S2;2020-04-01;\nlevel;1;S2;2020-04-02;L1\n",
            "levels",
            (4,),
            _NUMBERED,
        ),
        _WHICH,
    ),
    Rule(
        "duplicate.row",
        "correction",
        "warning",
        "A row that repeats another in every cell was dropped.",
        Export("patient_id;proc_date;level\n1;2020-01-01;L1\n1;2020-01-01;L1\n", "levels", (3,)),
    ),
    Rule(
        "duplicate.key",
        "finding",
        "warning",
        "Several rows are about the same level, visit or event; they became one.",
        Export(
            "patient_id;proc_date;level;cement_ml\n1;2020-01-01;L1;4\n1;2020-01-01;L1;\n",
            "levels",
            (2, 3),
        ),
        CELL,
    ),
    Rule(
        "conflict.rows",
        "finding",
        "error",
        "Rows about the same thing contradict one another, so the value is missing.",
        Export("patient_id;sex\n1;f\n1;m\n", "patients", (2, 3)),
        CELL,
    ),
)
