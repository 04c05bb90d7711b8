"""From an audit to the ledger: cells, the sentences that rest on them, and what adds up to what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vpstats.centers.result import JUDGED, AuditResult, IndicatorAudit
from vpstats.labels import CODE_WORDS, LABELS
from vpstats.ledger import CellKind, Note, cell, cell_id, plural

NETWORK, LIMITS = "network", "limits"

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

SHOWN = tuple(stat for stat in JUDGED if stat not in ("p_upper", "p_lower"))
STEP_STATS = (
    "estimate", "conf_low", "conf_high", "std_error", "n_risk", "n_event", "n_censor"
)  # fmt: skip
WHOLE = "all"
"""Group of the network's curve: the disclosure gate takes it for that of everybody."""
_PLACEHOLDER = re.compile(r"\{(network\.)?(\w+):(\w+)(?::([^{}]*))?\}")

VOLUME = "A verdict takes about {network.outcome:needed_verdict:,.0f} UNITS."
"""Said with every expected number that is too small."""


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
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    sums: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


def audit_cells(result: AuditResult, titles: dict[str, str] | None = None) -> Cells:
    """Write an audit into cells, notes and sums.

    Parameters
    ----------
    result : AuditResult
        A whole audit.
    titles : dict, optional
        Indicator to the words that its cells are labelled with.

    Returns
    -------
    Cells
        Counts with their totals, estimates with the count that each would reveal; verdicts as
        notes that rest on the count, so that the words fall with the number.
    """
    made = Cells()
    for audit in result.indicators:
        label = (titles or {}).get(audit.indicator, audit.title)
        made.rows += _indicator_rows(audit, label)
        made.notes += _notes(audit)
        made.sums += _over_centers(audit)
    made.sums += _over_strata(result.indicators)
    return made


def _indicator_rows(audit: IndicatorAudit, label: str) -> Iterator[dict[str, Any]]:
    counted = frozenset() if audit.table.empty else frozenset(audit.table["center_id"].astype(str))
    at = _Place(audit.analysis, label, audit.unit, counted)
    yield from at.table(audit.table, "outcome", SHOWN)
    yield from at.table(_network_row(audit), "outcome", None)
    yield from at.table(audit.rates, "direct", None)
    yield from at.table(audit.detection, "detection", None)
    yield from at.table(audit.followup, "followup", None)
    yield from _mix_rows(at, audit.casemix)
    yield from at.calibration(audit.calibration)
    yield from at.funnel(audit.limits, "outcome")
    yield from at.funnel(audit.detection_limits, "detection")
    timed = np.isfinite(audit.horizon)
    yield from at.model(audit.model, "hazard ratio" if timed else "odds ratio")
    yield from at.curve(audit.incidence, audit.horizon)


def _network_row(audit: IndicatorAudit) -> pd.DataFrame:
    """The network as one more row of the table: its counts are the sums over centers."""
    if audit.table.empty or audit.network.empty:
        return pd.DataFrame()
    totals = audit.table[["n", "n_patients", "observed", "expected"]].sum()
    rates = audit.table["observed"] / audit.table["n"].where(audit.table["n"] > 0)
    rate = totals["observed"] / totals["n"] if totals["n"] else np.nan
    if np.isfinite(audit.horizon):  # not everybody was followed to the horizon
        rates, rate = audit.rates["crude"], float(audit.network["benchmark"].iloc[0])
    quartiles = {"q1": 0.25, "median": 0.5, "q3": 0.75}
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
                parent={"total": "", "count": total}.get(kind, parent),
            )

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
        """Limits over a grid of expected numbers, all of them; they rest on nobody's count."""
        stats = [name for name in limits.columns if name.startswith(("alert_", "alarm_"))]
        for row in limits.to_dict("records") if len(limits) else ():
            for stat in stats:
                yield cell(
                    self.analysis, variable, stat, row[stat], kind="estimate", group=LIMITS,
                    level=f"{row['expected']:.6g}", label=self.label,
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


def _mix_rows(at: _Place, mix: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in mix.to_dict("records") if len(mix) else ():
        group, name, level = str(row["center_id"]), str(row["variable"]), str(row["level"])
        scale, unit = (100.0, "%") if level else (1.0, "")
        values = {
            "percent" if level else "mean": (scale * row["mean"], unit),
            "network": (scale * row["network_mean"], unit),
            "smd": (row["smd"], ""),
        }
        for stat, (value, words) in values.items():
            yield cell(
                at.analysis, f"casemix:{name}", stat, value, kind="estimate", group=group,
                level=level, label=LABELS.get(name, name.replace("_", " ")), unit=words,
                parent=at.count(group),
            )  # fmt: skip


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


# ------------------------------------------------------------------ what adds up


def _over_centers(audit: IndicatorAudit) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The network's count is the sum of the centers'."""
    if audit.table.empty or audit.network.empty:
        return
    for stat in ("n", "observed"):
        total = cell_id(audit.analysis, NETWORK, "outcome", "", stat)
        centers = audit.table["center_id"].astype(str)
        yield total, tuple(cell_id(audit.analysis, c, "outcome", "", stat) for c in centers)


def _over_strata(
    indicators: Iterable[IndicatorAudit],
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A center's count over all rows is that of its strata and of who is in none of them."""
    audits = list(indicators)
    for whole in (a for a in audits if a.stratum == "all"):
        parts = [a for a in audits if a.indicator == whole.indicator and a.stratum != "all"]
        inside = {a.analysis: _values(a) for a in parts}
        own = _values(whole)
        for (center, stat), value in own.items():
            held = [name for name, values in inside.items() if (center, stat) in values]
            if held and sum(inside[name][center, stat] for name in held) <= value:
                ids = tuple(cell_id(name, center, "outcome", "", stat) for name in held)
                yield cell_id(whole.analysis, center, "outcome", "", stat), ids


def _values(audit: IndicatorAudit) -> dict[tuple[str, str], float]:
    rows = audit.table.to_dict("records")
    return {
        (str(row["center_id"]), stat): float(row[stat])
        for row in rows
        for stat in ("n", "observed")
    }
