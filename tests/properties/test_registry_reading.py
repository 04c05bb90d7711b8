"""Whole exports: damaged ones end in an error or in findings, clean ones stay as they are."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vpstats.errors import VpstatsError
from vpstats.registry import Registry, read_registry
from vpstats.registry.collapse import collapse
from vpstats.registry.leaks import long_leaks
from vpstats.registry.raw import RawSource, from_texts, same_rows
from vpstats.schema import Column
from vpstats.schema_tables import LEAK_FIELDS, TABLES, VERTEBRAE

SLOW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # each example writes and reads files

MAPPING = """
version = 1
[registry]
name = "T"
data_cut = 2025-12-31
[[source]]
name = "s"
file = "a.csv"
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
birth_date = "rodjen"
sex = "spol"
bmd_tscore = "t"
consent_research = "pristanak"
[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "id"
proc_date = "datum"
crp_mg_l = "crp"
ct_post_done = "ct"
[[source.table]]
name = "levels"
explode = "razine"
[source.table.columns]
patient_id = "id"
proc_date = "datum"
cement_ml = { columns = ["z1", "z2"] }
leak_sites_ct = "curenje"
"""
EXPORT = (
    "id;rodjen;spol;t;pristanak;datum;crp;ct;razine;z1;z2;curenje\n"
    "001;1.2.1950.;Ž;-2,8;da;25.08.2023.;<0,3;da;Th12, L1;4,5;3,2;epiduralno\n"
    "002;3.4.48.;M;−1,5;;05.09.2023;1,2;ne;L2-3;4;;\n"
    '003;;M;2,8;ne;05.09.2023;1,2;ne;L2;4;;"nema"\n'
    "004;5.6.1944.;ž;;;7.9.2023;12;da;L3-L5;4;4;venozno, epiduralno\n"
)


def read(content: bytes, mapping: str = MAPPING) -> Registry:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.csv").write_bytes(content)
        (Path(folder) / "registry.toml").write_text(mapping, encoding="utf-8")
        return read_registry(folder)


@SLOW
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(EXPORT.encode())), st.integers(0, 3), st.binary(max_size=6)),
        max_size=6,
    )
)
def test_damaged_exports_end_in_an_error_or_a_registry(
    edits: list[tuple[int, int, bytes]],
) -> None:
    content = EXPORT.encode()
    for position, cut, insert in edits:
        content = content[:position] + insert + content[position + cut :]
    try:
        registry = read(content)
    except VpstatsError:
        return
    # whatever came through is canonical: reading validates against the schema
    assert set(registry.levels["level"].astype(str)) <= set(VERTEBRAE)
    said = registry.findings["message"]
    assert said.notna().all()


@SLOW
@given(rows=st.lists(st.lists(st.text(max_size=12), min_size=1, max_size=14), max_size=6))
def test_any_table_of_text_ends_in_an_error_or_a_registry(rows: list[list[str]]) -> None:
    header = EXPORT.split("\n")[0]
    lines = [";".join(cell.replace("\x00", "") for cell in row) for row in rows]
    content = "\n".join([header, *lines]).encode("utf-8", "replace")
    try:
        registry = read(content)
    except VpstatsError:
        return
    assert len(registry.levels) == registry.levels["level_id"].nunique()


# ------------------------------------------------------------------ clean in, clean out


def _value(column: Column) -> st.SearchStrategy[object]:
    if column.kind in ("category", "yes_no"):
        return st.sampled_from(list(column.codes))
    if column.kind == "set":
        codes = [c for c in column.codes if c != "none"]
        picked = st.lists(st.sampled_from(codes), min_size=1, max_size=3, unique=True)
        return picked.map(lambda p: ";".join(c for c in column.codes if c in p))
    if column.kind == "date":
        days = st.dates(pd.Timestamp("1990-01-01").date(), pd.Timestamp("2025-12-31").date())
        return days.map(lambda d: d.isoformat())
    low, high = column.hard or (0, 1)
    whole = st.integers(int(np.ceil(low)), int(np.floor(high)))
    if column.kind == "integer":
        return whole.map(str)
    return st.integers(int(low * 100), int(high * 100)).map(lambda v: f"{v / 100:g}")


# a fraction of one percent, a height in metres and a T-score without its sign are judged across
# cells; derived fields are recomputed; opt-outs leave
SKIPPED = {"height_loss_pct", "bmi", "bmd_tscore", "consent_research", "optout_date", "ct_hu",
           "wbc_10e9_l", "birth_year", "crp_limit", "pct_limit"}  # fmt: skip


def _rows(table: str) -> st.SearchStrategy[list[dict[str, object]]]:
    fields = {
        c.name: st.one_of(st.just(""), _value(c))
        for c in TABLES[table]
        if c.kind != "string" and c.role == "value" and not c.required and c.name not in SKIPPED
    }
    return st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=3)


@SLOW
@given(rows=_rows("patients"))
def test_clean_patients_come_out_as_they_went_in(rows: list[dict[str, object]]) -> None:
    _assert_unchanged("patients", rows)


def _assert_unchanged(table: str, rows: list[dict[str, object]]) -> None:
    frame = pd.DataFrame(rows)
    frame.insert(0, "patient_id", [f"p{i}x" for i in range(len(frame))])
    mapping = MAPPING.split("[[source.table]]")[0]
    mapping += f'[[source.table]]\nname = "{table}"\n[source.table.columns]\n'
    mapping += "\n".join(f'{name} = "{name}"' for name in frame)
    registry = read(frame.to_csv(index=False).encode(), mapping)
    out: Mapping[str, pd.Series] = registry.tables[table]
    for name in frame.columns[1:]:
        given = [_plain(v) for v in frame[name]]
        assert [_plain(v) for v in out[name]] == given, name
    loud = registry.corrections[registry.corrections["severity"] != "info"]
    assert loud.empty


def _plain(value: object) -> str:
    if value is pd.NaT or value is pd.NA or value is None or value == "" or value != value:
        return ""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    try:
        return f"{float(str(value)):g}"
    except ValueError:
        return str(value)


# ------------------------------------------------------------------ parts


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", None])),
        min_size=1,
        max_size=20,
    )
)
def test_collapsing_keeps_what_agrees_and_names_what_does_not(
    rows: list[tuple[str, str | None]],
) -> None:
    keys = np.array([k for k, _ in rows], object)
    frame = pd.DataFrame({"v": pd.Series([v for _, v in rows], dtype=object)})
    one, conflicts = collapse(frame, keys, ["v"])
    named = {int(p) for c in conflicts for p in c.positions}
    for row, key in zip(one["v"], dict.fromkeys(keys), strict=True):
        said = {v for k, v in rows if k == key and v is not None}
        assert (row if isinstance(row, str) else None) == (said.pop() if len(said) == 1 else None)
    told = {i for i, (k, v) in enumerate(rows) if v is not None}
    assert named <= told
    again, none = collapse(one, np.arange(len(one)).astype(object), ["v"])
    assert (len(again), none) == (len(one), [])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["yes", "no", "unknown", None]),
            st.sampled_from(["yes", "no", None]),
            st.booleans(),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_site_is_absent_only_where_somebody_said_so(
    rows: list[tuple[str | None, str | None, bool]],
) -> None:
    fluoro, ct = "leak_venous_fluoro", "leak_venous_ct"
    wide = pd.DataFrame({fluoro: [r[0] for r in rows], ct: [r[1] for r in rows]}, dtype=object)
    no_ct = np.array([r[2] for r in rows])
    long, which, contradicted = long_leaks(wide, no_ct)
    assert len(long) == 2 * len(rows)
    words = {"yes": "present", "no": "absent"}
    for position, modality, state in zip(which, long["modality"], long["state"], strict=True):
        said = wide[fluoro if modality == "fluoro" else ct].iloc[position]
        expected = words.get(str(said), "not_assessed")
        done = modality == "fluoro" or not no_ct[position]
        assert state == (expected if done else "not_assessed")
    assert set(contradicted) == {i for i, r in enumerate(rows) if r[2] and r[1] is not None}
    assert set(LEAK_FIELDS) >= {fluoro, ct}


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["", "x"])), max_size=12))
def test_copies_are_those_that_python_finds(rows: list[tuple[str, str]]) -> None:
    columns = {n: from_texts([row[i] for row in rows]) for i, n in enumerate("mn")}
    n = np.arange(len(rows), dtype=np.int64)
    source = RawSource("s", columns, np.zeros_like(n), n, ("f",))
    seen: set[tuple[str, str]] = set()
    expected = [row in seen or bool(seen.add(row)) for row in rows]
    assert same_rows(source).tolist() == expected
