"""Publication tables: structure, escapes, and the words where a number may not stand."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpstats.errors import UsageError
from vpstats.formats import THIN
from vpstats.ledger import Ledger, Note, cell
from vpstats.tables import (
    RowGroup,
    TableModel,
    estimates_table,
    flow_table,
    incidence_table,
    quality_table,
    rates_table,
    spine_table,
    table_one,
)
from vpstats.tables.quality import Line, measures_table

NAN = float("nan")
Cell = dict[str, Any]


class Source:
    """Cells of which some were withheld, and the notes that go with them."""

    mark = "‹5"

    def __init__(self, rows: list[Cell], hidden: set[str] = frozenset(), notes: tuple = ()) -> None:
        self._ledger = Ledger.from_rows(rows)
        self._hidden = hidden
        self.notes = notes

    @property
    def cells(self) -> pd.DataFrame:
        frame = self._ledger.cells
        gone = frame["cell_id"].isin(self._hidden)
        assert gone.sum() == len(self._hidden)
        return frame.assign(
            value=frame["value"].mask(gone), suppressed=np.where(gone, "primary", "")
        )

    def select(self, **where: str) -> pd.DataFrame:
        cells = self.cells
        for column, value in where.items():
            cells = cells[cells[column] == value]
        return cells


def many(analysis: str, variable: str, values: dict[str, float], **words: str) -> list[Cell]:
    return [cell(analysis, variable, s, v, kind="count", **words) for s, v in values.items()]


class Outline(HTMLParser):
    """Counts the columns that the cells of each row cover, row spans included."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, dict[str, str | None]]]] = []
        self.stack: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.stack.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def outline(table: TableModel) -> Outline:
    parsed = Outline()
    parsed.feed(table.to_html())
    assert parsed.stack == []
    return parsed


GROUPED = TableModel(
    title="Models & more",
    header=("Term", "OR", "p", "OR", "p"),
    rows=(
        ("a|b", "1.2", "*", "−2.5", "<0.001"),
        ("c", "1,234", "", "x", ""),
        ("d", "", "", "", ""),
    ),
    footnotes=("* withheld.",),
    spanners=(("", 1), ("Crude <i>", 2), ("Adjusted", 2)),
    row_groups=(RowGroup("Size", 1, 3),),
)


def test_html_has_caption_scopes_and_nothing_unescaped() -> None:
    parsed = outline(GROUPED)
    cells = [c for row in parsed.rows for c in row]
    assert all(attrs.get("scope") for tag, attrs in cells if tag == "th")
    assert not any("style" in attrs for _, attrs in cells)
    assert {"Models & more", "Crude <i>", "<0.001"} <= set(parsed.texts)
    assert "<i>" not in GROUPED.to_html()


def test_every_row_of_the_html_covers_all_columns() -> None:
    parsed = outline(GROUPED)
    spans = [sum(int(a.get("colspan") or 1) for _, a in row) for row in parsed.rows]
    assert spans == [5, 4, 5, 5, 5, 5]  # the first heading reaches down into the second row
    assert parsed.rows[0][0][1]["rowspan"] == "2"
    assert parsed.rows[3][0][1] == {"scope": "rowgroup", "colspan": "5"}
    assert [row[0][1].get("class") for row in parsed.rows[2:]] == [None, None, "indent", "indent"]


def test_a_heading_without_words_is_no_heading() -> None:
    parsed = outline(TableModel("t", ("", "n"), (("a", "1"),)))
    assert parsed.rows[0][0][0] == "td"


def test_markdown_rows_are_as_wide_as_the_header_and_escaped() -> None:
    lines = GROUPED.to_markdown().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {6}
    assert "a\\|b" in table[2]
    assert "Crude &lt;i>: OR" in table[0]
    assert "**Size**" in table[3]
    assert lines[-1] == "\\* withheld."


def test_csv_reads_back_with_numbers_as_numbers_and_sections_as_a_column() -> None:
    rows = list(csv.reader(io.StringIO(GROUPED.to_csv())))
    assert rows[0] == ["Section", "Term", "Crude <i>: OR", "Crude <i>: p", "Adjusted: OR",
                       "Adjusted: p"]  # fmt: skip
    assert rows[1] == ["", "a|b", "1.2", "*", "-2.5", "<0.001"]
    assert rows[2] == ["Size", "c", "1234", "", "x", ""]


