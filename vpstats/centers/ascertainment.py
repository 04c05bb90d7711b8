"""Who was examined for an outcome, and why: what an audit of outcomes rests on.

A center that looks for leaks finds leaks. Outcomes are therefore compared among rows that were
examined as a routine, where why somebody was examined says nothing of the outcome. Beside that
stand the same comparison among all that were examined, standardised on the recorded reason; rates
weighted from the routine to all rows; and the bounds that rows never examined leave open.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from vpstats.centers.expected import Expected, expected_proportion
from vpstats.centers.reading import center_names
from vpstats.centers.sums import CenterSums, Risks
from vpstats.centers.weighting import weighted_rates
from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.columns import read_response, require_columns
from vpstats.results import Caveat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Mask = NDArray[np.bool_]

ROUTINE, SUSPICION, UNSTATED, UNEXAMINED = "routine", "other reason", "no reason", "not examined"
MIN_ROUTINE = 10
"""Rows examined as a routine below which a center has nothing to be compared."""

Basis = Literal["routine", "examined"]
Side = Literal["", "higher", "lower"]


@dataclass(frozen=True)
class Ascertainment:
    """How the rows of each center came to be examined, and what remains to be compared.

    Parameters
    ----------
    table : DataFrame
        ``center_id, n, n_examined, n_known, n_routine, n_suspicion, n_unstated, share_examined,
        share_routine, share_suspicion, completeness, weighted, weighted_std_error, bound_low,
        bound_high, overlap, complete, reason``. Shares are of all rows; `n_known` are rows with a
        known outcome; `completeness` is known over examined, or over all rows where examination is
        not recorded; `overlap` whether the center has enough rows of the kind compared; `reason`
        says in words why there is no verdict, else empty.
    main : Expected
        The comparison that may be judged, of rows examined as a routine where reasons are
        recorded, else of all that were examined.
    standardised : Expected, optional
        All examined rows with the recorded reason as a covariate; None without reasons.
    detection : Expected, optional
        Whether a row was examined, as the outcome; None where every row was.
    bound_low, bound_high : CenterSums, optional
        All rows, if nobody who was not examined had the outcome, and if they had it as often as
        the routine rows of the other centers.
    basis : {"routine", "examined"}
        What `main` rests on.
    caveats : tuple of Caveat
        What to know.
    """

    table: pd.DataFrame
    main: Expected
    standardised: Expected | None
    detection: Expected | None
    bound_low: CenterSums | None
    bound_high: CenterSums | None
    basis: Basis
    caveats: tuple[Caveat, ...] = field(default=())


@dataclass(frozen=True)
class _Kinds:
    """What happened to each of m rows that name a center."""

    frame: Frame
    center: NDArray[Any]
    examined: Mask
    kind: NDArray[Any]
    y: Vector
    given: NDArray[np.intp]


def ascertainment(
    data: pd.DataFrame | Frame,
    *,
    outcome: str,
    center: str = "center_id",
    examined: str | None = None,
    examined_values: Sequence[object] = (),
    reason: str | None = None,
    routine: Sequence[object] = ("routine",),
    adjust: Sequence[str] = (),
    cluster: str | None = None,
    unit: str | None = None,
    penalty: Literal["firth"] | None = None,
    completeness: float = 0.85,
    min_routine: int = MIN_ROUTINE,
    independent: str | None = None,
    level: float = 0.95,
) -> Ascertainment:
    """Tell an outcome from the habit of looking for it.

    Parameters
    ----------
    data : DataFrame or Frame
        All rows that could have been examined; unchanged. The outcome of those who were not is
        missing; where it is given all the same it is not used.
    outcome : str
        Column of 0/1.
    center, adjust, cluster, unit, penalty, independent, level
        As in `vpstats.centers.expected.expected_proportion`.
    examined : str, optional
        Column that says who was examined by the one modality in question: 0/1 or, with
        `examined_values`, any codes. If None, rows with a known outcome were.
    examined_values : sequence
        Codes that mean examined; without them 1, True and "yes" do in a column of such answers,
        and any recorded value in another.
    reason : str, optional
        Column that says why; None where that is not recorded.
    routine : sequence
        Reasons that suspect nothing.
    completeness : float
        Share of the examined whose outcome must be known for a verdict.
    min_routine : int
        Rows of the kind compared that a verdict needs.

    Returns
    -------
    Ascertainment

    Raises
    ------
    UsageError
        For columns that are missing or unusable.

    Notes
    -----
    With recorded reasons the comparison is of routine rows alone. `weighted` is the rate of these
    rows weighted by one over their probability of routine examination given case mix and center,
    so that they stand for all rows of the center (Hájek); it is right if routine examination
    depends on nothing else. The bounds are of all rows, those examined on suspicion with what was
    found: nobody who was not examined had the outcome, or they had it as often as the routine rows
    of the other centers. Without recorded reasons the lower bound is the comparison of all rows in
    which nobody who was not examined had the outcome, at this center or another: a center that
    examines few looks worse among the examined, one that examines many among all, so that a flag
    on both is of neither habit.

    References
    ----------
    Haut ER, Pronovost PJ. Surveillance bias in outcomes reporting. JAMA 2011;305:2462-2463.
    Bilimoria KY, et al. Evaluation of surveillance bias and the validity of the venous
    thromboembolism quality measure. JAMA 2013;310:1482-1489. Manski CF. Nonparametric bounds on
    treatment effects. Am Econ Rev 1990;80:319-323.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {
    ...         "center_id": ["a"] * 40 + ["b"] * 40,
    ...         "leak": [1.0, 0, 0, 0] * 10 + [1.0, 0, None, None] * 10,
    ...         "why": ["routine"] * 40 + ["suspicion", "routine", None, None] * 10,
    ...     }
    ... )
    >>> found = ascertainment(rows, outcome="leak", reason="why")
    >>> found.table[["center_id", "n_routine", "share_examined", "overlap"]].values.tolist()
    [['a', 40, 1.0, True], ['b', 10, 0.5, True]]
    """
    if isinstance(data, Imputations):
        raise UsageError("ascertainment is of observed rows; give the frame before imputation.")
    if not 0 <= completeness <= 1:
        raise UsageError(f"completeness is {completeness!r}; expected a share.")
    frame = open_data(data, cluster=cluster, independent=independent)
    columns = [c for c in (outcome, center, examined, reason) if c is not None]
    require_columns(frame.data, columns)
    kinds = _read(frame, outcome, center, examined, examined_values, reason, routine)
    shared: dict[str, Any] = {"center": center, "unit": unit, "level": level}
    mix: dict[str, Any] = {**shared, "adjust": tuple(adjust), "penalty": penalty}
    basis: Basis = "routine" if reason is not None else "examined"
    compared = kinds.kind == ROUTINE if basis == "routine" else kinds.examined
    main = _compare(kinds, outcome, compared, mix)
    standardised = None
    if basis == "routine" and len(set(kinds.kind[kinds.examined])) > 1:
        reasons = {**mix, "adjust": (*adjust, _WHY)}
        standardised = _compare(kinds, outcome, kinds.examined, reasons)
    detection = None
    if not kinds.examined.all():
        detection = _whole(kinds, _SEEN, kinds.examined.astype(float), mix)
    bounds: tuple[CenterSums | None, CenterSums | None] = (None, None)
    if detection is not None and main.ok:
        low, high = _bounds(kinds, main)
        if basis == "examined":
            low = _whole(kinds, outcome, np.nan_to_num(kinds.y), mix).sums
        bounds = (low, high)
    table = _table(kinds, examined, compared, basis, completeness, min_routine)
    table = _with_bounds(_with_weighted(table, kinds, compared, adjust, center), bounds)
    return Ascertainment(
        table,
        main,
        standardised,
        detection,
        *bounds,
        basis,
        (*_homeless(frame, kinds, center), *_caveats(table, basis, min_routine)),
    )


_WHY, _SEEN = "reason_examined", "examined_at_all"


def _read(
    frame: Frame,
    outcome: str,
    center: str,
    examined: str | None,
    values: Sequence[object],
    reason: str | None,
    routine: Sequence[object],
) -> _Kinds:
    names = center_names(frame.data, center)
    there = pd.notna(names)
    frame = replace(frame, data=frame.data[there], outcome=None)
    data = frame.data
    y = np.asarray(read_response(data[outcome]), dtype=float)
    seen = ~np.isnan(y) if examined is None else _seen(data[examined], values)
    kind = np.full(len(data), UNEXAMINED, dtype=object)
    kind[seen] = UNSTATED
    if reason is not None:
        why = data[reason].astype(object)
        stated = why.notna().to_numpy()
        kind[seen & stated] = SUSPICION
        kind[seen & why.isin(list(routine)).to_numpy()] = ROUTINE
    y = np.where(seen, y, np.nan)
    frame = replace(frame, data=data.assign(**{outcome: y, _WHY: kind}))
    return _Kinds(frame, names[there].astype(str), seen, kind.astype(str), y, np.flatnonzero(there))


def _seen(column: pd.Series, values: Sequence[object]) -> Mask:
    if values:
        return np.asarray(column.isin(list(values)).to_numpy(dtype=bool, na_value=False))
    answers = set(column.dropna().astype(object).unique())
    if answers <= {0, 1, "yes", "no"}:  # True and False are 1 and 0
        return np.asarray(column.astype(object).isin([1, "yes"]).to_numpy(dtype=bool))
    return np.asarray(column.notna().to_numpy())


def _compare(kinds: _Kinds, outcome: str, rows: Mask, options: dict[str, Any]) -> Expected:
    """The comparison among some rows; positions are those of the table as read."""
    part = replace(kinds.frame, data=kinds.frame.data[rows])
    found = expected_proportion(part, outcome=outcome, **options)
    return replace(found, rows=kinds.given[rows][found.rows])


def _whole(kinds: _Kinds, name: str, values: Vector, options: dict[str, Any]) -> Expected:
    """A comparison among all rows, of a column made here."""
    frame = replace(kinds.frame, data=kinds.frame.data.assign(**{name: values}))
    found = expected_proportion(frame, outcome=name, **options)
    return replace(found, rows=kinds.given[found.rows])


def _table(
    kinds: _Kinds,
    examined: str | None,
    compared: Mask,
    basis: Basis,
    completeness: float,
    min_routine: int,
) -> pd.DataFrame:
    known = ~np.isnan(kinds.y)
    flags = pd.DataFrame(
        {
            "center_id": kinds.center,
            "n": 1,
            "n_examined": kinds.examined,
            "n_known": known,
            "n_routine": kinds.kind == ROUTINE,
            "n_suspicion": kinds.kind == SUSPICION,
            "n_unstated": kinds.kind == UNSTATED,
            "_compared": compared & known,
        }
    )
    sums = flags.groupby("center_id", sort=True).sum().astype(int).reset_index()
    for name in ("examined", "routine", "suspicion"):
        sums[f"share_{name}"] = sums[f"n_{name}"] / sums["n"]
    whole = sums["n"] if examined is None and basis == "examined" else sums["n_examined"]
    share = np.divide(
        sums["n_known"].to_numpy(float), whole.to_numpy(float), out=np.zeros(len(sums)),
        where=whole.to_numpy() > 0,
    )  # fmt: skip
    overlap = (sums.pop("_compared") >= min_routine).to_numpy()
    return sums.assign(
        completeness=share,
        overlap=overlap,
        complete=share >= completeness,
        reason=_reasons(sums, share, overlap, basis, completeness, min_routine),
    )


def _reasons(
    sums: pd.DataFrame, share: Vector, overlap: Mask, basis: Basis, floor: float, least: int
) -> list[str]:
    """Why a center has no verdict, in words; empty where nothing stands against one."""
    found = []
    how = "examined as a routine" if basis == "routine" else "examined"
    for i in range(len(sums)):
        if not overlap[i]:
            found.append(f"fewer than {least} rows were {how}, so there is nothing to compare")
        elif share[i] < floor:
            text = f"the outcome is known for {share[i]:.0%}, less than the {floor:.0%} required"
            found.append(text)
        else:
            found.append("")
    return found


def _with_weighted(
    table: pd.DataFrame, kinds: _Kinds, compared: Mask, adjust: Sequence[str], center: str
) -> pd.DataFrame:
    rates = weighted_rates(kinds.frame, compared & ~np.isnan(kinds.y), kinds.y, adjust, center)
    # without rows there is no center, and an empty column has no type of its own
    rates = rates.astype({"center_id": object})
    return table.astype({"center_id": object}).merge(rates, on="center_id", how="left")


def _with_bounds(
    table: pd.DataFrame, bounds: tuple[CenterSums | None, CenterSums | None]
) -> pd.DataFrame:
    for name, sums in zip(("bound_low", "bound_high"), bounds, strict=True):
        table[name] = np.nan
        if sums is not None:
            rate = dict(zip(sums.centers, sums.observed / sums.n, strict=True))
            table[name] = table["center_id"].map(rate)
    first = [c for c in table.columns if c not in ("overlap", "complete", "reason")]
    return table[[*first, "overlap", "complete", "reason"]]


def _bounds(kinds: _Kinds, main: Expected) -> tuple[CenterSums, CenterSums]:
    """All rows of the centers compared, if those not examined never, or as often, had it."""
    sums = main.sums
    code = {name: i for i, name in enumerate(sums.centers)}
    place = np.array([code.get(name, -1) for name in kinds.center])
    here = place >= 0
    n = np.bincount(place[here], minlength=len(sums)).astype(float)
    known = here & ~np.isnan(kinds.y)
    found = np.asarray(np.bincount(place[known], kinds.y[known], len(sums)), dtype=float)
    unknown = n - np.bincount(place[known], minlength=len(sums))
    # the routine rows' case mix stands for that of the center: expected per row, for all rows
    grown = n / sums.n
    risks = tuple(_grown(r, g) for r, g in zip(sums.risks, grown, strict=True))
    expected = np.array([float(r.values @ r.counts) for r in risks])
    rate = expected / n
    low = replace(
        sums,
        n=n,
        n_patients=_patients(kinds, place, len(sums)),
        observed=found,
        expected=expected,
        variance=sums.variance * grown,
        benchmark_variance=sums.benchmark_variance * grown**2,
        risks=risks,
    )
    return low, replace(low, observed=found + np.round(unknown * rate))


def _grown(risks: Risks, factor: float) -> Risks:
    """The same risks, each as often as in a center so many times as large, in whole rows."""
    total = round(float(risks.counts.sum() * factor))
    ends = np.round(np.cumsum(risks.counts) * (total / risks.counts.sum()))
    counts = np.diff(ends, prepend=0.0)
    return Risks(risks.values[counts > 0], counts[counts > 0])


def _patients(kinds: _Kinds, place: NDArray[np.int_], k: int) -> Vector:
    if kinds.frame.cluster is None:
        return np.bincount(place[place >= 0], minlength=k).astype(float)
    ids = pd.factorize(kinds.frame.data[kinds.frame.cluster])[0]
    pairs = np.unique(np.column_stack([place, ids])[place >= 0], axis=0)
    return np.bincount(pairs[:, 0], minlength=k).astype(float)


def _homeless(frame: Frame, kinds: _Kinds, center: str) -> list[Caveat]:
    lost = len(frame.data) - len(kinds.given)
    if not lost:
        return []
    return [Caveat("dropped_rows", f"{lost:,} rows name no center and were left out.", center)]


def _caveats(table: pd.DataFrame, basis: Basis, least: int) -> tuple[Caveat, ...]:
    found = []
    if basis == "examined" and (table["share_examined"] < 1).any():
        found.append(
            Caveat("detection", "Why rows were examined is not recorded: a flag may be of looking.")
        )
    lost = table.loc[~table["overlap"], "center_id"]
    if len(lost):
        how = "as a routine " if basis == "routine" else ""
        text = f"Fewer than {least} rows were examined {how}at {', '.join(lost)}: no verdict there."
        found.append(Caveat("detection", text))
    return tuple(found)


def survives_detection(
    *, side: Side, bound: Side, detection: Side, basis: Basis, share_examined: float
) -> tuple[bool | None, str]:
    """Say in one sentence whether a flag survives what is known of the looking.

    Parameters
    ----------
    side : {"", "higher", "lower"}
        Where the center's outcome lies among the rows compared.
    bound : {"", "higher", "lower"}
        The same with every row of the center: for a flag above `Ascertainment.bound_low`, for one
        below `Ascertainment.bound_high`.
    detection : {"", "higher", "lower"}
        Where its share of examined rows lies.
    basis : {"routine", "examined"}
        What the comparison rests on.
    share_examined : float
        Share of the center's rows that were examined.

    Returns
    -------
    bool or None, str
        None without a flag. A flag survives if it holds whatever the outcome of those not
        examined, or if it rests on routine examination and the center does not look more (for a
        flag above), or less (below), than others.

    Examples
    --------
    >>> survives_detection(
    ...     side="higher", bound="", detection="higher", basis="routine", share_examined=0.9
    ... )[0]
    False
    """
    if not side:
        return None, "There is no flag that looking could explain."
    looked = f"{share_examined:.0%} of its rows were examined"
    if bound == side:
        return True, (
            f"The flag survives: it holds whatever the outcome of those not examined ({looked})."
        )
    if basis == "routine" and detection != side:
        return True, (
            f"The flag survives: it is of rows examined as a routine, and the center does not look "
            f"{'more' if side == 'higher' else 'less'} than others ({looked}), though it would not "
            "hold for every outcome of those not examined."
        )
    return False, (
        f"The flag does not survive: {looked}, and it would not hold for every outcome of the rest."
    )
