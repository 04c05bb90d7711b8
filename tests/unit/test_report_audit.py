"""The pages of an audit: whole, twice the same, in order, and nothing that was not released."""

from __future__ import annotations

import re
import runpy
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vpstats.centers.rules import Rules
from vpstats.disclosure import Released, ReleasePolicy, release
from vpstats.errors import DisclosureError, UsageError
from vpstats.figures import figure_svg
from vpstats.ledger import Ledger, Note, cell
from vpstats.report.audit import write_audit
from vpstats.report.audit_cells import Look, file_names
from vpstats.report.manifest import Provenance, changed_outputs, read_manifest
from vpstats.report.study import RegistrySummary
from vpstats.study import StudyPlan
from vpstats.tables.audit import EXCEEDED

MADE = runpy.run_path(str(Path(__file__).parent / "audit_ledger.py"))
PLAN = StudyPlan.model_validate(MADE["plan_content"]())
K = 6
NAMES = MADE["center_names"](K)
LEDGER: Ledger = MADE["audit_ledger"](K, size=90)
SUMMARY = RegistrySummary("Made-up registry", date(2026, 1, 31), True, frozenset())
PROVENANCE = Provenance({"study.toml": "ab" * 32}, "3.11", {"vpstats": "0.0.0"})
PUBLIC = release(LEDGER, ReleasePolicy(threshold=5))
INTERNAL = release(LEDGER, ReleasePolicy(audience="internal"))
TABLES = {
    "charts": MADE["charts"](NAMES, steps=40),
    "learning": MADE["learning"](),
    "cases": MADE["cases"](NAMES),
}
ORDER = [
    "summary", "participation", "quality", "casemix", "process", "outcomes", "time", "survival",
    "learning", "model", "cases", "response", "methods",
]  # fmt: skip


