"""Parquet, Stata, SPSS and SAS: types to text, labels beside codes, missing values kept apart."""

from __future__ import annotations

import builtins
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest

from vpstats.errors import DataError, UsageError
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import RawSource
from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry
from vpstats.registry.sources import read_source
from vpstats.registry.typed_values import value_text


def source(**options: Any) -> SourceMap:
    table = {"name": "patients", "columns": {"patient_id": "id"}}
    given = {"name": "s", "center": "A", "table": [table], **options}
    return SourceMap.model_validate(given)


def texts(raw: RawSource) -> dict[str, list[str]]:
    return {name: column.texts().tolist() for name, column in raw.columns.items()}


PEOPLE = pd.DataFrame(
    {
        "id": ["007", "b", "c", ""],
        "sex": [1.0, 2.0, -9.0, np.nan],
        "day": [dt.date(2023, 3, 14), None, dt.date(1948, 2, 11), None],
        "crp": [1.125, np.nan, 0.1, np.nan],
    }
)
CODES = {"sex": {1: "Male", 2: "Female", -9: "Unknown"}}


def test_parquet(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array(["007", None, "9"]),
            "n": pa.array([1, None, 2**60], pa.int64()),
            "x": pa.array([0.1 + 0.2, 1e-7, float("nan")], pa.float64()),
            "f": pa.array([0.1, 4.0, None], pa.float32()),
            "dec": pa.array([Decimal("4.50"), None, Decimal("-0.01")]),
            "day": pa.array([dt.date(2023, 3, 14), None, None]),
            "at": pa.array([dt.datetime.fromisoformat("2023-03-14T08:30:00"), None, None]),
            "fine": pa.array([1_678_752_000_000_000_001, None, 0], pa.timestamp("ns")),
            "yes": pa.array([True, False, None]),
            "cat": pa.array(["a", "b", "a"]).dictionary_encode(),
            "levels": pa.array([["L1", "L2"], [], None]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    raw = read_source(source(file="a.parquet", format="parquet"), tmp_path)
    assert texts(raw) == {
        "id": ["007", "", "9"],
        "n": ["1", "", str(2**60)],
        "x": ["0.30000000000000004", "0.0000001", ""],
        "f": ["0.1", "4", ""],
        "dec": ["4.50", "", "-0.01"],
        "day": ["2023-03-14", "", ""],
        "at": ["2023-03-14 08:30:00", "", ""],
        "fine": ["2023-03-14 00:00:00.000000001", "", "1970-01-01"],
        "yes": ["1", "0", ""],
        "cat": ["a", "b", "a"],
        "levels": ["L1, L2", "", ""],
    }
    assert raw.row.tolist() == [1, 2, 3]
    assert len(raw.meta[0]["sha256"]) == 64


def test_spss_keeps_codes_labels_and_declared_missing_values(tmp_path: Path) -> None:
    pyreadstat.write_sav(
        PEOPLE,
        tmp_path / "a.sav",
        variable_value_labels=CODES,
        missing_ranges={"sex": [{"lo": -9, "hi": -5}]},
    )
    raw = read_source(source(file="a.sav", format="spss"), tmp_path)
    assert texts(raw) == {
        "id": ["007", "b", "c"],
        "sex": ["1", "2", "missing:-9"],
        "sex (label)": ["Male", "Female", "Unknown"],
        "day": ["2023-03-14", "", "1948-02-11"],
        "crp": ["1.125", "", "0.1"],
    }
    assert (raw.row.tolist(), raw.meta[0]["typed"]) == ([1, 2, 3], ("sex", "day", "crp"))


def test_stata_keeps_letters_of_missing_values(tmp_path: Path) -> None:
    people = PEOPLE.assign(sex=pd.Series([1, 2, "a", "b"], dtype=object))
    pyreadstat.write_dta(
        people,
        tmp_path / "a.dta",
        variable_value_labels={"sex": {1: "Male", 2: "Female", "a": "Unknown"}},
        missing_user_values={"sex": ["a", "b"]},
    )
    raw = read_source(source(file="a.dta", format="stata"), tmp_path)
    found = texts(raw)
    assert found["sex"] == ["1", "2", ".a", ".b"]
    assert found["sex (label)"] == ["Male", "Female", "Unknown", ".b"]
    assert found["day"] == ["2023-03-14", "", "1948-02-11", ""]


def test_sas_transport(tmp_path: Path) -> None:
    pyreadstat.write_xport(PEOPLE, tmp_path / "a.xpt")
    raw = read_source(source(file="a.xpt", format="sas"), tmp_path)
    assert texts(raw)["sex"] == ["1", "2", "-9"]
    assert texts(raw)["day"] == ["2023-03-14", "", "1948-02-11"]


def _write(kind: str, path: Path) -> None:
    if kind == "parquet":
        PEOPLE.to_parquet(path)
    elif kind == "spss":
        pyreadstat.write_sav(PEOPLE, path)
    elif kind == "stata":
        pyreadstat.write_dta(PEOPLE, path, variable_value_labels=CODES)
    else:
        pyreadstat.write_xport(PEOPLE, path)


@pytest.mark.parametrize("kind", ["parquet", "spss", "stata", "sas"])
@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.97, "text"])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, kind: str, keep: float | str) -> None:
    _write(kind, tmp_path / "whole.bin")
    whole = (tmp_path / "whole.bin").read_bytes()
    part = b"id;sex\n1;f\n" if isinstance(keep, str) else whole[: int(keep * len(whole))]
    (tmp_path / "a.bin").write_bytes(part)
    with pytest.raises(DataError, match=r"cut off|is empty") as caught:
        read_source(source(file="a.bin", format=kind), tmp_path)
    assert str(caught.value).startswith("a.bin: ")


