"""One indicator from its rows to verdicts: expected, judged, looked at again, followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.centers.detection import Looked, look, survival
from vpstats.centers.expected import Expected
from vpstats.centers.following import chart, learn
from vpstats.centers.incidence import CENTER, WHOLE
from vpstats.centers.judge import Judged, Rules, judge
from vpstats.centers.result import JUDGED, KEYS, WORDS, IndicatorAudit
from vpstats.centers.rows import DAY, OUTCOME, indicator_rows, keep_where
from vpstats.centers.swayed import swayed
from vpstats.centers.volume import benchmark_error, needed_volume, seen_odds_ratio
from vpstats.frames import Frame
from vpstats.labels import LABELS
from vpstats.ledger import plural

if TYPE_CHECKING:
    from vpstats.centers.sums import CenterSums
    from vpstats.study import Indicator

P_USED = {"none": "p_value", "tau": "p_tau", "phi": "p_phi"}

FINDING = (
    "{outcome:observed:,.0f} observed against {outcome:expected:,.1f} expected: observed over "
    "expected is {outcome:o_e:.2f} (95 % interval {outcome:o_e_low:.2f} to {outcome:o_e_high:.2f})."
)

TOO_FEW = "Fewer than {least:g} outcomes were to be expected."
NEEDED = "A verdict takes about {network.outcome:needed_verdict:,.0f} UNITS."
NEEDED_POWER = (
    "To find ODDS odds as an alarm with a power of 80 % takes about "
    "{network.outcome:needed_power:,.0f} UNITS, the uncertainty of the benchmark allowed for."
)
NOT_FOUND = (
    "ODDS odds at one center are not found as an alarm with a power of 80 %, however many UNITS it "
    "has: the benchmark gives the expected number a standard error of "
    "{network.outcome:benchmark_error:.0%}, which is too much, or centers differ by too much."
)
BESIDE_LIMITS = {
    "competing_censored": "Deaths and other competing events end the time at risk: expected "
    "numbers are sums of cause-specific hazards. Incidences count them as competing events (Aalen "
    "and Johansen).",
}
"""Caveats that are said of an audit in other words than of a curve."""
IMPERFECT = (
    "That allows for an examination which shows {sensitivity:.0%} of what there is and calls "
    "{specificity:.0%} of the rest free, as the plan states."
)
BY_LOOKING = (
    "Its figure could be one of looking: it would not hold whatever the outcome of those who were "
    "not examined, and why others were examined is not recorded."
)
SURVIVES = (
    "The flag survives a look at detection ({detection:rate:.0f} % of its rows were examined): it "
    "is not explained by how often the center looks."
)
EXPLAINED = (
    "The flag does not survive a look at detection ({detection:rate:.0f} % of its rows were "
    "examined): it would not hold whatever the outcome of those who were not."
)


@dataclass(frozen=True)
class Audited:
    """One indicator audited: what may be kept as a result, and rows that stay inside.

    Parameters
    ----------
    result : IndicatorAudit
        Aggregates only.
    frame : Frame
        The rows with their flow, in the columns that a list of cases needs.
    risks : ndarray, shape (n,)
        Expected risk of each row of `frame`; NaN where it was not analysed.
    spec : Indicator
        What was asked.
    charts, signals : DataFrame
        Charts over time and what they signalled; a step is a patient.
    learning : DataFrame
        Learning curves by operator.
    curves : DataFrame
        Curves of an incidence by center.
    """

    result: IndicatorAudit
    frame: Frame
    risks: np.ndarray
    spec: Indicator
    charts: pd.DataFrame = field(default_factory=pd.DataFrame)
    signals: pd.DataFrame = field(default_factory=pd.DataFrame)
    learning: pd.DataFrame = field(default_factory=pd.DataFrame)
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)


def audit_indicator(
    frame: Frame, spec: Indicator, data_cut: pd.Timestamp | None = None
) -> tuple[Audited, ...]:
    """Audit one indicator over all its rows, and over each of its strata.

    Parameters
    ----------
    frame : Frame
        Its cohort, with the column ``center_id``.
    spec : Indicator
        As `Indicator.under` completed it.
    data_cut : Timestamp, optional
        Last day that the data know of.

    Returns
    -------
    tuple of Audited
        The whole first. Verdicts do not allow for the number of centers and indicators yet; that
        is done where all are together.

    Raises
    ------
    UsageError
        If the cohort lacks a column, or an incidence has no follow-up time.
    """
    whole = indicator_rows(frame, spec, data_cut)
    found = [_audit(whole, spec, "all", data_cut)]
    for name, where in spec.strata.items():
        found.append(_audit(keep_where(whole, where), spec, name, data_cut))
    return tuple(found)


def _audit(frame: Frame, spec: Indicator, stratum: str, data_cut: pd.Timestamp | None) -> Audited:
    rules = _rules(spec)
    looked = look(frame, spec, rules, data_cut)
    expected = looked.expected
    risks = np.full(len(frame), np.nan)
    risks[expected.rows] = expected.row_risks
    curves = expected.curves if stratum == "all" else pd.DataFrame()
    whole = (curves[CENTER] == WHOLE).to_numpy() if len(curves) else np.empty(0, bool)
    result = _result(frame, spec, stratum, looked, rules)
    result = replace(result, incidence=curves[whole] if len(curves) else curves)
    frame = _with_last_step(frame, looked, spec)
    if stratum != "all":
        return Audited(result, _slim(frame, spec), risks, spec)
    charts = chart(frame, risks, spec, data_cut)
    return Audited(
        result,
        _slim(frame, spec),
        risks,
        spec,
        _named(None if charts is None else charts.charts, spec),
        _named(None if charts is None else charts.signals, spec),
        learn(frame, risks, spec),
        curves[~whole].assign(indicator=spec.id) if len(curves) else curves,
    )


def _result(
    frame: Frame, spec: Indicator, stratum: str, looked: Looked, rules: Rules
) -> IndicatorAudit:
    """What is said of the centers in one stratum, all but its curves."""
    expected = looked.expected
    judged = judge(expected.sums, rules)
    table = _verdicts(judged, looked, spec, stratum, rules)
    table = _with_absent(table, looked, frame, spec, stratum)
    return IndicatorAudit(
        title=spec.title,
        unit=frame.unit,
        n=int(expected.sums.n.sum()),
        n_events=int(expected.sums.observed.sum()),
        n_clusters=frame.n_clusters,
        caveats=tuple(dict.fromkeys(expected.caveats)),
        status=expected.status,
        reason=expected.reason,
        table=table,
        indicator=spec.id,
        stratum=stratum,
        role=spec.kind,
        better=spec.better,
        network=_network(judged, expected, spec),
        limits=judged.limits,
        rates=expected.rates,
        detection=looked.detection,
        detection_limits=looked.detection_limits,
        followup=looked.followup,
        casemix=looked.casemix,
        horizon=float(spec.horizon or np.nan),
        model=expected.model,
        calibration=expected.calibration,
        adjusted=expected.adjusted,
        sentences=tuple(_sentences(table, judged, looked, spec)),
        swayed=swayed(table),
    )


def _with_last_step(frame: Frame, looked: Looked, spec: Indicator) -> Frame:
    """The frame whose flow ends with the rows that were compared; its rows stay what they are."""
    compared = np.zeros(len(frame), dtype=bool)
    compared[looked.expected.rows] = True
    asked = [] if looked.seen is None else [
        "examined as a routine" if looked.seen.basis == "routine" else "examined"
    ]  # fmt: skip
    asked += ["followed" if spec.measure == "incidence" else "outcome known"]
    asked += ["all of the case mix known"] if looked.expected.adjusted else []
    return replace(frame, flow=frame.keep(compared, ", ".join(asked)).flow)


def _slim(frame: Frame, spec: Indicator) -> Frame:
    """The frame with what a list of cases needs, so that many may be kept."""
    keys = (CENTER, "patient_id", "procedure_id", DAY, OUTCOME, spec.outcome)
    named = (*keys, frame.cluster, frame.duration, frame.entry, frame.outcome)
    kept = [c for c in dict.fromkeys(named) if c is not None and c in frame.data.columns]
    # plain dictionaries may go from one process to another
    return replace(frame, data=frame.data[kept], labels={}, causes=dict(frame.causes))


def _named(table: pd.DataFrame | None, spec: Indicator) -> pd.DataFrame:
    return pd.DataFrame() if table is None else table.assign(indicator=spec.id)


def _rules(spec: Indicator) -> Rules:
    given = {
        "alert": spec.alert,
        "alarm": spec.alarm,
        "tail": spec.tail,
        "dispersion": spec.dispersion,
        "min_expected": spec.minimum_expected,
        "min_n": spec.minimum_volume,
    }
    stated: dict[str, Any] = {n: value for n, value in given.items() if value is not None}
    return Rules(direction=spec.better, **stated)


def _network(judged: Judged, expected: Expected, spec: Indicator) -> pd.DataFrame:
    """The network's row: without what the ledger counts itself, with the volume a verdict takes."""
    row = judged.network.drop(columns=["total_observed", "total_expected"], errors="ignore")
    risk = expected.sums.benchmark
    if not (expected.ok and 0 < risk < 1):
        return row.assign(needed_verdict=np.nan, needed_power=np.nan, benchmark_error=np.nan)
    power = _needed_power(risk, expected.sums, judged, spec)
    verdict = np.ceil((spec.minimum_expected or 0.0) / risk)
    error = benchmark_error(expected.sums)
    return row.assign(needed_verdict=verdict, needed_power=power, benchmark_error=error)