def write(out: Path, **changes: Any) -> Path:
    given: dict[str, Any] = {
        "plan": PLAN, "registry_summary": SUMMARY, "public": PUBLIC, "internal": INTERNAL,
        "internal_tables": TABLES, "provenance": PROVENANCE, "out": out,
    }  # fmt: skip
    return write_audit(**(given | changes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    extra = {"public": {"audit.json": "{}"}, "internal": {"audit.txt": "all"}}
    return write(tmp_path_factory.mktemp("audit") / "out", extra_files=extra)


def read(folder: Path, name: str) -> str:
    return (folder / name).read_text("utf-8")


class Tags(HTMLParser):
    """Ids, links and headings of a page, and whether its tags are closed."""

    VOID = frozenset({"meta", "link", "br", "hr", "img", "input", "col"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.heads: list[int] = []
        self.open: list[str] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found["href"] or ""] if tag == "a" else []
        self.heads += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.scripts += tag == "script"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass


def pages(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.html"))


def test_there_is_a_page_for_the_network_and_one_for_each_center(folder: Path) -> None:
    for edition in ("public", "internal"):
        found = {p.relative_to(folder / edition).as_posix() for p in pages(folder / edition)}
        assert found == {"index.html", *(f"centers/{name}.html" for name in NAMES)}


def test_every_page_keeps_the_order_of_the_report(folder: Path) -> None:
    for page in pages(folder):
        assert re.findall(r'<section id="(\w+)"', page.read_text("utf-8")) == ORDER


def test_every_page_is_closed_distinct_and_silent(folder: Path) -> None:
    for page in pages(folder):
        tags = Tags(page.read_text("utf-8"))
        assert tags.open == []
        assert len(tags.ids) == len(set(tags.ids))
        assert tags.scripts == 0
        assert tags.heads[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(tags.heads))


def test_every_link_leads_somewhere(folder: Path) -> None:
    for page in pages(folder):
        tags = Tags(page.read_text("utf-8"))
        for link in tags.links:
            file, _, anchor = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            assert target.is_file(), (page, link)
            assert not anchor or anchor in Tags(target.read_text("utf-8")).ids


def test_the_public_edition_holds_no_step_case_or_operator(folder: Path) -> None:
    files = {p.name for p in (folder / "public").rglob("*")}
    assert not files & {"charts.csv", "cases.csv", "learning.csv"}
    for page in pages(folder / "public"):
        text = page.read_text("utf-8")
        assert "VLAD</strong>" not in text
        assert "P0001" not in text
        assert ">op1<" not in text
        assert "every step of such a chart is a patient" in text


def test_the_internal_edition_holds_them(folder: Path) -> None:
    text = read(folder, "internal/centers/C03.html")
    assert "Any leak on CT: CUSUM" in text
    assert "P0001" in text
    assert ">op1<" in read(folder, "internal/centers/C01.html")
    assert (folder / "internal" / "charts.csv").is_file()


def test_each_verdict_is_said_in_words_that_do_not_judge(folder: Path) -> None:
    look = Look(PLAN, INTERNAL)
    text = read(folder, "internal/centers/C03.html")
    assert look.verdict("audit_leak_ct", "C03").code == "alarm, worse"
    assert "Any leak on CT. Alarm: needs review" in text
    assert "not a judgement" in text
    for word in ("guilty", "bad care", "poor", "league", "outlier"):
        assert word not in text.lower()


def test_reasons_and_detection_stand_beside_the_verdict(folder: Path) -> None:
    text = read(folder, "internal/centers/C03.html")
    assert "The flag stands among those examined as a routine, too." in text
    assert "a verdict needs about 900 rows." in text


def test_no_center_is_ranked(folder: Path) -> None:
    text = read(folder, "internal/index.html")
    listed = re.findall(r"<caption>[^<]*order of centers[^<]*</caption>.*?</table>", text,
                        flags=re.S)  # fmt: skip
    assert listed
    for part in listed:  # those that raise alarms, and the others
        rows = re.findall(r'<th scope="row"><a href="centers/(\w+)\.html">', part)
        assert rows == sorted(rows)
    (table,) = re.findall(r"<caption>Any leak on CT</caption>.*?</table>", text, flags=re.S)
    assert re.findall(r'<th scope="row">(C\d+)</th>', table) == list(NAMES)


def test_withheld_numbers_are_marked_and_never_printed(folder: Path) -> None:
    cells = PUBLIC.cells
    judged = (cells["variable"] == "outcome") & (cells["stat"] == "observed")
    hidden = cells[(cells["suppressed"] == "primary") & judged]
    assert len(hidden)
    look = Look(PLAN, PUBLIC)
    place = hidden.iloc[0]
    assert look.verdict(place["analysis"], place["group"]).code == "withheld"
    text = read(folder, f"public/centers/{place['group']}.html")
    assert "withheld so that nobody can be recognised" in text


def test_a_withheld_center_is_not_drawn_and_that_is_said(folder: Path) -> None:
    look = Look(PLAN, PUBLIC)
    found = [c for c in NAMES if "o_e" in (look.row("audit_pce", c, "outcome") or {})["hidden"]]
    assert found
    text = read(folder, f"public/centers/{found[0]}.html")
    assert f"{found[0]} is not drawn: its numbers are withheld." in text


def test_own_center_is_ringed_once_on_each_funnel(folder: Path) -> None:
    text = read(folder, "internal/centers/C02.html")
    funnels = len(re.findall(r"A funnel plot with a dot", text))
    assert funnels == 10  # eight indicators, two of them with detection beside
    assert text.count('class="mine"') == funnels
    assert 'class="mine"' not in read(folder, "internal/index.html")


def test_figures_are_drawn_once_however_many_centers_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vpstats import figures

    drawn = Counter[int]()
    for k in (3, 6):

        def count(*args: Any, k: int = k, **kwargs: Any) -> str:
            drawn[k] += 1
            return figure_svg(*args, **kwargs)

        monkeypatch.setattr(figures, "figure_svg", count)
        ledger = MADE["audit_ledger"](k, size=60)
        public = release(ledger, ReleasePolicy(threshold=1))
        write(tmp_path / str(k), public=public, internal=None, internal_tables={})
    assert drawn[3] == drawn[6] == 14  # eight indicators and two strata, four with detection


def test_extra_files_are_part_of_the_manifest(folder: Path) -> None:
    paths = {entry["path"] for part in (folder, folder / "internal")
             for entry in read_manifest(part)["outputs"]}  # fmt: skip
    assert {"public/audit.json", "internal/audit.txt", "README.txt"} <= paths
    assert changed_outputs(folder) == ()
    assert read_manifest(folder)["kind"] == "center audit"


def test_twice_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    extra = {"public": {"audit.json": "{}"}, "internal": {"audit.txt": "all"}}
    again = write(tmp_path / "again", extra_files=extra)
    first = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    second = {p.relative_to(again): p.read_bytes() for p in again.rglob("*") if p.is_file()}
    assert first == second


def test_one_center_alone_keeps_its_file_name(folder: Path, tmp_path: Path) -> None:
    out = write(tmp_path / "one", center="C02")
    assert [p.name for p in (out / "public" / "centers").iterdir()] == ["C02.html"]
    name = "public/centers/C02.html"
    assert read(out, name) == read(folder, name)
    assert 'href="centers/C01.html"' not in read(out, "public/index.html")


def test_an_unknown_center_leaves_the_old_pages(tmp_path: Path) -> None:
    out = write(tmp_path / "out", center="C01", internal=None, internal_tables={})
    before = read(out, "README.txt")
    with pytest.raises(UsageError, match="no center 'C99'; it has C01"):
        write(out, center="C99")
    assert read(out, "README.txt") == before


def test_without_an_internal_edition_there_is_none(tmp_path: Path) -> None:
    out = write(tmp_path / "out", center="C01", internal=None, internal_tables={})
    assert sorted(p.name for p in out.iterdir()) == ["README.txt", "manifest.json", "public"]
    assert "must not leave" not in read(out, "README.txt")


def test_only_a_release_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"vpstats\.release"):
        write(tmp_path / "out", public=LEDGER)
    with pytest.raises(DisclosureError, match="released for internal use"):
        write(tmp_path / "out", public=INTERNAL)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ hostile names

HOSTILE = ("<script>alert(1)</script>", "../../x", "CON", "c01", "C01", 'a"onclick="b', "{{ 7*7 }}")


def test_file_names_are_safe_and_distinct_on_every_system() -> None:
    names = file_names(HOSTILE)
    assert len({n.lower() for n in names.values()}) == len(HOSTILE)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", n) for n in names.values())
    assert names["C01"] == "C01"
    assert names["c01"] != "c01"
    assert names["CON"] != "CON"


def test_file_names_do_not_depend_on_the_order() -> None:
    assert file_names(HOSTILE) == file_names(reversed(HOSTILE))


def hostile(names: tuple[str, ...]) -> Released:
    ledger = MADE["audit_ledger"](len(names), names=names, size=60)
    # a slash in a name would end the group in a cell's id, and the reader takes it from its column
    return release(ledger, ReleasePolicy(audience="internal"))


def test_hostile_names_stay_words(tmp_path: Path) -> None:
    names = HOSTILE[:1] + HOSTILE[1:2] + HOSTILE[5:]
    public = release(MADE["audit_ledger"](4, size=60), ReleasePolicy(threshold=1))
    plan = PLAN.model_copy(update={"audit": PLAN.audit.model_copy(
        update={"contact": "<img src=x>", "center_names": {names[0]: "<b>One</b>"}})})  # fmt: skip
    charts = MADE["charts"](names, steps=10)
    out = write(tmp_path / "deep" / "er" / "out", plan=plan, public=public,
                internal=hostile(names), internal_tables={"charts": charts})  # fmt: skip
    assert len(list((out / "internal" / "centers").iterdir())) == len(names)
    assert {p.name for p in tmp_path.iterdir()} == {"deep"}
    assert {p.name for p in (tmp_path / "deep" / "er").iterdir()} == {"out"}
    for page in pages(out / "internal"):
        text = page.read_text("utf-8")
        tags = Tags(text)
        assert tags.scripts == 0
        assert tags.open == []
        assert "<img" not in text
        assert "<b>One" not in text
        assert ">49<" not in text
    assert any("&lt;script&gt;" in p.read_text("utf-8") or "&lt;b&gt;One" in p.read_text("utf-8")
               for p in pages(out / "internal"))  # fmt: skip


# ------------------------------------------------------------------ what a look answers


def test_strata_come_in_the_order_of_the_plan() -> None:
    look = Look(PLAN, INTERNAL)
    assert [p.words for p in look.parts(PLAN.audited[0])] == ["All", "Osteoporotic", "Neoplastic"]


def more_cells() -> list[dict[str, Any]]:
    """What an audit may hold besides: ascertainment, a flow, curves, overall calibration."""
    rows = []
    for group in ("C05", "network"):
        counted = {"n": 50.0, "observed": 44.0, "percent": 88.0, "conf_low": 76.2}
        rows += [cell("audit_ascertainment", "procedures", stat, value, group=group, level=level,
                      kind="total" if stat in ("n", "observed") else "estimate")
                 for level in ("2023", "") for stat, value in counted.items()
                 if level or group == "network"]  # fmt: skip
        for time in (30, 60, 90) if group == "network" else ():
            steps = {"estimate": time / 9000, "conf_low": 0.0, "conf_high": time / 3000}
            rows += [cell("audit_infection", "incidence", s, v, kind="curve step", group="all",
                          level=str(time)) for s, v in steps.items()]  # fmt: skip
    for name, value in (("slope", 0.9), ("intercept", 0.02)):
        ends = {"estimate": value, "conf_low": value - 0.2, "conf_high": value + 0.2}
        rows += [cell("audit_leak_ct", f"calibration:{name}", s, v, kind="estimate",
                      group="network") for s, v in ends.items()]  # fmt: skip
    for level, n in (("0", 900.0), ("1", 850.0)):
        rows.append(cell("flow_audit_leak_ct", "step", "n_rows", n, kind="total", level=level,
                         label="levels assessed", unit="levels"))  # fmt: skip
    return rows


def test_what_an_audit_holds_besides_is_shown(tmp_path: Path) -> None:
    cells = pd.concat([LEDGER.cells, Ledger.from_rows(more_cells()).cells], ignore_index=True)
    signal = Note("audit_pce", "signal", "The chart signalled at row 12.", "C05")
    internal = release(Ledger(cells, (*LEDGER.notes, signal)), ReleasePolicy(audience="internal"))
    indicators = MADE["plan_content"]()
    indicators["indicator"][1]["period"] = {"from": date(2020, 1, 1)}
    indicators["indicator"][1]["maturity"] = 30
    indicators["audit"]["power"] = "Doubled odds are found in four of five audits."
    plan = StudyPlan.model_validate(indicators)
    charts = TABLES["charts"][TABLES["charts"]["center_id"] == "C05"]
    steps = [("infection", "C05", day, day / 5000, 0.0, day / 1000) for day in (12.0, 40.0)]
    names = ["indicator", "center_id", "time", "estimate", "conf_low", "conf_high"]
    curves = pd.DataFrame(steps, columns=names)
    out = write(tmp_path / "out", plan=plan, internal=internal, center="C05",
                internal_tables={"charts": charts, "learning": TABLES["learning"],
                                 "incidence": curves})  # fmt: skip
    network, own = (read(out, f"internal/{n}.html") for n in ("index", "centers/C05"))
    for said in ("Calibration slope 0.90 (0.70–1.10); 1 is perfect.", "How these rows came about",
                 "Infection within 90 days: incidence over time", "2020-01-01 to the data cut",
                 "differs: see each indicator", "procedures at least 30 days old",
                 "four of five audits"):  # fmt: skip
        assert said in network, said
    for said in (
        "Counted by the hospital",
        "Network, all periods",
        "The chart signalled at row 12.",
        "Infection within 90 days: incidence over time",
    ):
        assert said in own, said
    assert "is not known here" not in own
    assert "How many of all procedures of C01" in network
    assert "(Aalen and Johansen) of C05 and of the network up to day 90" in own
    assert "(Aalen and Johansen) of the network up to day 90" in network


def test_centers_of_one_name_are_told_apart() -> None:
    names = {"C01": "Saint Mary", "C02": "Saint Mary", "C03": "Saint Ann"}
    plan = PLAN.model_copy(update={"audit": PLAN.audit.model_copy(update={"center_names": names})})
    look = Look(plan, INTERNAL)
    assert [look.name(c) for c in NAMES[:4]] == [
        "Saint Mary (C01)", "Saint Mary (C02)", "Saint Ann", "C04"
    ]  # fmt: skip


def test_the_words_name_the_ratio_that_the_judgement_asks_about() -> None:
    assert Rules().exceed == EXCEEDED


def test_a_verdict_that_is_withheld_is_no_verdict_of_its_own() -> None:
    note = Note("audit_pce", "verdict", "alarm, worse", "C09", ("audit_pce/C01/outcome//observed",))
    look = Look(PLAN, release(Ledger(LEDGER.cells, (note,)), ReleasePolicy(audience="internal")))
    assert look.verdict("audit_pce", "C09").flag == ("alarm", "worse")
    assert look.verdict("audit_pce", "C01").code == ""
    known = replace(note, text="withheld")
    look = Look(PLAN, release(Ledger(LEDGER.cells, (known,)), ReleasePolicy(audience="internal")))
    assert look.verdict("audit_pce", "C09").words == "Withheld"


def test_changes_since_the_previous_audit_are_told(tmp_path: Path) -> None:
    note = Note("audit_pce", "change", "Was: none; is: alarm. Why: new data.", "C05")
    ledger = Ledger(LEDGER.cells, (*LEDGER.notes, note))
    internal = release(ledger, ReleasePolicy(audience="internal"))
    out = write(tmp_path / "out", internal=internal, internal_tables={}, center="C05")
    assert "Was: none; is: alarm" in read(out, "internal/index.html")
    assert "Was: none; is: alarm" in read(out, "internal/centers/C05.html")


def test_an_audit_of_almost_nothing_says_so_in_every_part(tmp_path: Path) -> None:
    cells = LEDGER.cells
    kept = cells[(cells["analysis"] == "audit_pce") & (cells["variable"] == "outcome")]
    ledger = Ledger(kept[~kept["group"].isin(["limits"])].reset_index(drop=True))
    public = release(ledger, ReleasePolicy(threshold=1))
    internal = release(ledger, ReleasePolicy(audience="internal"))
    out = write(tmp_path / "out", public=public, internal=internal, internal_tables={})
    text = read(out, "internal/centers/C01.html")
    for said in ("The plan asks for none.", "is not known here", "no process indicators",
                 "followed over time", "no learning curve", "No case is listed",
                 "Nothing was adjusted for"):  # fmt: skip
        assert said in text
    assert re.findall(r'<section id="(\w+)"', text) == ORDER


def test_signals_stand_on_the_page_of_the_network(tmp_path: Path) -> None:
    signals = pd.DataFrame({"center_id": ["C05"], "side": ["worse"], "indicator": ["pce"],
                            "first_signal": pd.to_datetime(["2024-05-06"]), "n_signals": [2],
                            "limit": [4.2]})  # fmt: skip
    out = write(tmp_path / "out", internal_tables={"signals": signals}, center="C05")
    row = '<th scope="row">C05</th><td>Pulmonary cement embolism</td><td>worse</td>'
    assert f"{row}<td>2024-05-06</td>" in read(out, "internal/index.html")
    assert "2024-05-06" not in read(out, "public/index.html")
    assert (out / "internal" / "signals.csv").is_file()


def test_the_case_list_speaks_in_words_and_leaves_masked_columns_out(tmp_path: Path) -> None:
    cases = pd.DataFrame({"center_id": ["C05"], "indicator": ["pce"], "number": [7],
                          "expected_percent": [3.25], "key": ["[masked]"]})  # fmt: skip
    out = write(tmp_path / "out", internal_tables={"cases": cases}, center="C05")
    text = read(out, "internal/centers/C05.html")
    assert "Procedure, by date" in text
    assert "[masked]" not in text


def test_corrections_are_masked(tmp_path: Path) -> None:
    log = pd.DataFrame({"table": ["patients"], "field": ["birth"], "key": ["C01/7"],
                        "raw": ["1950-01-01"], "clean": [""]})  # fmt: skip
    out = write(tmp_path / "out", internal_tables={"corrections": log}, center="C01")
    text = read(out, "internal/corrections.csv")
    assert "1950" not in text
    assert "[masked]" in text
