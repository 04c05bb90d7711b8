"""Figures of an audit: each funnel drawn once, a center ringed on it for its page; light charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING

from vpstats.errors import UsageError
from vpstats.formats import THIN, decimal
from vpstats.report.audit_cells import EVERYBODY, LEVEL, LIMITS, NETWORK, Look, Part
from vpstats.report.audit_pieces import Figure
from vpstats.report.page import enlarge
from vpstats.rows import Record, complete, is_hidden, number, time_of
from vpstats.study.audit import Indicator

if TYPE_CHECKING:
    from vpstats.figures import Funnel

PROCESS = "process"


@dataclass(frozen=True)
class DrawnFunnel:
    """A funnel plot as markup, and where its centers stand.

    Parameters
    ----------
    name : str
        File name without its ending.
    figure : Figure
        For the network's page.
    places : mapping of str to (float, float)
        Center to its point on the drawing.
    absent : mapping of str to str
        Center to the words for why it is not drawn.
    """

    name: str
    figure: Figure
    places: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gallery:
    """Draws the figures of one edition.

    Parameters
    ----------
    look : Look
        What it draws from.
    """

    look: Look

    @cached_property
    def _drawn(self) -> dict[tuple[str, str], DrawnFunnel | None]:
        return {}

    @property
    def funnels(self) -> list[DrawnFunnel]:
        """Every funnel that was drawn, in order."""
        return [f for f in self._drawn.values() if f is not None and f.figure.svg]

    def funnel(self, indicator: Indicator, part: Part, variable: str) -> DrawnFunnel | None:
        """Draw the funnel of the outcome or of its detection, once.

        Parameters
        ----------
        indicator : Indicator
            Whose limits and words.
        part : Part
            All procedures, or a stratum.
        variable : {"outcome", "detection"}
            What is drawn.

        Returns
        -------
        DrawnFunnel or None
            None where there is nothing of the kind.
        """
        key = (part.analysis, variable)
        if key not in self._drawn:
            small = _says_nothing(self.look, indicator, part)
            drawn = None if small else _draw(self.look, indicator, part, variable)
            self._drawn[key] = drawn
        return self._drawn[key]

    def pair(self, indicator: Indicator, part: Part, center: str = "") -> list[Figure]:
        """The funnel of the outcome with that of its detection beside it.

        Parameters
        ----------
        indicator, part
            As in `funnel`.
        center : str
            Ringed on both; none for the network's page.
        """
        drawn = (self.funnel(indicator, part, v) for v in ("outcome", "detection"))
        return [self._ringed(f, center, part) if center else f.figure for f in drawn if f]

    def _ringed(self, drawn: DrawnFunnel, center: str, part: Part) -> Figure:
        name = self.look.name(center)
        if center not in drawn.places:
            words = drawn.absent.get(center, "has no rows")
            return replace(drawn.figure, caption=f"{name} {words}. {drawn.figure.caption}")
        svg = _figures().mark_center(drawn.figure.svg, drawn.places[center], name)
        caption = f"The ringed dot is {name}. {drawn.figure.caption}"
        return replace(drawn.figure, svg=svg, caption=caption)


def _says_nothing(look: Look, indicator: Indicator, part: Part) -> bool:
    """Whether a group of procedures is too small everywhere for a verdict: its table is enough."""
    if part.words == "All":
        return False
    rows = (look.row(part.analysis, c, "outcome") for c in look.centers)
    least = indicator.minimum_expected or 0.0
    return not any(complete(r, "expected") and number(r, "expected") >= least for r in rows if r)


def _figures() -> ModuleType:
    from vpstats import figures  # matplotlib is loaded when the first figure is drawn

    return figures


def _draw(look: Look, indicator: Indicator, part: Part, variable: str) -> DrawnFunnel | None:
    rows = [r for c in look.centers if (r := look.row(part.analysis, c, variable)) is not None]
    if not any("o_e" in r for r in rows):
        return None
    title = _title(indicator, part, variable)
    name = f"{part.analysis}_{variable}"
    drawn_rows, limits, axes = _as_drawn(look, indicator, part, variable, rows)
    named = [{**r, "group": look.name(r["group"])} for r in drawn_rows]
    ids = {look.name(r["group"]): r["group"] for r in rows}
    try:
        drawn = _figures().funnel(
            named,
            limits,
            flags=_flags(look, part, variable),
            levels=(indicator.alert or 0.95, indicator.alarm or 0.998),
            **axes,
        )
    except UsageError as error:
        return DrawnFunnel(name, Figure(title, f"Not drawn: {error}"))
    desc = (
        f"A funnel plot with a dot for each of {len(drawn.places)} centers between limits that "
        "narrow as the numbers grow; the table by center holds every value."
    )
    markup = _figures().figure_svg(drawn.figure, title=title, desc=desc, id_prefix=f"{name}-")
    svg = enlarge(_figures().compact(markup))
    absent = {ids[c]: "is not drawn: its numbers are withheld" for c in drawn.withheld}
    absent |= {ids[c]: "is not drawn: its ratio is not estimable" for c in drawn.empty}
    caption = " ".join(_caption(drawn))
    places = {ids[c]: place for c, place in drawn.places.items()}
    return DrawnFunnel(name, Figure(title, caption, svg), places, absent)


def _title(indicator: Indicator, part: Part, variable: str) -> str:
    group = "" if part.words == "All" else f", {part.words.lower()}"
    return f"{indicator.title}{group}: who was examined" if variable == "detection" else (
        f"{indicator.title}{group}"
    )  # fmt: skip


def _limits(look: Look, part: Part, variable: str, rows: Sequence[Record]) -> list[Record]:
    """Limits over a grid; the centers' own where there is none."""
    grid = look.rows(part.analysis, LIMITS, variable)
    if grid:
        return grid
    own = [r for r in rows if complete(r, "expected", "alert_low", "alert_high")]
    return [{**r, "level": number(r, "expected")} for r in own]


