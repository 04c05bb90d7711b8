"""Many centers times many indicators: how many flags are false."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from vpstats.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

METHODS = {"bh": "fdr_bh", "by": "fdr_by"}


def fdr(p_values: ArrayLike, *, method: Literal["bh", "by"] = "bh") -> NDArray[np.float64]:
    """Adjusted p-values that bound the share of false ones among those called.

    Parameters
    ----------
    p_values : array_like, shape (m,)
        Two-sided p-values of all centers and indicators of one audit; NaN where there is none,
        which is not counted among the tests.
    method : {"bh", "by"}
        Benjamini and Hochberg, for tests that are independent or positively dependent; Benjamini
        and Yekutieli, whatever their dependence.

    Returns
    -------
    ndarray, shape (m,)
        Calling all with a value of at most q keeps the expected share of false calls at q.

    Raises
    ------
    UsageError
        If the method is unknown or a p-value lies outside of 0 to 1.

    Notes
    -----
    p-values of small counts are discrete; those of the exact rule are larger than uniform ones
    under the null hypothesis, so that the bound holds, while mid-p ones keep it about.

    References
    ----------
    Benjamini Y, Hochberg Y. Controlling the false discovery rate. J R Stat Soc B 1995;57:289-300.
    Benjamini Y, Yekutieli D. The control of the false discovery rate in multiple testing under
    dependency. Annals of Statistics 2001;29:1165-1188.

    Examples
    --------
    >>> fdr([0.001, 0.02, 0.03, 0.8]).round(3).tolist()
    [0.004, 0.04, 0.04, 0.8]
    """
    if method not in METHODS:
        raise UsageError(f"method is {method!r}; expected 'bh' or 'by'.")
    p = np.asarray(p_values, dtype=float)
    known = ~np.isnan(p)
    if np.any((p[known] < 0) | (p[known] > 1)):
        raise UsageError("a p-value lies outside of 0 to 1.")
    adjusted = np.full(p.shape, np.nan)
    if known.any():
        from statsmodels.stats.multitest import multipletests

        adjusted[known] = multipletests(p[known], method=METHODS[method])[1]
    return adjusted
