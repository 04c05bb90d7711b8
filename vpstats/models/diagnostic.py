"""Accuracy of a sign against a reference, where the reference may be known for some rows only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.cells import CellRows, Function, estimate, ratio_of
from vpstats.models.columns import read_column, read_response, require_columns
from vpstats.models.followup import row_caveats
from vpstats.models.shares import (
    Limits,
    Vector,
    frame_clusters,
    members,
    one_of,
    open_observed,
    share_error,
    share_limits,
)
from vpstats.models.verification import WeightedCounts, weigh_verified
from vpstats.results import Caveat, TableResult, critical_value, require_level

METHODS = ("complete", "begg-greenes", "ipw")
DISEASED, FREE, UNVERIFIED = range(3)
"""Where a row stands with the reference; its cell is 3 × test + this, within its stratum."""
SHARES = ("sensitivity", "specificity", "ppv", "npv", "prevalence", "accuracy")


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    interval: str
    prevalence: float | None
    level: float


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with a test result: its cell, its stratum of covariates, and the frame's clusters."""

    test: NDArray[np.int64]
    state: NDArray[np.int64]
    stratum: NDArray[np.int64]
    strata: tuple[str, ...]
    cluster: NDArray[np.int64] | None
    covariates: pd.DataFrame

    def take(self, rows: NDArray[Any]) -> _Rows:
        """Some of the rows."""
        cluster = None if self.cluster is None else self.cluster[rows]
        return _Rows(self.test[rows], self.state[rows], self.stratum[rows], self.strata, cluster,
                     self.covariates.iloc[rows])  # fmt: skip

    @property
    def verified(self) -> NDArray[np.bool_]:
        """Rows whose reference is known."""
        return np.asarray(self.state != UNVERIFIED)