def _flags(look: Look, part: Part, variable: str) -> dict[str, tuple[str, str]]:
    if variable == "detection":
        return {}  # a center that scans more is not flagged for it
    found = {c: look.verdict(part.analysis, c) for c in look.centers}
    return {look.name(c): v.flag for c, v in found.items() if v.flagged}


def _as_drawn(
    look: Look, indicator: Indicator, part: Part, variable: str, rows: list[Record]
) -> tuple[list[Record], list[Record], dict[str, object]]:
    """Rows, limits and axes: ratios, or of a process that nothing was adjusted for its rates."""
    limits = _limits(look, part, variable, rows)
    if variable == "detection":
        words = {"x_label": "Expected number examined", "y_label": "Examined, over expected"}
        return rows, limits, dict(words)
    network = look.row(part.analysis, NETWORK, "outcome") or {}
    benchmark, n = number(network, "benchmark"), number(network, "n")
    adjusted = bool(look.rows(part.analysis, NETWORK, "model"))
    if indicator.kind != PROCESS or adjusted or not (benchmark > 0 and n > 0):
        y = "Done, over expected" if indicator.kind == PROCESS else "Observed over expected"
        return rows, limits, {"x_label": "Expected number", "y_label": y}
    crude = [_crude(row, benchmark) for row in rows]
    against_all = [_against_all(limit, benchmark, n) for limit in limits]
    unit = next((r["unit"] for r in rows if r["unit"] and r["unit"] != "%"), "rows")
    axes = {"x": "n", "x_label": f"{unit[:1].upper()}{unit[1:]}",
            "y_label": "Done, %, not adjusted", "benchmark": benchmark}  # fmt: skip
    return crude, [r for r in against_all if number(r, "n") < n], dict(axes)


def _crude(row: Record, benchmark: float) -> Record:
    hidden = row["hidden"] | ({"o_e"} if is_hidden(row, "rate") else set())
    return {**row, "o_e": number(row, "rate") / benchmark, "hidden": hidden}


def _against_all(limit: Record, benchmark: float, n: float) -> Record:
    """Limits of a center over the others as limits of its rate over the whole network's.

    A center of so many rows is a share s of the network, whose rate is then s times its own and
    1 - s times that of the others: L over the others is L / (1 + s (L - 1)) over the whole.
    """
    own = 100 * float(limit["level"]) / benchmark
    share = min(own / n, 1.0)
    names = [name for name in limit if str(name).startswith(("alert_", "alarm_"))]
    moved = {s: number(limit, s) / (1 + share * (number(limit, s) - 1)) for s in names}
    return {**limit, **moved, "n": own}


