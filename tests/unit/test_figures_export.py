"""Figures as files and as parts of a page: the same bytes, their own ids, text that stays text."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from vpstats.errors import UsageError
from vpstats.figures import figure_svg, flow_diagram, rates, save, styled

NASTY = 'id="x" href="#y" url(#z) style="a: b" <b>&amp; $x_1$ 5 % >'


def draw(label: str = "fever") -> Figure:
    rows = pd.DataFrame(
        {"group": ["mild", "mild"], "label": [label, "b"], "percent": [1.0, 20.0],
         "conf_low": [0.5, 15.0], "conf_high": [2.0, 26.0], "n_events": [4, 80], "n": [400, 400]}
    )  # fmt: skip
    return rates(rows)


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_figure_gives_the_same_bytes_without_a_date(tmp_path: Path, kind: str) -> None:
    one = save(draw(), tmp_path / f"one.{kind}").read_bytes()
    other = save(draw(), tmp_path / f"other.{kind}").read_bytes()
    assert one == other
    assert save(draw("pain"), tmp_path / f"third.{kind}").read_bytes() != one
    assert b"CreationDate" not in one
    assert b"Matplotlib" not in one


def test_a_users_settings_change_nothing_and_are_kept(tmp_path: Path) -> None:
    plain = save(draw(), tmp_path / "one.svg").read_bytes()
    with mpl.rc_context({"font.size": 20, "axes.grid": True, "lines.linewidth": 9,
                         "svg.hashsalt": "mine", "savefig.bbox": "tight"}):  # fmt: skip
        assert save(draw(), tmp_path / "other.svg").read_bytes() == plain
        assert mpl.rcParams["font.size"] == 20


def test_threads_do_not_disturb_one_another() -> None:
    alone = [figure_svg(draw(str(i)), title="t") for i in range(6)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda i: figure_svg(draw(str(i)), title="t"), range(6)))
    assert together == alone


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'a\.gif'; expected .* \.svg, \.pdf or \.png"):
        save(draw(), tmp_path / "a.gif")


def test_axes_stand_for_their_figure(tmp_path: Path) -> None:
    figure = draw()
    whole = save(figure, tmp_path / "a.png").read_bytes()
    assert save(figure.axes[1], tmp_path / "b.png").read_bytes() == whole


def test_a_file_is_well_formed_and_its_text_is_text(tmp_path: Path) -> None:
    root = ET.fromstring(save(draw(NASTY), tmp_path / "a.svg").read_text("utf-8"))
    texts = {"".join(e.itertext()).strip() for e in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Events / n", "Rate, %", "20.0 (15.0–26.0)"} <= texts
    # the label is set in type as it is written, whatever it looks like
    assert "$x_1$" in " ".join(texts)
    assert 'href="#y"' in " ".join(texts)


class Ids(HTMLParser):
    """Ids and references of a page as a browser reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            elif name in ("xlink:href", "href"):
                self.references.add((value or "").removeprefix("#"))
            else:
                self.references |= set(re.findall(r"url\(#([^)]+)\)", value or ""))


def test_several_figures_share_a_page_without_sharing_ids() -> None:
    page = Ids()
    for i, title in enumerate(("one", "two")):
        page.feed(figure_svg(draw(NASTY), title=title, desc="what", id_prefix=f"f{i}-"))
    assert len(page.ids) == len(set(page.ids)) > 10
    assert page.references <= set(page.ids)
    assert page.references
    assert "style" not in page.attributes


def test_a_figure_on_a_page_has_a_name_a_description_and_no_style_sheet() -> None:
    svg = figure_svg(draw(), title="Rates & more", desc="a < b", id_prefix="r-")
    start = svg[: svg.index(">")]
    assert svg.startswith("<svg")
    assert svg.endswith("</svg>")
    assert 'role="img"' in start
    assert 'aria-labelledby="r-title" aria-describedby="r-desc"' in start
    assert '<title id="r-title">Rates &amp; more</title><desc id="r-desc">a &lt; b</desc>' in svg
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert not re.search(r"\d{4}-\d{2}-\d{2}T", svg)
    assert "Verdana" in svg


def test_names_that_cannot_be_ids_or_titles_are_refused() -> None:
    with pytest.raises(UsageError, match="a letter first"):
        figure_svg(draw(), title="t", id_prefix='"><script>')
    with pytest.raises(UsageError, match="title is empty"):
        figure_svg(draw(), title=" ")


def test_a_subfigure_and_a_stray_object_are_told_apart() -> None:
    with styled():
        figure = flow_diagram(pd.DataFrame({"label": ["a"], "n_rows": [1], "n_patients": [1]}))
    assert figure_svg(figure.axes[0], title="t") == figure_svg(figure, title="t")
    with pytest.raises(UsageError, match="expected a matplotlib figure"):
        figure_svg("figure", title="t")