def diagnostic_accuracy(
    data: pd.DataFrame | Frame,
    *,
    test: str,
    reference: str,
    by: str | None = None,
    cluster: str | None = None,
    verified: str | None = None,
    method: str = "begg-greenes",
    covariates: Sequence[str] = (),
    prevalence: float | None = None,
    interval: str = "wilson",
    level: float = 0.95,
    independent: str | None = None,
) -> TableResult:
    """Sensitivity, specificity and what follows from them, corrected for partial verification.

    Parameters
    ----------
    data : DataFrame or Frame
        One row per unit that was tested, shape (n, …), whether or not it was verified.
    test, reference : str
        Columns of 0 and 1, booleans or yes/no codes. A missing reference means that the row was
        not verified; rows without a test result are left out.
    by : str, optional
        Column of groups; each has rows of its own.
    cluster : str, optional
        Column of clusters; the frame's own if None.
    verified : str, optional
        Column that says which rows were verified by a sufficient reference; elsewhere the
        reference is not used.
    method : {"begg-greenes", "ipw", "complete"}
        What stands beside the verified rows where some rows are not verified. "begg-greenes"
        spreads unverified rows as verified ones with the same test result (and covariates) are;
        "ipw" weights verified rows by a logistic model of verification on the test and the
        covariates; "complete" adds nothing.
    covariates : sequence of str
        What verification depends on besides the test: categories for "begg-greenes" (strata),
        any column for "ipw".
    prevalence : float, optional
        Prevalence at which predictive values are wanted, by Bayes; that of the data if None.
    interval : {"wilson", "clopper-pearson"}
        Interval of shares of verified rows; at the effective size where rows are clustered.
        Corrected shares have logit intervals.
    level : float
        Confidence level.
    independent : str, optional
        Why clustered rows may be analysed as independent; it is printed.

    Returns
    -------
    TableResult
        ``group, stat, n, n_events, n_clusters, estimate, std_error, conf_low, conf_high,
        method``. Statistics: ``sensitivity, specificity, ppv, npv, prevalence, accuracy``
        (shares), ``lr_positive, lr_negative, dor`` (ratios; ``std_error`` is of their logarithm)
        and ``youden``. `n_events` over `n` are the rows that a share of verified rows counts.

    Raises
    ------
    UsageError
        If a column is absent or not two-valued, covariates are given to the wrong method or are
        numbers with many values, or the prevalence is not between 0 and 1.

    Notes
    -----
    The corrections assume that verification depends on nothing but the test result and the
    covariates given. Where a combination of test result and covariates was never verified,
    nothing is known of it, and the correction is NaN with the reason in a caveat. A ratio with an
    empty cell has no interval, and none is printed that is infinite.

    References
    ----------
    Begg CB, Greenes RA. Assessment of diagnostic tests when disease verification is subject to
    selection bias. Biometrics 1983;39:207-215. Simel DL, Samsa GP, Matchar DB. J Clin Epidemiol
    1991;44:763-770. Mercaldo ND, Lau KF, Zhou XH. Confidence intervals for predictive values.
    Stat Med 2007;26:2170-2183. Bossuyt PM et al. STARD 2015. BMJ 2015;351:h5527.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"azygos": [1] * 20 + [0] * 180})
    >>> rows["embolism"] = [1] * 12 + [0] * 8 + [1] * 4 + [0] * 36 + [None] * 140
    >>> table = diagnostic_accuracy(rows, test="azygos", reference="embolism").tidy()
    >>> table.query("stat == 'sensitivity'")[["method", "estimate"]].round(3).values.tolist()
    [['verified rows, wilson', 0.75], ['Begg–Greenes, logit', 0.4]]
    """
    require_level(level)
    request = _request(method, interval, prevalence, level, covariates)
    frame = open_observed(data, cluster=cluster, independent=independent)
    rows, tested = _read(frame, test, reference, verified, covariates, request.method)
    place = np.full(len(frame), -1)
    place[tested] = np.arange(tested.size)
    table: list[dict[str, Any]] = []
    caveats: list[Caveat] = []
    for group, own in members(frame.data, by):
        found, said = _accuracy(rows.take(place[own][place[own] >= 0]), request)
        table += [{"group": group} | row for row in found]
        caveats += said
    clusters = None if rows.cluster is None else int(np.unique(rows.cluster).size)
    first = row_caveats(frame, n_missing=len(frame) - tested.size, n_clusters=clusters)
    return TableResult(
        title=f"Accuracy of {frame.labels.get(test, test)} for "
        f"{frame.labels.get(reference, reference)}",
        unit=frame.unit,
        n=int(tested.size),
        n_events=int(np.count_nonzero(rows.state == DISEASED)),
        n_clusters=clusters,
        caveats=(*first, *dict.fromkeys(caveats)),
        level=level,
        table=pd.DataFrame(table)[list(_COLUMNS)],
    )


_COLUMNS = (
    *("group", "stat", "n", "n_events", "n_clusters", "estimate", "std_error"),
    *("conf_low", "conf_high", "method"),
)


def _request(
    method: str, interval: str, prevalence: float | None, level: float, covariates: Sequence[str]
) -> _Request:
    name = one_of("method", method, METHODS)
    kind = one_of("interval", interval, ("wilson", "clopper-pearson"))
    if prevalence is not None and not 0 < prevalence < 1:
        raise UsageError(f"prevalence is {prevalence!r}; expected a share between 0 and 1.")
    if isinstance(covariates, str):
        raise UsageError(f"covariates is '{covariates}'; expected a list of columns.")
    if covariates and name == "complete":
        raise UsageError("covariates= adjust for verification; method='complete' does not.")
    return _Request(name, kind, prevalence, level)


