"""Rules for cells and columns, each with the example that tests it."""

from __future__ import annotations

from vpstats.registry.rule import Cells, Export, Rule

_MAP = "Add the code to codes = { … } of the field in registry.toml, or correct the cell."
_CELL = "Look the value up and correct the cell in the source."
_CRP = "patient_id;proc_date;crp_mg_l;unit\n1;2020-01-01;1,2;"
_UNIT_COLUMN = {"columns": {"crp_mg_l": {"column": "crp_mg_l", "unit_column": "unit"}}}
_UNIT = "Declare unit = … or unit_column = … for the field in registry.toml."

LEVEL_RULES = (
    Rule(
        "level.spelling",
        "correction",
        "info",
        "A vertebra written another way than the registry's was rewritten.",
        Cells("levels.level", ("Th8", "BWK 12", "D11"), ("T8", "T12", "T11")),
        quiet=True,
    ),
    Rule(
        "level.ambiguous",
        "finding",
        "error",
        "The cell can mean two vertebrae or the disc between them, a vertebra or a side, or a "
        "range with another end, so it was not read.",
        Cells("levels.level", ("L2-3", "L2/3", "L3 li", "Th10-2"), ("",) * 4),
        _CELL,
    ),
    Rule(
        "level.unreadable",
        "finding",
        "error",
        "The cell names no vertebra that can be read.",
        Cells("levels.level", ("3/4", "lumbalno", "2023-02-01"), ("", "", "")),
        _CELL,
    ),
    Rule(
        "level.transitional",
        "finding",
        "warning",
        "The vertebra is transitional or rarely treated, and readers count it differently.",
        Cells("levels.level", ("S1", "T13", "L6"), ("S1", "", "")),
        _CELL,
    ),
    Rule(
        "level.several",
        "finding",
        "error",
        "Several vertebrae stand in a cell for one.",
        Cells("levels.level", ("L1, L2",), ("",)),
        "Use explode for the column in registry.toml.",
    ),
    Rule(
        "explode.surplus",
        "finding",
        "error",
        "A row holds more values than its list has vertebrae.",
        Export(
            "levels,a,b\nL1,4,5\n",
            "levels",
            (2,),
            {"explode": "levels", "columns": {"cement_ml": {"columns": ["a", "b"]}}},
        ),
        _CELL,
    ),
    Rule(
        "explode.shared",
        "finding",
        "error",
        "There is not one volume for each vertebra; one may be the total, so it was not used.",
        Export(
            "levels;z\nTh12, L1;8\nL1, L2;4,5 / 3\n",
            "levels",
            (2,),
            {"explode": "levels", "columns": {"cement_ml": "z"}},
        ),
        "Map a column per vertebra with columns = [ … ], or write one value per vertebra.",
    ),
    Rule(
        "explode.repeated",
        "finding",
        "warning",
        "One value other than no stands for several vertebrae; it was taken for each of them.",
        Export(
            "levels;leak\nTh12, L1;da\nL1, L2;ne\nL3;da\n",
            "levels",
            (2,),
            {"explode": "levels", "columns": {"leak_any_ct": "leak"}},
        ),
        "Check it for each vertebra, or write one value per vertebra.",
    ),
    Rule(
        "explode.lacking",
        "finding",
        "warning",
        "A row lists more vertebrae than it has values, in its columns or in the list of a cell.",
        Export(
            'levels,a\n"L1, L2",4\n',
            "levels",
            (2,),
            {"explode": "levels", "columns": {"cement_ml": {"columns": ["a"]}}},
        ),
        "Read the missing values up and write them in the source, or map more columns.",
    ),
)

