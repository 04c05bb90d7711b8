"""Every rule's own example, run: what it documents is what happens."""

from __future__ import annotations

import re
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.styles import Font

from vpstats.registry.cleaning import clean_texts
from vpstats.registry.fields import allowed_fields
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry
from vpstats.registry.rule import Cells, Export, Rows, Rule, rows_to_tables
from vpstats.registry.rules import RULES
from vpstats.schema_tables import TABLES


def _of_kind(kind: type) -> list[Any]:
    return [pytest.param(r, id=r.id) for r in RULES.values() if isinstance(r.example, kind)]


@pytest.mark.parametrize("rule", _of_kind(Cells))
def test_cells(rule: Rule) -> None:
    example = rule.example
    assert isinstance(example, Cells)
    table, field = example.field.split(".")
    mapping = ColumnMap.model_validate({"column": "x", **example.options})
    cleaned = clean_texts(TABLES[table][field], list(example.cells), mapping=mapping)

    assert tuple(cleaned["clean"]) == example.clean
    assert any(rule.id in fired.split() for fired in cleaned["rules"])


@pytest.mark.parametrize("rule", _of_kind(Rows))
def test_rows(rule: Rule) -> None:
    example = rule.example
    assert isinstance(example, Rows)
    # corrections of derived fields are made when exports are read, not when tables are given
    kind = "finding" if rule.id == "derived.replaced" else rule.kind
    wanted = "derived.differs" if rule.id == "derived.replaced" else rule.id
    registry = Registry.from_tables(
        rows_to_tables(example.text), name="example", data_cut="2025-12-31"
    )
    log = registry.findings if kind == "finding" else registry.corrections

    assert set(log.loc[log["rule"] == wanted, "key"]) == set(example.keys)


@pytest.mark.parametrize("rule", _of_kind(Export))
def test_export(rule: Rule, tmp_path: Path) -> None:
    example = rule.example
    assert isinstance(example, Export)
    registry = read_registry(write_example(example, tmp_path))
    log = registry.findings if rule.kind == "finding" else registry.corrections
    rows = log.loc[log["rule"] == rule.id, "row"].fillna(0).astype(int)

    assert set(rows) == set(example.rows)


def write_example(example: Export, folder: Path) -> Path:
    """An export with its registry.toml, columns mapped by their canonical names."""
    if example.encoding == "raw-1250":
        content = example.text.encode("cp1250", "replace").replace(b"?", b"\x81")
    else:
        content = example.text.encode(example.encoding)
    if example.packed == "file":
        (folder / "export.csv").write_bytes(content)
    else:
        _write_packed(example, folder)
    (folder / "registry.toml").write_text(mapping_text(example), encoding="utf-8")
    return folder


def blocks(example: Export) -> dict[str, list[str]]:
    """Files or sheets of a packed example: name to lines."""
    found: dict[str, list[str]] = {}
    for line in example.text.splitlines():
        if line.startswith("== "):
            found[line[3:]] = []
        else:
            found[list(found)[-1]].append(line)
    return found


