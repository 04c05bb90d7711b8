"""A made-up audit by the contract of its cells: what the pages are written from, without a run.

Numbers are drawn, limits are normal approximations: good enough to look at, and nothing else is
asked of them here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vpstats.ledger import Ledger, Note, cell, cell_id

NAN = float("nan")
Cell = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """One made-up indicator."""

    id: str
    title: str
    kind: str
    unit: str
    risk: float
    measure: str = "proportion"
    direction: str = "lower"
    detected: bool = False
    strata: tuple[str, ...] = ()


OUTCOMES = (
    Made("leak_ct", "Any leak on CT", "outcome", "level", 0.3, detected=True,
         strata=("osteoporotic", "neoplastic")),
    Made("pce", "Pulmonary cement embolism", "outcome", "procedure", 0.04, detected=True),
    Made("infection", "Infection within 90 days", "outcome", "procedure", 0.004, "incidence"),
    Made("fracture", "Neighbouring fracture within a year", "outcome", "patient", 0.12,
         "incidence"),
    Made("death", "Death within 30 days", "outcome", "patient", 0.015, "incidence"),
    Made("severe", "Any severe complication", "outcome", "procedure", 0.02),
)  # fmt: skip
PROCESSES = (
    Made("crp", "CRP measured before", "process", "procedure", 0.8, direction="higher"),
    Made("visit", "Visit after 2 to 4 weeks", "process", "procedure", 0.7, direction="higher"),
)
WORSE = {("leak_ct", 2): 1.9, ("pce", 4): 3.2, ("fracture", 2): 1.5, ("crp", 1): 0.7}
BETTER = {("leak_ct", 5): 0.45}


def center_names(k: int) -> tuple[str, ...]:
    return tuple(f"C{i + 1:02d}" for i in range(k))


def audit_ledger(
    k: int = 12, *, seed: int = 1, names: tuple[str, ...] = (), size: int = 260
) -> Ledger:
    """Ledger of an audit of `k` centers."""
    rng = np.random.default_rng(seed)
    centers = names or center_names(k)
    volume = np.maximum(rng.gamma(2.0, size / 2, len(centers)).astype(int), 6)
    rows: list[Cell] = []
    notes: list[Note] = [
        Note("audit", "limit", "With this many centers and indicators, some cross a 95 % limit by "
             "chance alone."),
    ]  # fmt: skip
    rows += list(registry_rows(centers, volume))
    women = volume * 6 // 10
    groups = (*zip(centers, volume, women, strict=True), ("network", volume.sum(), women.sum()))
    for group, n, of in groups:
        rows += case_mix("level", group, int(n), int(of))
    for made in (*OUTCOMES, *PROCESSES):
        for stratum in ("", *made.strata):
            share = {"": 1.0, "osteoporotic": 0.8, "neoplastic": 0.2}[stratum]
            part = indicator(made, stratum, centers, np.maximum(volume * share, 1).astype(int), rng)
            rows += part[0]
            notes += part[1]
    return Ledger.from_rows(rows, notes)


def registry_rows(centers: tuple[str, ...], volume: Any) -> Iterator[Cell]:
    """Flow, participation and data quality."""
    for level, (label, n, out) in enumerate(
        [("procedures in the exports", int(volume.sum()) + 25, 0),
         ("without patients who opted out", int(volume.sum()), 25)]
    ):  # fmt: skip
        values = {"n_rows": n, "excluded_rows": out} if level else {"n_rows": n}
        for stat, value in values.items():
            yield cell("flow_registry", "step", stat, value, kind="total", level=str(level),
                       label=label, unit="procedures")  # fmt: skip
    for group, n in (*zip(centers, volume, strict=True), ("network", volume.sum())):
        yield cell("audit_participation", "procedures", "n", n, kind="total", group=group,
                   label="Procedures", unit="procedures")  # fmt: skip
        yield cell("audit_participation", "patients", "n", int(0.9 * n), kind="total", group=group,
                   label="Patients", unit="patients")  # fmt: skip
        for i, (name, label) in enumerate(
            [("crp", "CRP known"), ("status", "Status known at one year"), ("cement", "Volume")]
        ):
            known = int(n * (0.95 - 0.1 * i))
            parent = cell_id("audit_participation", group, "procedures", "", "n")
            yield cell("audit_quality", name, "n", known, kind="count", group=group, label=label,
                       n=n, parent=parent)  # fmt: skip
            yield cell("audit_quality", name, "percent", 100 * known / n, kind="estimate",
                       group=group, label=label, unit="%", n=n,
                       parent=cell_id("audit_quality", group, name, "", "n"))  # fmt: skip


def indicator(
    made: Made, stratum: str, centers: tuple[str, ...], volume: Any, rng: Any
) -> tuple[list[Cell], list[Note]]:
    """Cells and notes of one indicator in one stratum."""
    analysis = f"audit_{made.id}" + (f"_{stratum}" if stratum else "")
    rows: list[Cell] = []
    notes: list[Note] = []
    observed: list[int] = []
    expected: list[float] = []
    for i, (center, n) in enumerate(zip(centers, volume, strict=True)):
        factor = WORSE.get((made.id, i), 1.0) * BETTER.get((made.id, i), 1.0)
        mean = n * made.risk * float(rng.uniform(0.85, 1.15))
        found = int(rng.binomial(n, min(made.risk * factor, 0.99)))
        observed.append(found)
        expected.append(mean)
        judged = judgement(n, found, mean, made.risk)
        rows += outcome_rows(analysis, center, "outcome", judged, made)
        notes += words(made, stratum, analysis, center, judged)
        if made.detected:
            seen = int(rng.binomial(n, rng.uniform(0.35, 0.95)))
            rows += outcome_rows(analysis, center, "detection",
                                 judgement(n, seen, 0.65 * n, 0.65), made)  # fmt: skip
            for stat, value in (("routine", 60.0), ("suspicion", 10.0)):
                rows.append(cell(analysis, "detection", stat, value, kind="estimate", group=center))
        if made.kind == "outcome":
            rows.append(cell(analysis, "followup", "completeness", 70 + 28 * float(rng.random()),
                             kind="estimate", group=center, unit="%", n=n))  # fmt: skip
            for stat in ("indirect", "direct"):
                shares = {stat: 1.0, f"{stat}_low": 0.8, f"{stat}_high": 1.2}
                rows += [
                    cell(analysis, "direct", name, 100 * made.risk * share, kind="estimate",
                         group=center)
                    for name, share in shares.items()
                ]  # fmt: skip
            rows += calibration(analysis, center, n, mean, found)
    rows += network(analysis, made, volume, observed, expected, rng)
    return rows, notes


def judgement(n: int, observed: int, expected: float, risk: float) -> dict[str, float]:
    """The columns of a judged center, by approximation."""
    low = stats.chi2.ppf(0.025, 2 * observed) / 2 if observed else 0.0
    high = stats.chi2.ppf(0.975, 2 * observed + 2) / 2
    se = sqrt(expected * (1 - risk)) / expected
    z = (observed / expected - 1) / se
    weight = expected / (expected + 8)
    shrunken = 1 + weight * (observed / expected - 1)
    half = 1.96 * se * sqrt(weight)
    return {
        "n": n, "n_patients": max(int(0.9 * n), 1), "observed": observed, "expected": expected,
        "o_e": observed / expected, "o_e_low": low / expected, "o_e_high": high / expected,
        "rate": 100 * observed / n, "rate_low": max(100 * low / n, 0.0),
        "rate_high": min(100 * high / n, 100.0),
        "adjusted_rate": min(100 * risk * observed / expected, 100.0),
        "z": z, "p_value": 2 * stats.norm.sf(abs(z)), "q_value": min(1, 4 * stats.norm.sf(abs(z))),
        "alert_low": max(1 - 1.96 * se, 0), "alert_high": 1 + 1.96 * se,
        "alarm_low": max(1 - 3.09 * se, 0), "alarm_high": 1 + 3.09 * se,
        "shrunken": shrunken, "shrunken_low": max(shrunken - half, 0.05),
        "shrunken_high": shrunken + half, "exceedance": float(stats.norm.sf((1.5 - shrunken) / se)),
        "rank_low": 2.0, "rank_high": 9.0,
    }  # fmt: skip


COUNTS = {"n": "total", "n_patients": "total", "observed": "count"}


def outcome_rows(
    analysis: str, center: str, variable: str, values: dict[str, float], made: Made
) -> list[Cell]:
    at = {"group": center, "label": made.title, "unit": f"{made.unit}s"}
    n, found = (cell_id(analysis, center, variable, "", s) for s in ("n", "observed"))
    rows = []
    for stat, value in values.items():
        kind: Any = COUNTS.get(stat, "estimate")
        parent = {"total": "", "count": n}.get(kind, found)
        rows.append(cell(analysis, variable, stat, value, kind=kind, parent=parent,
                         n=values["n"], **at))  # fmt: skip
    return rows


def words(
    made: Made, stratum: str, analysis: str, center: str, judged: dict[str, float]
) -> list[Note]:
    """Verdict and reasons of one center."""
    z, observed = judged["z"], cell_id(analysis, center, "outcome", "", "observed")
    small = judged["expected"] < 5
    beyond = "alarm" if abs(z) > 3.09 else "alert" if abs(z) > 1.96 else ""
    verdict = "no verdict" if small else beyond or "none"
    worse = (z > 0) == (made.direction == "lower")
    side = ("worse" if worse else "better") if verdict in ("alert", "alarm") else ""
    said = [("verdict", f"{verdict}, {side}" if side else verdict)]
    if small:
        said.append(("reason", "fewer than 5 are expected; a verdict needs about 900 rows"))
    if made.detected and side:
        said.append(("detection", "The flag stands among those examined as a routine, too."))
    return [Note(analysis, role, text, center, (observed,)) for role, text in said]


def case_mix(unit: str, center: str, n: int, women: int) -> list[Cell]:
    rng = np.random.default_rng(n)
    analysis, age, sex = f"audit_casemix_{unit}", "casemix:age_at_proc", "casemix:sex"
    apart = center != "network"
    whole = cell_id(analysis, center, sex, "", "n")
    at = {"group": center, "label": "Age (years)", "n": n}
    rows = [
        cell(analysis, age, "n", n, kind="total", **at),
        cell(analysis, age, "mean", 72 + 4 * float(rng.normal()), kind="estimate", **at),
        cell(analysis, sex, "n", n, kind="total", group=center, label="Sex"),
    ]
    if apart:
        rows.append(cell(analysis, age, "smd", 0.3 * float(rng.normal()), kind="estimate", **at))
    for level in ("female", "male"):
        k = women if level == "female" else n - women
        at = {"group": center, "level": level, "label": "Sex", "n": n}
        own = cell_id(analysis, center, sex, level, "n")
        rows.append(cell(analysis, sex, "n", k, kind="count", parent=whole, **at))
        rows.append(cell(analysis, sex, "percent", 100 * k / n, kind="estimate", parent=own, **at))
        if apart:
            rows.append(cell(analysis, sex, "smd", 0.2 * float(rng.normal()), kind="estimate",
                             parent=own, **at))  # fmt: skip
    return rows


def calibration(
    analysis: str, group: str, n: float, expected: float, observed: float
) -> list[Cell]:
    rows = []
    for i, share in enumerate((0.1, 0.25, 0.65), start=1):
        at = {"group": group, "level": str(i), "n": n / 3}
        total = cell(analysis, "calibration", "n", round(n / 3), kind="total", **at)
        found = cell(analysis, "calibration", "observed", round(observed * share), kind="count",
                     parent=total["cell_id"], **at)  # fmt: skip
        rows += [total, found, cell(analysis, "calibration", "expected", expected * share,
                                    kind="estimate", parent=found["cell_id"], **at)]  # fmt: skip
    return rows


def network(
    analysis: str, made: Made, volume: Any, observed: list[int], expected: list[float], rng: Any
) -> list[Cell]:
    n, events = int(volume.sum()), sum(observed)
    values = judgement(n, events, float(sum(expected)), made.risk)
    more = {"tau": 0.12, "tau_low": 0.0, "tau_high": 0.3, "phi": 1.4, "n_centers": len(volume),
            "rankability": 0.35, "benchmark": 100 * made.risk, "q1": 90 * made.risk,
            "median": 100 * made.risk, "q3": 110 * made.risk, "p_dispersion": 0.04}  # fmt: skip
    rows = outcome_rows(analysis, "network", "outcome", {**values, **more}, made)
    top = 1.1 * max(expected)
    names = ("alert_low", "alert_high", "alarm_low", "alarm_high")
    for variable, risk in (("outcome", made.risk), ("detection", 0.65)):
        if variable == "detection" and not made.detected:
            continue
        reach = top if variable == "outcome" else 0.65 * 1.1 * float(volume.max())
        for at in np.linspace(reach / 60, reach, 60):
            limits = judgement(1, 1, float(at), risk)
            rows += [
                cell(analysis, variable, stat, limits[stat], kind="estimate", group="limits",
                     level=f"{at:.6g}")
                for stat in names
            ]  # fmt: skip
    if made.kind == "outcome":
        rows += calibration(analysis, "network", n, sum(expected), events)
        for term, label, value in (("age", "Age, per 10 years", 1.2), ("asa[T.3]", "ASA: 3", 1.6)):
            fit = {"estimate": value, "std_error": 0.1, "conf_low": 0.8 * value,
                   "conf_high": 1.25 * value, "p_value": 0.03}  # fmt: skip
            rows += [
                cell(analysis, "model", stat, v, kind="estimate", group="network", level=term,
                     label=label, unit="odds ratio", n=n)
                for stat, v in fit.items()
            ]  # fmt: skip
    return rows


def charts(centers: tuple[str, ...], *, steps: int = 220, seed: int = 3) -> pd.DataFrame:
    """Charts over time of two indicators."""
    rng = np.random.default_rng(seed)
    parts = []
    for made in OUTCOMES[:2]:
        for i, center in enumerate(centers):
            risk = made.risk * WORSE.get((made.id, i), 1.0)
            y = rng.random(steps) < min(risk, 0.95)
            worse, better, w, b = [], [], 0.0, 0.0
            for hit in y:
                w = max(0.0, w + (np.log(2) if hit else 0) - np.log1p(made.risk))
                b = max(0.0, b + (-np.log(2) if hit else 0) - np.log1p(-made.risk / 2))
                worse.append(w)
                better.append(b)
            parts.append(
                pd.DataFrame(
                    {
                        "indicator": made.id, "center_id": center, "t": np.arange(1, steps + 1),
                        "date": [date(2021, 1, 4) + timedelta(days=4 * j) for j in range(steps)],
                        "vlad": np.cumsum(made.risk - y), "worse": worse, "better": better,
                        "limit_worse": 4.2, "limit_better": 3.9,
                        "signal": ["worse" if v > 4.2 else "" for v in worse],
                    }
                )
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def learning() -> pd.DataFrame:
    """Learning curves of three operators."""
    case = np.arange(1, 121, 3)
    parts = []
    for j, operator in enumerate(("", "op1", "op2", "op3")):
        y = 100 * (0.3 + 0.2 * np.exp(-case / (15 + 10 * j)))
        parts.append(
            pd.DataFrame(
                {"indicator": "leak_ct", "center_id": "" if not operator else "C01",
                 "operator": operator, "sequence": case, "estimate": y, "conf_low": 0.8 * y,
                 "conf_high": 1.2 * y, "n": 40.0}
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def cases(centers: tuple[str, ...]) -> pd.DataFrame:
    """A case list for review."""
    return pd.DataFrame(
        {"center_id": [centers[2]] * 3, "indicator": ["leak_ct", "leak_ct", "pce"],
         "procedure": ["P0001", "P0007", "P0019"],
         "date": ["2024-03-01", "2024-04-02", "2025-01-09"],
         "expected risk, %": [31.2, 18.4, 3.9]}
    )  # fmt: skip


def plan_content() -> dict[str, Any]:
    """A plan that fits the ledger, ready to be read."""
    indicators = []
    for made in (*OUTCOMES, *PROCESSES):
        content: dict[str, Any] = {
            "id": made.id, "title": made.title, "kind": made.kind, "cohort": "procedures",
            "outcome": "happened", "better": made.direction, "measure": made.measure,
            "strata": {name: {"group": [name]} for name in made.strata},
        }  # fmt: skip
        if made.measure == "incidence":
            content["horizon"] = 90
        indicators.append(content)
    return {
        "version": 1,
        "title": "Quarterly audit of made-up centers",
        "audit": {"contact": "the registry office", "response": "Alarms are answered in 60 days."},
        "indicator": indicators,
    }
