"""The report in a real browser: it renders, stays silent, asks for nothing, and reads aloud."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
WIDTHS = {"phone": 375, "narrow phone": 320, "laptop": 1280, "desktop": 1600}


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the demonstration study."""
    from vpstats.pipeline import run_study

    out = tmp_path_factory.mktemp("browser") / "demo"
    assert run_study(ROOT / "data" / "demo", out=out).folder == out.resolve()
    return out


@dataclass
class Visit:
    """An open page and what it said and asked for."""

    page: Page
    url: str
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def ask(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)


@pytest.fixture(scope="session", params=["public", "internal"])
def visit(request: pytest.FixtureRequest, report: Path, browser: Browser) -> Iterator[Visit]:
    """One edition, opened from the disk as a reader opens it."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    opened = Visit(page, (report / request.param / "report.html").as_uri())
    page.on("console", lambda m: opened.messages.append(f"{m.type}: {m.text}"))
    page.on("pageerror", lambda e: opened.messages.append(f"error: {e}"))
    page.on("request", lambda r: opened.requests.append(r.url))
    page.goto(opened.url, wait_until="load")
    yield opened
    page.close()


def test_the_page_is_silent_and_asks_for_nothing_but_itself(visit: Visit) -> None:
    assert visit.messages == []
    fetched = [url for url in visit.requests if not url.startswith("data:")]
    assert fetched == [visit.url]


def test_every_figure_has_a_size_a_name_and_a_description(visit: Visit) -> None:
    figures = visit.ask(
        """[...document.querySelectorAll('figure svg')].map(s => {
            const box = s.getBoundingClientRect();
            const words = key => (document.getElementById(s.getAttribute(key)) || {}).textContent;
            return {width: box.width, height: box.height, marks: s.querySelectorAll('path').length,
                    name: words('aria-labelledby'), description: words('aria-describedby')};
        })"""
    )
    assert len(figures) >= 3
    for figure in figures:
        assert figure["width"] > 100
        assert figure["height"] > 50
        assert figure["marks"] > 0
        assert figure["name"]
        assert figure["description"]


def test_every_table_has_a_caption_headings_and_rows(visit: Visit) -> None:
    tables = visit.ask(
        """[...document.querySelectorAll('table')].map(t => ({
            caption: (t.caption || {textContent: ''}).textContent.trim(),
            headings: t.querySelectorAll('thead th').length,
            rows: [...t.tBodies].reduce((n, b) => n + b.rows.length, 0),
            height: t.getBoundingClientRect().height}))"""
    )
    assert len(tables) >= 3
    for table in tables:
        assert table["caption"]
        assert table["headings"] >= 2
        assert table["rows"] >= 1
        assert table["height"] > 20


def test_every_link_of_the_contents_leads_somewhere(visit: Visit) -> None:
    targets = visit.ask(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))"
    )
    assert len(targets) >= 8
    assert visit.ask("ids => ids.filter(i => !document.getElementById(i))", targets) == []


@pytest.mark.parametrize("name", WIDTHS)
def test_the_page_never_scrolls_sideways(name: str, visit: Visit) -> None:
    visit.page.set_viewport_size({"width": WIDTHS[name], "height": 800})
    wide = visit.ask("document.documentElement.scrollWidth")
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    assert wide <= WIDTHS[name]


@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_no_violation(width: int, visit: Visit) -> None:
    from axe_playwright_python.sync_playwright import Axe

    visit.page.set_viewport_size({"width": width, "height": 900})
    # the page's policy forbids scripts; the checker is let in by the browser, not by the page
    found = Axe().run(visit.page).response
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    assert found["passes"]
    bad = [f"{v['id']} ({v['impact']}): {v['nodes'][0]['html'][:200]}" for v in found["violations"]]
    assert bad == []


def test_headings_descend_without_a_gap(visit: Visit) -> None:
    levels = visit.ask(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
    )
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_skip_link_comes_first_and_shows_itself(visit: Visit) -> None:
    page = visit.page
    page.evaluate("() => { window.scrollTo(0, 0); document.activeElement.blur(); }")
    page.keyboard.press("Tab")
    focused = page.evaluate(
        """() => { const e = document.activeElement;
        return {text: e.textContent, left: e.getBoundingClientRect().left}; }"""
    )
    assert focused == {"text": "Skip to the report", "left": 0}


def test_the_record_of_third_parties_names_what_ran() -> None:
    from axe_playwright_python.base import AXE_SCRIPT

    record = (Path(__file__).parent / "THIRD_PARTY.md").read_text("utf-8")
    axe = re.search(r"axe v([\d.]+)", AXE_SCRIPT)
    assert axe is not None
    assert f"| axe-core (Deque Systems) | {axe[1]}," in record
    assert f"axe-playwright-python {version('axe-playwright-python')} | MPL-2.0" in record


def test_it_prints_on_a4(visit: Visit, tmp_path: Path) -> None:
    target = tmp_path / "report.pdf"
    visit.page.pdf(path=str(target), format="A4", prefer_css_page_size=True)
    content = target.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= 3
