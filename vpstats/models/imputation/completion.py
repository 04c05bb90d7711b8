"""Chains to completed frames, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.frames import Frame, Imputations
from vpstats.models.imputation.chain import Chain
from vpstats.models.imputation.plan import Plan
from vpstats.models.imputation.traces import (
    ImputationTraces,
    largest_by_chance,
    scale_reduction,
)
from vpstats.models.imputation.variables import Variable, fill, fill_numbers, gaps_of
from vpstats.results import Caveat

Vector = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class _Fill:
    """Where a column is to be filled, and with what.

    Parameters
    ----------
    variable : Variable
        How its values were read.
    target : int
        Its position among the targets, -1 where nothing is drawn.
    places : ndarray of int, shape (k,)
        Positions in the data.
    slot : ndarray of int, shape (k,)
        Position of each place in what is drawn; -1 where the value is known from another row of
        the cluster.
    known : ndarray, shape (k,)
        Those values.
    """

    variable: Variable
    target: int
    places: Index
    slot: Index
    known: Vector

    def values(self, chain: Chain) -> Vector:
        if self.target < 0:
            return self.known
        return np.where(self.slot < 0, self.known, chain.values[self.target][self.slot])


def collect(frame: Frame, plan: Plan, chains: Sequence[Chain]) -> Imputations:
    """Complete a frame once per chain.

    Parameters
    ----------
    frame : Frame
        Rows as given; unchanged.
    plan : Plan
        The imputation model.
    chains : sequence of Chain
        One per completed frame.
    """
    # columns that are not filled are shared by all frames, and not with what was given
    shared = frame.data.copy()
    fills = [part for part in _fills(shared, plan) if len(part.places)]
    frames = tuple(replace(frame, data=_completed(shared, plan, fills, c)) for c in chains)
    traces = _traces(frame, plan, fills, chains)
    return Imputations(frames, traces=traces, caveats=traces.caveats)


def _fills(shared: pd.DataFrame, plan: Plan) -> Iterator[_Fill]:
    positions = {t.name: k for k, t in enumerate(plan.problem.targets)}
    for variable in plan.variables:
        if variable.role != "imputed":
            continue
        position = positions.get(variable.name, -1)
        target = plan.problem.targets[position] if position >= 0 else None
        if variable.group is not None:
            yield _group_fill(shared, plan, variable, plan.groups[variable.group], position)
        elif target is not None:
            places = plan.order[target.rows]
            yield _Fill(variable, position, places, target.source, np.full(len(places), np.nan))


def _group_fill(
    shared: pd.DataFrame, plan: Plan, variable: Variable, everyone: Index, position: int
) -> _Fill:
    """Every row of a cluster that lacks the value, rows outside of the model included."""
    here = everyone[plan.order]
    count = int(everyone.max(initial=-1)) + 2  # the last one is for clusters outside of the model
    known, slot = np.full(count, np.nan), np.full(count, -1)
    with_value = ~np.isnan(variable.values)
    known[here[with_value]] = variable.values[with_value]
    if position >= 0:
        target = plan.problem.targets[position]
        slot[here[target.rows]] = target.source
    gaps = gaps_of(shared[variable.name])
    places = np.flatnonzero(gaps & ((slot[everyone] >= 0) | ~np.isnan(known[everyone])))
    chosen = everyone[places]
    return _Fill(variable, position, places, slot[chosen], known[chosen])


def _completed(
    shared: pd.DataFrame, plan: Plan, fills: Sequence[_Fill], chain: Chain
) -> pd.DataFrame:
    data = shared.copy(deep=False)
    for part in fills:
        name = part.variable.name
        data[name] = fill(shared[name], part.places, part.variable, part.values(chain))
    for passive, values in zip(plan.problem.passives, chain.passive, strict=True):
        name, places = passive.name, plan.order[passive.rows]
        blank = pd.Series(np.full(len(shared), np.nan), index=shared.index, name=name)
        data[name] = fill_numbers(shared.get(name, blank), places, values)
    return data


# --- what to say


def _traces(
    frame: Frame, plan: Plan, fills: Sequence[_Fill], chains: Sequence[Chain]
) -> ImputationTraces:
    table = _table(frame, plan, fills, chains)
    incomplete = _incomplete(frame, fills)
    caveats = (*plan.caveats, *_chain_caveats(frame, table, incomplete, chains))
    return ImputationTraces(
        title=f"Imputed values, {len(chains)} chains",
        unit=frame.unit,
        n=len(frame.data),
        n_clusters=frame.n_clusters,
        caveats=caveats,
        table=table,
        trace=_long_trace(plan, chains),
        incomplete=incomplete,
    )


def _incomplete(frame: Frame, fills: Sequence[_Fill]) -> float:
    touched = np.zeros(len(frame.data), dtype=bool)
    for part in fills:
        touched[part.places] = True
    return float(touched.mean()) if len(touched) else 0.0


def _table(
    frame: Frame, plan: Plan, fills: Sequence[_Fill], chains: Sequence[Chain]
) -> pd.DataFrame:
    trace = np.stack([c.trace for c in chains])  # chains × iterations × targets × 2
    rows = []
    for part in fills:
        every = np.concatenate([part.values(c) for c in chains])
        one = part.target >= 0
        reductions = [scale_reduction(trace[:, :, part.target, k]) for k in (0, 1) if one]
        variable = part.variable
        rows.append(
            {
                "variable": variable.name,
                "method": variable.method,
                "unit": _unit(frame, variable),
                "n_imputed": len(part.places),
                "share_missing": len(part.places) / max(len(frame.data), 1),
                "mean": float(every.mean()),
                "std_dev": float(every.std(ddof=1)) if len(every) > 1 else np.nan,
                "r_hat": _largest(reductions),
            }
        )
    rows += [_passive_row(frame, plan, k, chains) for k in range(len(plan.problem.passives))]
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = (
    "variable", "method", "unit", "n_imputed", "share_missing", "mean", "std_dev", "r_hat",
)  # fmt: skip


def _unit(frame: Frame, variable: Variable) -> str:
    """What has one value of the variable: "patient" where it is shared by a patient_id."""
    return frame.unit if variable.group is None else variable.group.removesuffix("_id")


def _largest(values: Sequence[float]) -> float:
    known = [v for v in values if np.isfinite(v)]
    return max(known) if known else float("nan")


def _passive_row(frame: Frame, plan: Plan, k: int, chains: Sequence[Chain]) -> dict[str, object]:
    passive = plan.problem.passives[k]
    every = np.concatenate([c.passive[k] for c in chains])
    known = {v.name: v for v in plan.variables}
    return {
        "variable": passive.name,
        "method": f"= {passive.factor.text}",
        "unit": _unit(frame, known[passive.name]),
        "n_imputed": len(passive.rows),
        "share_missing": len(passive.rows) / max(len(frame.data), 1),
        "mean": float(every.mean()) if len(every) else np.nan,
        "std_dev": float(every.std(ddof=1)) if len(every) > 1 else np.nan,
        "r_hat": np.nan,
    }


def _long_trace(plan: Plan, chains: Sequence[Chain]) -> pd.DataFrame:
    parts = []
    for k, target in enumerate(plan.problem.targets):
        for c, chain in enumerate(chains):
            length = len(chain.trace)
            parts.append(
                pd.DataFrame(
                    {
                        "variable": target.name,
                        "iteration": np.arange(1, length + 1),
                        "chain": c + 1,
                        "mean": chain.trace[:, k, 0],
                        "std_dev": chain.trace[:, k, 1],
                    }
                )
            )
    if not parts:
        return pd.DataFrame(columns=["variable", "iteration", "chain", "mean", "std_dev"])
    return pd.concat(parts, ignore_index=True)


def _chain_caveats(
    frame: Frame, table: pd.DataFrame, incomplete: float, chains: Sequence[Chain]
) -> Iterator[Caveat]:
    m = len(chains)
    if 100 * incomplete > m:
        yield Caveat(
            "few_imputations",
            f"There are {m} imputations and {100 * incomplete:.0f} % of rows with an imputed "
            "value; take at least as many imputations as that percentage.",
        )
    largest = largest_by_chance(m, len(chains[0].trace))
    for name, reduction in zip(table["variable"], table["r_hat"], strict=True):
        if reduction > largest:
            yield Caveat(
                "imputation_convergence",
                f"The chains of {name} do not agree yet (scale reduction {reduction:.2f}); take "
                "more iterations and look at the traces.",
                str(name),
            )
    for name in sorted({name for chain in chains for name in chain.unsettled}):
        message = f"The regression that {name} is drawn from did not converge in every iteration."
        yield Caveat("imputation_model", message, name)
    if frame.independent is not None:
        yield Caveat("independent", f"Rows were analysed as independent: {frame.independent}")