def _needed_power(risk: float, sums: CenterSums, judged: Judged, spec: Indicator) -> float:
    """Rows from which a true change of the odds is found, by what the examination shows of it."""
    effect = max(float(np.nanmedian(sums.design_effect)), 1.0)
    row = judged.network.iloc[0]
    ratio, seen = 2.0 if spec.better == "lower" else 0.5, spec.ascertainment
    if seen is not None:
        ratio = seen_odds_ratio(risk, ratio, seen.sensitivity, seen.specificity)
    if ratio == 1:  # errors of the examination explain all that it finds
        return np.inf
    return needed_volume(
        risk,
        ratio,
        alpha=1 - (spec.alarm or 0.998),
        tail="mid-p" if spec.tail == "mid-p" else "exact",
        design_effect=effect,
        benchmark_error=benchmark_error(sums),
        tau=float(row["tau"]) if row["dispersion"] == "tau" else 0.0,
    )


# ------------------------------------------------------------------ verdicts


def _verdicts(
    judged: Judged, looked: Looked, spec: Indicator, stratum: str, rules: Rules
) -> pd.DataFrame:
    table = judged.table.copy()
    survives = survival(looked, table, rules)
    by_looking = {c for c, holds in survives.items() if not holds}
    reasons = [_reason(row, looked, spec, by_looking) for row in table.to_dict("records")]
    silent = np.array([reason != "" for reason in reasons], dtype=bool)
    if not looked.expected.ok:
        silent[:], reasons = True, [_sentence(looked.expected.reason)] * len(table)
    centers = table["center_id"].astype(str)
    verdict = table["flag"].where(table["flag"] != "", "none")
    # among rows examined as a routine looking explains less: an alarm becomes an alert
    verdict = verdict.mask(centers.isin(by_looking) & (verdict == "alarm"), "alert")
    used = str(judged.network["dispersion"].iloc[0])
    words = {True: "yes", False: "no"}
    table = table.assign(
        indicator=spec.id,
        stratum=stratum,
        verdict=verdict.mask(silent, "no verdict"),
        side=table["side"].mask(silent, ""),
        reason=reasons,
        survives_detection=[words.get(survives[c], "") if c in survives else "" for c in centers],
        q_value=np.nan,
        p_used=table[P_USED[used]],
    )
    return table[[*KEYS, *JUDGED, *WORDS, "p_used"]]