def _write_packed(example: Export, folder: Path) -> None:
    files = blocks(example)
    if example.packed == "workbook":
        _write_workbook(files, folder / "export.xlsx")
    elif example.packed == "database":
        _write_database(files, folder / "export.db")
    elif example.packed == "zip":
        with zipfile.ZipFile(folder / "export.zip", "w") as archive:
            for name, lines in files.items():
                archive.writestr(name, "\n".join(lines) + "\n")
    else:
        for name, lines in files.items():
            (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_database(tables: dict[str, list[str]], path: Path) -> None:
    connection = sqlite3.connect(path)
    for name, lines in tables.items():
        rows = [line.split(";") for line in lines]
        connection.execute(f"create table {name} ({', '.join(rows[0])})")
        marks = ", ".join("?" * len(rows[0]))
        insert = f"insert into {name} values ({marks})"  # noqa: S608  # a name cannot be bound; the rule names it
        connection.executemany(insert, rows[1:])
    connection.commit()
    connection.close()


def _write_workbook(sheets: dict[str, list[str]], path: Path) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in sheets.items():
        page = book.create_sheet(name.removesuffix(" (hidden)"))
        page.sheet_state = "hidden" if name.endswith(" (hidden)") else "visible"
        for r, line in enumerate(lines, start=1):
            page.row_dimensions[r].hidden = line.endswith(" (hidden)")
            for c, text in enumerate(line.removesuffix(" (hidden)").split(";"), start=1):
                if text == "^":
                    page.merge_cells(start_row=r - 1, end_row=r, start_column=c, end_column=c)
                else:
                    _write_cell(page.cell(r, c), text)
    book.save(path)


def _write_cell(cell: Any, text: str) -> None:
    """A cell with its letters struck out or raised, its format, its column hidden, or a comment."""
    plain, _, shown = text.removesuffix("|").partition(" |")
    plain, _, raised = plain.strip("~").partition("^^")
    cell.value = plain
    if raised:
        mark = TextBlock(InlineFont(vertAlign="superscript"), raised)
        cell.value = CellRichText(plain, mark)
    if text.startswith("~~"):
        cell.font = Font(strike=True)
    if shown == "hidden":
        cell.parent.column_dimensions[cell.column_letter].hidden = True
    elif shown == "comment":
        cell.comment = Comment("see the letter", "registry")
    elif shown:
        cell.value, cell.number_format = float(plain), shown


def mapping_text(example: Export) -> str:
    import json

    options = dict(example.options)
    text = example.text
    file = "export.csv"
    if example.packed != "file":
        name, lines = next(iter(blocks(example).items()))
        text = re.sub(r" \|.*?\|", "", "\n".join(lines))
        file = {"workbook": "export.xlsx", "zip": "export.zip"}.get(example.packed, name)
    if example.packed == "workbook":
        options["format"] = "excel"
    if example.packed == "database":
        options |= {"format": "sql", "url": "sqlite:///export.db", "from_table": name}
    extra = options.pop("columns", {})
    explode = options.pop("explode", None)
    where = options.pop("where", None)
    beside = options.pop("beside", {})
    again = options.pop("again", {})
    header = text.split("\n")[0].replace(";", ",").split(",")
    columns = _columns(example.table, header) | extra
    lines = [
        "version = 1",
        "[registry]",
        'name = "example"',
        "data_cut = 2025-12-31",
        "[[source]]",
        'name = "s"',
        *([] if example.packed == "database" else [f'file = "{file}"']),
    ]
    if "center" not in options and options.get("format") != "redcap":
        options["center"] = "A"
    lines += [f"{k} = {_toml(v)}" for k, v in options.items()]
    lines += ["[[source.table]]", f'name = "{example.table}"']
    if explode is not None:
        lines.append(f"explode = {json.dumps(explode)}")
    if where is not None:
        lines.append(f"where = {_toml(where)}")
    lines += ["[source.table.columns]", *(f"{k} = {_toml(v)}" for k, v in columns.items())]
    for table, rows in beside.items():
        own = [h for h in header if h in allowed_fields(table)]
        lines += ["[[source.table]]", f'name = "{table}"', f"where = {_toml(rows)}"]
        lines += ["[source.table.columns]", *(f'{name} = "{name}"' for name in own)]
    return "\n".join(lines + _again(lines, again))


def _columns(table: str, header: list[str]) -> dict[str, Any]:
    """Fields of a table to the columns that are named as they are."""
    names = [h.lower() for h in header]
    columns: dict[str, Any] = {name: name for name in names if name in allowed_fields(table)}
    if table == "levels" and "procedure_id" not in columns and "proc_date" not in columns:
        columns |= {"patient_id": {"value": "1"}, "proc_date": {"value": "2020-01-01"}}
    return columns


def _again(lines: list[str], again: dict[str, str]) -> list[str]:
    """The source once more, with other columns for some fields."""
    second = lines[lines.index("[[source]]") :] if again else []
    for field, column in {"s": "again", **again}.items():
        second = [line.replace(f'"{field}"', f'"{column}"') for line in second]
    return second


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{k}" = {_toml(v)}' for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return f'"{value}"'


def test_every_rule_has_words() -> None:
    for rule in RULES.values():
        assert rule.sentence.endswith("."), rule.id
        assert (rule.kind == "correction") == (not rule.action), rule.id
