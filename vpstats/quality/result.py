"""The data-quality report as a result: tables of aggregates, no rows of patients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from vpstats.quality.measures import NETWORK
from vpstats.results import TableResult

if TYPE_CHECKING:
    from vpstats.ledger import Ledger


def _none() -> pd.DataFrame:
    return pd.DataFrame()


@dataclass(frozen=True, kw_only=True)
class QualityResult(TableResult):
    """How good the data of each center are, beside the median and the range of all centers.

    Parameters
    ----------
    table : DataFrame
        What `tidy` answers: ``section, measure, level, center_id, n, n_events, estimate, conf_low,
        conf_high, unit, network_median, network_low, network_high``, a row per center (and one for
        the "network" as a whole) and measure; `level` is the period of a hospital's count.
    measures : DataFrame
        The same with the words of each measure, `label`, and `n_centers`.
    volumes : DataFrame
        ``center_id, procedures, patients``.
    states : DataFrame
        ``center_id, variable, label, state, n``: cells by what they are.
    by_rule : DataFrame
        ``center_id, group, severity, n, per_100, records``: findings by group of rules.
    patterns : DataFrame
        ``center_id, pattern, label, n``: procedures by which key variables are missing together.
    absent : DataFrame
        Those with and without an outcome, side by side.
    months : DataFrame
        ``center_id, month, n``: procedures by month.
    findings : DataFrame
        ``severity, center_id, section, measure, message, action``: what to look at.
    ledger : Ledger, optional
        Every number, for `vpstats.release`.
    data_cut : Timestamp, optional
        Day on which the report is about.
    notes : tuple of str
        What could not be said, and why.
    title, unit, n, n_events, n_clusters, caveats, status, reason, level
        As in `vpstats.results.Result`; rows are procedures.
    """

    measures: pd.DataFrame = field(default_factory=_none)
    volumes: pd.DataFrame = field(default_factory=_none)
    states: pd.DataFrame = field(default_factory=_none)
    by_rule: pd.DataFrame = field(default_factory=_none)
    patterns: pd.DataFrame = field(default_factory=_none)
    absent: pd.DataFrame = field(default_factory=_none)
    months: pd.DataFrame = field(default_factory=_none)
    findings: pd.DataFrame = field(default_factory=_none)
    ledger: Ledger | None = None
    data_cut: pd.Timestamp | None = None
    notes: tuple[str, ...] = ()

    kind: ClassVar[str] = "quality"

    @property
    def centers(self) -> tuple[str, ...]:
        """Centers, ascending."""
        return tuple(c for c in self.volumes["center_id"] if c != NETWORK)

    def glance(self) -> pd.DataFrame:
        """One row: ``n, n_patients, n_centers, n_errors, n_warnings, unit, status``."""
        severity = self.findings["severity"]
        network = self.volumes[self.volumes["center_id"] == NETWORK]
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_patients": [int(network["patients"].sum())],
                "n_centers": [len(self.centers)],
                "n_errors": [int((severity == "error").sum())],
                "n_warnings": [int((severity == "warning").sum())],
                "unit": [self.unit],
                "status": [self.status],
            }
        )

    def beside(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """What to look at, printed under the tidy table."""
        shown = self.findings[["severity", "center_id", "section", "message"]]
        return (("What to look at", shown),) if len(shown) else ()

    def worst(self, center: str | None = None) -> str:
        """Gravest finding: "error", "warning", "info", or "" for none.

        Parameters
        ----------
        center : str, optional
            Of this center alone.
        """
        rows = self.findings
        if center is not None:
            rows = rows[rows["center_id"] == center]
        found = set(rows["severity"])
        return next((s for s in ("error", "warning", "info") if s in found), "")
