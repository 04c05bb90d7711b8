"""What stands beside an outcome: who was looked at and why, how much is known, who was treated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from vpstats.centers.ascertainment import Ascertainment, ascertainment, survives_detection
from vpstats.centers.casemix import case_mix
from vpstats.centers.expected import Expected, expected_proportion
from vpstats.centers.followup import followup_completeness
from vpstats.centers.incidence import expected_incidence
from vpstats.centers.judge import Rules, judge
from vpstats.centers.rows import DAY, OUTCOME
from vpstats.centers.sums import choose_centers
from vpstats.errors import UsageError

if TYPE_CHECKING:
    from vpstats.centers.sums import CenterSums
    from vpstats.frames import Frame
    from vpstats.study import Indicator

Side = Literal["", "higher", "lower"]

INCOMPLETE = "Less of it is known than the {share:.0%} that a verdict takes."
NOTHING_ALIKE = "Too few of its rows were examined {how}: there is nothing to compare."
POTENTIAL = "audit_potential"


@dataclass(frozen=True)
class Looked:
    """An expectation, and what is known of the rows behind it.

    Parameters
    ----------
    expected : Expected
        The comparison that may be judged.
    detection, detection_limits, followup, casemix : DataFrame
        As in `IndicatorAudit`.
    silent : dict of str to str
        Center → why it has no verdict.
    seen : Ascertainment, optional
        Who was examined, where that is recorded.
    looking : dict of str to {"", "higher", "lower"}
        Center → how its share of examined rows compares.
    """

    expected: Expected
    detection: pd.DataFrame = field(default_factory=pd.DataFrame)
    detection_limits: pd.DataFrame = field(default_factory=pd.DataFrame)
    followup: pd.DataFrame = field(default_factory=pd.DataFrame)
    casemix: pd.DataFrame = field(default_factory=pd.DataFrame)
    silent: dict[str, str] = field(default_factory=dict)
    seen: Ascertainment | None = None
    looking: dict[str, Side] = field(default_factory=dict)


def look(frame: Frame, spec: Indicator, rules: Rules, data_cut: pd.Timestamp | None) -> Looked:
    """Compare what was observed with what was to be expected, and look at the rows themselves.

    Parameters
    ----------
    frame : Frame
        From `rows.indicator_rows`.
    spec : Indicator
    rules : Rules
        For the funnel of detection.
    data_cut : Timestamp, optional
        Last day that the data know of.

    Returns
    -------
    Looked

    Raises
    ------
    UsageError
        If an incidence has no follow-up time.
    """
    if spec.measure == "incidence":
        looked = _over_time(frame, spec, data_cut)
    elif spec.ascertainment is not None:
        looked = _examined(frame, spec, rules)
    else:
        looked = _plain(frame, spec)
    return replace(looked, casemix=_mix(frame, spec, looked.expected))


def _mix(frame: Frame, spec: Indicator, expected: Expected) -> pd.DataFrame:
    """Case mix of the rows that are compared."""
    columns = [c for c in spec.adjust if c in frame.data.columns]
    compared = frame.data.iloc[expected.rows]
    if spec.kind == "process" or not columns or compared.empty:
        return pd.DataFrame()
    return case_mix(replace(frame, data=compared), columns)


# ------------------------------------------------------------------ yes or no


def _plain(frame: Frame, spec: Indicator) -> Looked:
    expected = expected_proportion(frame, outcome=OUTCOME, adjust=spec.adjust, penalty=spec.penalty)
    if spec.kind == "process":
        return Looked(expected)  # what is not recorded was not done; nothing is unknown
    known = frame.data[OUTCOME].notna().groupby(frame.data["center_id"].astype(str))
    followup = known.agg(n_rows="size", completeness="mean")
    followup = followup.rename_axis("center_id").reset_index()
    return Looked(expected, followup=followup, silent=_incomplete(followup, spec))


def _incomplete(followup: pd.DataFrame, spec: Indicator) -> dict[str, str]:
    share = spec.completeness or 0.0
    low = followup[followup["completeness"] < share]
    return {str(center): INCOMPLETE.format(share=share) for center in low["center_id"]}


def _examined(frame: Frame, spec: Indicator, rules: Rules) -> Looked:
    ask = spec.ascertainment
    if ask is None:
        raise UsageError(f"indicator '{spec.id}' does not say who was examined.")
    seen = ascertainment(
        frame,
        outcome=OUTCOME,
        examined=ask.examined,
        examined_values=ask.values,
        reason=ask.reason or None,
        routine=ask.routine,
        adjust=spec.adjust,
        penalty=spec.penalty,
        completeness=spec.completeness or 0.0,
    )
    detection, limits, looking = _detection(seen, rules)
    return Looked(
        replace(seen.main, caveats=(*seen.main.caveats, *seen.caveats)),
        detection=detection,
        detection_limits=limits,
        followup=seen.table.rename(columns=_KNOWN)[["center_id", "n_rows", "completeness"]],
        silent=dict(_silence(seen, spec)),
        seen=seen,
        looking=looking,
    )


def _silence(seen: Ascertainment, spec: Indicator) -> Iterator[tuple[str, str]]:
    how = "as a routine" if seen.basis == "routine" else "for it"
    for row in seen.table.to_dict("records"):
        if not row["overlap"]:
            yield str(row["center_id"]), NOTHING_ALIKE.format(how=how)
        elif not row["complete"]:
            yield str(row["center_id"]), INCOMPLETE.format(share=spec.completeness)


_KNOWN = {"n_examined": "n_rows"}
_SHARES = {"share_routine": "routine", "share_suspicion": "suspicion"}
_RATES = ("weighted", "bound_low", "bound_high")


def _detection(
    seen: Ascertainment, rules: Rules
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Side]]:
    """The funnel of who was examined, by center, with the shares and bounds beside it."""
    names = {**_SHARES, "n": "n_rows"}
    shares = seen.table.rename(columns=names)[["center_id", *names.values(), *_RATES]]
    if seen.detection is None:
        counts = {"n": seen.table["n"], "observed": seen.table["n_examined"]}
        return shares.assign(**counts), pd.DataFrame(), {}
    judged = judge(seen.detection.sums, replace(rules, direction="lower"))
    looking = _sides(judged.table)
    columns = ["center_id", "n", "n_patients", "observed", "expected", "o_e", "o_e_low",
               "o_e_high", "rate", "z", "p_value", "alert_low", "alert_high", "alarm_low",
               "alarm_high"]  # fmt: skip
    table = judged.table[columns].merge(shares, on="center_id", how="left")
    return table, judged.limits, looking


def _sides(table: pd.DataFrame) -> dict[str, Side]:
    """Center → where it lies, of a table that was judged with lower as the better side."""
    words: dict[str, Side] = {"": "", "worse": "higher", "better": "lower"}
    pairs = zip(table["center_id"].astype(str), table["side"], strict=True)
    return {center: words[side] for center, side in pairs}


def survival(looked: Looked, table: pd.DataFrame, rules: Rules) -> dict[str, bool]:
    """Whether each flag survives what is known of the looking.

    Parameters
    ----------
    looked : Looked
    table : DataFrame
        Judged centers, with ``side`` "worse", "better" or "".
    rules : Rules
        By which they were judged.

    Returns
    -------
    dict of str to bool
        Flagged centers only; empty where who was examined is not recorded.
    """
    seen = looked.seen
    flagged = set(table.loc[table["side"] != "", "center_id"].astype(str))
    if seen is None or seen.bound_low is None or seen.bound_high is None or not flagged:
        return {}
    above, below = ("worse", "better") if rules.direction == "lower" else ("better", "worse")
    plain = replace(rules, direction="lower")
    bounds = {
        above: _sides(judge(_of(seen.bound_low, flagged), plain).table),
        below: _sides(judge(_of(seen.bound_high, flagged), plain).table),
    }
    shares = dict(zip(seen.table["center_id"], seen.table["share_examined"], strict=True))
    found = {}
    for row in table[table["side"] != ""].to_dict("records"):
        center = str(row["center_id"])
        survives, _ = survives_detection(
            side="higher" if row["side"] == above else "lower",
            bound=bounds[row["side"]].get(center, ""),
            detection=looked.looking.get(center, ""),
            basis=seen.basis,
            share_examined=float(shares.get(center, np.nan)),
        )
        found[center] = bool(survives)
    return found


def _of(sums: CenterSums, centers: set[str]) -> CenterSums:
    """Sums of some centers; they expect what their risks, grown to whole rows, add up to."""
    sums = choose_centers(sums, np.array([center in centers for center in sums.centers]))
    if not sums.risks:
        return sums
    return replace(sums, expected=np.array([float(r.counts @ r.values) for r in sums.risks]))


# ------------------------------------------------------------------ over time


def _over_time(frame: Frame, spec: Indicator, data_cut: pd.Timestamp | None) -> Looked:
    if frame.duration is None or spec.horizon is None:
        raise UsageError("an incidence needs a cohort with follow-up time.")
    expected = expected_incidence(
        frame,
        duration=frame.duration,
        event=spec.outcome,
        cause=spec.cause,
        horizon=spec.horizon,
        entry=frame.entry,
        adjust=spec.adjust,
        penalty=spec.penalty,
    )
    followed = _with_potential(frame, data_cut)
    table = followup_completeness(
        followed,
        duration=frame.duration,
        event=spec.outcome,
        potential=POTENTIAL if POTENTIAL in followed.data else None,
        horizon=spec.horizon,
    ).rename(columns={"followup_completeness": "completeness", "median": "median_follow_up"})
    return Looked(
        expected,
        followup=table[["center_id", "completeness", "median_follow_up"]],
        silent=_incomplete(table, spec),
    )


def _with_potential(frame: Frame, data_cut: pd.Timestamp | None) -> Frame:
    """Days in which each row could have been followed: to the data cut or the next procedure."""
    if data_cut is None or DAY not in frame.data.columns:
        return frame
    end = pd.Series(data_cut, index=frame.data.index)
    if "next_date" in frame.data.columns:
        end = end.where(~(frame.data["next_date"] < data_cut), frame.data["next_date"])
    days = (end - frame.data[DAY]).dt.days.astype(float).clip(lower=0.5)
    return replace(frame, data=frame.data.assign(**{POTENTIAL: days}))