def _with_absent(
    table: pd.DataFrame, looked: Looked, frame: Frame, spec: Indicator, stratum: str
) -> pd.DataFrame:
    """Add the centers of which no row could be compared: they have no verdict, and that is said."""
    there = set(table["center_id"].astype(str))
    absent = sorted(set(frame.data[CENTER].dropna().astype(str)) - there)
    if not absent:
        return table
    counts = dict.fromkeys(("n", "n_patients", "observed", "expected"), 0.0)
    rows = [
        {
            **dict.fromkeys(table.columns, np.nan),
            **counts,
            **dict.fromkeys(("side", "survives_detection", "method"), ""),
            "indicator": spec.id,
            "stratum": stratum,
            "center_id": center,
            "verdict": "no verdict",
            "reason": looked.silent.get(center, "It has no row that could be compared."),
        }
        for center in absent
    ]
    made = pd.DataFrame(rows)[table.columns]
    if table.empty:
        return made
    made = made.astype(table.dtypes.to_dict())
    return pd.concat([table, made], ignore_index=True).sort_values(CENTER, ignore_index=True)


def _reason(row: dict[str, Any], looked: Looked, spec: Indicator, by_looking: set[str]) -> str:
    """Why a center has no verdict; "" where it has one. No number of patients stands in it."""
    center = str(row["center_id"])
    if center in looked.silent:
        return looked.silent[center]
    if not np.isfinite(row["expected"]) or not np.isfinite(row["observed"]):
        return "What was to be expected is not known."
    if spec.minimum_volume is not None and row["n"] < spec.minimum_volume:
        return f"It has fewer than {spec.minimum_volume} rows."
    if spec.minimum_expected is not None and row["expected"] < spec.minimum_expected:
        return TOO_FEW.format(least=spec.minimum_expected)
    if center in by_looking and looked.seen is not None and looked.seen.basis == "examined":
        return BY_LOOKING
    return ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _sentences(
    table: pd.DataFrame, judged: Judged, looked: Looked, spec: Indicator
) -> Iterator[tuple[str, str, str]]:
    for method in dict.fromkeys(m for m in table["method"].astype(str) if m):
        yield "", "method", f"{_sentence(method)}."
    yield "", "method", _adjustment_words(looked.expected, spec)
    for reason in judged.network["reason"].astype(str):
        if reason:
            yield "", "method", _sentence(reason)
    said = (BESIDE_LIMITS.get(c.code, c.public) for c in looked.expected.caveats)
    for caveat in dict.fromkeys(said):
        yield "", "caveat", caveat
    for limit in (spec.limits, *_volumes(judged, looked, spec)):
        if limit:
            yield "", "limit", limit
    yield from _of_centers(table)


