"""The demonstration exports, read: what is not the truth is said, and nothing is silently wrong.

The clean registry behind ``data/demo`` is drawn again and compared cell by cell with what the
reader makes of the dirty exports. A cell may differ from the truth in three ways only: it is
missing, and a finding or a correction says so; it holds what the export says, and a finding doubts
it; or the fault is one that no careful reading can notice, listed in ``faults.csv`` as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vpstats.registry import Registry, read_registry
from vpstats.schema_tables import TABLES
from vpstats.simulate import FAULTS, Exports, SimulatedRegistry, write_exports
from vpstats.simulate.demo import DEMO_NAME, DEMO_SEED, demo_registry, write_demo

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "data" / "demo"
BY_HAND = {"README.md", "study.toml"}

KEYS = {name: table.key[0] for name, table in TABLES.items() if name != "leaks"}
AGE_SLACK = 1.0
"""Years: an age that is computed from the year of birth alone is that far off at most."""

BMI_SLACK = 0.051
"""kg/m²: the exports write one decimal."""

FROM_WHAT = {
    "bmi": ("height_cm", "weight_kg"),
    "fill_fraction": ("cement_ml", "vb_volume_ml"),
    "age_at_proc": ("birth_date", "birth_year", "proc_date"),
    "days_fx_to_proc": ("fracture_date", "proc_date"),
    "birth_year": ("birth_date",),
    "crp_limit": ("crp_mg_l",),
    "pct_limit": ("pct_ng_ml",),
    "yeom_b": ("yeom",),
    "yeom_s": ("yeom",),
    "yeom_c": ("yeom",),
    "event_left_date": ("event_date",),
    "event_right_date": ("event_date",),
    "death_date": ("last_contact_date", "status"),
    "status": ("death_date",),
    "event_type": ("event_levels",),
    "event_levels": ("event_type",),
    "chest_imaging_modality": ("event_type",),
    "ct_post_done": ("ct_post_date",),
    "biopsy_result": ("biopsy_done",),
    "antiosteo_tx": ("antiosteo_start",),
}
"""Field to the fields whose faults also show in it, or whose findings also cover it."""

CENTER_WIDE = {"unit.center_scale"}
"""Rules that doubt a whole column of a center's file and say so once."""

COUNTED_ANEW = {"operator_case_no"}
"""Running numbers depend on every other row of the operator; they are checked elsewhere."""


@dataclass(frozen=True)
class Difference:
    table: str
    key: str
    field: str
    true: object
    read: object

    @property
    def place(self) -> str:
        """Table in which faults of the cell are listed: leaks stand beside their level."""
        return "levels" if self.table == "leaks" else self.table


@dataclass(frozen=True)
class Said:
    """What the reader said, indexed by cell and by place."""

    findings: pd.DataFrame
    corrections: pd.DataFrame
    places: dict[tuple[str, str], list[tuple[str, int]]]

    @cached_property
    def doubted(self) -> set[tuple[object, ...]]:
        return self._index(self.findings)

    @cached_property
    def changed(self) -> set[tuple[object, ...]]:
        return self._index(self.corrections)

    @staticmethod
    def _index(rows: pd.DataFrame) -> set[tuple[object, ...]]:
        by_key = zip(rows["table"], rows["key"], rows["field"], strict=True)
        placed = rows[rows["row"].notna()]
        by_row = zip(placed["file"], placed["row"].astype(int), placed["field"], strict=True)
        # what is said of a center or a column as a whole stands at its first row, or at none
        columns = rows[rows["row"].isna() | rows["rule"].isin(CENTER_WIDE)]
        by_column = zip(columns["file"], columns["table"], columns["field"], strict=True)
        return {*by_key, *by_row, *(("column", *c) for c in by_column)}

    def _marks(self, table: str, key: str, field: str) -> Iterator[tuple[object, ...]]:
        for name in (field, *FROM_WHAT.get(field, ())):
            yield (table, key, name)
            for file, row in self.places.get((table, key), []):
                yield (file, row, name)
                yield ("column", file, table, name)

    def doubts(self, table: str, key: str, field: str) -> bool:
        return any(mark in self.doubted for mark in self._marks(table, key, field))

    def names(self, table: str, key: str, field: str) -> bool:
        return any(
            mark in self.doubted or mark in self.changed for mark in self._marks(table, key, field)
        )

    def gives_up_row(self, table: str, key: str) -> bool:
        """Whether an error stands at a row of the export that holds the canonical row."""
        rows = self.places.get((table, key), [])
        return any((file, row) in self.rows_in_error for file, row in rows)

    @cached_property
    def rows_named(self) -> set[tuple[str, str]]:
        return set(zip(self.findings["table"], self.findings["key"], strict=True))

    @cached_property
    def rows_in_error(self) -> set[tuple[str, int]]:
        found = self.findings[self.findings["row"].notna() & (self.findings["severity"] == "error")]
        return set(zip(found["file"], found["row"].astype(int), strict=True))