@given(st.text(max_size=12))
def test_no_csv_cell_starts_a_formula(text: str) -> None:
    out = TableModel("t", ("a",), ((text,),)).to_csv()
    value = next(iter(csv.reader(io.StringIO(out, newline=""))), [""])
    cell_text = list(csv.reader(io.StringIO(out, newline="")))[1][0] if text else ""
    assert value == ["a"]
    if cell_text[:1] in ("=", "+", "-", "@", "\t", "\r"):
        assert float(cell_text) == float(text.replace("−", "-").replace(",", ""))


def test_of_one_center_a_number_is_said_once() -> None:
    known = {"percent": 97.4359, "n": 39.0, "unit": "%", "hidden": set(), "label": "Sex"}
    for own, head in (("", "Network"), ("This center", "This center")):
        line = Line("Sex", known, (known,), known if own else None)
        made = measures_table("T", [line], own=own)
        assert (made.header, made.rows) == (("Measure", head), (("Sex", f"97.4{THIN}%"),))


def test_where_one_center_alone_has_a_number_it_has_no_range() -> None:
    sex, age = ({"percent": p, "unit": "%", "hidden": set(), "label": "x"} for p in (90.0, 80.0))
    made = measures_table("T", [Line("Sex", sex, (sex, age)), Line("Age", age, (age,))])
    assert [row[1] for row in made.rows] == [f"85.0{THIN}% (80.0–90.0)", f"80.0{THIN}%"]


def test_a_unit_that_neither_words_nor_number_say_is_added() -> None:
    gap = {"value": 2.0, "unit": "months", "hidden": set(), "label": "Longest gap"}
    empty = {"value": 3.0, "unit": "months", "hidden": set(), "label": "Months without"}
    made = measures_table(
        "T", [Line("Longest gap", gap, (gap,)), Line("Months without", empty, ())]
    )
    assert [row[0] for row in made.rows] == ["Longest gap, months", "Months without"]


@pytest.mark.parametrize("text", ["=1+1", "+49", "-x", "@a", "-1-1", "＝1"])
def test_formulas_are_guarded(text: str) -> None:
    out = TableModel("t", ("a",), ((text,),)).to_csv()
    assert list(csv.reader(io.StringIO(out)))[1] == [f"'{text}"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"rows": (("a",),)}, "does not have 2 cells"),
        ({"align": ("left",)}, "align does not have 2"),
        ({"spanners": (("x", 3),)}, "do not cover 2"),
        ({"rows": (("a", "1"),), "row_groups": (RowGroup("g", 0, 2),)}, "'g' overlap"),
        ({"rows": (("a", "1"),), "row_groups": (RowGroup("g", 0, 0),)}, "'g' overlap"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TableModel(**{"title": "t", "header": ("a", "n"), "rows": (), **parts})


def characteristics(groups: tuple[str, ...] = ("All", "Metastasis")) -> list[Cell]:
    rows: list[Cell] = []
    for g in groups:
        rows += many("table1", "patients", {"n": 1210}, group=g, label="Patients")
        rows += many(
            "table1",
            "age",
            {
                "n": 1200,
                "mean": 71.26,
                "sd": 9.84,
                "q1": 63,
                "median": 72.5,
                "q3": 79,
                "n_missing": 10,
            },
            group=g,
            label="age, years",
        )
        for level, n in (("female", 726), ("male", 484)):
            rows += many(
                "table1", "sex", {"n": n, "percent": n / 12.1}, group=g, level=level, label="sex"
            )
        rows += many("table1", "sex", {"n_missing": 0}, group=g, label="sex")
        for level, n in (("no", 1089), ("yes", 121)):
            rows += many(
                "table1",
                "dm",
                {"n": n, "percent": n / 12.1},
                group=g,
                level=level,
                label="diabetes",
            )
        rows += many(
            "table1",
            "t",
            {"mean": NAN, "sd": NAN, "q1": -3.5, "median": -2.25, "q3": 1},
            group=g,
            label="T-score",
        )
    return rows  # fmt: skip


def by_name(table: TableModel) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in table.rows}


