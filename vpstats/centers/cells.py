"""From an audit to the ledger: cells, and the sentences that rest on them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from vpstats.centers.funnel import LOWEST, round_bound
from vpstats.centers.mix_cells import NETWORK, mix_rows, mix_sums, sources, tells_of_strata
from vpstats.centers.result import JUDGED, AuditResult, IndicatorAudit
from vpstats.centers.ties import (
    LIMITS,
    QUARTILES,
    WHOLE,
    among_examined,
    over_centers,
    over_risk_groups,
    over_strata,
    resting,
)
from vpstats.labels import CODE_WORDS, LABELS
from vpstats.ledger import CellKind, Note, cell, cell_id, plural

PER_DECADE = 40
"""Points of a funnel's grid in each factor of ten, at round numbers (the series R40 of ISO 3): a
grid that fits the network's own numbers would give its total away."""

SHARES = {"detection": ("routine", "suspicion"), "followup": ("completeness",)}
"""Shares of rows that stand beside an outcome without their counts."""
STEPS, STEP_ROWS = (0.01, 0.05, 0.1, 0.2), 20
"""Steps to which such a share is rounded for the public: the first one that is so many rows."""

COUNTS: dict[str, CellKind] = {
    "n": "total", "n_patients": "total", "observed": "count", "n_examined": "count"
}  # fmt: skip
"""Statistics that count persons or rows; everything else is an estimate."""

PERCENT = frozenset(
    {"rate", "rate_low", "rate_high", "adjusted_rate", "benchmark", "q1", "median", "q3", "crude",
     "indirect", "indirect_low", "indirect_high", "direct", "direct_low", "direct_high",
     "completeness", "routine", "suspicion", "examined", "weighted", "weighted_low",
     "weighted_high", "standardised", "standardised_low", "standardised_high", "bound_low",
     "bound_high"}
)  # fmt: skip
"""Shares: of 1 in results, of 100 in the ledger."""

OF_OUTCOME = ("weighted", "standardised", "bound")
"""How rates of the outcome begin that stand beside the numbers of who was examined."""

SHOWN = tuple(stat for stat in JUDGED if stat not in ("p_upper", "p_lower"))
STEP_STATS = (
    "estimate", "conf_low", "conf_high", "std_error", "n_risk", "n_event", "n_censor"
)  # fmt: skip
_PLACEHOLDER = re.compile(r"\{(network\.)?(\w+):(\w+)(?::([^{}]*))?\}")

VOLUME = "A verdict takes about {network.outcome:needed_verdict:,.0f} UNITS."
"""Said with every expected number that is too small."""


SWAYED = (
    "WHO is part of what this center is compared with, and lies beyond the outer limits on the "
    "other side: without WHO this result would lie within the limits."
)


