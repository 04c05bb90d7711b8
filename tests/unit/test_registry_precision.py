"""Days beside which another column says how exact they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

from vpstats.errors import MappingError, VpstatsError

KEYS = {"patient_id": "id", "proc_date": "op"}
PRECISION = {"column": "prec", "day": "D", "month": ["M", "mois"], "year": "Y", "unknown": "U"}
DATES = {"column": "fx", "date_order": "dmy", "precision": PRECISION}
SESSIONS = (table("patients", patient_id="id"), table("procedures", **KEYS, fracture_date=DATES))


def export(*cells: str) -> str:
    rows = [f"{i};14.03.2022;{cell}" for i, cell in enumerate(cells, start=1)]
    return "\n".join(["id;op;fx;prec", *rows]) + "\n"


def test_days_are_as_exact_as_the_column_beside_them_says(tmp_path: Path) -> None:
    cells = ("03.02.2022;D", "01.02.2022;M", "01.01.2022;y", "01.02.2022;MOIS", "05.02.2022;")
    cells = (*cells, "01.02.2022;U", "01.02.2022;approx", ";M")
    registry = read_export(tmp_path, source("a", *SESSIONS), a=export(*cells))
    days = registry.procedures["fracture_date"].dt.date.astype(str).tolist()
    assert days == ["2022-02-03", *3 * ["NaT"], "2022-02-05", *3 * ["NaT"]]
    found = registry.findings[registry.findings["column"] == "fx"]
    assert dict(zip(found["row"], found["rule"], strict=True)) == {
        3: "date.partial",
        4: "date.partial",
        5: "date.partial",
        7: "date.unreadable",
        8: "date.unreadable",
    }
    assert registry.procedures["days_fx_to_proc"].notna().tolist() == [
        True, *3 * [False], True, *3 * [False],
    ]  # fmt: skip
    # the column beside is mapped, and not named as one that nobody reads
    assert "file.unmapped" not in set(registry.findings["rule"])


def test_an_event_of_a_month_or_a_year_is_an_interval(tmp_path: Path) -> None:
    dates = {"column": "fx", "precision": PRECISION}
    events = table("events", patient_id="id", event_type={"value": "infection"}, event_date=dates)
    text = export("2022-05-01;M", "2022-01-01;Y", "2022-06-07;D")
    tables = (table("patients", patient_id="id"), table("procedures", **KEYS), events)
    found = read_export(tmp_path, source("a", *tables), a=text).events
    assert found["event_date"].astype(str).tolist() == ["NaT", "NaT", "2022-06-07"]
    assert found["event_left_date"].astype(str).tolist()[:2] == ["2022-05-01", "2022-01-01"]
    assert found["event_right_date"].astype(str).tolist()[:2] == ["2022-05-31", "2022-12-31"]


def test_a_birth_of_a_year_is_that_year(tmp_path: Path) -> None:
    born = table("patients", patient_id="id", birth_date={"column": "fx", "precision": PRECISION})
    text = export("1950-01-01;Y", "1951-02-03;D")
    found = read_export(tmp_path, source("a", born, table("procedures", **KEYS)), a=text).patients
    assert found["birth_date"].astype(str).tolist() == ["NaT", "1951-02-03"]
    assert found["birth_year"].tolist()[0] == 1950


def test_only_the_column_of_a_day_has_a_precision(tmp_path: Path) -> None:
    crp = {"column": "fx", "precision": PRECISION}
    wrong = table("procedures", **KEYS, crp_mg_l=crp)
    with pytest.raises(MappingError, match="only the column of a day"):
        read_export(tmp_path, source("a", wrong), a=export("1;D"))


def test_a_column_of_precision_that_is_not_there_is_named(tmp_path: Path) -> None:
    dates = {"column": "fx", "precision": {**PRECISION, "column": "exact"}}
    tables = (table("patients", patient_id="id"), table("procedures", **KEYS, fracture_date=dates))
    with pytest.raises(VpstatsError, match="exact"):
        read_export(tmp_path, source("a", *tables), a=export("01.02.2022;M"))