def test_table_one_prints_numbers_categories_and_what_is_missing() -> None:
    hidden = {"table1/Metastasis/sex/male/n", "table1/Metastasis/sex/male/percent",
              "table1/Metastasis/age//n_missing", "table1/Metastasis/dm/yes/percent"}  # fmt: skip
    table = table_one(Source(characteristics(), hidden))
    assert table.header == ("Characteristic", "All, n = 1,210", "Metastasis, n = 1,210")
    rows = by_name(table)
    assert rows["Female"] == ("726 (60.0)", "726 (60.0)")
    assert rows["Male"] == ("484 (40.0)", "‹5")
    assert rows["Not recorded"] == ("10", "‹5")
    assert rows["Diabetes, n (%)"] == ("121 (10.0)", "121 (‹5)")
    assert table.rows[0] == ("Mean (SD)", "71.3 (9.8)", "71.3 (9.8)")
    assert table.rows[1] == ("Median (IQR)", "72.5 (63.0–79.0)", "72.5 (63.0–79.0)")
    assert table.rows[-2][1:] == ("n.e.", "n.e.")
    assert table.rows[-1][1] == "−2.2 (−3.5 to 1.0)"
    assert [g.label for g in table.row_groups] == ["Age, years", "Sex, n (%)", "T-score"]
    assert any("recorded values" in note for note in table.footnotes)
    assert any(note.startswith("‹5 withheld") for note in table.footnotes)


def test_table_one_hides_a_median_with_its_quartiles_and_names_missing_yes_no() -> None:
    rows = characteristics(("All",))
    rows += many("table1", "dm", {"n_missing": 4}, group="All", label="diabetes")
    table = table_one(Source(rows, {"table1/All/age//q1"}))
    assert table.rows[1] == ("Median (IQR)", "‹5")
    assert ("Yes, n (%)", "121 (10.0)") in table.rows
    assert "Diabetes" in [g.label for g in table.row_groups]


def test_table_one_prints_what_there_is() -> None:
    rows = many("table1", "age", {"mean": 71.26, "sd": NAN}, group="All", label="age")
    rows += many("table1", "asa", {"n": 0, "percent": NAN}, group="All", level="2", label="asa")
    rows += many("table1", "bmi", {"q1": 20, "median": NAN, "q3": 30}, group="All", label="bmi")
    table = table_one(Source(rows))
    assert table.header == ("Characteristic", "All")
    assert table.rows == (("Mean (SD)", "71.3 (n.e.)"), ("2", "0"), ("Median (IQR)", "n.e."))


def test_flow_counts_rows_and_patients_and_starts_without_exclusions() -> None:
    rows = many("flow_x", "step", {"n_rows": 3120, "n_patients": 2010}, level="0",
                label="treated levels", unit="levels")  # fmt: skip
    rows += many("flow_x", "step", {"n_rows": 1410, "n_patients": 980, "excluded_rows": 1710,
                                    "excluded_patients": 1030}, level="1", label="seen on CT",
                 unit="levels")  # fmt: skip
    table = flow_table(Source(rows), "flow_x")
    assert table.header == ("Step", "Levels kept", "Patients kept", "Levels left out",
                            "Patients left out")  # fmt: skip
    assert table.rows[0] == ("Treated levels", "3,120", "2,010", "", "")
    assert table.rows[1] == ("Seen on CT", "1,410", "980", "1,710", "1,030")
    patients = [{**r, "unit": "patients"} for r in rows]
    assert flow_table(Source(patients), "flow_x").header == (
        "Step", "Patients kept", "Patients left out",
    )  # fmt: skip


def quality(centers: int) -> list[Cell]:
    rows: list[Cell] = []
    for i in range(centers):
        group = f"C{i + 1:02d}"
        rows += many("quality", "crp", {"n": 90, "percent": 100 * i / 11}, group=group,
                     label="CRP recorded")  # fmt: skip
    rows += many("quality", "crp", {"percent": 50}, group="network", label="CRP recorded")
    for i in range(centers):
        rows += many("quality", "procedures", {"n": 90, "n_patients": 80}, group=f"C{i + 1:02d}",
                     label="Procedures")  # fmt: skip
    rows += many("quality", "procedures", {"n": 1080}, group="network", label="Procedures")
    return rows


