"""Concordance of a Cox model: how well it orders rows by their time of event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.covariance import Clusters
from vpstats.models.followup import Codes, Vector
from vpstats.models.frailty_result import FrailtyFit
from vpstats.models.hazards_data import rows_of_fit
from vpstats.models.hazards_result import CoxFit
from vpstats.models.risksets import HazardRows
from vpstats.results import TableResult, critical_value, require_level

Matrix = NDArray[np.float64]


def concordance(
    fit: CoxFit, data: pd.DataFrame | Frame, *, level: float | None = None
) -> TableResult:
    """Probability that of two comparable rows the one with the higher hazard has the event first.

    Parameters
    ----------
    fit : CoxFit
        A fit, penalised or not.
    data : DataFrame or Frame
        The rows of the fit; unchanged.
    level : float, optional
        Confidence level; that of the fit if None.

    Returns
    -------
    TableResult
        One row: ``stat`` ("concordance"), ``estimate, std_error, conf_low, conf_high``. Harrell's
        concordance within strata, weighted as the fit is, rows of equal hazard counting half; a
        row is compared with those at risk at its event that outlive it. The standard error is the
        infinitesimal jackknife, summed by cluster where the fit is clustered; it takes the model
        as given. NaN if no two rows are comparable. It is measured on the rows of the fit, so it
        is too good for new ones.

    Raises
    ------
    UsageError
        If the fit failed or has a frailty, or `data` are not its rows.

    References
    ----------
    Harrell FE, Califf RM, Pryor DB, Lee KL, Rosati RA. Evaluating the yield of medical tests. JAMA
    1982;247:2543-2546. Therneau TM, Watson DA. The concordance statistic and the Cox model.
    Technical report 85, Mayo Clinic, 2017.

    Examples
    --------
    >>> import pandas as pd
    >>> from vpstats.models.hazards import fit_cox
    >>> rows = pd.DataFrame({"days": [1, 2, 3, 4], "event": [1, 1, 1, 0], "high": [1, 0, 1, 0]})
    >>> fit = fit_cox(rows, "high", duration="days", event="event")
    >>> table = concordance(fit, rows).tidy()  # of 6 pairs 3 are right, 1 is wrong, 2 are level
    >>> float(table["estimate"].iloc[0])
    0.6666666666666666
    """
    if isinstance(fit, FrailtyFit):
        raise UsageError("a concordance ignores frailties; use a fit with cluster= instead.")
    given = rows_of_fit(fit, data, cluster=fit.cluster)
    wanted = fit.level if level is None else require_level(level)
    eta = given.rows.X @ fit.coefficients
    eta = eta if given.rows.offset is None else eta + given.rows.offset
    estimate, influence = concordance_influence(given.rows, eta)
    clusters = given.clusters or Clusters(np.arange(fit.n), fit.n)
    by_cluster = np.bincount(clusters.codes, influence, minlength=clusters.count)
    error = float(np.sqrt(by_cluster @ by_cluster))
    margin = float(critical_value(wanted)) * error
    row = {
        "stat": "concordance",
        "estimate": estimate,
        "std_error": error,
        "conf_low": max(estimate - margin, 0.0) if np.isfinite(estimate) else np.nan,
        "conf_high": min(estimate + margin, 1.0) if np.isfinite(estimate) else np.nan,
    }
    return TableResult(
        title=f"Concordance: {fit.title}",
        unit=fit.unit,
        n=fit.n,
        n_events=fit.n_events,
        n_clusters=fit.n_clusters,
        level=wanted,
        table=pd.DataFrame([row]),
    )


def concordance_influence(rows: HazardRows, score: Vector) -> tuple[float, Vector]:
    """Concordance of a score with follow-up, and by how much each row moves it.

    Parameters
    ----------
    rows : HazardRows
        Follow-up, strata and weights of n rows.
    score : ndarray, shape (n,)
        Higher where the event is expected earlier.

    Returns
    -------
    float
        Concordance; NaN if no two rows are comparable.
    ndarray, shape (n,)
        Derivative in the row's weight, times the weight.
    """
    weight = np.ones(len(rows)) if rows.weights is None else rows.weights
    keys = _keys(rows)
    rank = np.unique(score, return_inverse=True)[1]
    lower, level, total = _outliving(keys, rank, weight)
    right, pairs = np.zeros((2, len(rows)))
    right[rows.dead], pairs[rows.dead] = lower + level / 2, total
    below, level, before = _earlier(keys, rank, weight)
    everything = float(weight[rows.dead] @ total)
    if everything <= 0:
        return float("nan"), np.full(len(rows), np.nan)
    estimate = float(weight @ right) / everything
    right += before - below - level / 2
    pairs += before
    return estimate, weight * (right - estimate * pairs) / everything


@dataclass(frozen=True)
class _Keys:
    """Times as whole numbers that put rows in order of stratum and time.

    end: twice the position of the row's end, plus one if it is censored there, so that it
    outlives events of the time; entry: twice that of its entry, plus one; first, after: keys
    below and above all of the stratum.
    """

    end: Codes
    entry: Codes | None
    first: Codes
    after: Codes
    dead: NDArray[np.bool_]


def _keys(rows: HazardRows) -> _Keys:
    known = np.unique(rows.exit if rows.entry is None else np.append(rows.exit, rows.entry))
    width = 2 * known.size + 2
    first = (np.zeros(len(rows), dtype=np.int64) if rows.strata is None else rows.strata) * width
    end = first + 2 * np.searchsorted(known, rows.exit) + 1 + ~rows.dead
    entry = None
    if rows.entry is not None:
        entry = first + 2 * np.searchsorted(known, rows.entry) + 2
    return _Keys(end, entry, first, first + width - 1, rows.dead)


def _outliving(keys: _Keys, rank: Codes, weight: Vector) -> Matrix:
    """For each event the rows at risk that outlive it: `_between` of its own rank."""
    event, after = keys.end[keys.dead], keys.after[keys.dead]
    found = _between(keys.end, rank, weight, event, after, rank[keys.dead])
    if keys.entry is not None:  # rows that enter at the time or later are not at risk
        found = found - _between(keys.entry, rank, weight, event, after, rank[keys.dead])
    return found


def _earlier(keys: _Keys, rank: Codes, weight: Vector) -> Matrix:
    """For each row the events that it outlives while at risk: `_between` of its own rank."""
    since = keys.first if keys.entry is None else np.maximum(keys.entry, keys.first)
    dead = keys.dead
    until = np.maximum(keys.end - 1, since)
    return _between(keys.end[dead], rank[dead], weight[dead], since, until, rank)


def _between(
    key: Codes, rank: Codes, weight: Vector, low: Codes, high: Codes, wanted: Codes
) -> Matrix:
    """Weight of the points with low < key <= high of a lower rank, of the same, and of any."""
    order = np.argsort(key, kind="stable")
    key, rank, weight = key[order], rank[order], weight[order]
    to, since = (np.searchsorted(key, edge, side="right") for edge in (high, low))
    return _below(rank, weight, to, wanted) - _below(rank, weight, since, wanted)


def _below(rank: Codes, weight: Vector, first: Codes, wanted: Codes) -> Matrix:
    """Weight of the first so many points that are below, level with, and any relation to a rank.

    Shape (3, number of queries).
    """
    under = _prefix_weight(rank, weight, first, wanted)
    up_to = _prefix_weight(rank, weight, first, wanted + 1)
    total = np.concatenate([[0.0], np.cumsum(weight)])[first]
    return np.stack([under, up_to - under, total])


def _prefix_weight(rank: Codes, weight: Vector, first: Codes, wanted: Codes) -> Vector:
    """Weight of the points among the first so many whose rank is below the one wanted.

    A wavelet matrix: from the highest bit on, points are parted by a bit of their rank, and each
    query follows its own bit with the interval that its prefix has become.
    """
    low, high = np.zeros_like(first), first
    found = np.zeros(first.size)
    # a wanted rank may lie above all ranks of the points
    highest = int(max(rank.max(initial=0), wanted.max(initial=0)))
    for bit in reversed(range(highest.bit_length())):
        clear = (rank >> bit) & 1 == 0
        clears = np.concatenate([[0], np.cumsum(clear)])
        sums = np.concatenate([[0.0], np.cumsum(weight * clear)])
        is_set = (wanted >> bit) & 1 == 1
        found += np.where(is_set, sums[high] - sums[low], 0.0)
        low = np.where(is_set, clears[-1] + low - clears[low], clears[low])
        high = np.where(is_set, clears[-1] + high - clears[high], clears[high])
        rank = np.concatenate([rank[clear], rank[~clear]])
        weight = np.concatenate([weight[clear], weight[~clear]])
    return found