@pytest.mark.parametrize(
    ("name", "damaged"), [(b"DAY     ", b"        "), (b"=day", b"=\xe2(y")], ids=["short", "long"]
)
def test_a_column_whose_name_is_damaged_is_one_clear_error(
    tmp_path: Path, name: bytes, damaged: bytes
) -> None:
    _write("spss", tmp_path / "a.sav")
    whole = (tmp_path / "a.sav").read_bytes()
    assert name in whole
    (tmp_path / "a.sav").write_bytes(whole.replace(name, damaged, 1))
    with pytest.raises(DataError, match="damaged"):
        read_source(source(file="a.sav", format="spss"), tmp_path)


FATAL = """import os
import signal


def read_sav(*given, **options):
    os.kill(os.getpid(), signal.SIGSEGV)
"""
"""A reader that a damaged file brings down with its process."""


def test_a_reader_that_is_brought_down_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write("spss", tmp_path / "a.sav")
    (tmp_path / "pyreadstat.py").write_text(FATAL, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DataError, match="cut off"):
        read_source(source(file="a.sav", format="spss"), tmp_path)


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write("spss", tmp_path / "a.sav")
    real = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "pyreadstat":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'vpstats\[files\]'"):
        read_source(source(file="a.sav", format="spss"), tmp_path)


MAPPING = """
version = 1
[registry]
name = "r"
data_cut = 2025-12-31
[[source]]
name = "s"
file = "a.sav"
format = "spss"
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
sex = { column = "sex (label)", codes = { "Male" = "m", "Female" = "f" } }
[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "id"
proc_date = "day"
crp_mg_l = "crp"
pct_ng_ml = "pct"
"""


def test_numbers_of_a_typed_column_have_a_point_whatever_texts_beside_them_use(
    tmp_path: Path,
) -> None:
    people = PEOPLE.iloc[:3].assign(pct=["1,125", "0,5", "2,25"])
    people["day"] = [dt.date(2023, 3, 14), dt.date(2023, 3, 15), dt.date(2023, 3, 16)]
    pyreadstat.write_sav(people, tmp_path / "a.sav", variable_value_labels=CODES)
    (tmp_path / "registry.toml").write_text(MAPPING)
    registry = read_registry(tmp_path)
    assert registry.procedures["crp_mg_l"].tolist()[0] == 1.125
    assert registry.procedures["pct_ng_ml"].tolist() == [1.125, 0.5, 2.25]
    assert registry.patients["sex"].tolist() == ["m", "f", "unknown"]


