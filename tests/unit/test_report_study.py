"""The report is written from released cells alone, whole, twice the same, and says what it is."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.disclosure import Released, ReleasePolicy, release
from vpstats.errors import DisclosureError, InternalError, UsageError
from vpstats.ledger import Ledger, Note, cell, cell_id
from vpstats.report.manifest import Provenance, changed_outputs, read_manifest
from vpstats.report.methods import methods
from vpstats.report.page import enlarge, write_blocks
from vpstats.report.parts import Edition, Picture, Section
from vpstats.report.sections import study_sections
from vpstats.report.study import RegistrySummary, write_study
from vpstats.report.words import facts_of, glossary
from vpstats.schema_tables import TABLES
from vpstats.study import StudyPlan

PLAN = StudyPlan.model_validate(
    {
        "version": 1,
        "title": "Outcomes of vertebroplasty: a small study",
        "description": "Invented numbers that look like a registry.",
        "release": {"threshold": 5, "min_at_risk": 20, "curve_step": 60},
        "question": [
            {
                "kind": "quality",
                "id": "quality",
                "title": "Data quality by center",
                "ask": "How complete is each center's record?",
            },
            {
                "kind": "description",
                "id": "table1",
                "title": "Patients",
                "ask": "Who was treated?",
                "cohort": "patients",
                "variables": ["age_at_proc", "sex"],
                "by": "neoplastic",
            },
            {
                "kind": "risk_factor",
                "id": "leak_volume_ct",
                "title": "Cement volume and leakage on CT",
                "ask": "Does more cement go with more leakage?",
                "cohort": "leakage",
                "options": {"modality": "ct"},
                "outcome": "leak_any",
                "exposure": "viscosity_class",
                "adjust": ["age_at_proc", "region"],
                "mediators": ["cement_ml"],
                "limits": "Operators stop when they see a leak.",
            },
            {
                "kind": "spine_map",
                "id": "spine_ct",
                "title": "Leakage along the spine",
                "cohort": "leakage",
            },
            {
                "kind": "time_to_event",
                "id": "infection",
                "title": "Infection",
                "ask": "How often does infection follow?",
                "cohort": "infection",
                "exposure": "immunocompromised",
                "adjust": ["age_at_proc"],
                "by": "immunocompromised",
                "horizons": [90, 365],
                "limits": "Days are days of detection.",
            },
            {
                "kind": "complications",
                "id": "complications",
                "title": "Complications by severity",
                "cohort": "complications",
            },
        ],
        "not_testable": [
            {"claim": "Vertebroplasty prevents new fractures.", "reason": "Everybody was treated."}
        ],
    }
)


SHORT = PLAN.model_copy(update={"questions": (PLAN["table1"],)})
"""A plan of one table, for tests that do not look at figures."""


def flow_rows(
    cohort: str, unit: str, steps: list[tuple[str, int, int]]
) -> Iterator[dict[str, Any]]:
    analysis = f"flow_{cohort}"
    for i, (label, n_rows, n_patients) in enumerate(steps):
        for stat, value, name in (
            ("n_rows", n_rows, unit),
            ("n_patients", n_patients, "patients"),
        ):
            parent = cell_id(analysis, "", "step", str(i - 1), stat) if i else ""
            common = {"level": str(i), "label": label, "unit": name, "n": n_rows, "parent": parent}
            yield cell(analysis, "step", stat, value, kind="total", **common)
            if i:
                before = steps[i - 1][1 if stat == "n_rows" else 2]
                excluded = stat.replace("n_", "excluded_")
                yield cell(analysis, "step", excluded, before - value, kind="count", **common)


def share(
    analysis: str, variable: str, events: int, n: int, *, parent: str = "", **where: Any
) -> Iterator[dict[str, Any]]:
    """Events of a denominator, their share and its limits."""
    group, level = where.get("group", ""), where.get("level", "")
    named = {"n": n, **where}
    total = parent or cell_id(analysis, group, variable, level, "n")
    yield cell(analysis, variable, "n", n, kind="total" if not parent else "count", **named,
               parent=parent)  # fmt: skip
    yield cell(analysis, variable, "n_events", events, kind="count", parent=total, **named)
    numerator = cell_id(analysis, group, variable, level, "n_events")
    margin = 196 * np.sqrt(max(events, 1)) / n
    percent = 100 * events / n
    for stat, value in (
        ("percent", percent),
        ("conf_low", max(percent - margin, 0)),
        ("conf_high", percent + margin),
    ):
        yield cell(analysis, variable, stat, value, kind="estimate", parent=numerator, **named)


def table1_rows() -> Iterator[dict[str, Any]]:
    for group, n, women in (("All", 2900, 2100), ("no", 2300, 1750), ("yes", 600, 350)):
        total = cell_id("table1", group, "patients", "", "n")
        yield cell("table1", "patients", "n", n, kind="total", group=group, label="Patients", n=n)
        age = {"group": group, "label": "Age (years)", "kind": "estimate", "n": n, "parent": total}
        for stat, value in (("mean", 72.1), ("sd", 9.8), ("median", 73.0), ("q1", 66), ("q3", 79)):
            yield cell("table1", "age_at_proc", stat, value, **age)
        yield cell("table1", "age_at_proc", "n_missing", 12, **{**age, "kind": "count"})
        for level, count in (("female", women), ("male", n - women)):
            named = {"group": group, "level": level, "label": "Sex", "n": n}
            yield cell("table1", "sex", "n", count, kind="count", parent=total, **named)
            numerator = cell_id("table1", group, "sex", level, "n")
            yield cell("table1", "sex", "percent", 100 * count / n, kind="estimate",
                       parent=numerator, **named)  # fmt: skip


def model_rows(
    analysis: str, group: str, terms: list[tuple[str, str, float, float, float]], unit: str
) -> Iterator[dict[str, Any]]:
    events = cell_id(analysis, "", "leak_any", "", "n_events")
    for term, label, estimate, low, high in terms:
        named = {"group": group, "label": label, "n": 1780, "kind": "estimate", "parent": events}
        for stat, value in (("estimate", estimate), ("conf_low", low), ("conf_high", high),
                            ("p_value", 0.0123), ("std_error", 0.11)):  # fmt: skip
            units = {"p_value": "", "std_error": "log scale"}
            yield cell(analysis, term, stat, value, unit=units.get(stat, unit), **named,
                       caveat="dropped_rows")  # fmt: skip
    total = cell_id(analysis, group, "model", "", "n")
    for stat, value in (("n", 1780), ("n_events", 612), ("n_clusters", 1204), ("n_missing", 120)):
        yield cell(analysis, "model", stat, value, group=group, label=group, unit="levels", n=1780,
                   kind="total" if stat == "n" else "count",
                   parent=total if stat == "n_events" else "")  # fmt: skip


def leak_rows() -> Iterator[dict[str, Any]]:
    yield cell("leak_volume_ct", "leak_any", "n_patients", 1290, kind="total", unit="patients",
               label="Any leak")  # fmt: skip
    yield from share("leak_volume_ct", "leak_any", 650, 1900, label="Any leak", unit="levels")
    total = cell_id("leak_volume_ct", "", "leak_any", "", "n")
    for level, n, events in (("low", 1000, 390), ("high", 900, 260)):
        yield from share("leak_volume_ct", "viscosity_class", events, n, parent=total, level=level,
                         label=f"Viscosity: {level}", unit="levels")  # fmt: skip
    term = "viscosity_class[T.high]"
    for group, ratio in (("crude", 0.64), ("adjusted", 0.71), ("mediators", 0.75)):
        terms = [(term, "Viscosity: high", ratio, ratio * 0.8, ratio * 1.25)]
        if group != "crude":
            terms += [
                ("age_at_proc", "Age (years)", 1.01, 0.99, 1.03),
                ("region[T.lumbar]", "Region: lumbar", 0.92, 0.7, 1.21),
            ]
        yield from model_rows("leak_volume_ct", group, terms, "odds ratio")


def infection_rows() -> Iterator[dict[str, Any]]:
    yield cell("infection", "infection", "n_patients", 2900, kind="total", unit="patients",
               label="Infection")  # fmt: skip
    yield from share("infection", "infection", 9, 2900, label="Infection", unit="patients")
    events = cell_id("infection", "", "infection", "", "n_events")
    for group, n, rate in (("no", 2500, 0.002), ("yes", 400, 0.01)):
        for step in range(1, 13):
            risk = n - 100 * step if n > 2000 else n - 30 * step
            values = {
                "estimate": rate * step / 12,
                "conf_low": rate * step / 30,
                "conf_high": rate * step / 5,
                "std_error": rate / 10,
                "n_risk": risk,
                "n_event": 1,
                "n_censor": 9,
            }
            for stat, value in values.items():
                yield cell("infection", "incidence", stat, value, kind="curve step", group=group,
                           level=str(30 * step), label="Immunocompromised", unit="incidence",
                           n=risk, parent=events)  # fmt: skip
        for horizon, factor in (("90", 0.25), ("365", 1.0)):
            for stat, value in (
                ("estimate", rate),
                ("conf_low", rate / 2),
                ("conf_high", rate * 2),
            ):
                yield cell("infection", "incidence_at", stat, value * factor, kind="estimate",
                           group=group, level=horizon, label="Immunocompromised",
                           unit="incidence", n=n, parent=events)  # fmt: skip


def spine_rows() -> Iterator[dict[str, Any]]:
    levels = [*(f"T{i}" for i in range(4, 13)), *(f"L{i}" for i in range(1, 6))]
    for i, level in enumerate(levels):
        n = 6 + 24 * min(i, len(levels) - i)
        yield from share("spine_ct", "level", max(n // 3, 2), n, level=level, label=level,
                         unit="levels")  # fmt: skip


def complication_rows() -> Iterator[dict[str, Any]]:
    for severity, name, events, n in (
        ("mild", "pain or fever", 81, 2950),
        ("mild", "rib fracture", 22, 2950),
        ("moderate", "infection", 9, 2900),
        ("severe", "cement embolism, symptomatic", 3, 1100),
    ):
        yield from share("complications", name.replace(" ", "_").replace(",", ""), events, n,
                         group=severity, label=name, unit="procedures")  # fmt: skip
    total = cell_id("complications", "", "worst severity", "", "n")
    yield cell("complications", "worst severity", "n", 3000, kind="total", unit="procedures")
    for level, n in (("none", 2880), ("mild", 100), ("moderate", 12), ("severe", 8)):
        yield cell("complications", "worst severity", "n_events", n, kind="count", level=level,
                   label=level, n=3000, parent=total, unit="procedures")  # fmt: skip


def quality_rows() -> Iterator[dict[str, Any]]:
    centers = [f"C{i:02d}" for i in range(1, 13)]
    yield cell("quality", "procedures", "n", 240 * len(centers), kind="total", group="network",
               label="Procedures", unit="procedures")  # fmt: skip
    for group in centers:
        yield cell("quality", "procedures", "n", 240, kind="count", group=group,
                   label="Procedures", unit="procedures",
                   parent=cell_id("quality", "network", "procedures", "", "n"))  # fmt: skip
    measures = {"crp": ("CRP recorded", 219), "ct": ("CT after the procedure", 105)}
    for measure, (label, events) in measures.items():
        for group in centers:
            yield from share("quality", measure, events, 240, group=group, label=label)
        yield cell("quality", measure, "percent", 100 * events / 240, kind="estimate",
                   group="network", label=label, unit="%")  # fmt: skip


NOTES = (
    Note("leak_volume_ct", "finding",
         "{leak_volume_ct//leak_any//n_events:,.0f} of {leak_volume_ct//leak_any//n:,.0f} levels "
         "leaked ({leak_volume_ct//leak_any//percent:.1f} %)."),
    Note("leak_volume_ct", "finding",
         "Adjusted odds ratio for high viscosity: "
         "{leak_volume_ct/adjusted/viscosity_class[T.high]//estimate:.2f}."),
    Note("leak_volume_ct", "caveat", "Adjusted: Rows with a missing value were left out."),
    Note("leak_volume_ct", "method", "Logistic regression, clustered in patients."),
    Note("infection", "finding", "{infection//infection//n_events:,.0f} infections followed."),
    Note("infection", "refusal",
         "The adjusted model was not fitted: there are fewer than ten events."),
    Note("infection", "limit", "Prevalent infections are not counted."),
    Note("complications", "caveat", "Numbers are small; the interval is exact."),
)  # fmt: skip


def make_ledger() -> Ledger:
    rows = [
        *flow_rows("registry", "patients", [("Patients read", 3100, 3100),
                                            ("Opted out", 3000, 3000)]),
        *flow_rows("leak_volume_ct", "levels", [("Treated levels read", 4500, 3000),
                                         ("Consent", 4400, 2950), ("Assessed by CT", 1900, 1290)]),
        *flow_rows("infection", "patients", [("Patients read", 3000, 3000),
                                             ("Followed up", 2900, 2900)]),
        *quality_rows(), *table1_rows(), *leak_rows(), *spine_rows(), *infection_rows(),
        *complication_rows(),
    ]  # fmt: skip
    return Ledger.from_rows(rows, NOTES)


SHOWN = frozenset((t.name, c.name) for t in TABLES.values() for c in t if not c.masked)
SUMMARY = RegistrySummary("A small registry", date(2025, 12, 31), True, SHOWN, "opt-out")
PROVENANCE = Provenance(
    {"registry.toml": "a" * 64, "kb_sjever/razine.csv": "b" * 64},
    "3.11.2",
    {"vpstats": "0.1.0", "numpy": "2.0.0"},
)
CORRECTIONS = pd.DataFrame(
    {
        "file": ["kb_sjever/razine.csv"] * 2,
        "row": [2, 3],
        "column": ["cement", "ime"],
        "table": ["levels", "patients"],
        "field": ["cement_ml", "patient_id"],
        "key": ["C01/778123/T8", "C01/778123"],
        "raw": ["4,5", "Ana Novak"],
        "clean": ["4.5", "C01/778123"],
        "rule": ["decimal comma", "pseudonym"],
        "severity": ["info", "info"],
    }
)
FINDINGS = pd.DataFrame(
    {
        "severity": ["warning"],
        "rule": ["procedure after death"],
        "file": ["kb_sjever/razine.csv"],
        "row": [9],
        "column": ["datum"],
        "table": ["procedures"],
        "key": ["C01/778123"],
        "field": ["proc_date"],
        "message": ["the procedure lies after the death."],
        "action": ["Check both dates."],
    }
)


def editions(ledger: Ledger) -> dict[str, Released]:
    public = ReleasePolicy(threshold=5, min_at_risk=20, curve_step=60)
    return {
        "public": release(ledger, public),
        "internal": release(ledger, ReleasePolicy(audience="internal")),
    }


@pytest.fixture(scope="module")
def released() -> dict[str, Released]:
    return editions(make_ledger())


def write(out: Path, released: dict[str, Any], **changed: Any) -> Path:
    given: dict[str, Any] = {
        "plan": PLAN,
        "registry_summary": SUMMARY,
        "internal_files": {"corrections": CORRECTIONS, "findings": FINDINGS},
        "provenance": PROVENANCE,
        **released,
        **changed,
    }
    return write_study(out=out, **given)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, released: dict[str, Released]) -> Path:
    return write(tmp_path_factory.mktemp("reports") / "small", released)


@pytest.fixture(scope="module", params=["public", "internal"])
def html(request: pytest.FixtureRequest, folder: Path) -> str:
    return (folder / request.param / "report.html").read_text("utf-8")


class Outline(HTMLParser):
    """Headings, landmarks, ids, references, and words outside of tables and figures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"table", "svg", "style", "title"} & set(self.open):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def content(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


# ------------------------------------------------------------------ the folder


def test_both_editions_hold_the_page_its_figures_its_tables_and_the_ledger(folder: Path) -> None:
    names = set(content(folder))
    assert {"manifest.json", "README.txt"} <= names
    for edition in ("public", "internal"):
        expected = {
            "report.html", "ledger.csv", "tables.md",
            "tables/table1.csv", "tables/quality.csv", "tables/complications.csv",
            "tables/leak_volume_ct_estimates.csv", "tables/infection_incidence.csv",
            "figures/flow_registry.svg", "figures/flow_registry.png",
            "figures/leak_volume_ct_forest.svg", "figures/leak_volume_ct_forest.png",
            "figures/infection_curves.svg", "figures/spine_ct.png",
        }  # fmt: skip
        assert {f"{edition}/{name}" for name in expected} <= names


def test_the_cleaning_log_is_internal_alone(folder: Path) -> None:
    logs = {"findings.csv", "corrections.csv", "cleaning_summary.csv"}
    assert logs <= {p.name for p in (folder / "internal").iterdir()}
    assert not logs & {p.name for p in (folder / "public").iterdir()}


def test_nothing_identifying_leaves_the_log(folder: Path) -> None:
    for name, data in content(folder).items():
        assert b"778123" not in data, name
        assert b"Novak" not in data, name
    rows = pd.read_csv(folder / "internal" / "corrections.csv")
    assert rows["raw"].tolist() == ["4,5", "[masked]"]


def test_names_of_input_files_stay_in_the_institution(folder: Path) -> None:
    public = b"".join(d for n, d in content(folder).items() if n.startswith("public/"))
    assert b"kb_sjever" not in public
    assert b"b" * 12 in public
    assert b"kb_sjever/razine.csv" in (folder / "internal" / "report.html").read_bytes()


def test_the_manifest_describes_the_folder_as_it_is(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert changed_outputs(folder) == ()
    assert manifest["plan"]["fingerprint"] == PLAN.fingerprint
    assert manifest["registry"] == {
        "name": "A small registry", "data_cut": "2025-12-31", "synthetic": True,
    }  # fmt: skip
    assert manifest["release"]["public"]["threshold"] == 5
    by_folder = {o["path"]: o["folder"] for o in manifest["outputs"]}
    assert by_folder["public/ledger.csv"] == "public"
    assert by_folder["internal/manifest.json"] == "internal"
    assert "internal/ledger.csv" not in by_folder  # whose hash would confirm a guess at it


def test_the_same_input_gives_the_same_bytes(
    folder: Path, tmp_path: Path, released: dict[str, Released]
) -> None:
    again = write(tmp_path / "elsewhere" / "again", editions(make_ledger()))
    assert content(again) == content(folder)


def test_an_earlier_report_is_replaced(tmp_path: Path, released: dict[str, Released]) -> None:
    out = write(tmp_path / "out", released, plan=SHORT)
    (out / "public" / "report.html").write_text("torn")
    write(out, released, plan=SHORT.model_copy(update={"title": "Another title"}))
    assert b"Another title" in (out / "public" / "report.html").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_a_folder_that_is_no_report_is_left_alone(
    tmp_path: Path, released: dict[str, Released]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"no manifest\.json of a vpstats report"):
        write(tmp_path, released)
    assert content(tmp_path) == {"thesis.txt": b"mine"}


# ------------------------------------------------------------------ the gate


@pytest.mark.parametrize("edition", ["public", "internal"])
def test_only_what_passed_the_gate_is_written(
    edition: str, tmp_path: Path, released: dict[str, Released]
) -> None:
    with pytest.raises(UsageError, match=rf"the {edition} edition is a Ledger"):
        write(tmp_path / "out", {**released, edition: make_ledger()})
    assert not (tmp_path / "out").exists()


def test_an_internal_release_is_never_written_as_public(
    tmp_path: Path, released: dict[str, Released]
) -> None:
    with pytest.raises(DisclosureError, match="released for internal use"):
        write(tmp_path / "out", {**released, "public": released["internal"]})
    assert not (tmp_path / "out").exists()


def test_small_counts_are_nowhere_in_the_public_folder(folder: Path) -> None:
    """Three symptomatic embolisms: shown inside, withheld outside, in table, figure and text."""
    cells = pd.read_csv(folder / "public" / "ledger.csv").set_index("cell_id")
    name = cell_id("complications", "severe", "cement_embolism_symptomatic", "", "n_events")
    assert np.isnan(cells.loc[name, "value"])
    inside = pd.read_csv(folder / "internal" / "ledger.csv").set_index("cell_id")
    assert inside.loc[name, "value"] == 3
    (row,) = (
        line
        for line in (folder / "public" / "tables" / "complications.csv").read_text().splitlines()
        if "Cement embolism, symptomatic" in line
    )
    assert row.endswith(",*,1100,*")


# ------------------------------------------------------------------ the page


def test_the_page_needs_nothing_from_anywhere(html: str) -> None:
    outline = Outline(html)
    assert not outline.all("script")
    assert not re.search(r'\b(?:src|action|data)="', html)
    targets = [a["href"] or "" for tag in ("a", "link") for a in outline.all(tag)]
    assert all(t.startswith("#") or t == "data:," for t in targets)
    references = re.findall(r'xlink:href="([^"]*)"|url\(([^)]*)\)', html)
    assert all((a or b).startswith("#") for a, b in references)


def test_the_policy_admits_the_style_sheet_by_its_hash_and_nothing_else(html: str) -> None:
    (policy,) = (
        m["content"] or ""
        for m in Outline(html).all("meta")
        if m.get("http-equiv") == "Content-Security-Policy"
    )
    css = html.split("<style>", 1)[1].split("</style>", 1)[0]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert 'style="' not in html


def test_ids_are_unique_and_every_reference_has_its_target(html: str) -> None:
    outline = Outline(html)
    ids = [a["id"] for _, a in outline.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    named = [
        target
        for _, a in outline.tags
        for key in ("aria-labelledby", "aria-describedby")
        for target in (a.get(key) or "").split()
    ]
    links = [(a["href"] or "")[1:] for a in outline.all("a")]
    assert {*named, *links} <= set(ids)


def test_landmarks_and_headings_are_in_order(html: str) -> None:
    outline = Outline(html)
    tags = [tag for tag, _ in outline.tags]
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert tags.count(landmark) == 1
    assert outline.all("html")[0]["lang"] == "en"
    levels = [int(t[1]) for t in tags if re.fullmatch(r"h\d", t)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_sections_come_in_the_order_in_which_a_clinician_reads(html: str) -> None:
    sections = [a["id"] for a in Outline(html).all("section")]
    expected = ["summary", "flow", "quality", "table1", "leak_volume_ct", "spine_ct", "infection",
                "complications", "not_testable", "methods", "disclosure"]  # fmt: skip
    assert [s for s in sections if s in expected] == expected


def test_each_edition_says_what_it_is(folder: Path) -> None:
    public, internal = ((folder / e / "report.html").read_text() for e in ("public", "internal"))
    assert "Synthetic data: these patients do not exist" in public
    assert "Synthetic data: these patients do not exist" in internal
    assert "Internal: not released" in internal
    assert "not released" not in public


def test_a_real_registry_has_no_synthetic_banner(
    tmp_path: Path, released: dict[str, Released]
) -> None:
    real = replace(SUMMARY, synthetic=False)
    out = write(tmp_path / "out", released, registry_summary=real, plan=SHORT)
    assert b"these patients do not exist" not in (out / "public" / "report.html").read_bytes()


def test_a_question_is_asked_in_words_and_answered_with_its_limits(html: str) -> None:
    section = html.split('<section id="leak_volume_ct"', 1)[1].split("</section>", 1)[0]
    for text in (
        "Does more cement go with more leakage?",
        "Viscosity",
        "Age (years); Region",
        "Cement per vertebra (mL) (in a second model only)",
        "an indicator for each center",
        "650 of 1,900 levels leaked",
        "Rows with a missing value were left out.",
        "What this does not show",
        "Operators stop when they see a leak.",
        "Logistic regression, clustered in patients.",
    ):
        assert text in section, text


def test_a_refusal_is_printed_in_words_and_in_the_summary(html: str) -> None:
    sentence = "The adjusted model was not fitted: there are fewer than ten events."
    for name in ("infection", "summary"):
        section = html.split(f'<section id="{name}"', 1)[1].split("</section>", 1)[0]
        assert sentence in section
    assert "leak_volume_ct_forest" in html
    assert "infection_forest" not in html


def test_caveats_stand_directly_below_the_numbers_they_concern(html: str) -> None:
    for name, sentence, block in (
        ("complications", "Numbers are small", "Table: Complications by severity"),
        ("leak_volume_ct", "Rows with a missing value", "Table: Crude and adjusted estimates"),
    ):
        section = html.split(f'<section id="{name}"', 1)[1].split("</section>", 1)[0]
        between = section.split(block, 1)[1].split(sentence, 1)[0]
        assert between.count("</table>") == 1
        assert "<figure" not in between


def test_what_the_registry_cannot_answer_is_said(html: str) -> None:
    assert "Vertebroplasty prevents new fractures." in html
    assert "Everybody was treated." in html


def test_every_number_of_the_text_comes_from_a_released_cell(
    tmp_path: Path, released: dict[str, Released]
) -> None:
    """Other numbers in the ledger change the numbers of the text, and nothing but those."""
    ledger = make_ledger()
    values = ledger.cells["value"].where(ledger.cells["value"] < 100, ledger.cells["value"] + 13)
    other = replace(ledger, cells=ledger.cells.assign(value=values))
    pages = []
    for name, edition in (("a", released["internal"]), ("b", editions(other)["internal"])):
        out = write(tmp_path / name, {**released, "internal": edition})
        text = "".join(Outline((out / "internal" / "report.html").read_text()).words)
        pages.append(text)
    numbers = [re.findall(r"\d[\d,.]*", page) for page in pages]
    quoted = [re.sub(r"\d[\d,.]*", "#", page) for page in pages]
    assert quoted[0] == quoted[1]
    changed = [(a, b) for a, b in zip(*numbers, strict=True) if a != b]
    assert {a for a, _ in changed} == {"650", "1,900"}
    assert {b for _, b in changed} == {"663", "1,913"}


# ------------------------------------------------------------------ methods


def paragraphs(plan: StudyPlan, consent: str = "opt-out") -> dict[str, str]:
    found = methods(plan, provenance=PROVENANCE, consent=consent, policy="Small counts go.")
    return {p.heading: p.text for p in found}


def test_methods_say_what_the_plan_says() -> None:
    found = paragraphs(PLAN)
    assert PLAN.fingerprint[:12] in found["Design and plan"]
    assert "at least 10 events" in found["Event floors"]
    assert "95 %" in found["Intervals and tests"]
    assert found["Disclosure control"] == "Small counts go."
    assert "vpstats 0.1.0 with Python 3.11.2 (numpy 2.0.0)" in found["Software"]
    assert "Patients who opted out were removed" in found["Data and cleaning"]
    assert "Only patients who consented" in paragraphs(PLAN, "opt-in")["Data and cleaning"]
    assert "consent rule" in paragraphs(PLAN, "")["Data and cleaning"]


def test_methods_leave_out_what_the_plan_does_not_ask() -> None:
    kept = tuple(q for q in PLAN.questions if q.kind in ("quality", "description"))
    found = paragraphs(PLAN.model_copy(update={"questions": kept}))
    for heading in ("Yes or no outcomes", "Outcomes over time", "Rates", "Adjustment",
                    "Event floors"):  # fmt: skip
        assert heading not in found
    text = " ".join(found.values())
    assert "Cox" not in text
    assert "mediator" not in text.replace("its mediators", "")
    spine = PLAN.model_copy(update={"questions": (PLAN["spine_ct"],)})
    assert "complication" not in paragraphs(spine)["Rates"]
    rare = PLAN.model_copy(update={"questions": (PLAN["complications"],)})
    assert "fluoroscopy" not in paragraphs(rare)["Rates"]


def test_mediators_are_explained_only_where_the_plan_names_some() -> None:
    assert "labelled" in paragraphs(PLAN)["Adjustment"]
    alone = PLAN.model_copy(update={"questions": (PLAN["infection"],)})
    assert "labelled" not in paragraphs(alone)["Adjustment"]


def test_firth_is_named_where_the_plan_asks_for_it() -> None:
    assert "Firth" not in paragraphs(PLAN)["Yes or no outcomes"]
    leak = PLAN["leak_volume_ct"].model_copy(update={"penalty": "firth"})
    plan = PLAN.model_copy(update={"questions": (leak,)})
    assert "Firth's penalised likelihood" in paragraphs(plan)["Yes or no outcomes"]
    assert "Firth" in dict(glossary(plan))


# ------------------------------------------------------------------ words and drawings


def facts(**changed: Any) -> dict[str, str]:
    question = PLAN["leak_volume_ct"].model_copy(update=changed)
    return dict(facts_of(question, {"region": "The region as labelled"}))


def test_what_was_asked_is_said_in_words() -> None:
    found = facts()
    assert found["Exposure"] == "Cement viscosity"
    assert found["Adjusted for"] == "Age (years); The region as labelled"
    assert facts(exposure="my_own_column")["Exposure"] == "my own column"
    assert found["Center"] == "an indicator for each center"
    assert found["Restricted to"] == "imaging: CT"
    assert dict(facts_of(PLAN["infection"], {}))["Center"] == "a stratum for each center"


def test_what_was_left_out_of_a_question_is_said_too() -> None:
    found = facts(
        adjust=[], mediators=[], center="none", reason_no_center="one center", penalty="firth",
        options={"modality": "fluoro"}, where={"region": ["upper_thoracic", "lumbar"]},
    )  # fmt: skip
    assert found["Adjusted for"] == "nothing but center"
    assert found["Mediators"] == "none named"
    assert found["Center"] == "left out: one center"
    assert found["Model"] == "logistic regression, Firth's penalty"
    assert found["Restricted to"] == (
        "imaging: fluoroscopy; The region as labelled: upper thoracic, lumbar"
    )


def test_a_question_without_a_model_states_no_roles() -> None:
    assert facts_of(PLAN["complications"], {}) == ()


def test_a_figure_of_which_nothing_may_be_shown_is_replaced_by_the_reason(tmp_path: Path) -> None:
    def draw() -> Any:
        raise UsageError("no step may be shown.")

    picture = Picture("curve", "Incidence", "A caption.", "A description.", draw)
    shown = write_blocks((Section("s", "S", blocks=(picture,)),), tmp_path)[picture.key]
    assert shown.caption == "Not drawn: no step may be shown."
    assert shown.svg == ""
    assert list((tmp_path / "figures").iterdir()) == []


def test_a_drawing_without_a_width_is_a_defect() -> None:
    with pytest.raises(InternalError, match="how wide"):
        enlarge("<svg></svg>")


def test_a_flow_of_one_step_and_an_empty_analysis_are_not_printed() -> None:
    rows = [*flow_rows("registry", "patients", [("Patients read", 3000, 3000)])]
    released = release(Ledger.from_rows(rows), ReleasePolicy(audience="internal"))
    sections = {s.id: s for s in study_sections(Edition(PLAN, released))}
    assert [type(b) for b in sections["flow"].blocks] == [Picture]
    assert all(not sections[q.id].blocks for q in PLAN.questions)
    assert sections["summary"].summary == ()


def test_a_release_without_a_flow_and_a_plan_without_limits_leave_those_sections_out() -> None:
    rows = [*table1_rows()]
    released = release(Ledger.from_rows(rows), ReleasePolicy(audience="internal"))
    plan = SHORT.model_copy(update={"not_testable": ()})
    assert [s.id for s in study_sections(Edition(plan, released))] == ["summary", "table1"]
