"""Exports and plans that attack whoever opens what vpstats writes, by every command that writes.

Each text that a hospital can choose is hostile: centers, patients, sessions, operators, names of
files, sheets and columns, codes, free text, and every title of a mapping and a plan. All files that
the commands leave are found by walking their folders, so that a new one is tested with the rest.
"""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from vpstats.escaping import defuse, restore, to_csv
from vpstats.registry import read_registry
from vpstats.registry.cells import trim
from vpstats.registry.mapping import SourceMap
from vpstats.registry.sources import read_source

Call = Callable[..., Any]

FORMULA = tuple("=+-@\t\r\n＝＋－＠")
ATTACKS = (
    "=cmd|' /C calc'!A0",
    "+1+1;=2+3",
    "-2+3",
    "@SUM(1)",
    "＝1＋1",
    "－x",
    "＠x",
    " =1+1",
    '"=1+1"',
    "x\n=1+1",
    "x;=1+1",
    'x;"=1+1"',
    "<script>vpx(1)</script>",
    "</title></svg><vpx onload=vpx(2)>",
    "\"' onmouseover=vpx(3) x='",
    "{{7*7}}{% vpx %}",
    "{vpx} {0}",
    "\x1b[31mred\x1b]0;vpx\x07",
    "\x9b31mred",
    "fdp.\u202eexe",
    r"$\frac{1}$",
    r"\u001b",
    "| [vpx](javascript:vpx) |",
)
"""Each begins or holds what some program would run, obey, or show turned round."""

CENTERS = tuple(ATTACKS[i] for i in (0, 1, 9, 13, 16, 17))
KNOWN = {" ".join(center.split()) for center in CENTERS}
"""What they are called once they are read: a line end within a cell is a space."""

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

HEADS = {
    "id": "=id", "clinic": "+clinic;=1", "day": "@day", "born": "<script>vpx(4)</script>",
    "sex": '"=sex"', "why": "-why", "level": "{{7*7}}", "ml": "＝ml", "ct": "ct\x1b[31m",
    "leak": "leak\u202e", "seen": "$seen$", "operator": "operator;=1", "technique": "\u200b=t",
    "crp": "crp\n=1", "session": "' onload=vpx(5) '", "chest": "＠chest", "spare": "=spare",
}  # fmt: skip
"""Canonical or short name → what the export calls the column."""


def quoted(text: str) -> str:
    return json.dumps(text)


def toml_table(pairs: dict[str, str]) -> str:
    return "".join(f"{quoted(key)} = {value}\n" for key, value in pairs.items())


# ------------------------------------------------------------------ the hostile project


def attack(number: int) -> str:
    return ATTACKS[number % len(ATTACKS)]