def _read(
    frame: Frame,
    test: str,
    reference: str,
    verified: str | None,
    covariates: Sequence[str],
    method: str,
) -> tuple[_Rows, NDArray[np.intp]]:
    """The tested rows, and where in the frame they stand."""
    require_columns(frame.data, [test, reference, *covariates])
    sign, truth = read_response(frame.data[test]), read_response(frame.data[reference])
    if verified is not None:
        require_columns(frame.data, [verified])
        truth = np.where(read_response(frame.data[verified]) == 1, truth, np.nan)
    columns = frame.data[list(covariates)]
    absent = [read_column(columns[name]).missing for name in columns.columns]
    tested = np.flatnonzero(~np.any([np.isnan(sign), *absent], axis=0))
    state = np.where(np.isnan(truth), UNVERIFIED, np.where(truth == 1, DISEASED, FREE))
    stratum: NDArray[np.int64] = np.zeros(len(frame), dtype=np.int64)
    strata: tuple[str, ...] = ("",)
    if covariates and method == "begg-greenes":
        stratum, strata = _strata(columns)
    ids = frame_clusters(frame)
    rows = _Rows(
        test=np.nan_to_num(sign)[tested].astype(np.int64),
        state=state[tested].astype(np.int64),
        stratum=stratum[tested],
        strata=strata,
        cluster=None if ids is None else ids[tested],
        covariates=columns.iloc[tested],
    )
    return rows, tested


_MOST_STRATA = 200


def _strata(columns: pd.DataFrame) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Number the combinations of categories that occur."""
    names = []
    for name in columns.columns:
        column = read_column(columns[name], category=True)
        if len(column.levels or ()) > 20:
            raise UsageError(
                "has many values; strata are of categories. Use method='ipw', or group it.",
                column=str(name),
            )
        names.append([(*(column.levels or ()), "")[code] for code in column.values])
    joined = pd.Series([", ".join(parts) for parts in zip(*names, strict=True)])
    codes, distinct = pd.factorize(joined, sort=True)
    if len(distinct) > _MOST_STRATA:
        raise UsageError(f"covariates= make {len(distinct)} strata; use method='ipw'.")
    return np.asarray(codes, dtype=np.int64), tuple(str(v) for v in distinct)


def _accuracy(rows: _Rows, request: _Request) -> tuple[list[dict[str, Any]], list[Caveat]]:
    known = rows.verified
    cluster = None if rows.cluster is None else rows.cluster[known]
    naive = CellRows(2 * rows.test[known] + (rows.state[known] == DISEASED), 4, cluster)
    found, caveats = _verified_rows(naive, request), _empty_cells(naive)
    if known.all():
        return found, caveats
    share = 100 * known.mean()
    message = f"{int(known.sum()):,} of {known.size:,} tested rows ({share:.0f} %) were verified"
    if request.method == "complete":
        message += "; accuracy is biased if the test decided who was: see method='begg-greenes'"
    caveats.append(Caveat("partial_verification", f"{message}."))
    if request.method == "begg-greenes":
        more, unknown = _begg_greenes(rows, request)
    elif request.method == "ipw":
        more, unknown = _weighted(rows, request)
    else:
        return found, caveats
    return found + more, caveats + unknown


def _verified_rows(table: CellRows, request: _Request) -> list[dict[str, Any]]:
    """Accuracy in a complete 2×2 table; cells are 2 × test + reference."""
    clusters = table.n_clusters
    count = pd.NA if clusters is None else clusters
    found = []
    for stat, (numerator, denominator) in _SHARE_CELLS.items():
        total = ratio_of(table, np.array(numerator), np.array(denominator))
        name = f"verified rows, {request.interval}{'' if clusters is None else ', effective size'}"
        limits = share_limits(total, request.interval, request.level)
        row = _row(stat, total.ratio, share_error(total), limits, name)
        found.append(row | {"n": int(total.size), "n_events": int(total.events)})
    if request.prevalence is not None:
        found = [row for row in found if row["stat"] not in ("ppv", "npv")]
    found += _derived(table, _two_by_two, "verified rows", request)
    shared = {"n": len(table), "n_events": int(table.counts[[1, 3]].sum()), "n_clusters": count}
    return sorted((shared | row for row in found), key=lambda row: _ORDER.index(row["stat"]))


# cells: test − without, test − with, test + without, test + with the disease
_SHARE_CELLS: dict[str, tuple[list[float], list[float]]] = {
    "sensitivity": ([0, 0, 0, 1], [0, 1, 0, 1]),
    "specificity": ([1, 0, 0, 0], [1, 0, 1, 0]),
    "ppv": ([0, 0, 0, 1], [0, 0, 1, 1]),
    "npv": ([1, 0, 0, 0], [1, 1, 0, 0]),
    "prevalence": ([0, 1, 0, 1], [1, 1, 1, 1]),
    "accuracy": ([1, 0, 0, 1], [1, 1, 1, 1]),
}
_ORDER = (*SHARES, "lr_positive", "lr_negative", "dor", "youden")


def _two_by_two(p: NDArray[Any]) -> NDArray[Any]:
    """The four shares of test × disease, as they are."""
    return np.asarray(p / p.sum())


def _logits(joint: NDArray[Any], prevalence: float | None) -> NDArray[Any]:
    """Statistics on the scales that their intervals are made on, from the shares of test × disease.

    Logits of the six shares, logarithms of the three ratios, and Youden's index.
    """
    without, missed, false, hit = joint
    sensitivity, specificity = hit / (hit + missed), without / (without + false)
    prior = (hit + missed) / (without + false)
    odds = prior if prevalence is None else 0 * prior + prevalence / (1 - prevalence)
    ratios = sensitivity / (1 - specificity), (1 - sensitivity) / specificity
    return np.array([
        np.log(hit / missed),
        np.log(without / false),
        np.log(odds * ratios[0]),
        -np.log(odds * ratios[1]),
        np.log(prior),
        np.log((hit + without) / (missed + false)),
        np.log(ratios[0]),
        np.log(ratios[1]),
        np.log(ratios[0] / ratios[1]),
        sensitivity + specificity - 1,
    ])  # fmt: skip


def _derived(
    table: CellRows, joint: Function, name: str, request: _Request, *, shares: bool = False
) -> list[dict[str, Any]]:
    """Ratios and Youden's index by the delta method; on request the shares too."""
    values, covariance = estimate(table, lambda p: _logits(joint(p), request.prevalence))
    return _scaled(values, covariance, table.df, name, request, shares=shares)