@dataclass
class Cells:
    """Rows and notes of an audit for the ledger, and the sums among them.

    Parameters
    ----------
    rows : list of dict
        As `ledger.cell` makes them.
    notes : list of Note
        Sentences.
    sums : list of (total, parts)
        Ids of cells of which the parts belong to the total.
    rests : list of (counts, estimates)
        Ids of counts, and of estimates that would tell of them without being about them.
    inside : list of dict
        Rows for the internal edition alone.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    sums: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    rests: list[tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    inside: list[dict[str, Any]] = field(default_factory=list)


def audit_cells(
    result: AuditResult, titles: dict[str, str] | None = None, q_limit: float = 0.05
) -> Cells:
    """Write an audit into cells, notes and sums.

    Parameters
    ----------
    result : AuditResult
        A whole audit.
    titles : dict, optional
        Indicator to the words that its cells are labelled with.
    q_limit : float
        Largest adjusted p-value of an alarm; a coarse one stays on its side of it.

    Returns
    -------
    Cells
        Counts with their totals, estimates with the count that each would reveal; verdicts as
        notes that rest on the count, so that the words fall with the number.
    """
    made = Cells()
    for audit in result.indicators:
        label = (titles or {}).get(audit.indicator, audit.title)
        rows = list(_indicator_rows(audit, label, q_limit))
        made.rows += rows
        made.rests += resting(audit, rows)
        made.inside += _beside(audit, label, exact=True)
        made.inside += _adjusted(audit, label)
        made.notes += _notes(audit)
        made.sums += over_centers(audit)
        made.sums += over_risk_groups(audit)
        made.sums += among_examined(audit)
    made.sums += over_strata(result.indicators)
    for source in sources(result.indicators):
        if tells_of_strata(source, result.indicators):
            made.inside += mix_rows(source)
        else:
            made.rows += mix_rows(source)
            made.sums += mix_sums(source, result.indicators)
    return made


def _indicator_rows(audit: IndicatorAudit, label: str, q_limit: float) -> Iterator[dict[str, Any]]:
    at = _place(audit, label)
    yield from at.table(_with_coarse_q(audit.table, q_limit), "outcome", SHOWN)
    yield from at.table(_network_row(audit), "outcome", None)
    yield from at.table(audit.rates, "direct", None)
    yield from _beside(audit, label, exact=False)
    yield from at.calibration(audit.calibration)
    yield from at.funnel(audit.limits, "outcome")
    yield from at.funnel(audit.detection_limits, "detection")
    timed = np.isfinite(audit.horizon)
    yield from at.model(audit.model, "hazard ratio" if timed else "odds ratio")
    yield from at.curve(audit.incidence, audit.horizon)


def _with_coarse_q(table: pd.DataFrame, limit: float) -> pd.DataFrame:
    return table.assign(q_value=lambda t: [coarse_q(q, limit) for q in t.get("q_value", [])])


def _adjusted(audit: IndicatorAudit, label: str) -> Iterator[dict[str, Any]]:
    """Adjusted p-values in all their digits, for the inside alone."""
    rows = _place(audit, label).table(audit.table, "outcome", ("n", "observed", "q_value"))
    return (row for row in rows if row["stat"] == "q_value")


def coarse_q(q: float, limit: float = 0.05) -> float:
    """Raise an adjusted p-value to the next 1, 2 or 5 times a power of ten.

    An adjusted p-value is some p-value times the number of tests over its rank: in all digits it
    counts the withheld p-values below it, and may be one of them.

    Parameters
    ----------
    q : float
        Adjusted p-value.
    limit : float
        Largest one of an alarm: what is not above it stays not above it.

    Examples
    --------
    >>> coarse_q(0.0535), coarse_q(0.021, 0.025), coarse_q(0.7)
    (0.1, 0.025, 1.0)
    """
    if not q > 0:
        return q
    raised = round_bound(q, 1)
    return limit if q <= limit < raised else min(raised, 1.0)


def _place(audit: IndicatorAudit, label: str) -> _Place:
    counted = frozenset() if audit.table.empty else frozenset(audit.table["center_id"].astype(str))
    return _Place(audit.analysis, label, audit.unit, counted)


def _beside(audit: IndicatorAudit, label: str, *, exact: bool) -> Iterator[dict[str, Any]]:
    """Who was examined and what is known; shares in all their digits for the inside alone."""
    at = _place(audit, label)
    for variable, table in (("detection", audit.detection), ("followup", audit.followup)):
        names = [name for name in SHARES[variable] if name in table and "n_rows" in table]
        found = table.drop(columns=["n_rows"], errors="ignore")
        if exact:
            yield from at.table(found, variable, names) if names else ()
            continue
        for name in names:
            pairs = zip(table[name], table["n_rows"], strict=True)
            found[name] = [coarse_share(share, n) for share, n in pairs]
        yield from at.table(found, variable, None)


def coarse_share(share: float, n: float) -> float:
    """Round a share so far that no small count can be told from it; NaN where no step will do.

    Parameters
    ----------
    share : float
        Of 1.
    n : float
        Rows of which it is the share.

    Examples
    --------
    >>> coarse_share(0.562, 484), coarse_share(0.998, 2400), coarse_share(0.5, 48)
    (0.55, 1.0, nan)
    """
    step = next((s for s in STEPS if s * n >= STEP_ROWS), np.nan)
    return float(round(step * round(share / step), 10)) if np.isfinite(step * share) else np.nan


def _network_row(audit: IndicatorAudit) -> pd.DataFrame:
    """The network as one more row of the table: its counts are the sums over centers."""
    if audit.table.empty or audit.network.empty:
        return pd.DataFrame()
    totals = audit.table[["n", "n_patients", "observed", "expected"]].sum()
    rates = audit.table["observed"] / audit.table["n"].where(audit.table["n"] > 0)
    rate = totals["observed"] / totals["n"] if totals["n"] else np.nan
    if np.isfinite(audit.horizon):  # not everybody was followed to the horizon
        rates, rate = audit.rates["crude"], float(audit.network["benchmark"].iloc[0])
    quartiles = dict(zip(QUARTILES, (0.25, 0.5, 0.75), strict=True))
    return audit.network.assign(
        center_id=NETWORK,
        **totals.to_dict(),
        rate=rate,
        **{name: rates.quantile(share) for name, share in quartiles.items()},
    )


@dataclass(frozen=True)
class _Place:
    """Where the cells of one indicator belong."""

    analysis: str
    label: str
    unit: str
    counted: frozenset[str]

    def count(self, group: str) -> str:
        """The count that a group's estimates rest on; empty where the group has none."""
        known = group in self.counted or (group == NETWORK and self.counted)
        return cell_id(self.analysis, group, "outcome", "", "observed") if known else ""

    def table(
        self, table: pd.DataFrame, variable: str, stats: Sequence[str] | None
    ) -> Iterator[dict[str, Any]]:
        """A row of cells for each center of a table."""
        if table.empty:
            return
        names = [s for s in stats or table.columns if s in table and _is_number(table[s])]
        columns = {name: table[name].to_numpy(float) for name in names}
        for i, center in enumerate(table["center_id"].astype(str)):
            values = {name: float(column[i]) for name, column in columns.items()}
            yield from self.row(center, variable, values)

    def row(
        self, group: str, variable: str, values: dict[str, float], level: str = "", label: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Cells of one row: totals, their counts, and estimates that rest on a count."""
        total = cell_id(self.analysis, group, variable, level, "n") if "n" in values else ""
        rests = next((s for s in ("observed", "n_examined") if s in values), "")
        if rests:
            parent = cell_id(self.analysis, group, variable, level, rests)
        else:
            parent = total or self.count(group)
        for stat, value in values.items():
            kind = COUNTS.get(stat, "estimate")
            # a part of nothing that is shown here has no total
            yield cell(
                self.analysis,
                variable,
                stat,
                100 * value if stat in PERCENT else value,
                kind="total" if kind == "count" and not total else kind,
                group=group,
                level=level,
                label=label or self.label,
                unit=self._unit(stat, kind),
                n=values.get("n", np.nan),
                parent={"total": "", "count": total}.get(kind, self._about(group, stat, parent)),
            )

    def _about(self, group: str, stat: str, parent: str) -> str:
        """The count that an estimate is about: the outcome's, wherever it stands."""
        return (stat.startswith(OF_OUTCOME) and self.count(group)) or parent

    def _unit(self, stat: str, kind: CellKind) -> str:
        if kind == "estimate":
            return "%" if stat in PERCENT else ""
        return "patients" if stat == "n_patients" else plural(self.unit)

    def calibration(self, table: pd.DataFrame) -> Iterator[dict[str, Any]]:
        """Observed against expected by group of risk, and overall slope and intercept."""
        counted, fitted = ("n", "observed", "expected"), ("estimate", "conf_low", "conf_high")
        for row in table.to_dict("records") if len(table) else ():
            name = str(row["variable"])
            if name == "risk_group":
                values = {stat: float(row[stat]) for stat in counted}
                yield from self.row(NETWORK, "calibration", values, str(row["level"]))
            elif name in ("intercept", "slope"):
                values = {stat: float(row[stat]) for stat in fitted}
                yield from self.row(NETWORK, f"calibration:{name}", values)

    def funnel(self, limits: pd.DataFrame, variable: str) -> Iterator[dict[str, Any]]:
        """Limits over a grid of round expected numbers; they rest on the network's count."""
        stats = [name for name in limits.columns if name.startswith(("alert_", "alarm_"))]
        if not len(limits):
            return
        at = limits["expected"].to_numpy(float)
        grid = round_numbers(max(LOWEST, round_bound(float(at.min()), 1)), float(at.max()))
        columns = {s: np.interp(np.log(grid), np.log(at), limits[s].to_numpy(float)) for s in stats}
        for i, expected in enumerate(grid):
            for stat in stats:
                yield cell(
                    self.analysis, variable, stat, columns[stat][i], kind="estimate", group=LIMITS,
                    level=f"{expected:.6g}", label=self.label, parent=self.count(NETWORK),
                )  # fmt: skip

    def curve(self, steps: pd.DataFrame, horizon: float) -> Iterator[dict[str, Any]]:
        """The network's curve, and its reading at the horizon; both rest on the network's count."""
        parent = self.count(NETWORK)
        for row in steps.to_dict("records"):
            for stat in STEP_STATS:
                yield cell(
                    self.analysis, "incidence", stat, row[stat], kind="curve step", group=WHOLE,
                    level=f"{row['time']:.10g}", label=self.label, n=row["n_risk"], parent=parent,
                    unit=plural(self.unit) if stat.startswith("n_") else "incidence",
                )  # fmt: skip
        if not len(steps):
            return
        last = steps.iloc[-1]
        for stat in ("estimate", "conf_low", "conf_high"):
            yield cell(
                self.analysis, "incidence_at", stat, 100 * float(last[stat]), kind="estimate",
                group=WHOLE, level=f"{horizon:.10g}", label=f"incidence by day {horizon:g}",
                unit="%", n=float(last["n_risk"]), parent=parent,
            )  # fmt: skip

    def model(self, model: pd.DataFrame, ratio: str) -> Iterator[dict[str, Any]]:
        """The risk model, as ratios of odds or of hazards."""
        stats = ("estimate", "conf_low", "conf_high")
        parent = self.count(NETWORK)
        for row in model.to_dict("records") if len(model) else ():
            if row["term"] == "Intercept":
                continue
            ratios = {stat: float(np.exp(row[stat])) for stat in stats}
            for stat, value in {**ratios, "std_error": row["std_error"],
                                "p_value": row["p_value"]}.items():  # fmt: skip
                yield cell(
                    self.analysis, "model", stat, value, kind="estimate", group=NETWORK,
                    level=str(row["term"]), label=term_words(str(row["term"])), unit=ratio,
                    parent=parent,
                )  # fmt: skip


def round_numbers(low: float, high: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Round numbers between two others.

    Examples
    --------
    >>> round_numbers(1.0, 1.3).tolist()
    [1.0, 1.06, 1.12, 1.19, 1.26]
    """
    first, last = np.floor(np.log10([low, high]) * PER_DECADE)
    made = [float(f"{10 ** (k / PER_DECADE):.3g}") for k in np.arange(first, last + 2)]
    return np.array([x for x in made if low * (1 - 1e-9) <= x <= high * (1 + 1e-9)])


def term_words(term: str) -> str:
    """Write a term of the risk model in words.

    Examples
    --------
    >>> term_words("sex[T.m]"), term_words("age_at_proc")
    ('Sex: male', 'Age (years)')
    """
    name, _, level = term.partition("[")
    words = LABELS.get(name, name.replace("_", " "))
    code = level.rstrip("]").removeprefix("T.")
    said = CODE_WORDS.get(code, code.replace("_", " "))
    return words if code in ("", "yes") else f"{words}: {said}"


def _is_number(column: pd.Series) -> bool:
    return column.dtype.kind in "fiu"


# ------------------------------------------------------------------ words


def _notes(audit: IndicatorAudit) -> Iterator[Note]:
    for center, role, text in audit.sentences:
        yield _note(audit, center, role, text)
    for center, other in audit.swayed:
        note = _note(audit, center, "finding", SWAYED.replace("WHO", other))
        theirs = cell_id(audit.analysis, other, "outcome", "", "observed")
        yield replace(note, rests_on=(*note.rests_on, theirs))
    for row in audit.table.to_dict("records"):
        center, verdict = str(row["center_id"]), str(row["verdict"])
        said = f"{verdict}, {row['side']}" if row["side"] else verdict
        yield _note(audit, center, "verdict", said)
        if row["reason"]:
            yield _note(audit, center, "reason", row["reason"])
            if "expected" in row["reason"] and len(audit.network):
                yield _note(audit, center, "reason", VOLUME.replace("UNITS", plural(audit.unit)))


def _note(audit: IndicatorAudit, center: str, role: str, text: str) -> Note:
    """A sentence; one about a center falls with the center's count, any with a network's number."""
    group = center or NETWORK
    shared: list[str] = []

    def place(match: re.Match[str]) -> str:
        whole, variable, stat, fmt = match.groups()
        name = cell_id(audit.analysis, NETWORK if whole else group, variable, "", stat)
        shared.extend([name] if whole else [])
        return f"{{{name}:{fmt}}}" if fmt else f"{{{name}}}"

    count = cell_id(audit.analysis, center, "outcome", "", "observed")
    filled = _PLACEHOLDER.sub(place, text)
    own = (count,) if center else ()
    return Note(audit.analysis, role, filled, center, (*own, *dict.fromkeys(shared)))