def _of_centers(table: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    for row in table.to_dict("records"):
        if row["side"]:
            yield str(row["center_id"]), "finding", FINDING
        if row["survives_detection"]:
            survives = row["survives_detection"] == "yes"
            yield str(row["center_id"]), "detection", SURVIVES if survives else EXPLAINED


def _volumes(judged: Judged, looked: Looked, spec: Indicator) -> Iterator[str]:
    """How many rows a verdict takes, and how many a power of 80 %."""
    sums = looked.expected.sums
    if not looked.expected.ok:
        return
    units = plural(sums.unit)
    odds = "doubled" if spec.better == "lower" else "halved"
    yield NEEDED.replace("UNITS", units)
    risk = sums.benchmark
    if 0 < risk < 1:
        found = np.isfinite(_needed_power(risk, sums, judged, spec))
        text = NEEDED_POWER.replace("ODDS", odds) if found else (
            NOT_FOUND.replace("ODDS", odds.capitalize())
        )  # fmt: skip
        yield f"{text.replace('UNITS', units)}{_imperfect(spec)}"


def _imperfect(spec: Indicator) -> str:
    """What the power allows for, where an examination does not show everything."""
    seen = spec.ascertainment
    if seen is None or seen.sensitivity == seen.specificity == 1:
        return ""
    stated = {"sensitivity": seen.sensitivity, "specificity": seen.specificity}
    return f" {IMPERFECT.format(**stated)}"


def _adjustment_words(expected: Expected, spec: Indicator) -> str:
    if not spec.adjust and spec.kind == "process":
        return "What is done is not adjusted for case mix: it is owed to every patient."
    if not spec.adjust:
        return "Nothing was adjusted for, as the plan says."
    if not expected.adjusted:
        return "There are too few outcomes to adjust for case mix: expectations are the network's."
    firth = ", by Firth's penalty" if expected.penalty else ""
    terms = ", ".join(_in_words(term) for term in expected.adjusted)
    return f"Adjusted for {terms}{firth}, with an effect of each center."


def _in_words(term: str) -> str:
    """A term of the plan as it stands within a sentence."""
    words = LABELS.get(term, term.replace("_", " "))
    return words if words[1:2].isupper() else f"{words[:1].lower()}{words[1:]}"
