"""What a validation found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd

from vpstats.results import TableResult


@dataclass(frozen=True, kw_only=True)
class Validation(TableResult):
    """How well a model predicts: as it stands, and corrected for optimism.

    Parameters
    ----------
    calibration : DataFrame
        Flexible calibration curve: ``predicted, estimate, conf_low, conf_high``.
    decision : DataFrame
        Decision curve: ``threshold, net_benefit, corrected, treat_all``; empty at a horizon.
    centers : DataFrame
        A row for each center left out: ``center, n, n_events`` and each measure of the model that
        was fitted to all others; empty unless a center column was given.
    horizon : float or None
        Time at which incidence was judged.
    n_boot, n_failed : int
        Replicates, and those in which the model had no estimate.
    """

    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    decision: pd.DataFrame = field(default_factory=pd.DataFrame)
    centers: pd.DataFrame = field(default_factory=pd.DataFrame)
    horizon: float | None = None
    n_boot: int = 0
    n_failed: int = 0

    kind: ClassVar[str] = "validation"

    def glance(self) -> pd.DataFrame:
        """One row: ``n, n_events, n_clusters, horizon, n_boot, n_failed, unit, status``."""
        base = super().glance()
        more = {"horizon": self.horizon, "n_boot": self.n_boot, "n_failed": self.n_failed}
        table = base.assign(**more)
        return table[[*base.columns[:3], *more, *base.columns[3:]]]
