"""The pages of an audit in a real browser: they render, read aloud, print, and fit a phone."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vpstats.disclosure import ReleasePolicy, release
from vpstats.report.audit import write_audit
from vpstats.report.manifest import Provenance
from vpstats.report.study import RegistrySummary
from vpstats.study import StudyPlan

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

MADE = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "audit_ledger.py"))
NAMES = MADE["center_names"](8)
WIDTHS = {"phone": 375, "narrow phone": 320, "laptop": 1280, "desktop": 1600}
PAGES = ("public/index", "public/centers/C03", "internal/index", "internal/centers/C03")


@pytest.fixture(scope="session")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit of eight made-up centers."""
    ledger = MADE["audit_ledger"](8)
    return write_audit(
        plan=StudyPlan.model_validate(MADE["plan_content"]()),
        registry_summary=RegistrySummary("Made-up", date(2026, 1, 31), True, frozenset()),
        public=release(ledger, ReleasePolicy(threshold=5)),
        internal=release(ledger, ReleasePolicy(audience="internal")),
        internal_tables={
            "charts": MADE["charts"](NAMES),
            "learning": MADE["learning"](),
            "cases": MADE["cases"](NAMES),
        },
        provenance=Provenance({}, "3.11", {"vpstats": "0.0.0"}),
        out=tmp_path_factory.mktemp("browser") / "audit",
    )


@dataclass
class Visit:
    """An open page and what it said and asked for."""

    page: Page
    url: str
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def ask(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)


@pytest.fixture(scope="module", params=PAGES)
def visit(request: pytest.FixtureRequest, audit: Path, browser: Browser) -> Iterator[Visit]:
    """One page, opened from the disk with everything on it unfolded."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    opened = Visit(page, (audit / f"{request.param}.html").as_uri())
    page.on("console", lambda m: opened.messages.append(f"{m.type}: {m.text}"))
    page.on("pageerror", lambda e: opened.messages.append(f"error: {e}"))
    page.on("request", lambda r: opened.requests.append(r.url))
    page.goto(opened.url, wait_until="load")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    yield opened
    page.close()


def test_a_page_is_silent_and_whole_in_itself(visit: Visit) -> None:
    assert visit.messages == []
    assert [url for url in visit.requests if not url.startswith("data:")] == [visit.url]


@pytest.mark.parametrize("name", WIDTHS)
def test_a_page_never_scrolls_sideways(name: str, visit: Visit) -> None:
    visit.page.set_viewport_size({"width": WIDTHS[name], "height": 800})
    wide = visit.ask("document.documentElement.scrollWidth")
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    assert wide <= WIDTHS[name]


@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_no_violation(width: int, visit: Visit) -> None:
    from axe_playwright_python.sync_playwright import Axe

    visit.page.set_viewport_size({"width": width, "height": 900})
    found = Axe().run(visit.page).response
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    assert found["passes"]
    bad = [f"{v['id']} ({v['impact']}): {v['nodes'][0]['html'][:200]}" for v in found["violations"]]
    assert bad == []


def test_every_figure_has_a_size_a_name_and_a_description(visit: Visit) -> None:
    figures = visit.ask(
        """[...document.querySelectorAll('figure svg')].map(s => {
            const box = s.getBoundingClientRect();
            const words = key => (document.getElementById(s.getAttribute(key)) || {}).textContent;
            return {width: box.width, height: box.height, name: words('aria-labelledby'),
                    description: words('aria-describedby')};
        })"""
    )
    assert len(figures) >= 8
    for figure in figures:
        assert figure["width"] > 100
        assert figure["height"] > 50
        assert figure["name"]
        assert figure["description"]


def test_figures_are_readable_on_a_phone(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 375, "height": 800})
    least = visit.ask(
        """Math.min(...[...document.querySelectorAll('figure svg text')].map(
            t => t.getBoundingClientRect().height))"""
    )
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    assert least >= 9  # pixels from the top of a line to its foot


def test_a_table_that_goes_on_shows_a_shadow_on_that_side(visit: Visit) -> None:
    """On a phone: at the right before it is scrolled, at the left once it is at its end."""
    from PIL import Image

    visit.page.set_viewport_size({"width": 375, "height": 800})
    wide = "x => x.scrollWidth > x.clientWidth + 40 && x.querySelector('table') !== null"
    boxes = [b for b in visit.page.query_selector_all(".scroll") if b.evaluate(wide)]
    assert boxes
    sides = []
    for left in (0, 10_000):
        boxes[0].evaluate("(x, left) => { x.scrollLeft = left; }", left)
        picture = np.asarray(Image.open(BytesIO(boxes[0].screenshot())).convert("L"), float)
        sides.append((np.median(picture[:, 1]), np.median(picture[:, -2])))
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    (first, beyond), (before, last) = sides
    assert min(first, last) > 250  # white paper
    assert max(beyond, before) < 220


def test_a_ring_stands_on_its_own_dot(visit: Visit) -> None:
    rings = visit.ask(
        """[...document.querySelectorAll('svg .mine')].map(m => {
            const ring = m.getBoundingClientRect();
            const svg = m.ownerSVGElement.getBoundingClientRect();
            return ring.left >= svg.left && ring.right <= svg.right
                && ring.top >= svg.top && ring.bottom <= svg.bottom;
        })"""
    )
    assert all(rings)
    assert bool(rings) == ("centers" in visit.url)


def test_headings_descend_without_a_gap(visit: Visit) -> None:
    levels = visit.ask(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
    )
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_a_reader_gets_from_the_network_to_a_center_and_back(audit: Path, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((audit / "public" / "index.html").as_uri())
    page.locator(".centers a", has_text="C03").click()
    assert page.locator("h1").text_content() == "Center audit: C03"
    page.get_by_role("link", name="All centers").click()
    assert page.locator("h1").text_content() == "Center audit: the network"
    page.close()


def test_the_response_starts_a_sheet_of_its_own(audit: Path, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((audit / "public" / "centers" / "C03.html").as_uri())
    page.emulate_media(media="print")
    form = page.evaluate(
        """(() => { const s = document.getElementById('response');
        const box = s.querySelector('table.form tbody td').getBoundingClientRect();
        return {before: getComputedStyle(s).breakBefore, height: box.height,
                rows: s.querySelectorAll('table.form tbody tr').length}; })()"""
    )
    assert form["before"] == "page"
    assert form["rows"] == 13
    assert form["height"] > 50
    page.close()


def test_it_prints_on_a4(visit: Visit, tmp_path: Path) -> None:
    target = tmp_path / "audit.pdf"
    visit.page.pdf(path=str(target), format="A4", prefer_css_page_size=True)
    content = target.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= 3