NUMBER_RULES = (
    Rule(
        "number.spelling",
        "correction",
        "info",
        "A number with a decimal comma or thousands mark was rewritten.",
        Cells("levels.cement_ml", ("4,5", "1½"), ("4.5", "1.5")),
        quiet=True,
    ),
    Rule(
        "number.grouping",
        "correction",
        "warning",
        "Of the two values that the mark allows only one is possible, and that was taken.",
        Cells("procedures.wbc_10e9_l", ("7.500",), ("7.5",)),
    ),
    Rule(
        "number.none",
        "correction",
        "info",
        "A word for none in a count was taken as 0.",
        Cells("patients.prior_vfx_n", ("keine", "nessuna"), ("0", "0")),
    ),
    Rule(
        "number.limit",
        "correction",
        "info",
        "A limit was kept as its value, with the direction in the limit column.",
        Cells("procedures.crp_mg_l", ("<0,3",), ("0.3",)),
        quiet=True,
    ),
    Rule(
        "number.limit_lost",
        "finding",
        "warning",
        "A limit stands where the registry has no column for it, so the value is missing.",
        Cells("patients.prior_vfx_n", (">3",), ("",)),
        _CELL,
    ),
    Rule(
        "number.approximate",
        "correction",
        "info",
        "An approximate number was taken as its value.",
        Cells("levels.cement_ml", ("~3", "cca 4"), ("3", "4")),
    ),
    Rule(
        "number.unit_in_cell",
        "correction",
        "info",
        "A unit written in the cell was used and removed.",
        Cells("levels.cement_ml", ("4,5 ml",), ("4.5",)),
    ),
    Rule(
        "number.flag",
        "correction",
        "info",
        "A laboratory's flag behind a number, such as H for high, was removed.",
        Cells("procedures.crp_mg_l", ("38 H", "45,2 (HH)"), ("38", "45.2")),
    ),
    Rule(
        "number.clock",
        "correction",
        "info",
        "A time written with colons was turned into minutes, in the one way that its column "
        "allows.",
        Cells("procedures.duration_min", ("1:15", "0:54", "01:30:00"), ("75", "54", "90")),
        quiet=True,
    ),
    Rule(
        "number.product",
        "correction",
        "warning",
        "A product or sum of two injections was worked out.",
        Cells("levels.cement_ml", ("2x2,5", "2,5 ml x 2", "2+2,5"), ("5", "5", "4.5")),
    ),
    Rule(
        "number.ambiguous",
        "finding",
        "error",
        "The number can be read in two ways, so it was not read.",
        Cells("levels.cement_ml", ("3-4",), ("",)),
        _CELL,
    ),
    Rule(
        "number.marked",
        "finding",
        "error",
        "A mark, as of doubt or of a footnote, stands beside the number, so it was not read.",
        Cells("levels.cement_ml", ("3,2?", "2.5*", "4 ml (?)"), ("", "", "")),
        "Ask what the mark means; write the number without it, or leave the cell empty.",
    ),
    Rule(
        "number.unreadable",
        "finding",
        "error",
        "The cell is no number that can be read.",
        Cells("levels.cement_ml", ("malo",), ("",)),
        _CELL,
    ),
    Rule(
        "number.not_whole",
        "finding",
        "error",
        "A count is not a whole number.",
        Cells("patients.prior_vfx_n", ("2,5",), ("",)),
        _CELL,
    ),
    Rule(
        "range.hard",
        "finding",
        "error",
        "The value is impossible and was set missing.",
        Cells("patients.weight_kg", ("700",), ("",)),
        _CELL,
    ),
    Rule(
        "range.scale",
        "finding",
        "error",
        "A quarter or more of the column, or of its cells of one file, center or year, is "
        "impossible, so the unit is in doubt; the values that would be possible were set missing "
        "too.",
        Cells(
            "visits.vas_0_10",
            ("65", "40", "80", "5", "70", "30", "55", "90", "20", "10"),
            ("",) * 10,
        ),
        _UNIT,
    ),
    Rule(
        "range.warn",
        "finding",
        "warning",
        "The value is possible but not plausible; it was kept.",
        Cells("patients.weight_kg", ("180",), ("180",)),
        _CELL,
    ),
)