def _caption(drawn: Funnel) -> list[str]:
    said = [f"{_n(len(drawn.places))} drawn."]
    if drawn.withheld:
        said.append(f"{_n(len(drawn.withheld))} not drawn, since the numbers are withheld.")
    if drawn.empty:
        said.append(f"{_n(len(drawn.empty))} not drawn, since the ratio is not estimable.")
    if drawn.beyond:
        said.append("A triangle lies above the upper edge.")
    if drawn.beside:
        said.append(f"Grey, where the frame reaches: {', '.join(BESIDE[n] for n in drawn.beside)}.")
    if drawn.unnamed:
        said.append("Some flagged centers are not named for want of room; the table names them.")
    return said


BESIDE: Mapping[str, str] = {
    "plain": "outer limits for chance alone (dotted)",
    "tau": "outer limits that allow for variation between centers, τ (dash-dotted)",
    "phi": "outer limits widened by φ (dashed)",
}
"""Limits that the plan did not choose, in words."""


def reading(alert: float, alarm: float) -> str:
    """Say once how to read the funnel plots of a page.

    Parameters
    ----------
    alert, alarm : float
        Levels of the limits.
    """
    return (
        "How to read the funnel plots: each dot is a center, farther to the right the larger its "
        f"numbers; the level line is the network. Most centers lie within the {100 * alert:g}"
        f"{THIN}% limits (dashed) and nearly all within the {100 * alarm:g}{THIN}% limits "
        "(solid) if only chance sets them apart. Rust is worse and green is better: hollow circles "
        "are alerts, filled diamonds (worse) and squares (better) are alarms. Only flagged centers "
        "are named; a plain dot outside the limits has no verdict, and the center's page says why."
    )


def _n(n: int) -> str:
    return "1 center is" if n == 1 else f"{n} centers are"


def attempt(title: str, caption: str, draw: Callable[[], str]) -> Figure:
    """Draw a light chart; where a release leaves nothing to draw, the caption says why.

    Parameters
    ----------
    title, caption : str
        What stands below it.
    draw : callable
        Makes the SVG element.
    """
    try:
        return Figure(title, caption, enlarge(draw()))
    except UsageError as error:
        return Figure(title, f"Not drawn: {error}")


def estimates_figure(look: Look, center: str) -> Figure:
    """Observed over expected of all outcomes of a center, raw and shrunken."""
    rows = []
    for indicator in look.of_kind("outcome"):
        found = look.row(look.parts(indicator)[0].analysis, center, "outcome")
        if found is not None:
            rows.append({**found, "label": indicator.title})
    title = "All outcomes of this center"
    caption = (
        "Filled points: observed over expected with its interval. Hollow points: the same drawn "
        "towards the network as far as chance explains it (shrunken estimate), where it may be "
        "shown. 1 is as expected; the axis runs from 0.2 to 5."
    )
    desc = "Points with intervals for each outcome; the tables below hold every value."
    return attempt(title, caption, lambda: _figures().estimates_chart(
        rows, title=title, desc=desc, id_prefix="estimates-"))  # fmt: skip


def time_figures(look: Look, indicator: Indicator, center: str) -> list[Figure]:
    """VLAD and CUSUM of a center, where the internal tables hold them."""
    rows = look.of("charts", indicator=indicator.id, center_id=center)
    if rows.empty:
        return []
    prefix = f"chart-{indicator.id}"
    signals = rows.loc[rows["signal"].astype(str) != "", ["date", "signal"]]
    said = "; ".join(f"{str(d)[:10]}: {s}" for d, s in signals.head(3).itertuples(index=False))
    vlad, cusum = f"{indicator.title}: VLAD", f"{indicator.title}: CUSUM"
    desc = f"A line over {len(rows)} rows in the order of their dates."
    words = f"Signals: {said}{' and later' if len(signals) > 3 else ''}." if said else "No signal."
    return [
        attempt(vlad, "Expected minus observed, added up over time: upwards is fewer than "
                "expected. For display only, it has no rule for a signal.",
                lambda: _figures().vlad_chart(
                    rows, title=vlad, desc=desc, id_prefix=f"{prefix}-v-")),
        attempt(cusum, "Evidence for a change to the worse (above) and to the better (below), each "
                f"with its limit (dashed) for this center's own case mix. {words}",
                lambda: _figures().cusum_chart(
                    rows, title=cusum, desc=desc, id_prefix=f"{prefix}-c-")),
    ]  # fmt: skip