def test_quality_has_twelve_centers_then_the_network_and_counts_first() -> None:
    table = quality_table(Source(quality(12), {"quality/C03/crp//percent"}))
    assert table.header[1] == "C01"
    assert table.header[12:] == ("C12", "Network")
    assert [row[0] for row in table.rows] == ["Procedures", "Patients", "CRP recorded, %"]
    assert table.rows[0][-1] == "1,080"
    assert table.rows[1][-1] == ""
    assert table.rows[2][1:5] == ("0.0", "9.1", "‹5", "27.3")
    assert "median" in table.footnotes[0]


def rate_cells(group: str, name: str, events: float, n: float = 400) -> list[Cell]:
    values = {"n": n, "n_events": events, "percent": 100 * events / n, "conf_low": 0.0,
              "conf_high": 8.0}  # fmt: skip
    return many("c", name, values, group=group, label=name)


def test_rates_stand_in_sections_with_zero_and_withheld_events() -> None:
    rows = [*rate_cells("mild", "fever", 20), *rate_cells("severe", "infection", 0),
            *rate_cells("severe", "deficit", 3)]  # fmt: skip
    rows += many("c", "worst", {"n": 400}, label="procedures")
    rows += many("c", "worst", {"n_events": 20, "percent": 5.0}, level="mild",
                 label="worst severity: mild")  # fmt: skip
    gone = {f"c/severe/deficit//{s}" for s in ("n_events", "percent", "conf_low", "conf_high")}
    table = rates_table(Source(rows, gone), "c", heading="Complication")
    assert table.header[0] == "Complication"
    assert by_name(table) == {
        "Fever": ("20", "400", "5.0 (0.0–8.0)"),
        "Infection": ("0", "400", "0.0 (0.0–8.0)"),
        "Deficit": ("‹5", "400", "‹5"),
        "Mild": ("20", "400", "5.0"),
    }
    assert [(g.label, g.start, g.stop) for g in table.row_groups] == [
        ("Mild", 0, 1), ("Severe", 1, 3), ("Worst severity", 3, 4),
    ]  # fmt: skip


def test_rows_outside_sections_without_a_common_name_stand_together() -> None:
    rows = rate_cells("mild", "fever", 20) + rate_cells("", "death", 2) + rate_cells("", "pain", 9)
    assert [g.label for g in rates_table(Source(rows), "c").row_groups] == ["Mild", "All together"]


def test_a_spine_table_names_vertebrae() -> None:
    rows = [
        {**r, "level": v, "label": v, "cell_id": f"{v}{r['cell_id']}"}
        for v in ("L1", "T10", "T9")
        for r in rate_cells("", "level", 20)
    ]
    table = spine_table(Source([*rows, *rate_cells("", "any leak", 60)]), "c")
    assert (table.header[0], table.row_groups) == ("Vertebra", ())
    assert [row[0] for row in table.rows] == ["Any leak", "T9", "T10", "L1"]


ESTIMATE = ("estimate", "conf_low", "conf_high", "p_value")


def model(group: str, terms: dict[str, tuple[float, ...]], caveat: str = "") -> list[Cell]:
    rows = [
        cell("q", term, stat, value, kind="estimate", group=group, label=term, unit="odds ratio",
             caveat=caveat)
        for term, values in terms.items()
        for stat, value in zip(ESTIMATE, values, strict=True)
    ]  # fmt: skip
    sizes = {"n": 2310, "n_events": 712, "n_clusters": 1544, "n_missing": 61}
    return rows + many("q", "model", sizes, group=group, label=f"Model {group}", unit="levels")


CEMENT = (1.42, 1.21, 1.67, 0.00003)
NONE = (NAN, NAN, NAN, NAN)