def test_a_declared_missing_value_is_never_a_number(tmp_path: Path) -> None:
    people = PEOPLE.iloc[:2].assign(crp=[99.0, 5.0], pct="", day=dt.date(2023, 3, 14))
    pyreadstat.write_sav(
        people, tmp_path / "a.sav", variable_value_labels=CODES, missing_ranges={"crp": [99]}
    )
    (tmp_path / "registry.toml").write_text(MAPPING)
    registry = read_registry(tmp_path)
    assert np.isnan(registry.procedures["crp_mg_l"].astype(float).iloc[0])
    assert registry.procedures["crp_mg_l"].iloc[1] == 5.0
    said = registry.corrections[registry.corrections["field"] == "crp_mg_l"]
    assert said[["row", "raw", "rule"]].values.tolist() == [[1, "missing:99", "missing.declared"]]


def test_values_of_other_types() -> None:
    zone = dt.timezone(dt.timedelta(hours=1))
    assert [
        value_text(v)
        for v in (
            b"abc",
            b"\xff\x00",
            {"a": Decimal(1)},
            dt.time(8, 30),
            dt.datetime(2023, 3, 14, tzinfo=zone),
            {"b", "a"},
            float("inf"),
            Decimal("NaN"),
            -0.0,
        )
    ] == [
        "abc",
        "0xff00",
        '{"a": "1"}',
        "08:30:00",
        "2023-03-14 00:00:00+01:00",
        "a, b",
        "inf",
        "",
        "-0",
    ]


DAYS = """
version = 1
[registry]
name = "r"
data_cut = 2025-12-31
[[source]]
name = "s"
file = "a.{end}"
format = "{kind}"
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
birth_date = "birth"
[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "id"
proc_date = "op"
fracture_date = "hurt"
birth_date = "year"
"""


def test_numbers_of_days_are_not_taken_for_those_of_a_spreadsheet(tmp_path: Path) -> None:
    """Day 10,000 is in 1987 in Stata and in 1927 in Excel; without a format neither is meant."""
    people = pd.DataFrame(
        {
            "id": ["1", "2", "3"],
            "birth": [10_000.0, -4_342.0, 17_574.5],
            "year": [1948.0, 1950.0, 1951.0],
            "op": [dt.date(2023, 5, 1)] * 3,
            "hurt": [45_000.0, 45_001.0, 45_002.0],  # would be 2083: counted from 1900
        }
    )
    pyreadstat.write_dta(people, tmp_path / "a.dta")
    (tmp_path / "registry.toml").write_text(DAYS.format(end="dta", kind="stata"))
    found = read_registry(tmp_path)
    assert found.patients["birth_date"].isna().all()
    assert found.patients["birth_year"].tolist() == [1948, 1950, 1951]
    assert found.procedures["fracture_date"].dt.year.tolist() == [2023] * 3
    said = found.findings[found.findings["rule"] == "date.unreadable"]
    assert sorted(said["row"].fillna(0).astype(int)) == [0, 1, 2, 3]
    assert set(said["column"]) == {"birth"}
    assert said["message"].str.contains("without a format for dates").sum() == 1


@pytest.mark.parametrize(
    ("kind", "layout", "values"),
    [
        ("stata", "%tm", [760.0, -1.0, None]),
        ("spss", "MOYR8", [13_900_000_000.0, 11_896_761_600.0, None]),
    ],
)
def test_months_are_months(
    tmp_path: Path, kind: str, layout: str, values: list[float | None]
) -> None:
    frame = pd.DataFrame({"id": ["1", "2", "3"], "month": values})
    write = {"stata": pyreadstat.write_dta, "spss": pyreadstat.write_sav}[kind]
    write(frame, tmp_path / "a.bin", variable_format={"month": layout})
    raw = read_source(source(file="a.bin", format=kind), tmp_path)
    assert (
        texts(raw)["month"]
        == {
            "stata": ["2023-05", "1959-12", ""],
            "spss": ["2023-04", "1959-10", ""],
        }[kind]
    )


def test_text_of_another_encoding_in_parquet(tmp_path: Path) -> None:
    values = pa.array([b"\x8aimi\xe6", b"Horvat"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"id": values}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"column 'id': holds text that is not UTF-8"):
        read_source(source(file="a.parquet", format="parquet"), tmp_path)