def session_rows() -> Iterator[dict[str, str]]:
    """Plain sessions with a fault here and there; every spelling that may be one is an attack."""
    for n in range(300):
        bad = attack(n // 7) if n % 7 == 0 else ""
        home = (n // 2) % len(CENTERS)
        leaks = "venous" if home == 1 or n % 4 == 0 else "none"
        yield {
            "id": f"{attack(n // 2)}{n // 2}", "clinic": CENTERS[home],
            "day": f"{1 + n % 28:02d}.{1 + n % 12:02d}.202{n % 3 + 1}",
            "born": str(1935 + n // 2 % 30),
            "sex": ("f" if n // 2 % 3 else "m"), "why": bad or ("frail" if n % 4 else "tumour"),
            "level": bad if n % 21 == 0 else f"L{1 + n % 5}", "ml": bad or f"{3 + n % 4},5",
            "ct": "yes" if n % 5 else (bad or "no"),
            "leak": leaks if n % 5 else "", "seen": "31.12.2024",
            "operator": attack(n % 3), "technique": attack(n + 1), "crp": bad or str(n % 17),
            "session": f"{attack(n)}#{n}", "chest": ("CT" if n % 2 else "none"),
            "spare": attack(n),
        }  # fmt: skip


def write_sessions(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADS.values())
        writer.writerows([[row[name] for name in HEADS] for row in rows])


def write_events(file: Path, rows: list[dict[str, str]]) -> None:
    book = openpyxl.Workbook()
    book.active.title = SHEET
    book.create_sheet("+hidden").sheet_state = "hidden"
    book.active.append(["=who", "@what", "-when", "+clinic", "=note"])
    for n, row in enumerate(rows[::7]):
        what = "new fracture" if n % 2 else attack(n)
        cells = [row["id"], what, f"15.01.202{5 - n % 2}", row["clinic"], attack(n)]
        book.active.append([OBEYED.sub("?", cell) for cell in cells])
    for line in book.active.iter_rows():
        for cell in line:
            cell.data_type = "s"  # text, whatever it begins with
    book.save(file)


SHEET = "=1+1;<vpx>"
FILE = "=1+1;<vpx> \u202e'x.csv"
BOOK = "+2+2.xlsx"


def mapping() -> str:
    columns = {name: quoted(HEADS[name]) for name in HEADS}
    codes = f"{{ {quoted('frail')} = 'osteoporotic', {quoted('tumour')} = 'metastasis' }}"
    of_patients = {"patient_id": columns["id"], "birth_year": columns["born"],
                   "sex": columns["sex"], "last_contact_date": columns["seen"]}  # fmt: skip
    of_sessions = {
        "patient_id": columns["id"], "procedure_id": columns["session"],
        "proc_date": columns["day"], "operator_id": columns["operator"],
        "technique": columns["technique"], "crp_mg_l": columns["crp"],
        "indication": f"{{ column = {columns['why']}, codes = {codes} }}",
        "ct_post_done": columns["ct"],
        "chest_imaging_modality": columns["chest"],
    }  # fmt: skip
    of_levels = {
        "patient_id": columns["id"], "procedure_id": columns["session"],
        "level": columns["level"], "cement_ml": columns["ml"], "leak_sites_ct": columns["leak"],
    }  # fmt: skip
    of_events = {
        "patient_id": '"=who"', "event_date": '"-when"',
        "event_type": '{ column = "@what", codes = { "new fracture" = "adjacent_fx" } }',
    }  # fmt: skip
    counts = ", ".join(
        f"{{ center = {quoted(c)}, year = 2022, n = 9 }}" for c in (*CENTERS, "=elsewhere{0}")
    )
    parts = [
        "version = 1\n[registry]\n"
        + toml_table({"name": quoted(TITLE), "data_cut": "2025-01-31", "synthetic": "true"}),
        f"[quality]\nhospital_counts = [{counts}]\n",
        "[[source]]\n"
        + toml_table({"name": quoted("=source;<vpx>"), "file": quoted(FILE),
                      "date_order": '"dmy"', "decimal": '","',
                      "center": f"{{ column = {columns['clinic']} }}"}),
        *(f"[[source.table]]\nname = {quoted(name)}\n[source.table.columns]\n{toml_table(found)}"
          for name, found in (("patients", of_patients), ("procedures", of_sessions),
                              ("levels", of_levels))),
        "[[source]]\n"
        + toml_table({"name": quoted("@events\x1b[31m"), "file": quoted(BOOK),
                      "format": '"excel"', "sheet": quoted(SHEET), "date_order": '"dmy"',
                      "center": '{ column = "+clinic" }'}),
        f'[[source.table]]\nname = "events"\n[source.table.columns]\n{toml_table(of_events)}',
    ]  # fmt: skip
    return "".join(parts)


PLAIN = "<script>vpx(6)</script>\u202e\x1b[31m"
TITLE = f"=title {PLAIN}{{{{7*7}}}}{{vpx}}"


def plan() -> str:
    def titled(kind: str, name: str, **more: str) -> str:
        shared = {"kind": quoted(kind), "id": quoted(name), "title": quoted(f"={name} {TITLE}")}
        return f"[[question]]\n{toml_table({**shared, **more})}"

    ask = {"ask": quoted(f"+ask {TITLE}"), "limits": quoted(f"-limits {TITLE}")}
    names = ", ".join(f"{quoted(c)} = {quoted('@' + c)}" for c in CENTERS[::2])
    return "".join(
        [
            toml_table({"version": "1", "title": quoted(TITLE), "description": quoted(TITLE)}),
            "[release]\nthreshold = 3\n",
            titled("quality", "quality"),
            titled("description", "table1", cohort='"patients"',
                   variables='["age_at_proc", "sex", "indication", "technique"]'),
            titled("risk_factor", "leak", cohort='"leakage"', options='{ modality = "ct" }',
                   outcome='"leak_any"', exposure='"cement_ml"', adjust='["age_at_proc"]', **ask),
            titled("time_to_event", "fracture", cohort='"adjacent_fracture"',
                   exposure='"disc_leak"', adjust="[]", horizons="[365]", **ask),
            titled("complications", "complications", cohort='"complications"'),
            "[audit]\n"
            + toml_table({"response": quoted(f"=do {TITLE}"), "contact": quoted(f"@who {TITLE}"),
                          "power": quoted(f"-power {PLAIN}"), "center_names": f"{{ {names} }}"}),
            "[[indicator]]\n"
            + toml_table({"id": '"leaks"', "title": quoted(f"=leaks {TITLE}"),
                          "cohort": '"leakage"', "options": '{ modality = "ct" }',
                          "outcome": '"leak_any"', "adjust": '["age_at_proc"]',
                          "learning": "true", "monitor": "{ odds_ratio = 2.0 }",
                          "limits": quoted(f"+limits {PLAIN}"), "minimum_expected": "1.0"}),
            "[[not_testable]]\n"
            + toml_table({"claim": quoted(f"=claim {TITLE}"), "reason": quoted(f"+why {TITLE}")}),
        ]
    )  # fmt: skip


def write_project(folder: Path, rows: list[dict[str, str]]) -> Path:
    folder.mkdir()
    write_sessions(folder / FILE, rows)
    write_events(folder / BOOK, rows)
    (folder / "registry.toml").write_text(mapping(), "utf-8")
    (folder / "study.toml").write_text(plan(), "utf-8")
    return folder


@dataclass
class Written:
    """Everything that the commands left: files by path, and what they printed by command."""

    folder: Path
    printed: dict[str, str] = field(default_factory=dict)

    def files(self, *endings: str) -> list[Path]:
        found = [p for p in sorted(self.folder.rglob("*")) if p.is_file()]
        return [p for p in found if p.suffix in endings] if endings else found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return run_everything(tmp_path_factory.mktemp("hostile"))


def run_everything(folder: Path) -> Written:
    """Run every command that writes about a hospital's data, once."""
    from vpstats.cli import main

    rows = list(session_rows())
    project = write_project(folder / "project", rows)
    changed = [{**row, "operator": attack(n + 5), "ml": "2,5"} for n, row in enumerate(rows[10:])]
    older = write_project(folder / "older", changed)
    out = folder / "out"
    out.mkdir()
    made = Written(out)
    commands: dict[str, tuple[str | Path, ...]] = {
        "report": ("report", project, "--out", out / "report"),
        "quality": ("quality", project, "--out", out / "quality"),
        "audit": ("audit", project, "--out", out / "audit", "--as-of", "2024-12-31"),
        "map": ("map", project / FILE, project / BOOK, "--out", out / "draft.toml"),
        "one": ("quality", project, "--out", out / "one", "--center", CENTERS[0]),
        "none": ("quality", project, "--center", "\x1b[31m=none"),
        "lost": ("check", folder / "\x1b[31mlost\u202e"),
    }
    for form in ("text", "json", "csv"):
        ending = {"text": "txt"}.get(form, form)
        for name, more in (("check", ()), ("against", ("--against", older))):
            asked = (name, project, *more, "--format", form)
            commands[f"{name} {form}"] = ("check", *asked[1:])
            commands[f"{name} {form} file"] = (
                "check",
                *asked[1:],
                "--out",
                out / f"{name}.{ending}",
            )
    for name, arguments in commands.items():
        with (
            pytest.MonkeyPatch.context() as patch,
            io.StringIO() as stdout,
            io.StringIO() as stderr,
        ):
            patch.setattr("sys.stdout", stdout)
            patch.setattr("sys.stderr", stderr)
            code = main([str(a) for a in arguments])
            made.printed[name] = stdout.getvalue() + stderr.getvalue()
        assert code in ((2, 6) if name in ("none", "lost") else (0, 1, 3, 4)), (
            name,
            made.printed[name],
        )
    return made


# ------------------------------------------------------------------ what they left


def rows_of(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def spreadsheets(written: Written) -> dict[str, str]:
    """Every CSV file, and every CSV listing that was printed."""
    found = {
        path.relative_to(written.folder).as_posix(): path.read_bytes().decode("utf-8")
        for path in written.files(".csv", ".tsv")
    }
    return found | {name: said for name, said in written.printed.items() if name.endswith("csv")}


NUMBER = re.compile(r"-\d+(\.\d+)?(e-?\d+)?")


def starts_a_formula(cell: str, *, number: str = "") -> bool:
    """Whether a spreadsheet may run a cell, or a cautious one that skips quotes and spaces."""
    bare = cell if cell.startswith(FORMULA) else cell.lstrip(' "\u200b\ufeff')
    return bare.startswith(FORMULA) and NUMBER.fullmatch(number or cell) is None


def test_every_command_wrote_what_it_should(written: Written) -> None:
    names = {path.relative_to(written.folder).as_posix() for path in written.files()}
    assert {
        "report/internal/corrections.csv", "report/internal/findings.csv",
        "report/internal/ledger.csv", "report/internal/tables.md", "report/internal/report.html",
        "report/public/report.html", "quality/internal/measures.csv",
        "quality/internal/missing.csv", "quality/internal/by_rule.csv",
        "quality/internal/tables/ascertainment.csv", "quality/public/index.html",
        "audit/internal/cases.csv", "audit/internal/learning.csv", "audit/internal/casemix.csv",
        "audit/internal/ledger.csv", "audit/public/index.html", "draft.toml", "check.csv",
        "against.csv",
    } <= names  # fmt: skip
    endings = {Path(name).suffix for name in names}
    # whoever adds a kind of file says below what may stand in it
    assert endings == {".csv", ".html", ".json", ".md", ".png", ".svg", ".toml", ".txt"}
    assert len(spreadsheets(written)) > 60


def test_no_cell_starts_a_formula(written: Written) -> None:
    for name, text in spreadsheets(written).items():
        for row in rows_of(text):
            assert not any(map(starts_a_formula, row)), (name, row)


def test_no_cell_starts_a_formula_where_semicolons_separate(written: Written) -> None:
    for name, text in spreadsheets(written).items():
        for row in rows_of(text, ";"):
            cells = ((cell, cell.split(",")[0]) for cell in row)
            assert not any(starts_a_formula(c, number=first) for c, first in cells), (name, row)


def test_what_was_marked_can_be_had_again(written: Written) -> None:
    """Centers in a table of each command, and raw cells in the log, as the export has them."""
    for name in ("quality/internal/measures.csv", "audit/internal/casemix.csv"):
        table = pd.read_csv(written.folder / name, dtype=str, keep_default_na=False)
        assert {restore(c) for c in table["center_id"]} - {"network"} == KNOWN, name
    with (written.folder / "check.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert {restore(line["column"]) for line in lines} >= {HEADS["ml"], HEADS["why"], HEADS["crp"]}
    assert {restore(line["file"]) for line in lines} >= {FILE, BOOK}
    said = " ".join(restore(line["message"]) for line in lines)
    assert all(f"'{text}'" in said for text in ("-2+3", "＝1＋1", "<script>vpx(1)</script>"))
    for name, text in spreadsheets(written).items():
        for cell in (cell for row in rows_of(text) for cell in row):
            assert defuse(restore(cell)) == cell, (name, cell)


def test_the_own_reader_reads_what_was_written(written: Written, tmp_path: Path) -> None:
    for number, (name, text) in enumerate(sorted(spreadsheets(written).items())):
        (tmp_path / f"{number}.csv").write_bytes(text.encode("utf-8"))
        head, *rows = rows_of(text)
        if not rows:
            continue
        table = {"name": "patients", "columns": {"patient_id": head[0] or head[1]}}
        asked = {"name": "s", "file": f"{number}.csv", "center": "A", "delimiter": ",",
                 "table": [table]}  # fmt: skip
        read = read_source(SourceMap.model_validate(asked), tmp_path)
        for place, column in enumerate(head):
            if head.count(column) == 1 and column.strip():
                found = read.columns[trim(column)].texts().tolist()
                assert found == [trim(row[place]) for row in rows], (name, column)


KEYS = ("patient_id", "procedure_id", "center_id")


def write_cleaned(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Clean tables as an export of their own, by the writer of every table, mapped as they are."""
    folder.mkdir()
    parts = ['version = 1\n[registry]\nname = "again"\ndata_cut = 2025-01-31\n']
    for name, frame in tables.items():
        (folder / f"{name}.csv").write_text(to_csv(frame), "utf-8", newline="\n")
        columns = toml_table({column: quoted(column) for column in frame.columns})
        parts.append(f'[[source]]\nname = "{name}"\nfile = "{name}.csv"\ndelimiter = ","\n')
        parts.append(f'[[source.table]]\nname = "{name}"\n[source.table.columns]\n{columns}')
    (folder / "registry.toml").write_text("".join(parts), "utf-8")


def cleaned(folder: Path) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Tables with their keys as an export has them, and what cleaning changed."""
    registry = read_registry(folder)
    home = registry.patients.set_index("patient_id")["center_id"]
    found = {}
    for name, typed in (("patients", ["sex", "birth_year"]), ("procedures", ["proc_date"])):
        table = registry.tables[name]
        own = table["patient_id"].map(home).astype(str) + "/"
        frame = table[[*(k for k in KEYS if k in table), *typed]].astype(str).astype(object)
        for key in {"patient_id", "procedure_id"} & set(frame):
            pairs = zip(frame[key], own, strict=True)
            frame[key] = [value.removeprefix(center) for value, center in pairs]
        found[name] = frame.assign(center_id=own.str.removesuffix("/").to_numpy())
    return found, registry.corrections


def test_a_second_cleaning_changes_nothing(written: Written, tmp_path: Path) -> None:
    first, _ = cleaned(written.folder.parent / "project")
    assert len(first["procedures"]) == 300
    write_cleaned(first, tmp_path / "again")
    second, corrections = cleaned(tmp_path / "again")
    # the apostrophe that the writer puts before what a spreadsheet would run is taken away again
    changed = corrections[corrections["rule"] != "file.text_mark"]
    assert changed.empty, changed.head().to_dict("records")
    for name, frame in first.items():
        back = second[name].assign(**{k: second[name][k].map(restore) for k in KEYS if k in frame})
        pd.testing.assert_frame_equal(
            back.sort_values(list(frame.columns[:2]), ignore_index=True),
            frame.sort_values(list(frame.columns[:2]), ignore_index=True),
            check_dtype=False,
        )


class Markup(html.parser.HTMLParser):
    """Names of tags and of attributes, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name.endswith(("href", "src"))}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_no_page_and_no_figure_holds_markup_of_an_export(written: Written) -> None:
    for path in written.files(".html", ".svg"):
        page = Markup()
        page.feed(path.read_text("utf-8"))
        assert not page.tags & {"vpx", "script", "img", "iframe", "object"}, path.name
        assert not any(name.startswith("on") for name in page.attributes), path.name
        assert not any("vpx" in link or "javascript" in link for link in page.links), path.name
        if path.suffix == ".html":
            text = "".join(page.text)
            assert "<script>vpx(6)</script>" in text  # the registry's title, as text
            assert "=title 49" not in text
            assert "{{7*7}}" in text


def test_markdown_holds_no_markup_of_an_export(written: Written) -> None:
    pages = written.files(".md")
    assert pages
    for path in pages:
        text = path.read_text("utf-8")
        assert re.search(r"<(?=[A-Za-z/!])|(?<!\\)\[vpx", text) is None, path


def test_nothing_is_obeyed_by_a_terminal(written: Written) -> None:
    for path in written.files(".csv", ".html", ".json", ".md", ".svg", ".toml", ".txt"):
        assert OBEYED.search(path.read_bytes().decode("utf-8")) is None, path
    for name, said in written.printed.items():
        assert OBEYED.search(said) is None, name
    assert r"\u001b[31m" in written.printed["check text"]
    assert len(written.printed["none"].splitlines()) == 1


def test_documents_for_programs_hold_the_very_text(written: Written) -> None:
    document = json.loads((written.folder / "quality/internal/quality.json").read_text("utf-8"))
    assert document["registry"] == TITLE
    assert {row["center_id"] for row in document["measures"]} == {*KNOWN, "network"}
    listing = json.loads(written.printed["check json"])
    assert listing["registry"]["name"] == TITLE
    assert {row["column"] for row in listing["findings"]} >= {HEADS["ml"], HEADS["why"]}
    draft = tomllib.loads((written.folder / "draft.toml").read_text("utf-8"))
    assert FILE in {Path(source["file"]).name for source in draft["source"]}
    for path in written.files(".json"):
        json.loads(path.read_text("utf-8"))


def test_pages_of_centers_stay_in_their_folder(written: Written) -> None:
    for folder in ("audit/internal", "audit/public", "quality/internal", "quality/public"):
        pages = list((written.folder / folder / "centers").iterdir())
        assert len(pages) == len(CENTERS)
        assert all(re.fullmatch(r"center-[0-9a-f]{12}\.html", page.name) for page in pages)