def test_models_stand_beside_one_another_with_what_they_rest_on() -> None:
    rows = [
        *model("crude", {"cement": CEMENT}),
        *model("adjusted", {"cement": CEMENT, "age": CEMENT}),
    ]
    table = estimates_table(Source(rows, {"q/adjusted/age//conf_high"}), "q")
    assert table.spanners == (("", 1), ("Model crude", 2), ("Model adjusted", 2))
    assert table.rows[0] == ("Cement", "1.42 (1.21–1.67)", "<0.001", "1.42 (1.21–1.67)", "<0.001")
    assert table.rows[1] == ("Age", "–", "", "‹5", "<0.001")
    assert table.rows[2] == ("Levels analysed", "2,310", "", "2,310", "")
    assert "–, not in this model." in table.footnotes
    assert table.footnotes[0] == "OR, odds ratio; CI, confidence interval."


def test_a_reference_stands_once_before_its_term_in_every_model() -> None:
    rows = model("crude", {"sex[T.m]": CEMENT}) + model("adjusted", {"sex[T.m]": CEMENT})
    table = estimates_table(Source(rows), "q", references={"sex": "Sex: female"})
    assert table.rows[0] == ("Sex: female", "1 (reference)", "", "1 (reference)", "")


def test_rows_after_a_section_stand_without_a_heading() -> None:
    table = TableModel("t", ("a", "n"), (("x", "1"), ("y", "2")), row_groups=(RowGroup("g", 0, 1),))
    assert table.to_csv() == "Section,a,n\ng,x,1\n,y,2\n"
    assert [row[0][1].get("class") for row in outline(table).rows[2:]] == ["indent", None]


def test_a_failed_model_and_a_refused_one_are_said_in_words() -> None:
    rows = model("crude", {"tumour": NONE}, "few_events;separation")
    refusal = Note("q", "refusal", "Adjusted: refused, because there are fewer than 10 events.")
    notes = (refusal, Note("q", "finding", "No."), Note("other", "refusal", "Not here."))
    table = estimates_table(Source(rows, notes=notes), "q")
    assert table.rows[0][1:] == ("not estimable: separation", "")
    assert any(note.startswith("The data separate the outcome") for note in table.footnotes)
    assert refusal.text in table.footnotes
    assert not {"No.", "Not here."} & set(table.footnotes)


def test_a_question_whose_every_model_was_refused_says_so() -> None:
    refusal = Note("q", "refusal", "Crude: refused, because there are fewer than 5 events.")
    rows = many("q", "infection", {"n": 400, "n_events": 3}, label="infection")
    table = estimates_table(Source(rows, notes=(refusal,)), "q")
    assert table.rows == (("No model was fitted",),)
    assert table.footnotes == (refusal.text,)
    outline(table)


def incidence(hidden_censor: bool) -> SimpleNamespace:
    rows = []
    for time, n in (("30", 90), ("360", 40)):
        rows += many("q", "incidence", {"estimate": 0.1, "n_risk": n, "n_censor": 1}, group="All",
                     level=time)  # fmt: skip
    for time in ("365", "90"):
        rows += many("q", "incidence_at", {"estimate": 2.14, "conf_low": 1, "conf_high": 4},
                     group="All", level=time)  # fmt: skip
    gone = {f"q/All/incidence/{t}/n_censor" for t in ("30", "360")} if hidden_censor else set()
    return Source(rows, gone)


def test_incidence_has_its_horizons_in_order_and_the_numbers_at_risk() -> None:
    table = incidence_table(incidence(hidden_censor=False), "q")
    assert table.spanners == (("", 1), ("By day 90", 2), ("By day 365", 2))
    assert table.rows == (("All", "2.1 (1.0–4.0)", "40", "2.1 (1.0–4.0)", "–"),)


def test_numbers_at_risk_of_a_coarse_curve_are_read_near_the_horizon_alone() -> None:
    table = incidence_table(incidence(hidden_censor=True), "q")
    assert table.rows == (("All", "2.1 (1.0–4.0)", "‹5", "2.1 (1.0–4.0)", "40"),)


@pytest.mark.parametrize(
    "build",
    [table_one, quality_table, lambda s: flow_table(s, "x"), lambda s: rates_table(s, "x"),
     lambda s: estimates_table(s, "x"), lambda s: incidence_table(s, "x")],
)  # fmt: skip
def test_what_the_ledger_does_not_hold_is_an_error_that_names_it(build: Any) -> None:
    empty = Source(many("other", "age", {"n": 1}))
    with pytest.raises(UsageError, match="the ledger holds no"):
        build(empty)
