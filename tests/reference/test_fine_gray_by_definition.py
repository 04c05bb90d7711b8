"""Fine–Gray models against their definitions, row by row and event by event, whatever the options.

Where no R package knows the combination (delayed entry, weights, strata and clusters together, the
errors of predictions), the oracle is what the papers define, written here as loops over rows and
times without any of the sums that make the fit fast: Fine and Gray (1999) for scores and weights,
Zhou et al. (2011, 2012) for strata and clusters, Geskus (2011) and Zhang, Zhang and Fine (2011) for
delayed entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models.fine_gray import fit_fine_gray

ROUNDING = 1e-9
"""Relative; both sides are sums of the same fractions, at the same coefficients."""


@dataclass(frozen=True)
class Rows:
    """Arrays of the rows, entry -inf from the start."""

    X: np.ndarray
    end: np.ndarray
    event: np.ndarray
    entry: np.ndarray
    stratum: np.ndarray
    group: np.ndarray
    weight: np.ndarray
    risk: np.ndarray
    """Without the weight."""

    @property
    def competing(self) -> np.ndarray:
        return self.event > 1


@dataclass(frozen=True)
class Change:
    """A loss to follow-up or an entry: when, in which group, of how much, among how many."""

    time: float
    group: int
    weight: float
    present: float


def losses(rows: Rows) -> list[Change]:
    found = []
    for g in np.unique(rows.group):
        own = rows.group == g
        for u in np.unique(rows.end[own & (rows.event == 0)]):
            lost = rows.weight[own & (rows.event == 0) & (rows.end == u)].sum()
            seen = rows.weight[own & (rows.entry < u) & (u <= rows.end)].sum()
            found.append(Change(u, g, lost, seen))
    return found


def entries(rows: Rows) -> list[Change]:
    found = []
    for g in np.unique(rows.group):
        own = rows.group == g
        for u in np.unique(rows.entry[own & np.isfinite(rows.entry)]):
            came = rows.weight[own & (rows.entry == u)].sum()
            here = rows.weight[own & (rows.entry <= u) & (u < rows.end)].sum()
            found.append(Change(u, g, came, here))
    return found


def staying(rows: Rows, group: int, since: float, time: float) -> float:
    """How much likelier a row is to be seen at a time than when its follow-up ended.

    Losses in between lower the chance, entries raise it. Nothing is known where all who were seen
    were lost or had only just come, or after the last row of the group.
    """
    if time > rows.end[rows.group == group].max():
        return 0.0
    lost, came = (
        [1 - c.weight / c.present for c in of if c.group == group and since <= c.time < time]
        for of in (losses(rows), entries(rows))
    )
    return float(np.prod(lost) / np.prod(came)) if np.prod(came) > 0 else 0.0


@dataclass(frozen=True)
class Defined:
    """What the definitions give: see `define`."""

    score: np.ndarray
    information: np.ndarray
    scores: np.ndarray
    hazard: np.ndarray
    hazard_scores: np.ndarray


def define(rows: Rows) -> Defined:
    """Score, information, scores of the rows, cumulative hazard and what each row does to it."""
    ends = zip(rows.stratum, rows.end, rows.event, strict=True)
    slots = sorted({(s, t) for s, t, e in ends if e == 1})
    W = np.array([[at_risk(rows, i, *slot) for slot in slots] for i in range(len(rows.end))])
    total = (rows.weight * rows.risk) @ W
    mean = (W * (rows.weight * rows.risk)[:, None]).T @ rows.X / total[:, None]
    own = np.array(
        [[(rows.stratum[i], rows.end[i]) == slot and rows.event[i] == 1 for slot in slots]
         for i in range(len(rows.end))], dtype=float
    )  # fmt: skip
    hazard = rows.weight @ own / total
    martingale = own - W * rows.risk[:, None] * hazard
    scores = martingale.sum(axis=1)[:, None] * rows.X - martingale @ mean
    curve = martingale / total
    for name, of in (("loss", losses), ("entry", entries)):
        more, bent = from_weights(rows, name, of(rows), slots, W * hazard, mean, total)
        scores, curve = scores + more, curve + bent
    so_far = np.array([[s == r and t <= u for r, u in slots] for s, t in slots], dtype=float)
    centred = rows.X[:, None, :] - mean[None, :, :]
    spread = W * (rows.weight * rows.risk)[:, None] * hazard
    return Defined(
        rows.weight @ scores,
        np.einsum("id,idj,idk->jk", spread, centred, centred),
        scores,
        so_far.T @ hazard,
        curve @ so_far,
    )


def at_risk(rows: Rows, i: int, stratum: int, time: float) -> float:
    if rows.stratum[i] != stratum:
        return 0.0
    if rows.entry[i] < time <= rows.end[i]:
        return 1.0
    if not rows.competing[i] or time <= rows.end[i]:
        return 0.0
    return staying(rows, rows.group[i], rows.end[i], time)


def from_weights(
    rows: Rows, name: str, changes: list[Change], slots: list, expected: np.ndarray,
    mean: np.ndarray, total: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """What each row's own loss or entry, and its time under observation, did to the weights."""
    scores, curve = np.zeros_like(rows.X), np.zeros((len(rows.end), len(slots)))
    for c in changes:
        q, bent = np.zeros(rows.X.shape[1]), np.zeros(len(slots))
        for j in np.flatnonzero(rows.competing & (rows.group == c.group)):
            if not (rows.end[j] < c.time or (name == "entry" and rows.end[j] == c.time)):
                continue
            for d, (stratum, t) in enumerate(slots):
                if stratum == rows.stratum[j] and (t > c.time or (name == "loss" and t == c.time)):
                    part = rows.weight[j] * rows.risk[j] * expected[j, d]
                    q += (rows.X[j] - mean[d]) * part
                    bent[d] += part / total[d]
        left = c.present if name == "loss" else c.present - c.weight
        for i in np.flatnonzero(rows.group == c.group) if left > 0 else ():
            moved = martingale_of(rows, i, name, c) / left
            scores[i] += moved * q
            curve[i] += moved * bent
    return scores, curve


