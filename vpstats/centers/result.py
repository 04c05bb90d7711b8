"""What an audit found: one result for each indicator, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from vpstats.results import TableResult

Verdict = Literal["none", "alert", "alarm", "no verdict"]
"""What an audit may say of a center."""

KEYS = ("indicator", "stratum", "center_id")
"""What names a row of an audit."""

JUDGED = (
    "n", "n_patients", "observed", "expected", "o_e", "o_e_low", "o_e_high", "rate",
    "adjusted_rate", "z", "p_upper", "p_lower", "p_value", "q_value", "alert_low", "alert_high",
    "alarm_low", "alarm_high", "z_tau", "p_tau", "z_phi", "p_phi", "shrunken", "shrunken_low",
    "shrunken_high", "exceedance", "rank_low", "rank_high",
)  # fmt: skip
"""Numbers of each center, in the order of the table."""

WORDS = ("verdict", "side", "survives_detection", "method", "reason")
"""What is said of each center, behind its numbers."""


def _empty() -> pd.DataFrame:
    return pd.DataFrame()


@dataclass(frozen=True, kw_only=True)
class IndicatorAudit(TableResult):
    """One indicator, over all rows or one stratum: a row per center.

    Parameters
    ----------
    table : DataFrame
        `KEYS`, `JUDGED` and `WORDS`: what was observed and expected, its limits, and the verdict.
    indicator : str
        Its id in the plan.
    stratum : str
        "all", or the stratum.
    role : {"outcome", "process"}
        What happened to patients, or what was done.
    better : {"lower", "higher"}
        Which direction is good.
    network : DataFrame
        One row: benchmark, over-dispersion (tau, phi), rankability.
    limits : DataFrame
        The funnel: limits of O/E over a grid of expected numbers.
    rates : DataFrame
        Crude, indirectly and directly standardised rates by center.
    detection : DataFrame
        Who was examined, why, and the funnel of that; empty where nothing had to be looked for.
    detection_limits : DataFrame
        The funnel of detection: limits over a grid of expected numbers of examined rows.
    followup : DataFrame
        How much is known of each center's rows.
    casemix : DataFrame
        ``variable, level, center_id`` and how far the center is from the network.
    incidence : DataFrame
        The network's curve of an incidence up to its horizon; a center's has steps of one patient.
    horizon : float
        End of follow-up of an incidence, in days; NaN elsewhere.
    model, calibration : DataFrame
        The risk model, and observed against expected by fifths of risk.
    adjusted : tuple of str
        Terms that were adjusted for in fact.
    sentences : tuple of (center, role, text)
        What is said in words; numbers are placeholders ``{variable:stat:format}``.
    swayed : tuple of (center, center)
        Flags that would not stand without the one center that is an alarm on the other side.
    """

    indicator: str = ""
    stratum: str = "all"
    role: str = "outcome"
    better: str = "lower"
    network: pd.DataFrame = field(default_factory=_empty)
    limits: pd.DataFrame = field(default_factory=_empty)
    rates: pd.DataFrame = field(default_factory=_empty)
    detection: pd.DataFrame = field(default_factory=_empty)
    detection_limits: pd.DataFrame = field(default_factory=_empty)
    followup: pd.DataFrame = field(default_factory=_empty)
    casemix: pd.DataFrame = field(default_factory=_empty)
    incidence: pd.DataFrame = field(default_factory=_empty)
    horizon: float = np.nan
    model: pd.DataFrame = field(default_factory=_empty)
    calibration: pd.DataFrame = field(default_factory=_empty)
    adjusted: tuple[str, ...] = ()
    sentences: tuple[tuple[str, str, str], ...] = ()
    swayed: tuple[tuple[str, str], ...] = ()

    kind: ClassVar[str] = "funnel"

    @property
    def analysis(self) -> str:
        """Its name in the ledger."""
        tail = "" if self.stratum == "all" else f"_{self.stratum}"
        return f"audit_{self.indicator}{tail}"

    def beside(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """The network's row, under the table of centers."""
        return (("Network", self.network),) if len(self.network) else ()


@dataclass(frozen=True, kw_only=True)
class AuditResult(TableResult):
    """Every indicator of an audit, with verdicts that allow for their number.

    Parameters
    ----------
    title, unit, n, n_events, n_clusters, caveats, status, reason, level
        As every result has them; `n` is the number of centers.
    table : DataFrame
        The rows of all indicators and strata.
    indicators : tuple of IndicatorAudit
        In the order of the plan, each before its strata.
    signalling : frozenset of str
        Indicators whose verdicts decide the exit code.

    Examples
    --------
    >>> AuditResult(title="Audit").worst()
    'none'
    """

    indicators: tuple[IndicatorAudit, ...] = ()
    signalling: frozenset[str] = frozenset()

    kind: ClassVar[str] = "verdicts"

    def worst(self, center: str | None = None) -> Verdict:
        """The gravest verdict on the worse side, of one center or of all.

        Parameters
        ----------
        center : str, optional
            Only verdicts on this center.

        Returns
        -------
        {"none", "alert", "alarm"}
            Verdicts of indicators that do not signal, and those of better results, do not count.
        """
        if self.table.empty:
            return "none"
        rows = self.table[(self.table["side"] == "worse").to_numpy(bool)]
        rows = rows[rows["indicator"].isin(self.signalling)]
        if center is not None:
            rows = rows[rows["center_id"] == center]
        found = set(rows["verdict"])
        return "alarm" if "alarm" in found else "alert" if "alert" in found else "none"

    @property
    def centers(self) -> tuple[str, ...]:
        """Centers that any indicator has rows of, ascending."""
        return () if self.table.empty else tuple(sorted(set(self.table["center_id"])))


def collect_table(indicators: tuple[IndicatorAudit, ...]) -> pd.DataFrame:
    """The rows of several indicators under one another, with every column in its order."""
    columns = [*KEYS, *JUDGED, *WORDS]
    parts = [audit.table.reindex(columns=columns) for audit in indicators if len(audit.table)]
    if not parts:
        return pd.DataFrame({name: np.empty(0) for name in columns})
    return pd.concat(parts, ignore_index=True)