def test_numbers_have_a_point_though_another_file_lacks_their_column(tmp_path: Path) -> None:
    """1.204 days are not 1,204 because texts of the folder are written with a decimal comma."""
    (tmp_path / "d").mkdir()
    days = [dt.date(2023, 3, 1), dt.date(2023, 4, 2)]
    shared = {"id": ["1", "2"], "op": days, "crp": ["4,5", "12,25"]}
    pq.write_table(pa.table({**shared, "wait": [1.204, 1.5]}), tmp_path / "d" / "2022.parquet")
    shared["id"] = ["3", "4"]
    pq.write_table(pa.table(shared), tmp_path / "d" / "2023.parquet")
    text = DAYS.format(end="", kind="parquet").replace('"a."', '"d"').partition("[[source.t")[0]
    columns = 'patient_id = "id"\nproc_date = "op"\ncrp_mg_l = "crp"\ndays_fx_to_proc = "wait"\n'
    head = '[[source.table]]\nname = "procedures"\n[source.table.columns]\n'
    (tmp_path / "registry.toml").write_text(text + head + columns)
    found = read_registry(tmp_path).procedures.set_index("procedure_id")
    assert found["days_fx_to_proc"].dropna().tolist() == [1.204, 1.5]
    assert found["crp_mg_l"].tolist() == [4.5, 12.25, 4.5, 12.25]


@pytest.mark.parametrize(
    ("layout", "values", "shown"),
    [
        (
            "%tdDD/NN/CCYY",
            [22_000.0, 22_000.75, -1.0, None],
            ["2020-03-26"] * 2 + ["1959-12-31", ""],
        ),
        ("%-td", [22_000.0, 1e9], ["2020-03-26", "1000000000"]),
        ("%dD_m_Y", [0.0], ["1960-01-01"]),
        ("%tcHH:MM", [1.9e12], ["2020-03-16 17:46:40"]),
        ("%-tCDD/NN/CCYY", [0.0, 86_400_000.0, None], ["1960-01-01", "1960-01-02", ""]),
        ("%tc", [1e300], ["1E+300"]),
        ("%-tmCCYY-NN", [760.0, 760.5, 1e9], ["2023-05", "760.5", "1000000000"]),
        ("%tq", [200.0], ["200"]),
    ],
)
def test_days_of_stata_in_any_format(
    tmp_path: Path, layout: str, values: list[float | None], shown: list[str]
) -> None:
    frame = pd.DataFrame({"id": "p", "day": values}, dtype=object).astype({"day": float})
    pyreadstat.write_dta(frame, tmp_path / "a.dta", variable_format={"day": layout})
    raw = read_source(source(file="a.dta", format="stata"), tmp_path)
    assert texts(raw)["day"] == shown


def test_labels_of_days_of_stata(tmp_path: Path) -> None:
    """A day that the file calls unknown is none, whatever its format is."""
    people = pd.DataFrame({"id": ["1", "2"], "day": [22_000.0, 99.0]})
    pyreadstat.write_dta(
        people,
        tmp_path / "a.dta",
        variable_format={"day": "%tdDD/NN/CCYY"},
        variable_value_labels={"day": {99: "Desconocido"}},
    )
    table = {"name": "patients", "columns": {"patient_id": "id", "birth_date": "day"}}
    raw = read_source(source(file="a.dta", format="stata", table=[table]), tmp_path)
    assert texts(raw)["day"] == ["2020-03-26", "unknown:1960-04-09"]


FLOATS = """
version = 1
[registry]
name = "x"
data_cut = 2024-06-30
[[source]]
name = "a"
file = "a.dta"
format = "stata"
center = "A"
[[source.table]]
name = "patients"
columns = {{ patient_id = "{key}", birth_date = "birth", weight_kg = {weight} }}
[[source.table]]
name = "procedures"
columns = {{ patient_id = "{key}", proc_date = "op" }}
"""
"""Numbers that Stata keeps in four bytes, as it does unless it is told otherwise."""


