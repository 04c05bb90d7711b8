"""The pages of a data-quality report in a real browser: they render, print and fit a phone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from vpstats.pipeline import run_quality
from vpstats.registry import Registry

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

PAGES = ("public/index", "public/centers/C2", "internal/index", "internal/centers/C2")
CUT = pd.Timestamp("2025-12-31")


def until(days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Days up to the data cut."""
    return days.where(days <= CUT, CUT)


def made() -> Registry:
    """Six centers with every kind of missing, entries, and a center that stopped."""
    rng = np.random.default_rng(5)
    n = 900
    center = np.array([f"C{i}" for i in range(6)])[rng.integers(0, 6, n)]
    day = CUT - pd.to_timedelta(rng.integers(0, 2000, n), unit="D")
    kept = ~((center == "C5") & (day > "2024-06-30"))
    center, day = center[kept], day[kept]
    n = len(center)
    names = [f"{c}/{i}" for i, c in enumerate(center)]
    answer = ["yes", "no", "unknown", "not_done", None]
    sessions = pd.DataFrame(
        {
            "procedure_id": names,
            "patient_id": names,
            "center_id": center,
            "proc_date": day,
            "entry_date": until(day + pd.to_timedelta(rng.integers(0, 60, n), unit="D")),
            "age_at_proc": rng.normal(74, 8, n).round().clip(45, 95),
            "indication": rng.choice(["osteoporotic", "metastasis", None], n, p=[0.8, 0.15, 0.05]),
            "crp_mg_l": np.where(rng.random(n) < 0.7, 5.0, np.nan),
            "mri_pre": rng.choice(answer, n, p=[0.5, 0.3, 0.1, 0.05, 0.05]),
            "ct_post_done": rng.choice(["yes", "no", None], n, p=[0.5, 0.45, 0.05]),
            "chest_imaging_modality": rng.choice(["none", "xray", "ct_full"], n),
        }
    )
    seen = until(day + pd.to_timedelta(rng.integers(0, 900, n), unit="D"))
    people = pd.DataFrame(
        {"patient_id": names, "center_id": center, "sex": rng.choice(["f", "m"], n),
         "last_contact_date": seen}
    )  # fmt: skip
    tables = {"patients": people, "procedures": sessions}
    return Registry.from_tables(tables, name="Made-up", data_cut=CUT, synthetic=True)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of the made-up registry; its mapping is only hashed."""
    folder = tmp_path_factory.mktemp("quality")
    (folder / "registry.toml").write_text("version = 1\n", "utf-8")
    run_quality(folder, out=folder / "report", registry=made())
    return folder / "report"


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest, report: Path, browser: Browser) -> Iterator[Page]:
    """One page, opened from the disk; what it says on the console is kept."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    messages: list[str] = []
    opened.on("console", lambda m: messages.append(m.text))
    opened.on("pageerror", lambda e: messages.append(str(e)))
    opened.on("request", lambda r: messages.append(r.url) if "http" in r.url else None)
    opened.goto((report / f"{request.param}.html").as_uri(), wait_until="load")
    opened.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    yield opened
    assert messages == []
    opened.close()


@pytest.mark.parametrize("width", [320, 375, 1280, 1600])
def test_a_page_never_scrolls_sideways(width: int, page: Page) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_no_violation(width: int, page: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.set_viewport_size({"width": width, "height": 900})
    found = Axe().run(page).response
    assert found["passes"]
    bad = [f"{v['id']} ({v['impact']}): {v['nodes'][0]['html'][:200]}" for v in found["violations"]]
    assert bad == []


def test_figures_have_a_name_and_can_be_read_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    figures = page.evaluate(
        """[...document.querySelectorAll('figure svg')].map(s => {
            const words = key => (document.getElementById(s.getAttribute(key)) || {}).textContent;
            const texts = [...s.querySelectorAll('text')].map(
                t => t.getBoundingClientRect().height);
            return {name: words('aria-labelledby'), description: words('aria-describedby'),
                    least: Math.min(...texts)};
        })"""
    )
    assert figures
    for figure in figures:
        assert figure["name"]
        assert figure["description"]
        assert figure["least"] >= 9


def test_headings_descend_without_a_gap(page: Page) -> None:
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
    )
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_it_prints_on_a4(page: Page, tmp_path: Path) -> None:
    target = tmp_path / "quality.pdf"
    page.pdf(path=str(target), format="A4", prefer_css_page_size=True)
    content = target.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= 3


def test_a_reader_gets_from_the_network_to_a_center_and_back(
    report: Path, browser: Browser
) -> None:
    opened = browser.new_page()
    opened.goto((report / "public" / "index.html").as_uri())
    opened.locator(".centers a", has_text="C2").click()
    assert opened.locator("h1").text_content() == "Quality of the data: C2"
    opened.get_by_role("link", name="All centers").click()
    assert opened.locator("h1").text_content() == "Quality of the data: the network"
    opened.close()