def learning_figure(look: Look, indicator: Indicator, center: str = "") -> Figure | None:
    """Learning curve by operator of a center, or of everybody."""
    rows = look.of("learning", indicator=indicator.id, center_id=center)
    if rows.empty:
        return None
    title = f"{indicator.title}: learning curve"
    label = str(rows["measure"].iloc[0]) if "measure" in rows else "Risk at average case mix, %"
    return attempt(title, "By the number of procedures that the operator had done before, prior "
                   "experience elsewhere not counted.",
                   lambda: _figures().learning_chart(
                       rows, y_label=label, ratio_scale="ratio" in label.lower(), title=title,
                       desc="A curve with its band.",
                       id_prefix=f"learning-{indicator.id}-"))  # fmt: skip


def calibration_figure(look: Look, indicator: Indicator, center: str = "") -> Figure | None:
    """Observed against expected by groups of risk."""
    analysis = look.parts(indicator)[0].analysis
    network = _by_level(look.rows(analysis, NETWORK, "calibration"))
    own = _by_level(look.rows(analysis, center, "calibration")) if center else []
    if not own and not network:
        return None
    title = f"{indicator.title}: calibration"
    whose = "Filled: this center. Hollow: the network. " if own else "Of the whole network. "
    return attempt(title, f"{whose}Groups of rows by predicted risk; on the dashed line, as many "
                   "were observed as expected.",
                   lambda: _figures().calibration_chart(
                       own or network, network=network if own else (), title=title,
                       desc="Observed against expected per cent by groups of risk.",
                       id_prefix=f"calibration-{indicator.id}-"))  # fmt: skip


def _by_level(rows: Sequence[Record]) -> list[Record]:
    return [r for r in rows if r["level"]]


def incidence_figure(look: Look, indicator: Indicator, center: str = "") -> Figure | None:
    """Cumulative incidence of a center beside the network's, a center's in the internal edition."""
    analysis = look.parts(indicator)[0].analysis
    own = look.of("incidence", indicator=indicator.id, center_id=center)
    found = {look.name(center): _upto(own.to_dict("records"), indicator)} if len(own) else {}
    whole = [r for r in look.rows(analysis, EVERYBODY, "incidence") if complete(r, "estimate")]
    found["Network"] = _upto(whole, indicator)
    curves = {name: rows for name, rows in found.items() if rows}
    if not curves:
        return None
    whose = [f"of {'the network' if name == 'Network' else name}" for name in curves]
    coarse = "" if look.internal else " It is read at few points of time, for disclosure control."
    title = f"{indicator.title}: incidence over time"
    return attempt(title, f"Cumulative incidence (Aalen and Johansen) {' and '.join(whose)} up to "
                   f"day {indicator.horizon:g}, other events such as death competing. Band: "
                   f"{100 * LEVEL:g}{THIN}% limits {whose[0]}, as far as the frame "
                   f"reaches.{coarse}",
                   lambda: _figures().incidence_chart(
                       curves, title=title, desc="Step curves that rise from zero.",
                       id_prefix=f"incidence-{indicator.id}-"))  # fmt: skip


def _upto(rows: Sequence[Record], indicator: Indicator) -> list[Record]:
    """Steps of a curve, and its last value once more at the horizon."""
    if not rows or indicator.horizon is None:
        return []
    horizon = float(indicator.horizon)
    kept = sorted((dict(r) for r in rows if time_of(r) <= horizon), key=time_of)
    if not kept:
        return []
    end = {k: v for k, v in kept[-1].items() if k != "level"}
    return [*kept, {**end, "time": horizon}] if time_of(kept[-1]) < horizon else kept


def ratio_words(row: Record | None) -> str:
    """Observed over expected in short, where it may be shown.

    Examples
    --------
    >>> ratio_words({"o_e": 1.234})
    '1.23'
    """
    return decimal(number(row, "o_e"), 2) if row is not None and complete(row, "o_e") else ""
