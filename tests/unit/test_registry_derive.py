"""Derived fields, and what checks do to values when exports are read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vpstats.errors import DataError
from vpstats.registry import RULES, load_demo, read, read_registry
from vpstats.registry.derive import age_at_procedure, body_mass_index, case_numbers
from vpstats.registry.journal import MASK, Journal
from vpstats.registry.rule import rows_to_tables
from vpstats.registry.rules import rules_markdown

TEXT = """
patients: patient_id center_id birth_date birth_year
A/1 A 1950-06-15 -
A/2 A - 1950
A/3 A - -
procedures: procedure_id patient_id center_id proc_date operator_id
s1 A/1 A 2020-06-14 x
s2 A/1 A 2020-06-15 x
s3 A/2 A 2020-01-01 y
s4 A/3 A 2020-01-01 -
s5 A/9 A 2019-01-01 x
"""


def test_age_is_in_completed_years_or_by_the_year_of_birth() -> None:
    tables = rows_to_tables(TEXT)
    ages = age_at_procedure(tables["procedures"], tables["patients"])
    assert ages.astype(object).where(ages.notna(), None).tolist() == [69, 70, 70, None, None]


def test_operators_are_counted_by_date() -> None:
    sessions = rows_to_tables(TEXT)["procedures"]
    numbers = case_numbers(sessions)
    assert numbers.astype(object).where(numbers.notna(), None).tolist() == [2, 3, 1, None, 1]


def test_body_mass_index_by_hand() -> None:
    rows = pd.DataFrame({"height_cm": [160.0, None], "weight_kg": [64.0, 64.0]}, dtype="Float64")
    assert body_mass_index(rows).isna().tolist() == [False, True]
    assert body_mass_index(rows).iloc[0] == pytest.approx(64 / 1.6**2)


HEAD = """
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
"""


def _read(folder: Path, columns: str, text: str) -> pd.DataFrame:
    fields = "\n".join(f'{c} = "{c}"' for c in columns.split())
    (folder / "registry.toml").write_text(HEAD + fields)
    (folder / "a.csv").write_text(text)
    registry = read_registry(folder)
    said = [*registry.findings["rule"], *registry.corrections["rule"]]
    return registry.patients.assign(said=" ".join(said))


def test_recomputed_values_replace_typed_ones_that_differ(tmp_path: Path) -> None:
    rows = _read(
        tmp_path,
        "patient_id height_cm weight_kg bmi",
        "patient_id;height_cm;weight_kg;bmi\n1;160;64;30\n2;160;64;25,2\n3;160;64;\n4;;;31\n",
    )
    # 64 / 1.6² = 25; what rounding can make of it stays as typed
    assert rows["bmi"].tolist() == [25.0, 25.2, 25.0, 31.0]
    assert rows["said"].iloc[0].split().count("derived.replaced") == 1


def test_values_that_may_be_one_of_two_are_set_missing(tmp_path: Path) -> None:
    rows = _read(
        tmp_path,
        "patient_id osteoporosis_dx bmd_tscore ct_hu",
        "patient_id;osteoporosis_dx;bmd_tscore;ct_hu\n1;da;2,8;110\n2;da;-2,8;110\n3;ne;0,5;\n"
        "4;da;110;-2,8\n",
    )
    assert rows["bmd_tscore"].isna().tolist() == [True, False, False, True]
    assert rows["ct_hu"].isna().tolist() == [False, False, True, True]
    assert {"tscore.sign", "tscore.swapped", "range.hard"} <= set(rows["said"].iloc[0].split())


def test_the_demonstration_has_to_be_beside_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(read, "__file__", str(tmp_path / "vpstats" / "registry" / "read.py"))
    with pytest.raises(DataError, match="not beside the package"):
        load_demo()


def test_an_empty_journal_has_typed_columns() -> None:
    corrections, findings = Journal().frames()
    assert (len(corrections), len(findings)) == (0, 0)
    assert str(findings["row"].dtype) == "Int64"
    assert MASK not in rules_markdown()


def test_every_rule_is_used_somewhere() -> None:
    package = Path(read.__file__).parent
    code = "".join(
        p.read_text("utf-8") for p in sorted(package.glob("*.py")) if not p.name.startswith("rules")
    )
    kinds = ("unknown", "not_done", "not_applicable", "declared")  # joined to the word in the code
    missing = {f"missing.{kind}" for kind in kinds}
    unused = [rule for rule in RULES if f'"{rule}"' not in code and rule not in missing]
    assert not unused


def test_no_age_is_worked_out_from_a_birth_that_is_impossible_elsewhere(tmp_path: Path) -> None:
    """Fifteen at one session and nineteen at the next: the birth is wrong, not the first alone."""
    sessions = (
        '[[source.table]]\nname = "procedures"\n[source.table.columns]\n'
        'patient_id = "patient_id"\nproc_date = "proc_date"\nage_at_proc = "age"\n'
    )
    (tmp_path / "registry.toml").write_text(
        f'{HEAD}patient_id = "patient_id"\nbirth_date = "birth_date"\n{sessions}'
    )
    (tmp_path / "a.csv").write_text(
        "patient_id;birth_date;proc_date;age\n"
        "1;2005-07-11;2021-04-21;\n1;2005-07-11;2024-11-11;\n1;2005-07-11;2025-01-11;89\n"
        "2;1935-07-11;2021-04-21;\n2;1935-07-11;2024-11-11;\n"
    )
    registry = read_registry(tmp_path)
    ages = registry.procedures.set_index("procedure_id")["age_at_proc"]
    assert ages.isna().tolist() == [True, True, False, False, False]
    assert ages.iloc[2:].tolist() == [89, 85, 89]
    told = registry.findings.query("rule == 'derived.impossible' and field == 'age_at_proc'")
    assert sorted(told["key"]) == ["A/1/2021-04-21", "A/1/2024-11-11"]
    assert told["message"].str.contains("at another session").sum() == 1