WORD_RULES = (
    Rule(
        "word.spelling",
        "correction",
        "info",
        "A word was turned into its code; one row stands for all spelled that way.",
        Cells("patients.diabetes", ("da", "nein", "+"), ("yes", "no", "yes")),
        quiet=True,
    ),
    Rule(
        "word.code",
        "correction",
        "info",
        "A raw code was turned into the registry's, as the mapping says.",
        Cells("patients.sex", ("2",), ("f",), {"codes": {"2": "f"}}),
        quiet=True,
    ),
    Rule(
        "word.empty_set",
        "correction",
        "info",
        "The cell says that nothing applies; a set has no word for it and stays empty.",
        Cells("patients.immuno_reasons", ("none",), ("",)),
        quiet=True,
    ),
    Rule(
        "word.unknown",
        "finding",
        "error",
        "The word is not among the codes of the column, so the value is missing.",
        Cells("procedures.indication", ("patol. fx",), ("",)),
        _MAP,
    ),
    Rule(
        "word.ambiguous",
        "finding",
        "error",
        "The word can mean two codes, so it was not read.",
        Cells("patients.asa", ("2-3",), ("",)),
        _MAP,
    ),
    Rule(
        "missing.unknown",
        "correction",
        "info",
        "A sign for 'not known' was told from an empty cell.",
        Cells("patients.diabetes", ("nepoznato", "-99"), ("unknown", "unknown")),
    ),
    Rule(
        "missing.not_done",
        "correction",
        "info",
        "A sign for 'not done' was told from an empty cell.",
        Cells("procedures.mri_pre", ("nije rađeno",), ("not_done",)),
    ),
    Rule(
        "missing.not_applicable",
        "correction",
        "info",
        "A sign for 'does not apply' was told from an empty cell.",
        Cells("levels.epidural_mass", ("NAP",), ("not_applicable",)),
    ),
    Rule(
        "missing.blank",
        "correction",
        "info",
        "A sign for an empty cell was taken as one.",
        Cells("patients.diabetes", (".",), ("",)),
    ),
    Rule(
        "missing.declared",
        "correction",
        "warning",
        "A value that the file itself declares missing was taken as missing; codes = { … } can say "
        "of which kind.",
        Cells("patients.weight_kg", ("missing:999", ".a"), ("", "")),
    ),
    Rule(
        "missing.placeholder_date",
        "correction",
        "warning",
        "A date that stands for 'not known' was set missing.",
        Cells("procedures.fracture_date", ("01.01.1900",), ("",)),
    ),
    Rule(
        "center.unknown",
        "finding",
        "error",
        "The mapping has no code for the center, so its name was kept as it is.",
        Export(
            "klinik;patient_id\nNord;1\n",
            "patients",
            (2,),
            {"center": {"column": "klinik", "codes": {"Süd": "C1"}}},
        ),
        _MAP,
    ),
)

UNIT_RULES = (
    Rule(
        "unit.declared",
        "correction",
        "info",
        "The column was converted from the unit that the mapping declares.",
        Cells("procedures.crp_mg_l", ("1,2",), ("12",), {"unit": "mg/dL"}),
    ),
    Rule(
        "unit.column",
        "correction",
        "info",
        "The value was converted from the unit in its unit column.",
        Export(f"{_CRP}mg/dL\n", "procedures", (2,), _UNIT_COLUMN),
    ),
    Rule(
        "unit.missing",
        "finding",
        "error",
        "The unit column is empty or holds no unit that is known, so the value is missing.",
        Export(f"{_CRP}\n", "procedures", (2,), _UNIT_COLUMN),
        _CELL,
    ),
    Rule(
        "unit.beside",
        "finding",
        "warning",
        "A number without a unit is like those of its column that have another unit; where few "
        "have one, the first stands for all.",
        Cells(
            "procedures.crp_mg_l",
            ("1,96 mg/dl", "1,74 mg/dl", "1,57", "0,88", "4,15"),
            ("19.6", "17.4", "1.57", "0.88", "4.15"),
        ),
        "Ask which unit the column is in; if it is the other one, declare it as the field's unit.",
    ),
    Rule(
        "unit.unknown",
        "finding",
        "error",
        "The unit or word beside the number is not known for this quantity.",
        Cells("levels.cement_ml", ("4 g",), ("",)),
        _UNIT,
    ),
    Rule(
        "unit.height_metres",
        "correction",
        "info",
        "A height of 1.2 to 2.1 was taken as metres.",
        Cells("patients.height_cm", ("1,62",), ("162",)),
    ),
    Rule(
        "unit.wbc_per_ul",
        "correction",
        "info",
        "A white cell count of 500 and more was taken as cells per microlitre.",
        Cells("procedures.wbc_10e9_l", ("7500",), ("7.5",)),
    ),
)