def _scaled(
    values: Vector,
    covariance: NDArray[np.float64],
    df: float,
    name: str,
    request: _Request,
    *,
    shares: bool,
) -> list[dict[str, Any]]:
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diag(covariance))
    half = float(critical_value(request.level, df)) * errors
    found = []
    for k, stat in enumerate(_ORDER):
        limits = (values[k] - half[k], values[k] + half[k])
        if stat in SHARES:
            given = request.prevalence is not None and stat in ("ppv", "npv")
            if shares or given:
                found.append(_logit_row(stat, values[k], errors[k], limits, name, request))
        elif stat == "youden":
            found.append(_row(stat, values[k], errors[k], _within(limits), f"{name}, Wald"))
        else:
            found.append(_log_row(stat, values[k], errors[k], limits, f"{name}, log"))
    return found


def _within(limits: Limits) -> Limits:
    return max(-1.0, limits[0]), min(1.0, limits[1])


def _logit_row(
    stat: str, value: float, error: float, limits: Limits, name: str, request: _Request
) -> dict[str, Any]:
    share = float(special.expit(value))
    at_prevalence = stat in ("ppv", "npv") and request.prevalence is not None
    note = f" at prevalence {request.prevalence:g}" if at_prevalence else ""
    if not np.isfinite(value):
        return _row(stat, share, np.nan, (np.nan, np.nan), f"{name}{note}, logit")
    low, high = (float(special.expit(limit)) for limit in limits)
    return _row(stat, share, error * share * (1 - share), (low, high), f"{name}{note}, logit")


def _log_row(stat: str, value: float, error: float, limits: Limits, method: str) -> dict[str, Any]:
    if np.isfinite(value):
        return _row(stat, np.exp(value), error, (np.exp(limits[0]), np.exp(limits[1])), method)
    zero = 0.0 if value == -np.inf else np.nan  # an infinite ratio is not printed
    return _row(stat, zero, np.nan, (np.nan, np.nan), method)


def _row(stat: str, value: float, error: float, limits: Limits, method: str) -> dict[str, Any]:
    return {
        "stat": stat,
        "estimate": float(value),
        "std_error": float(error),
        "conf_low": float(limits[0]),
        "conf_high": float(limits[1]),
        "method": method,
    }


