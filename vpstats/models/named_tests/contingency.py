"""Chi-squared tests of tables of counts, and the risk difference of two groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vpstats.models.named_tests.outcome import Options, Outcome, Sample
from vpstats.results import Caveat, critical_value

Table = NDArray[np.float64]

_FEW_EXPECTED = 5.0


def expected_counts(table: Table) -> Table:
    """Counts expected where rows and columns are unrelated, shape (r, c)."""
    return np.asarray(np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum())


def chi_squared(table: Table, *, yates: bool = False) -> tuple[float, float]:
    """Pearson's statistic and its degrees of freedom; with `yates` each gap shrinks by ½.

    Examples
    --------
    >>> import numpy as np
    >>> chi_squared(np.array([[10.0, 20.0], [20.0, 10.0]]))[0].round(4)
    np.float64(6.6667)
    """
    expected = expected_counts(table)
    gap = np.abs(table - expected)
    if yates:
        gap = gap - min(0.5, float(gap.min()))
    df = (table.shape[0] - 1) * (table.shape[1] - 1)
    return (gap**2 / expected).sum(), float(df)


def likelihood_ratio(table: Table) -> tuple[float, float]:
    """The G statistic, twice the log likelihood ratio, and its degrees of freedom."""
    seen = table > 0
    terms = table[seen] * np.log(table[seen] / expected_counts(table)[seen])
    return float(2 * terms.sum()), float((table.shape[0] - 1) * (table.shape[1] - 1))


def sparse(table: Table) -> tuple[Caveat, ...]:
    """A caveat where expected counts are small for a chi-squared approximation."""
    least = float(expected_counts(table).min())
    if least >= _FEW_EXPECTED:
        return ()
    return (Caveat("sparse_table", f"The least expected count is {least:.1f}: consider 'fisher'."),)


def pearson(sample: Sample, options: Options) -> Outcome:
    """Pearson's chi-squared test, without correction."""
    statistic, df = chi_squared(sample.counts)
    return _chi_outcome("Pearson chi-squared", sample, statistic, df, options)


def yates(sample: Sample, options: Options) -> Outcome:
    """Pearson's test of a 2×2 table with Yates's continuity correction."""
    statistic, df = chi_squared(sample.counts, yates=True)
    return _chi_outcome("Pearson chi-squared, Yates", sample, statistic, df, options, shrink=True)


def g_test(sample: Sample, options: Options) -> Outcome:
    """Likelihood-ratio (G) test."""
    statistic, df = likelihood_ratio(sample.counts)
    return _chi_outcome("likelihood-ratio chi-squared (G)", sample, statistic, df, options)


def _chi_outcome(
    method: str, sample: Sample, statistic: float, df: float, options: Options, *,
    shrink: bool = False,
) -> Outcome:  # fmt: skip
    table = sample.counts
    estimate, low, high = np.nan, np.nan, np.nan
    two_by_two = table.shape == (2, 2)
    if two_by_two:
        estimate, low, high = risk_difference(table, options.level, shrink=shrink)
    return Outcome(
        method,
        float(statistic),
        df,
        p_value=float(stats.chi2.sf(statistic, df)),
        measure="risk_difference" if two_by_two else "",
        estimate=estimate,
        conf_low=low,
        conf_high=high,
        caveats=sparse(table),
    )


def risk_difference(
    table: Table, level: float, *, shrink: bool = False
) -> tuple[float, float, float]:
    """Share of the second column in the second row less that in the first, with Wald limits.

    Parameters
    ----------
    table : ndarray, shape (2, 2)
        Groups in rows, the event in the second column.
    level : float
        Confidence level.
    shrink : bool
        Widen the limits by the continuity correction.

    Returns
    -------
    tuple of float
        Estimate and limits, as R's ``prop.test``; no limits where they would have no width.

    Examples
    --------
    >>> import numpy as np
    >>> [float(round(v, 4)) for v in risk_difference(np.array([[30.0, 10], [15, 15]]), 0.95)]
    [0.25, 0.0264, 0.4736]
    """
    sizes = table.sum(axis=1)
    shares = table[:, 1] / sizes
    difference = float(shares[1] - shares[0])
    half = float(critical_value(level)) * np.sqrt((shares * (1 - shares) / sizes).sum())
    if shrink:
        inverse = float((1 / sizes).sum())
        half += min(0.5, abs(difference) / inverse) * inverse
    if not half > 0:
        return difference, np.nan, np.nan
    return difference, float(max(-1.0, difference - half)), float(min(1.0, difference + half))


def cochran_armitage(sample: Sample, options: Options) -> Outcome:
    """Test of a linear trend of a share over ordered groups."""
    table = sample.counts
    given = options.scores
    scores = np.arange(1.0, len(table) + 1) if given is None else np.array(given, dtype=float)
    sizes, events = table.sum(axis=1), table[:, 1]
    share = events.sum() / sizes.sum()
    centred = scores - sizes @ scores / sizes.sum()
    spread = sizes @ centred**2
    slope = float(centred @ events / spread)
    error = np.sqrt(share * (1 - share) / spread)  # under no trend, as the test has it
    half = float(critical_value(options.level)) * error
    statistic = float((slope / error) ** 2)
    return Outcome(
        "Cochran–Armitage trend",
        statistic,
        1.0,
        p_value=float(stats.chi2.sf(statistic, 1)),
        measure="risk_difference_per_score",
        estimate=slope,
        conf_low=slope - half,
        conf_high=slope + half,
        caveats=sparse(table),
    )