@dataclass(frozen=True)
class Comparison:
    truth: SimulatedRegistry
    exports: Exports
    registry: Registry

    @cached_property
    def said(self) -> Said:
        places: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for p in self.exports.places.itertuples(index=False):
            # the workbook of the demo has several sheets, so its findings name the sheet
            file = f"{p.file}:{p.sheet}" if p.sheet else p.file
            places.setdefault((p.table, p.key), []).append((file, p.row))
        return Said(self.registry.findings, self.registry.corrections, places)

    @cached_property
    def staying(self) -> set[str]:
        patients = self.truth.tables["patients"]
        return set(patients.loc[patients["optout_date"].isna(), "patient_id"])

    def true_rows(self, table: str) -> pd.DataFrame:
        rows = self.truth.tables[table]
        owner = self.owners(table)
        return rows[owner.isin(self.staying).to_numpy()].set_index(KEYS[table])

    def owners(self, table: str) -> pd.Series:
        rows = self.truth.tables[table]
        if table == "levels":
            procedures = self.truth.tables["procedures"].set_index("procedure_id")
            return procedures["patient_id"].loc[rows["procedure_id"]]
        return rows["patient_id"]

    def fields(self, table: str) -> list[str]:
        return [c for c in TABLES[table].names if c != KEYS[table] and c not in COUNTED_ANEW]

    @cached_property
    def differences(self) -> list[Difference]:
        return [d for table in KEYS for d in self._table(table)] + list(self._leaks())

    def _table(self, table: str) -> Iterator[Difference]:
        true, read = self.true_rows(table), getattr(self.registry, table).set_index(KEYS[table])
        for key in true.index.difference(read.index):
            yield Difference(table, key, "", "a row", "no row")
        for key in read.index.difference(true.index):
            yield Difference(table, key, "", "no row", "a row")
        both = true.index.intersection(read.index)
        true, read = true.loc[both], read.loc[both]
        for field in self.fields(table):
            held = self._is_held(table, field, both)
            unequal = differ(true[field], read[field], field) & held
            for key in both[unequal]:
                yield Difference(table, key, field, true.at[key, field], read.at[key, field])

    def _is_held(self, table: str, field: str, keys: pd.Index) -> np.ndarray:
        """Whether the exports of each row's center hold the field, or what it is derived from."""
        names = {field, *FROM_WHAT.get(field, ())} if field in DERIVED else {field}
        holding = {
            center
            for center, held in self.exports.carried.items()
            if any((t, name) in held for t in KEYS for name in names) or field in KEY_FIELDS
        }
        return np.asarray(keys.str.split("/").str[0].isin(holding))

    def _leaks(self) -> Iterator[Difference]:
        columns = ["level_id", "modality", "site"]
        true = self.truth.tables["leaks"].astype(str).set_index(columns)["state"]
        read = self.registry.leaks.astype(str).set_index(columns)["state"]
        levels = self.registry.levels["level_id"]
        known = set(levels) & set(self.true_rows("levels").index)
        both = pd.concat({"true": true, "read": read}, axis=1).fillna("not_assessed")
        both = both[both.index.get_level_values(0).isin(known)]
        for (level, modality, site), row in both[both["true"] != both["read"]].iterrows():
            yield Difference("leaks", level, f"leak_{site}_{modality}", row["true"], row["read"])

    @cached_property
    def silent(self) -> list[Difference]:
        return [d for d in self.differences if not self.explained(d) and not self.excused(d)]

    def explained(self, d: Difference) -> bool:
        if d.field == "":
            return self._row_explained(d)
        if d.table == "leaks":
            modality = d.field.rsplit("_", 1)[1]
            fields = (d.field, f"leak_sites_{modality}", f"leak_any_{modality}")
            missing = d.read == "not_assessed"
            if ("leaks", d.key, "state") in self.said.doubted:
                return True
        else:
            fields, missing = (d.field,), bool(pd.isna(d.read))
        ask = self.said.names if missing else self.said.doubts
        return any(ask(d.place, d.key, field) for field in fields)

    def _row_explained(self, d: Difference) -> bool:
        if d.read == "no row":
            doubted = d.table == "levels" and self.said.doubts(d.table, d.key, "level")
            return doubted or self.said.gives_up_row(d.table, d.key) or self._parent_lost(d)
        # a row that nobody wrote: it, or the person to whom it belongs, must be doubted
        return (d.table, d.key) in self.said.rows_named or self._person(d) in self.people_doubted

    @cached_property
    def people_doubted(self) -> set[str]:
        findings = self.registry.findings
        return set(findings.loc[findings["rule"] == "duplicate.person", "key"])

    def _person(self, d: Difference) -> str:
        if d.table == "patients":
            return d.key
        session = d.key.rsplit("/", 1)[0] if d.table == "levels" else d.key
        procedures = self.registry.procedures.set_index("procedure_id")["patient_id"]
        return str(procedures.get(session, ""))

    def _parent_lost(self, d: Difference) -> bool:
        if d.table != "levels":
            return False
        session = d.key.rsplit("/", 1)[0]
        return self.said.gives_up_row("procedures", session)

    @cached_property
    def undetectable(self) -> set[tuple[str, str, str]]:
        faults = self.exports.faults
        hidden = faults[faults["detectable"] == "no"]
        return set(zip(hidden["table"], hidden["key"], hidden["field"], strict=True))

    def excused(self, d: Difference) -> bool:
        """Whether an undetectable fault sits in the cell, or in one that it depends on."""
        if d.table == "leaks":
            modality = d.field.rsplit("_", 1)[1]
            return ("levels", d.key, f"leak_sites_{modality}") in self.undetectable
        if d.field == "":
            return self._row_excused(d)
        names = (d.field, *FROM_WHAT.get(d.field, ()))
        return any((d.table, d.key, name) in self.undetectable for name in names)

    def _row_excused(self, d: Difference) -> bool:
        """A vertebra, or a person, that nobody can know to be another one."""
        hidden = self.undetectable
        if d.table == "levels":
            session = d.key.rsplit("/", 1)[0]
            return any(t == "levels" and f == "level" and k.startswith(f"{session}/")
                       for t, k, f in hidden)  # fmt: skip
        renamed = {k for t, k, f in hidden if (t, f) == ("procedures", "patient_id")}
        sessions = self.registry.procedures.set_index("procedure_id")["patient_id"]
        return d.table == "patients" and d.key in set(sessions.reindex(sorted(renamed)))


