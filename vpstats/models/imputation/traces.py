"""How the chains of an imputation went: means and spreads of what they drew, by iteration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.results import TableResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNSETTLED = 1.2
"""Potential scale reduction from which chains are said not to agree, as Gelman and Rubin do."""
_CHANCE = 1e-3
"""How often chains that agree may be said not to: with few short ones the reduction varies."""
_FEWEST = 4
"""Iterations from which chains can be compared."""


def scale_reduction(draws: NDArray[np.float64]) -> float:
    """Potential scale reduction of the last half of several chains.

    Parameters
    ----------
    draws : ndarray, shape (chains, iterations)
        One number per chain and iteration.

    Returns
    -------
    float
        Near 1 where the chains agree; NaN for fewer than four iterations, or no variation.

    References
    ----------
    Gelman A, Rubin DB. Inference from iterative simulation using multiple sequences. Stat Sci
    1992;7:457-472.

    Examples
    --------
    >>> import numpy as np
    >>> apart = np.repeat([[1.0], [5.0]], 8, axis=1) + np.tile([0.1, -0.1], (2, 4))
    >>> bool(scale_reduction(apart) > 10)
    True
    """
    late = draws[:, draws.shape[1] // 2 :]
    length = late.shape[1]
    if draws.shape[1] < _FEWEST or not np.isfinite(late).all():
        return float("nan")
    within = float(late.var(axis=1, ddof=1).mean())
    between = float(late.mean(axis=1).var(ddof=1))
    if within <= 0:
        return float("nan")
    return float(np.sqrt((length - 1) / length + between / within))


def largest_by_chance(chains: int, iterations: int) -> float:
    """Scale reduction that chains which agree stay below, but for one in a thousand."""
    length = iterations - iterations // 2
    if iterations < _FEWEST:
        return float("inf")
    ratio = float(stats.f.isf(_CHANCE, chains - 1, chains * (length - 1)))
    return max(_UNSETTLED, float(np.sqrt((length - 1 + ratio) / length)))


@dataclass(frozen=True, kw_only=True)
class ImputationTraces(TableResult):
    """What was imputed, how, and how the chains went.

    ``tidy()`` has a row per variable: ``variable, method, unit, n_imputed, share_missing, mean,
    std_dev, r_hat``. `mean` and `std_dev` are those of the imputed values after the last
    iteration, over all chains (categories count 0, 1, 2, …); `r_hat` is the larger potential
    scale reduction of the two.

    Parameters
    ----------
    trace : DataFrame
        ``variable, iteration, chain, mean, std_dev``; one row each.
    incomplete : float
        Share of the rows with a value to impute.
    """

    trace: pd.DataFrame = field(default_factory=pd.DataFrame)
    incomplete: float = 0.0

    def plot(self, ax: Axes | None = None, *, variable: str | None = None) -> Axes:
        """Draw the mean of the imputed values by iteration, a line per chain.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        variable : str, optional
            Which variable; the one whose chains agree least if None.

        Returns
        -------
        matplotlib Axes
            Lines should mingle without a trend.

        Raises
        ------
        UsageError
            If the variable was not imputed.
        """
        if ax is None:
            # through pyplot, as users of notebooks expect: the figure appears under its cell
            from matplotlib import pyplot as plt

            ax = plt.figure(figsize=(5.9, 3.0), layout="constrained").add_subplot()
        if self.trace.empty:
            ax.set_axis_off()
            ax.text(0.0, 0.5, "nothing was imputed", transform=ax.transAxes)
            return ax
        name = self._least_settled() if variable is None else variable
        rows = self.trace[self.trace["variable"] == name]
        if rows.empty:
            known = ", ".join(dict.fromkeys(self.trace["variable"]))
            raise UsageError(f"'{name}' was not imputed; there are: {known}.")
        for _, chain in rows.groupby("chain"):
            ax.plot(chain["iteration"], chain["mean"], lw=0.8)
        ax.set_xlabel("Iteration")
        ax.set_ylabel(f"Mean of imputed {name}")
        ax.set_title(self.title, loc="left", fontsize=9)
        return ax

    def _least_settled(self) -> str:
        rows = self.table[self.table["variable"].isin(self.trace["variable"])]
        order = rows["r_hat"].fillna(0.0).to_numpy()
        return str(rows["variable"].iloc[int(np.argmax(order))])
