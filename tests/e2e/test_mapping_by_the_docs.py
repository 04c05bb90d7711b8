"""Exports as hospitals write them, mapped by hand as docs/mapping-an-export.md says.

Each is a small export with the mapping that a reader of the page would write, and what it means.
A value that is not the truth has to be missing and a finding.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from vpstats.registry import read_registry
from vpstats.registry.registry import Registry

HEAD = 'version = 1\n[registry]\nname = "x"\ndata_cut = 2024-01-31\n'


def read(folder: Path, mapping: str) -> Registry:
    (folder / "registry.toml").write_text(HEAD + textwrap.dedent(mapping), "utf-8")
    return read_registry(folder)


def column(frame: pd.DataFrame, name: str) -> list[Any]:
    return frame[name].astype(object).where(frame[name].notna(), None).tolist()


def rules(registry: Registry, severity: str = "") -> set[str]:
    found = registry.findings
    return set(found.loc[found["severity"] == severity, "rule"] if severity else found["rule"])


def levels_of(registry: Registry) -> list[str]:
    return [key.split("/", 1)[1] for key in registry.levels["level_id"]]


# ------------------------------------------------------------------ columns that are ticked

TICKS = """\
NHC;Fecha;D11;D12;L1;Fuga (TC)
1;03/02/2021;x;;;No
2;25/02/2021;;X;✓;Sí
3;01/03/2021;;no;1;
4;02/03/2021;;;;No
"""

TICKED = """
    [[source]]
    name = "es"
    file = "es.csv"
    center = "A"
    [[source.table]]
    name = "procedures"
    [source.table.columns]
    patient_id = "NHC"
    proc_date = "Fecha"
    [[source.table]]
    name = "levels"
    ticked = { "D11" = "D11", "D12" = "T12", "L1" = "LWK 1" }
    [source.table.columns]
    patient_id = "NHC"
    proc_date = "Fecha"
    """


def test_a_tick_in_the_column_of_a_vertebra_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "es.csv").write_text(TICKS, "utf-8")
    registry = read(tmp_path, TICKED + 'leak_any_ct = "Fuga (TC)"')
    assert levels_of(registry) == [
        "1/2021-02-03/T11",
        "2/2021-02-25/T12",
        "2/2021-02-25/L1",
        "3/2021-03-01/L1",
    ]
    assert column(registry.leaks, "state") == ["absent", "present", "present"]
    # one leak beside two vertebrae, and a session of which no vertebra is known
    assert rules(registry, "warning") == {"explode.repeated", "session.no_levels"}


@pytest.mark.parametrize("cell", ["2", "T12", "vidi", "?", "4,5"])
def test_what_is_no_tick_makes_no_row_and_is_said(tmp_path: Path, cell: str) -> None:
    (tmp_path / "es.csv").write_text(TICKS.replace("1;03/02/2021;x", f"1;03/02/2021;{cell}"))
    registry = read(tmp_path, TICKED)
    assert "1/2021-02-03/T11" not in levels_of(registry)
    assert not [key for key in levels_of(registry) if key.startswith("1/")]
    of_row = registry.findings.query("row == 2 and severity == 'error' and table == 'levels'")
    assert of_row["message"].str.contains("the row was left out").any()


def test_volumes_in_place_of_ticks(tmp_path: Path) -> None:
    text = "NHC;Fecha;D11;D12;L1\n1;13/02/2021;4,5;;0\n2;14/02/2021;;3 ml;2,25\n"
    (tmp_path / "es.csv").write_text(text, "utf-8")
    registry = read(tmp_path, TICKED + 'cement_ml = { columns = ["D11", "D12", "L1"] }')
    assert levels_of(registry) == ["1/2021-02-13/T11", "2/2021-02-14/T12", "2/2021-02-14/L1"]
    assert column(registry.levels, "cement_ml") == [4.5, 3.0, 2.25]


def test_boxes_of_redcap_are_ticks_too(tmp_path: Path) -> None:
    text = (
        "record_id,redcap_data_access_group,op,lv___t12,lv___l1,form_complete\n"
        "1,a,2021-02-13,1,0,2\n2,a,2021-02-14,1,1,2\n"
    )
    (tmp_path / "r.csv").write_text(text, "utf-8")
    registry = read(
        tmp_path,
        """
        [[source]]
        name = "r"
        file = "r.csv"
        format = "redcap"
        [[source.table]]
        name = "procedures"
        columns = { patient_id = "record_id", proc_date = "op" }
        [[source.table]]
        name = "levels"
        ticked = { "lv___t12" = "T12", "lv___l1" = "L1" }
        columns = { patient_id = "record_id", proc_date = "op" }
        """,
    )
    assert column(registry.levels, "level") == ["T12", "T12", "L1"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('ticked = { "D11" = "T13" }', "names no single vertebra"),
        ('ticked = { "D11" = "L1-L3" }', "names no single vertebra"),
        ('explode = "D11"\nticked = { "D11" = "T11" }', "both explode and ticked"),
    ],
)
def test_ticks_that_name_no_vertebra_are_refused(tmp_path: Path, line: str, words: str) -> None:
    from vpstats.errors import MappingError

    (tmp_path / "es.csv").write_text(TICKS, "utf-8")
    wrong = TICKED.replace('ticked = { "D11" = "D11", "D12" = "T12", "L1" = "LWK 1" }', line)
    with pytest.raises(MappingError, match=words):
        read(tmp_path, wrong)


def test_one_cell_beside_columns_of_vertebrae_of_which_the_first_is_empty(tmp_path: Path) -> None:
    text = "id;day;l1;l2;l3;cement;leak\n1;13/02/2021;;T12;L1;4 / 5;yes\n2;14/02/2021;T9;;L2;8;no\n"
    (tmp_path / "es.csv").write_text(text, "utf-8")
    registry = read(
        tmp_path,
        """
        [[source]]
        name = "es"
        file = "es.csv"
        center = "A"
        [[source.table]]
        name = "levels"
        explode = ["l1", "l2", "l3"]
        [source.table.columns]
        patient_id = "id"
        proc_date = "day"
        cement_ml = "cement"
        leak_any_ct = "leak"
        """,
    )
    said = registry.findings
    assert column(said[said["rule"] == "explode.repeated"], "row") == [2]
    assert column(said[said["rule"] == "explode.shared"], "row") == [3, 3]


# ------------------------------------------------------------------ rows that are no records


@pytest.mark.parametrize(
    "last",
    [
        "Total;;140;2",
        "Summe:;;140;",
        "Ukupno (n=2);;;",
        "Mean;;70;1,0",
        "Total: 2;;;",
        "* weight on admission;;;",
        "Source: hospital register;;;",
        ";;;Exported on the last day of the year",
    ],
)
def test_totals_and_notes_below_the_rows_are_no_patients(tmp_path: Path, last: str) -> None:
    text = f"id;sex;weight;n\n1;f;60;1\n2;m;80;1\n{last}\n"
    (tmp_path / "a.csv").write_text(text, "utf-8")
    registry = read(
        tmp_path,
        """
        [[source]]
        name = "a"
        file = "a.csv"
        center = "A"
        [[source.table]]
        name = "patients"
        columns = { patient_id = "id", sex = "sex", weight_kg = "weight" }
        """,
    )
    assert column(registry.patients, "patient_id") == ["A/1", "A/2"]
    said = registry.findings[registry.findings["rule"] == "file.summary_row"]
    assert column(said, "row") == [4]


@pytest.mark.parametrize(
    "last", ["TOTAL-7;f;70;1", "Total;f;70;01.02.2021", "SUM;male;70;", "9;;;"]
)
def test_a_record_whose_name_begins_like_a_total_stays(tmp_path: Path, last: str) -> None:
    (tmp_path / "a.csv").write_text(f"id;sex;weight;n\n1;f;60;1\n{last}\n", "utf-8")
    registry = read(
        tmp_path,
        """
        [[source]]
        name = "a"
        file = "a.csv"
        center = "A"
        [[source.table]]
        name = "patients"
        columns = { patient_id = "id", weight_kg = "weight" }
        """,
    )
    assert len(registry.patients) == 2


def test_totals_of_a_workbook_with_two_rows_of_names(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["Spine unit 2021"],
        ["Patient", None, "CRP", None],
        ["No.", "Date", "pre", "post"],
        ["007", "2021-03-02", 4.5, 30],
        ["008", "2021-03-05", 12, 50],
        ["Total", None, "=SUM(C4:C5)", None],
        ["* post: on day 2"],
    ):
        sheet.append(row)
    sheet.merge_cells("A2:B2")
    sheet.merge_cells("C2:D2")
    book.save(tmp_path / "a.xlsx")
    registry = read(
        tmp_path,
        """
        [[source]]
        name = "a"
        file = "a.xlsx"
        format = "excel"
        header_row = 2
        header_rows = 2
        center = "A"
        [[source.table]]
        name = "patients"
        columns = { patient_id = "Patient / No." }
        [[source.table]]
        name = "procedures"
        [source.table.columns]
        patient_id = "Patient / No."
        proc_date = "Patient / Date"
        crp_mg_l = "CRP / pre"
        """,
    )
    assert column(registry.patients, "patient_id") == ["A/007", "A/008"]
    assert column(registry.procedures, "crp_mg_l") == [4.5, 12.0]
    said = registry.findings[registry.findings["rule"] == "file.summary_row"]
    assert column(said, "row") == [6, 7]


# ------------------------------------------------------------------ numbers in two units, gaps


def sessions(folder: Path, field: str, cells: list[str], options: str = "") -> Registry:
    lines = [f"{i};{i + 1:02d}.03.2021;{cell}" for i, cell in enumerate(cells)]
    (folder / "a.csv").write_text("\n".join(["id;day;x", *lines]) + "\n", "utf-8")
    table = "patients" if field.endswith(("_cm", "_kg")) else "procedures"
    keys = 'patient_id = "id"' + (', proc_date = "day"' if table == "procedures" else "")
    return read(
        folder,
        f"""
        [[source]]
        name = "a"
        file = "a.csv"
        center = "A"
        [[source.table]]
        name = "{table}"
        columns = {{ {keys}, {field} = {{ column = "x"{options} }} }}
        """,
    )


def test_feet_and_inches(tmp_path: Path) -> None:
    cells = ["5'4\"", "5 ft 4 in", "6'", "5’ 2.5”", "1m62", "5'14"]
    registry = sessions(tmp_path, "height_cm", cells)
    expected = [162.56, 162.56, 182.88, 158.75, 162.0, None]
    assert column(registry.patients, "height_cm") == expected
    assert rules(registry, "error") == {"number.unreadable"}


@pytest.mark.parametrize(
    ("cells", "options", "expected"),
    [
        # 0:54 can be no 54 seconds, since no session is that short; so the column writes h:mm
        (["0:54", "1:15", "5:00"], "", [54.0, 75.0, 300.0]),
        (["54:30", "45:00", "5:00"], "", [54.5, 45.0, 5.0]),
        # nothing proves which, or both are proved
        (["5:00", "5:00", "5:00"], "", [None, None, None]),
        (["0:54", "54:30", "5:00"], "", [None, None, None]),
        (["5:00", "4:30", "1:30:00"], ', unit = "hh:mm"', [300.0, 270.0, 90.0]),
        (["5:00", "4:30", "54:30"], ', unit = "mm:ss"', [5.0, None, 54.5]),
    ],
)
def test_clock_times_are_read_as_their_column_shows(
    tmp_path: Path, cells: list[str], options: str, expected: list[float | None]
) -> None:
    registry = sessions(tmp_path, "duration_min", cells, options)
    assert column(registry.procedures, "duration_min") == expected
    if None in expected:
        assert rules(registry, "error") & {"number.ambiguous", "range.hard"}


def test_a_code_for_a_gap_does_not_put_the_unit_in_doubt(tmp_path: Path) -> None:
    cells = ["61", "999", "70", "999", "55", "999", "999", "82", "999", "999"]
    registry = sessions(tmp_path, "weight_kg", cells)
    weights = [61.0, None, 70.0, None, 55.0, None, None, 82.0, None, None]
    assert column(registry.patients, "weight_kg") == weights
    # 700 is no such code: the column may be in another unit
    other = sessions(tmp_path, "weight_kg", [c.replace("999", "700") for c in cells])
    assert column(other.patients, "weight_kg") == [None] * 10
    assert "range.scale" in rules(other, "error")


def test_ninety_nine_that_cannot_be_is_said_to_be_a_gap(tmp_path: Path) -> None:
    registry = sessions(tmp_path, "fluoro_min", ["12", "99", "8", "99", "7"])
    said = registry.findings.loc[registry.findings["rule"] == "range.hard", "message"]
    assert len(said) == 2
    assert said.str.contains("codes = ").all()
    told = sessions(tmp_path, "fluoro_min", ["12", "99", "8"], ', codes = { "99" = "missing" }')
    assert column(told.procedures, "fluoro_min") == [12.0, None, 8.0]
    assert "range.hard" not in rules(told)


# ------------------------------------------------------------------ two hospitals, two orders


def test_two_hospitals_with_two_orders_in_one_file(tmp_path: Path) -> None:
    text = "site;id;day\nLeeds;1;05/08/2021\nBoston;1;05/08/2021\nLeeds;2;25/08/2021\n"
    (tmp_path / "a.csv").write_text(text, "utf-8")
    source = """
        [[source]]
        name = "{site}"
        file = "a.csv"
        date_order = "{order}"
        center = {{ column = "site", codes = {{ "Leeds" = "A", "Boston" = "B" }} }}
        [[source.table]]
        name = "procedures"
        where = {{ site = "{site}" }}
        columns = {{ patient_id = "id", proc_date = "day" }}
        """
    parts = [source.format(site=s, order=o) for s, o in (("Leeds", "dmy"), ("Boston", "mdy"))]
    registry = read(tmp_path, "".join(parts))
    days = {
        k: str(d.date())
        for k, d in zip(
            registry.procedures["procedure_id"], registry.procedures["proc_date"], strict=True
        )
    }
    assert days == {
        "A/1/2021-08-05": "2021-08-05",
        "A/2/2021-08-25": "2021-08-25",
        "B/1/2021-05-08": "2021-05-08",
    }


def test_a_repeating_instrument_takes_the_day_of_its_record(tmp_path: Path) -> None:
    text = (
        "record_id,redcap_repeat_instrument,redcap_repeat_instance,redcap_data_access_group,op,lvl\n"
        "1,,,a,2021-02-13,\n1,level,1,a,,T12\n1,level,2,a,,L1\n2,,,a,2021-02-14,\n2,level,1,a,,L3\n"
    )
    (tmp_path / "r.csv").write_text(text, "utf-8")
    registry = read(
        tmp_path,
        """
        [[source]]
        name = "r"
        file = "r.csv"
        format = "redcap"
        [[source.table]]
        name = "procedures"
        columns = { patient_id = "record_id", proc_date = "op" }
        [[source.table]]
        name = "levels"
        where = { redcap_repeat_instrument = "level" }
        columns = { patient_id = "record_id", proc_date = "op", level = "lvl" }
        """,
    )
    assert column(registry.levels, "level_id") == [
        "a/1/2021-02-13/T12",
        "a/1/2021-02-13/L1",
        "a/2/2021-02-14/L3",
    ]


# ------------------------------------------------------------------ events in rows of sessions

WIDE_EVENTS = """
    [[source]]
    name = "wide"
    file = "wide.csv"
    center = "C01"
    date_order = "dmy"
    [[source.table]]
    name = "procedures"
    [source.table.columns]
    patient_id = "Hosp No"
    proc_date = "Date of op"
    [[source.table]]
    name = "events"
    where = { "Infection" = ["yes", "Y"] }
    [source.table.columns]
    patient_id = "Hosp No"
    proc_date = "Date of op"
    event_type = { value = "infection" }
    event_date = "Date infection"
    [[source.table]]
    name = "events"
    where = { "Date new fx" = "*" }
    [source.table.columns]
    patient_id = "Hosp No"
    proc_date = "Date of op"
    event_type = { value = "adjacent_fx" }
    event_date = "Date new fx"
    """


def test_a_row_of_a_session_may_hold_several_events(tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text(
        "Hosp No;Date of op;Infection;Date infection;Date new fx\n"
        "1;13/02/2021;yes;20/03/2021;25/04/2021\n"
        "2;14/02/2021;no;;26/04/2021\n"
        "3;15/02/2021;Y;;\n"
        "4;16/02/2021;no;;\n",
        "utf-8",
    )
    registry = read(tmp_path, WIDE_EVENTS)
    events = registry.events.set_index("event_id")
    assert events["event_type"].to_dict() == {
        "C01/1/wide/2": "infection",
        "C01/3/wide/4": "infection",
        "C01/1/wide+2/2": "adjacent_fx",
        "C01/2/wide+2/3": "adjacent_fx",
    }
    assert events["event_date"].isna().sum() == 1
    assert set(events["procedure_id"]) == {f"C01/{i}/2021-02-1{i + 2}" for i in (1, 2, 3)}
    assert rules(registry) >= {"event.undated"}
    assert not rules(registry) & {"duplicate.key", "conflict.rows", "required.missing"}


# ------------------------------------------------------------------ what follows from one cause


def test_one_vertebra_that_cannot_be_read_is_one_finding_to_mend(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "id;dan;razina;cement\n1;14.03.2023.;Th99;3.3/2.6\n2;15.03.2023.;L1+L2;4cc + 3cc\n", "utf-8"
    )
    mapping = """
    [[source]]
    name = "a"
    file = "a.csv"
    center = "C01"
    [[source.table]]
    name = "patients"
    [source.table.columns]
    patient_id = "id"
    [[source.table]]
    name = "procedures"
    [source.table.columns]
    patient_id = "id"
    proc_date = "dan"
    [[source.table]]
    name = "levels"
    explode = "razina"
    [source.table.columns]
    patient_id = "id"
    proc_date = "dan"
    cement_ml = "cement"
    """
    registry = read(tmp_path, mapping)
    graves = registry.findings[registry.findings["severity"] != "info"]
    assert graves["message"].tolist() == ["'Th99': no such vertebra; the row was left out."]
    assert column(registry.levels, "cement_ml") == [4.0, 3.0]
    # mended, both volumes are there: nothing was lost with the row but for the time being
    text = (tmp_path / "a.csv").read_text("utf-8").replace("Th99", "Th9, Th10")
    (tmp_path / "a.csv").write_text(text, "utf-8")
    assert column(read(tmp_path, mapping).levels, "cement_ml") == [3.3, 2.6, 4.0, 3.0]