def _read_floats(tmp_path: Path, key: str = "text", weight: str = '"kg"') -> Registry:
    frame = pd.DataFrame(
        {
            "id": np.array([16_777_215, 16_777_217, 16_777_218], "float32"),
            "text": ["1", "2", "3"],
            "kg": np.array([57.3, 99.9, 62.1], "float32"),
            "birth": np.array([19_500_102, 19_500_103, 19_500_104], "float32"),
            "op": pd.to_datetime(["2021-02-08"] * 3),
        }
    )
    frame.to_stata(tmp_path / "a.dta", write_index=False)
    (tmp_path / "registry.toml").write_text(FLOATS.format(key=key, weight=weight))
    return read_registry(tmp_path)


def test_numbers_of_four_bytes_have_the_digits_that_were_typed(tmp_path: Path) -> None:
    assert _read_floats(tmp_path).patients["weight_kg"].tolist() == [57.3, 99.9, 62.1]


def test_a_code_is_found_among_numbers_of_four_bytes(tmp_path: Path) -> None:
    found = _read_floats(tmp_path, weight='{ column = "kg", codes = { "99.9" = "unknown" } }')
    assert found.patients["weight_kg"].isna().tolist() == [False, True, False]


def test_an_identifier_of_more_digits_than_four_bytes_hold_is_nobodys(tmp_path: Path) -> None:
    found = _read_floats(tmp_path, key="id")
    assert found.patients["patient_id"].tolist() == ["A/16777215"]
    said = found.findings[found.findings["rule"] == "key.placeholder"]
    assert set(said["row"]) == {2, 3}
    assert said["message"].str.contains("a program cut the number").all()


def test_a_day_of_eight_digits_in_four_bytes_is_none(tmp_path: Path) -> None:
    """3 January is kept as 4 January, as all odd numbers of this size are as even ones."""
    found = _read_floats(tmp_path)
    assert found.patients["birth_date"].isna().all()
    assert (found.findings["rule"] == "date.unreadable").sum() == 3


def test_moments_of_four_bytes_are_doubted_at_midnight(tmp_path: Path) -> None:
    """A float holds a moment to two minutes: 8 February at 0:00 is kept as 7 February, 23:59."""
    days = pd.to_datetime(["2021-02-08", "2021-03-15", "2021-12-22"])
    typed = [(day - pd.Timestamp("1960-01-01")).total_seconds() * 1000 for day in days]
    noon = typed[0] + 43_200_000
    frame = pd.DataFrame({"text": ["1", "2", "3", "4"], "op": np.array([*typed, noon], "float32")})
    # of this layout the package writes doubles only, so the layout is put into the file
    frame.to_stata(tmp_path / "a.dta", write_index=False, version=114)
    content = (tmp_path / "a.dta").read_bytes()
    assert content.count(b"%9.0g\0") == 1
    (tmp_path / "a.dta").write_bytes(content.replace(b"%9.0g\0", b"%tc\0\0\0"))
    mapping = FLOATS.format(key="text", weight="0").replace(', birth_date = "birth"', "")
    (tmp_path / "registry.toml").write_text(mapping.replace(", weight_kg = 0", ""))
    found = read_registry(tmp_path)
    assert found.procedures["proc_date"].tolist() == [*days, days[0]]
    said = found.findings[found.findings["rule"] == "mapping.contradicted"]
    assert said["row"].tolist() == [1, 2, 3]
    assert said["message"].str.contains("keep it as a double").all()


@pytest.mark.parametrize("kind", ["stata", "spss", "parquet"])
def test_an_identifier_of_more_digits_than_eight_bytes_hold_is_nobodys(
    tmp_path: Path, kind: str
) -> None:
    """Numbers of identity cards have eighteen digits, and a double holds not quite sixteen."""
    cards = [110101199001011234.0, 110101199001011235.0, 9007199254740991.0]
    frame = pd.DataFrame({"id": cards})
    write = {"stata": pyreadstat.write_dta, "spss": pyreadstat.write_sav}
    write.get(kind, pd.DataFrame.to_parquet)(frame, tmp_path / "a.bin")
    texts_ = texts(read_source(source(file="a.bin", format=kind), tmp_path))["id"]
    assert texts_ == ["1.1010119900101123E+17"] * 2 + ["9007199254740991"]
