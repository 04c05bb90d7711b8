"""Boxes that the form of one year has and that of another has not: nobody was asked there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry

HEAD = """\
version = 1
[registry]
name = "Years"
data_cut = 2025-06-30
[[source]]
name = "s"
file = "exports/*.csv"
format = "{format}"
center = "A"
[[source.table]]
name = "procedures"
columns = {{ patient_id = "id", proc_date = "day" }}
"""
LEVELS = """\
[[source.table]]
name = "levels"
[source.table.columns]
patient_id = "id"
proc_date = "day"
level = "lvl"
"""
BOXES = '{{ checkbox = "box", codes = {{ "1" = "{}", "2" = "{}", "3" = "{}" }} }}\n'
PATIENTS = """\
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
"""
BOXED = "id,day,lvl,box___1,box___2,box___3,f_complete\n"
NEWER = f"{BOXED}3,2023-03-01,L1,0,0,1,2\n4,2023-03-02,L2,0,0,0,2\n"
BLANK = f"{BOXED}1,2022-03-01,L1,1,0,,2\n2,2022-03-02,L2,0,0,,2\n"
LACKING = "id,day,lvl,box___1,box___2,f_complete\n1,2022-03-01,L1,1,0,2\n2,2022-03-02,L2,0,0,2\n"
older_form = pytest.mark.parametrize("older", [LACKING, BLANK], ids=["lacking", "blank"])
formats = pytest.mark.parametrize("form", ["csv", "redcap"])


def read(folder: Path, older: str, tables: str, form: str) -> Registry:
    (folder / "exports").mkdir()
    for name, text in (("2022", older), ("2023", NEWER)):
        (folder / "exports" / f"{name}.csv").write_text(text, "utf-8")
    (folder / "registry.toml").write_text(HEAD.format(format=form) + tables, "utf-8")
    return read_registry(folder)


@older_form
@formats
def test_a_site_without_a_box_was_not_asked_for(tmp_path: Path, older: str, form: str) -> None:
    boxes = BOXES.format("venous", "epidural", "disc_sup")
    found = read(tmp_path, older, f"{LEVELS}leak_sites_ct = {boxes}", form)
    leaks = found.leaks.astype(str)
    states = leaks.pivot(index="level_id", columns="site", values="state")
    assert states["disc_sup"].tolist() == ["not_assessed", "not_assessed", "present", "absent"]
    assert states["venous"].tolist() == ["present", "absent", "absent", "absent"]
    assert states["epidural"].tolist() == ["absent"] * 4


@older_form
@formats
def test_a_type_without_a_box_was_not_asked_for(tmp_path: Path, older: str, form: str) -> None:
    found = read(tmp_path, older, f"{LEVELS}yeom = {BOXES.format('b', 's', 'c')}", form)
    types = found.levels[["yeom_b", "yeom_c"]].astype(object)
    said = types.where(types.notna(), None)
    assert said["yeom_b"].tolist() == ["yes", "no", "no", "no"]
    assert said["yeom_c"].tolist() == [None, None, "yes", "no"]


@older_form
@formats
def test_no_tick_is_no_denial_of_what_has_no_box(tmp_path: Path, older: str, form: str) -> None:
    boxes = BOXES.format("chemo", "steroid", "hiv")
    found = read(tmp_path, older, f"{PATIENTS}immuno_reasons = {boxes}", form)
    reasons = [None if pd.isna(v) else v for v in found.patients["immuno_reasons"]]
    assert reasons[::2] == ["chemo", "hiv"]
    said = found.corrections
    assert said.loc[said["rule"] == "redcap.incomplete", "key"].tolist() == ["A/2"]