def _empty_cells(table: CellRows) -> list[Caveat]:
    names = ("true negatives", "false negatives", "false positives", "true positives")
    empty = [name for name, n in zip(names, table.counts, strict=True) if n == 0]
    if not empty:
        return []
    message = f"There are no {' and no '.join(empty)} among verified rows: ratios have no interval."
    return [Caveat("zero_cell", message)]


def begg_greenes(strata: int) -> Function:
    """Shares of test × disease among all rows, from cells of (stratum, test, state).

    Parameters
    ----------
    strata : int
        Number of strata; the cells of one are test − diseased, test − free, test − unverified,
        then the same for test +.

    Returns
    -------
    callable
        From shares, shape (6 × strata,), to test − without, test − with, test + without and
        test + with the disease, shape (4,).

    References
    ----------
    Begg CB, Greenes RA (1983).

    Examples
    --------
    >>> import numpy as np
    >>> begg_greenes(1)(np.array([4, 36, 140, 12, 8, 0]) / 200).round(3).tolist()
    [0.81, 0.09, 0.04, 0.06]
    """

    def joint(p: NDArray[Any]) -> NDArray[Any]:
        cells = p.reshape(strata, 2, 3) / p.sum()
        rows = cells.sum(axis=2)
        known = cells[:, :, DISEASED] + cells[:, :, FREE]
        used = np.real(rows) > 0  # strata without such a test result add nothing
        risk = np.where(used, cells[:, :, DISEASED], 1) / np.where(used, known, 1)
        diseased, free = (rows * risk).sum(axis=0), (rows * (1 - risk)).sum(axis=0)
        return np.array([free[0], diseased[0], free[1], diseased[1]])

    return joint


def _begg_greenes(rows: _Rows, request: _Request) -> tuple[list[dict[str, Any]], list[Caveat]]:
    size = len(rows.strata)
    cell = (2 * rows.stratum + rows.test) * 3 + rows.state
    table = CellRows(cell, 6 * size, rows.cluster)
    unseen = _never_verified(table.counts.reshape(size, 2, 3), rows.strata)
    found = _derived(table, begg_greenes(size), "Begg–Greenes", request, shares=True)
    return _corrected(found, table.n_clusters, rows, unknown=bool(unseen)), unseen


def _never_verified(counts: NDArray[np.float64], strata: tuple[str, ...]) -> list[Caveat]:
    known, tested = counts[:, :, :2].sum(axis=2), counts.sum(axis=2)
    places = [
        f"test {'+' if t else '−'}{f', {strata[s]}' if strata[s] else ''}"
        for s, t in zip(*np.nonzero((known == 0) & (tested > 0)), strict=True)
    ]
    if not places:
        return []
    message = (
        f"No row was verified where {'; '.join(places)}: accuracy cannot be corrected. Use fewer "
        "covariates, or report predictive values of the verified rows alone."
    )
    return [Caveat("partial_verification", message)]


def _corrected(
    found: list[dict[str, Any]], clusters: int | None, rows: _Rows, *, unknown: bool
) -> list[dict[str, Any]]:
    shared = {
        "n": rows.test.size,
        "n_events": int(np.count_nonzero(rows.state == DISEASED)),
        "n_clusters": pd.NA if clusters is None else clusters,
    }
    blank = dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high"), np.nan)
    return [shared | row | (blank if unknown else {}) for row in found]


def _weighted(rows: _Rows, request: _Request) -> tuple[list[dict[str, Any]], list[Caveat]]:
    counts: WeightedCounts = weigh_verified(
        rows.test, rows.state == DISEASED, rows.verified, rows.covariates, rows.cluster
    )
    name = "inverse probability of verification"
    values, covariance = counts.transform(lambda p: _logits(p, request.prevalence))
    found = _scaled(values, covariance, counts.df, name, request, shares=True)
    unknown = [Caveat("partial_verification", counts.reason)] if counts.reason else []
    n_clusters = None if rows.cluster is None else int(np.unique(rows.cluster).size)
    return _corrected(found, n_clusters, rows, unknown=bool(unknown)), unknown