def martingale_of(rows: Rows, i: int, name: str, c: Change) -> float:
    rate = c.weight / c.present
    if name == "loss":
        lost = rows.event[i] == 0 and rows.end[i] == c.time
        return float(lost) - rate * float(rows.entry[i] < c.time <= rows.end[i])
    came = rows.entry[i] == c.time
    return rate * float(rows.entry[i] <= c.time < rows.end[i]) - float(came)


def simulate(whole: bool, n: int = 34) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    end = rng.exponential(6, n) + 0.3
    end = np.ceil(end) if whole else end
    late = end * rng.random(n) * 0.9
    after = 5 + (end - 5) * 0.4  # when those who end by 5 have gone
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": rng.integers(0, 2, n),
            "end": end,
            "event": rng.choice([0, 1, 2, 3], n, p=[0.3, 0.35, 0.2, 0.15]),
            "entry": np.where(rng.random(n) < 0.5, np.floor(late) if whole else late, 0.0),
            "after": np.where(end <= 5, 0.0, np.floor(after) if whole else after),
            "stratum": rng.integers(0, 2, n),
            "group": rng.integers(0, 3, n),
            "count": rng.integers(1, 4, n),
            "share": rng.random(n) + 0.3,
            "patient": rng.integers(0, 14, n),
            "shift": rng.normal(size=n) * 0.2,
        }
    )


OPTIONS: list[dict[str, Any]] = [
    {},
    {"entry": "entry"},
    {"strata": "stratum"},
    {"strata": "stratum", "censoring": ()},
    {"censoring": "group"},
    {"weights": "count"},
    {"weights": "share", "offset": "shift"},
    {"cluster": "patient"},
    {"entry": "entry", "strata": "stratum"},
    {"entry": "entry", "strata": "stratum", "censoring": ()},
    {"entry": "entry", "weights": "count", "offset": "shift"},
    {"entry": "entry", "cluster": "patient"},
    {"entry": "entry", "strata": "stratum", "censoring": "group", "cluster": "patient"},
    {"entry": "entry", "strata": "stratum", "weights": "share", "cluster": "patient"},
    {"strata": "stratum", "weights": "count", "cluster": "patient", "vcov": "CR1"},
    {"entry": "after"},
    {"entry": "after", "strata": "stratum", "weights": "count"},
    {"entry": "after", "strata": "stratum", "censoring": "group", "cluster": "patient"},
]


