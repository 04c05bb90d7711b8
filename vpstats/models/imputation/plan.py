"""What was asked of an imputation, checked and turned into arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import PATIENT, Frame
from vpstats.models.columns import Column, read_column, require_columns
from vpstats.models.imputation.clusters import (
    canonical_order,
    lay_groups,
    read_clusters,
    share_values,
)
from vpstats.models.imputation.conditions import Formula, read_condition, read_passive, row_shifts
from vpstats.models.imputation.layout import (
    Coding,
    Groups,
    Passive,
    Problem,
    encode,
    make_target,
)
from vpstats.models.imputation.outcomes import Outcomes, read_hazards
from vpstats.models.imputation.variables import Method, Role, Variable, read_variable
from vpstats.results import Caveat

Index = NDArray[np.intp]
Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MOST_LEVELS = 25
"""A column of more categories than this is an identifier or free text unless asked for by name."""
_MOST_COLUMNS = 50
"""More columns than this enter only by name: a whole registry is no imputation model."""
_MOST_COEFFICIENTS = 1_000
"""Multinomial coefficients that can be estimated in a reasonable time, of any sample."""
_ROWS_PER_PREDICTOR = 5
"""Below this many observed values per predictor an imputation model says little."""


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    outcomes: Outcomes
    variables: tuple[str, ...] | None
    auxiliary: tuple[str, ...]
    exclude: tuple[str, ...]
    methods: Mapping[str, Method]
    predictors: Mapping[str, Sequence[str]]
    passive: Mapping[str, str]
    where: Mapping[str, Any]
    delta: Mapping[str, Any]
    delta_by: str | None
    clusters: tuple[str, ...]
    shared: Mapping[str, Sequence[str]] | None
    impute_outcome: bool


@dataclass(frozen=True)
class Plan:
    """An imputation ready to run.

    Parameters
    ----------
    problem : Problem
        The arrays.
    variables : tuple of Variable
        Every column of the model in the order of its rows, passive ones last.
    order : ndarray of int
        Position in the data of each row of the model.
    groups : mapping of str to ndarray of int
        Per column of clusters that of every row of the data, -1 for one without a row in the
        model.
    caveats : tuple of Caveat
        What the data give reason to say beforehand.
    """

    problem: Problem
    variables: tuple[Variable, ...]
    order: Index
    groups: Mapping[str, Index]
    caveats: tuple[Caveat, ...]


def make_plan(frame: Frame, request: Request) -> Plan:
    """Read the columns of an imputation model and lay them out.

    Parameters
    ----------
    frame : Frame
        Rows; unchanged.
    request : Request
        What was asked for.

    Raises
    ------
    UsageError
        For columns that are absent, cannot be used or cannot be imputed, with what to do.
    """
    hazards, kept = read_hazards(frame, request.outcomes)
    data = frame.data.iloc[kept]
    chosen, left_out = _choose(data, request)
    codes = read_clusters(frame.data, request.clusters)
    clusters = {name: c[kept] for name, c in codes.items()}
    _check_methods(request.methods, [name for name, _ in chosen])
    read = [read_variable(data[name], request.methods.get(name), role) for name, role in chosen]
    read, empty = _without_empty(read, request)
    variables = [*_conditioned(frame.data, kept, read, request), *hazards]
    declared = request.shared
    _known("patient_level", [x for names in (declared or {}).values() for x in names], variables)
    variables = _shifted(data, share_values(variables, clusters, declared), request)
    order = canonical_order(variables, clusters)
    variables = [v.take(order) for v in variables]
    clusters = {name: c[order] for name, c in clusters.items()}
    columns: dict[str, Column] = {}
    formulas: list[Formula] = []
    for name, text in request.passive.items():
        known = [*variables, *(f.variable for f in formulas)]
        formulas.append(read_passive(data.iloc[order], name, text, known, columns, list(clusters)))
    problem = _lay_out(variables, formulas, columns, clusters, request)
    caveats = [
        *_left_out_caveats(left_out + empty),
        *_row_caveats(len(frame.data) - len(kept)),
        *_variable_caveats(variables, problem),
    ]
    everything = (*variables, *(f.variable for f in formulas))
    groups = {name: _everywhere(c, kept) for name, c in codes.items()}
    return Plan(problem, everything, kept[order], groups, tuple(caveats))


def _everywhere(codes: Index, kept: Index) -> Index:
    return np.where(np.isin(codes, codes[kept]), codes, -1)


# --- columns


def _check_methods(methods: Mapping[str, Method], names: Sequence[str]) -> None:
    unknown = next((name for name in methods if name not in names), None)
    if unknown is not None:
        raise UsageError(
            f"methods= names '{unknown}', which is not in the imputation model; it holds "
            f"{_listed(names)}."
        )


def _choose(data: pd.DataFrame, request: Request) -> tuple[list[tuple[str, Role]], list[str]]:
    """Columns of the model with their roles, and those that were left out for what they hold."""
    outcomes = request.outcomes.columns
    never = {*request.outcomes.used, *request.passive, *request.exclude, PATIENT}
    never.update(request.clusters)
    named = request.variables
    whole = map(str, data.columns) if named is None else named
    require_columns(data, (*whole, *request.auxiliary, *request.exclude))
    roles: dict[str, Role] = {}
    left_out = []
    for name in map(str, data.columns) if named is None else named:
        if name in never or name in outcomes or name in request.auxiliary:
            continue
        if named is None and not _is_usable(data[name]):
            left_out.append(name)
        else:
            roles[name] = "imputed"
    if named is None and len(roles) > _MOST_COLUMNS:
        raise UsageError(
            f"the data have {len(roles)} columns that could enter the imputation model; name in "
            "variables= those that the analysis uses, and what predicts them."
        )
    roles.update(dict.fromkeys(request.auxiliary, "auxiliary"))
    asked: Role = "imputed" if request.impute_outcome else "outcome"
    roles.update(dict.fromkeys(outcomes, asked))
    clash = never & set(named or ())
    if clash:
        raise UsageError(
            f"{_listed(sorted(map(str, clash)))} cannot be imputed: time of follow-up, patient, "
            "excluded or passive."
        )
    return list(roles.items()), left_out


def _is_usable(series: Any) -> bool:
    """Whether an unnamed column can enter: numbers, and categories that are not identifiers."""
    try:
        column = read_column(series)
    except UsageError:
        return False
    levels = column.used_levels().levels
    if levels is None or isinstance(series.dtype, pd.CategoricalDtype):
        return len(levels or ()) <= _MOST_LEVELS
    return len(levels) <= min(_MOST_LEVELS, max(2, len(series) // 4))


def _without_empty(
    variables: Sequence[Variable], request: Request
) -> tuple[list[Variable], list[str]]:
    """Leave out columns without a value; raise where they were asked for."""
    kept, empty = [], []
    for variable in variables:
        if np.isnan(variable.values).all() and len(variable.values):
            named = variable.name in (*(request.variables or ()), *request.outcomes.columns)
            if named or variable.name in request.auxiliary:
                raise UsageError(
                    "holds no value, so there is nothing to learn from; leave it out.",
                    column=variable.name,
                )
            empty.append(variable.name)
        else:
            kept.append(variable)
    return kept, empty


def _conditioned(
    data: pd.DataFrame, kept: Index, variables: Sequence[Variable], request: Request
) -> list[Variable]:
    """Variables with the rows in which they are defined."""
    _known("where", request.where, variables)
    made = []
    for variable in variables:
        if variable.name in request.where:
            applies = read_condition(data, variable.name, request.where[variable.name], kept)
            variable = replace(variable, applies=_both(variable.applies, applies))
        outside = variable.applies is not None and (~np.isnan(variable.values) & ~variable.applies)
        if np.any(outside):
            raise UsageError(
                f"has a value in {np.count_nonzero(outside):,} rows where it is not defined; "
                "correct where=.",
                column=variable.name,
            )
        made.append(variable)
    return made


def _both(first: Mask | None, second: Mask) -> Mask:
    return second if first is None else first & second


def _known(argument: str, given: Iterable[str], variables: Sequence[Variable]) -> None:
    names = [v.name for v in variables]
    for name in given:
        if name not in names:
            raise UsageError(
                f"{argument}= names '{name}', which is not in the imputation model; it holds "
                f"{_listed(names)}."
            )


def _shifted(data: pd.DataFrame, variables: Sequence[Variable], request: Request) -> list[Variable]:
    _known("delta", request.delta, [v for v in variables if v.role == "imputed"])
    made = []
    for variable in variables:
        if variable.name in request.delta:
            if variable.method == "multinomial":
                raise UsageError(
                    "has categories without an order, which one delta cannot shift; make a yes/no "
                    "column of the category in question.",
                    column=variable.name,
                )
            shift = row_shifts(data, variable.name, request.delta[variable.name], request.delta_by)
            variable = replace(variable, delta=shift)
        made.append(variable)
    return made


# --- layout


def _lay_out(
    variables: Sequence[Variable],
    formulas: Sequence[Formula],
    columns: Mapping[str, Column],
    clusters: Mapping[str, Index],
    request: Request,
) -> Problem:
    everything = [*variables, *(f.variable for f in formulas)]
    X, codings = encode(everything)
    groups = lay_groups(variables, codings, clusters)
    _known("predictors", request.predictors, variables)
    incomplete = [v for v in variables if v.missing.any()]
    incomplete.sort(key=lambda v: int(v.missing.sum()))  # stable: ties as the columns stand
    targets = []
    for v in incomplete:
        own = None if v.group is None else groups[v.group]
        chosen = _predictor_columns(v, everything, codings, formulas, own, request)
        _check_size(v, len(chosen))
        targets.append(make_target(v, codings[v.name], chosen, own))
    passives = [Passive(f.name, f.factor, f.ingredients, f.rows, codings[f.name]) for f in formulas]
    return Problem(X, tuple(targets), tuple(passives), columns, groups)


def _check_size(variable: Variable, predictors: int) -> None:
    """Refuse a regression whose coefficients no sample would estimate."""
    count = (len(variable.levels or ()) - 1) * predictors
    if variable.method == "multinomial" and count > _MOST_COEFFICIENTS:
        raise UsageError(
            f"its multinomial regression would have {count:,} coefficients (categories less one, "
            f"times {predictors} predictors); name fewer variables=, or its predictors=.",
            column=variable.name,
        )


def _predictor_columns(
    target: Variable,
    everything: Sequence[Variable],
    codings: Mapping[str, Coding],
    formulas: Sequence[Formula],
    groups: Groups | None,
    request: Request,
) -> Index:
    """Columns that a variable is regressed on: all but its own and what follows from it."""
    wanted = request.predictors.get(target.name)
    _known("predictors", wanted or (), everything)
    follows = {target.name}
    for formula in formulas:
        if follows & set(formula.ingredients):
            follows.add(formula.name)
    chosen = [0]
    for variable in everything:
        always = variable.role in ("outcome", "hazard")
        named = wanted is None or variable.name in wanted or always
        if named and variable.name not in follows:
            own = codings[variable.name].own
            chosen += range(own.start, own.stop)
    if groups is not None:
        width = max(c.own.stop for c in codings.values())
        own = codings[target.name].own
        extra = [k for k, c in enumerate(groups.sums) if not own.start <= c < own.stop]
        chosen += [width + k for k in extra] + [width + len(groups.sums)]
    return np.array(chosen, dtype=np.intp)


# --- what to say


def _left_out_caveats(names: Sequence[str]) -> Iterable[Caveat]:
    if names:
        yield Caveat(
            "imputation_left_out",
            f"Not in the imputation model, for what they hold (dates, identifiers, free text or "
            f"nothing): {_listed(names)}.",
        )


def _row_caveats(absent: int) -> Iterable[Caveat]:
    if absent:
        yield Caveat(
            "imputation_rows",
            f"{absent:,} rows without a complete follow-up took no part and are as they were.",
        )


def _variable_caveats(variables: Sequence[Variable], problem: Problem) -> Iterable[Caveat]:
    known = {v.name: v for v in variables}
    for target in problem.targets:
        variable = known[target.name]
        count = len(np.unique(target.known))
        if count == 1:
            message = f"{target.name} has one observed value, which was taken for all."
            yield Caveat("imputation_constant", message, target.name)
        if variable.unobserved:
            message = (
                f"No row of {target.name} is {_listed(variable.unobserved)}, so none was imputed "
                "as such."
            )
            yield Caveat("imputation_category", message, target.name)
        if len(target.known) < _ROWS_PER_PREDICTOR * len(target.predictors):
            message = (
                f"{target.name} has {len(target.known):,} observed values for "
                f"{len(target.predictors)} coefficients of its imputation model; leave out "
                "predictors."
            )
            yield Caveat("imputation_predictors", message, target.name)
        if variable.delta is not None:
            message = (
                f"Imputed values of {target.name} were shifted (delta): what is missing is assumed "
                "to differ from what is seen."
            )
            yield Caveat("imputation_delta", message, target.name)


def _listed(words: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(f"'{w}'" for w in words[:limit])
    return shown if len(words) <= limit else f"{shown} and {len(words) - limit} more"