DERIVED = {
    "bmi", "fill_fraction", "age_at_proc", "days_fx_to_proc", "birth_year", "crp_limit",
    "pct_limit", "yeom_b", "yeom_s", "yeom_c",
}  # fmt: skip
KEY_FIELDS = {"patient_id", "procedure_id", "center_id"}


def differ(true: pd.Series, read: pd.Series, field: str) -> np.ndarray:
    """Where two columns differ, both missing counting as equal."""
    one_missing = true.isna().to_numpy() != read.isna().to_numpy()
    both = (~true.isna() & ~read.isna()).to_numpy()
    if pd.api.types.is_numeric_dtype(true.dtype):
        slack = {"age_at_proc": AGE_SLACK, "bmi": BMI_SLACK}.get(field, 1e-9)
        gap = (true.astype("Float64") - read.astype("Float64")).abs()
        unequal = (gap > slack).fillna(value=False).to_numpy(bool)
    else:
        unequal = true.astype(str).to_numpy() != read.astype(str).to_numpy()
    return np.asarray(one_missing | (both & unequal))


def told(differences: Iterable[Difference], limit: int = 40) -> str:
    lines = [f"{d.table} {d.key} {d.field}: {d.true!r} read as {d.read!r}" for d in differences]
    return "\n".join([*lines[:limit], f"… {len(lines)} in all"])