def words(asked: dict[str, Any]) -> str:
    return ", ".join(f"{k} {v or 'one'}" for k, v in asked.items()) or "plain"


@pytest.mark.parametrize("whole", [True, False], ids=["ties", "no ties"])
@pytest.mark.parametrize("asked", OPTIONS, ids=lambda asked: words(asked))
def test_a_fit_is_what_the_papers_define(
    asked: dict[str, Any], whole: bool, agree: Callable[..., None]
) -> None:
    data = simulate(whole)
    fit = fit_fine_gray(data, "x + z", duration="end", event="event", **asked)
    defined = define(read(data, fit.centre, fit.coefficients, asked))
    bread = np.linalg.inv(defined.information)
    unit = independent_units(data, asked)
    scores, curve = unit @ defined.scores @ bread, unit @ defined.hazard_scores
    clusters = data["patient"].nunique()
    factor = clusters / (clusters - 1) if asked.get("vcov") == "CR1" else 1.0
    expected = factor * scores.T @ scores
    errors = np.sqrt(np.diag(expected))
    cell = f"Fine–Gray, definitions: {words(asked)}; {'ties' if whole else 'none'}"
    base = fit.baseline
    assert base is not None
    emptied = "risk_set_emptied" in {c.code for c in fit.caveats}
    assert emptied == (asked.get("entry") == "after") or "censoring" in asked
    agree(cell, "distance to the root", bread @ defined.score, np.zeros(2), scale=errors)
    outer = np.outer(errors, errors)
    agree(cell, "covariance", fit.covariance, expected, scale=outer, tolerance=ROUNDING)
    agree(cell, "hazard", base.hazard, defined.hazard, tolerance=ROUNDING)
    spread = np.sqrt(factor * (curve**2).sum(axis=0))
    agree(cell, "error of the hazard", np.sqrt(base.variance), spread, scale=spread,
          tolerance=ROUNDING)  # fmt: skip
    agree(cell, "covariance of both", base.cross, factor * curve.T @ scores,
          scale=np.outer(spread, errors), tolerance=ROUNDING)  # fmt: skip


def read(data: pd.DataFrame, centre: np.ndarray, beta: np.ndarray, asked: dict[str, Any]) -> Rows:
    X = data[["x", "z"]].to_numpy(float) - centre
    shift = data["shift"].to_numpy() if "offset" in asked else 0.0
    nothing = np.zeros(len(data), dtype=int)
    stratum = data["stratum"].to_numpy() if "strata" in asked else nothing
    columns = {None: stratum, (): nothing, "group": data["group"].to_numpy()}
    entry = data[asked["entry"]].to_numpy() if "entry" in asked else np.zeros(len(data))
    return Rows(
        X=X,
        end=data["end"].to_numpy(float),
        event=data["event"].to_numpy(),
        entry=np.where(entry == 0, -np.inf, entry),
        stratum=stratum,
        group=columns[asked.get("censoring")],
        weight=data[asked["weights"]].to_numpy(float) if "weights" in asked else np.ones(len(data)),
        risk=np.exp(X @ beta + shift),
    )


def independent_units(data: pd.DataFrame, asked: dict[str, Any]) -> np.ndarray:
    """Adds what rows do up over what is independent: rows, repeated rows or clusters."""
    weight = data[asked["weights"]].to_numpy(float) if "weights" in asked else np.ones(len(data))
    if "cluster" in asked:
        return pd.get_dummies(data["patient"]).to_numpy(float).T * weight
    return np.diag(np.sqrt(weight) if asked.get("weights") == "count" else weight)