@pytest.fixture(scope="module")
def demo() -> Comparison:
    truth = demo_registry()
    exports = write_exports(truth, None, name=DEMO_NAME, seed=DEMO_SEED)
    return Comparison(truth, exports, read_registry(DEMO))


def test_data_demo_is_what_the_seed_gives(tmp_path: Path) -> None:
    write_demo(tmp_path)
    fresh = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept = {
        p.relative_to(DEMO): p.read_bytes()
        for p in DEMO.rglob("*")
        if p.is_file() and p.name not in BY_HAND
    }
    assert kept.keys() == fresh.keys()
    assert [str(p) for p in fresh if fresh[p] != kept[p]] == []


def test_the_demo_stays_small() -> None:
    assert sum(p.stat().st_size for p in DEMO.rglob("*") if p.is_file()) < 8_000_000


def test_clean_exports_come_back_as_they_were(tmp_path: Path) -> None:
    truth = demo_registry()
    exports = write_exports(truth, tmp_path, name=DEMO_NAME)
    clean = Comparison(truth, exports, read_registry(tmp_path))
    assert clean.differences == [], told(clean.differences)


def test_every_difference_is_said(demo: Comparison) -> None:
    assert demo.silent == [], told(demo.silent)


DETECTABLE = sorted(name for name, fault in FAULTS.items() if fault.detectable)


@pytest.mark.parametrize("fault", DETECTABLE)
def test_no_detectable_fault_ends_as_a_silent_wrong_value(demo: Comparison, fault: str) -> None:
    hit = demo.exports.faults.query("fault == @fault")
    rows = set(zip(hit["table"], hit["key"], strict=True))
    silent = [d for d in demo.silent if (d.place, d.key) in rows]
    assert silent == [], told(silent)


def test_undetectable_faults_are_really_in_the_data(demo: Comparison) -> None:
    """They are not quietly repaired by knowledge that a reader cannot have."""
    excused = [d for d in demo.differences if demo.excused(d)]
    assert len(excused) > 50
    sexes = demo.exports.faults.query("fault == 'sex_swapped'").drop_duplicates("key")
    read = demo.registry.patients.set_index("patient_id")["sex"].loc[sexes["key"]]
    true = demo.true_rows("patients")["sex"].loc[sexes["key"]]
    assert (read.astype(str) != true.astype(str)).all()


def test_those_who_opted_out_are_nowhere(demo: Comparison) -> None:
    patients = demo.truth.tables["patients"]
    gone = set(patients.loc[patients["optout_date"].notna(), "patient_id"])
    assert len(gone) > 20
    for table in ("patients", "procedures", "visits", "events"):
        assert not gone & set(getattr(demo.registry, table)["patient_id"])
    for log in (demo.registry.findings, demo.registry.corrections):
        owners = {str(key).rsplit("/", 1)[0] for key in log["key"]} | set(log["key"].astype(str))
        assert not gone & owners


def test_most_of_the_demo_is_read(demo: Comparison) -> None:
    for table in KEYS:
        true = len(demo.true_rows(table))
        assert len(getattr(demo.registry, table)) == pytest.approx(true, rel=0.02)


def test_every_kind_of_fault_is_in_the_demo_several_times(demo: Comparison) -> None:
    counts = demo.exports.faults.groupby("fault").size()
    assert set(counts.index) == set(FAULTS)
    assert counts.min() >= 4


def test_few_rows_are_touched(demo: Comparison) -> None:
    where = ["file", "sheet", "row"]
    touched = demo.exports.faults.drop_duplicates(where)
    rows = demo.exports.places.drop_duplicates(where)
    assert len(touched) / len(rows) < 0.04
