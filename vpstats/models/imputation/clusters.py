"""Rows that belong together: patients, procedures within them, and the values that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.models.columns import require_columns
from vpstats.models.imputation.layout import Coding, Groups
from vpstats.models.imputation.variables import Variable

Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
Codes = Mapping[str, Index]


def read_clusters(data: pd.DataFrame, columns: Sequence[str]) -> dict[str, Index]:
    """Number the clusters of each column, those of one row each left out.

    Parameters
    ----------
    data : DataFrame, shape (n, any)
        Rows.
    columns : sequence of str
        Columns that name clusters, the outermost first.

    Returns
    -------
    dict of str to ndarray of int, shape (n,)
        Numbers in order of appearance.

    Raises
    ------
    UsageError
        If an id is missing, or clusters are not within one another.

    Examples
    --------
    >>> data = pd.DataFrame({"patient_id": list("aab"), "level_id": [1, 2, 3]})
    >>> {name: codes.tolist() for name, codes in read_clusters(data, list(data)).items()}
    {'patient_id': [0, 0, 1]}
    """
    require_columns(data, columns)
    found: dict[str, Index] = {}
    outer: tuple[str, Index] | None = None
    for name in columns:
        if data[name].isna().any():
            raise UsageError("holds missing ids; every row needs one.", column=name)
        codes = np.asarray(pd.factorize(data[name])[0], dtype=np.intp)
        if outer is not None:
            _check_nested(name, codes, *outer)
        outer = name, codes
        if codes.max(initial=-1) + 1 < len(codes):
            found[name] = codes
    return found


def _check_nested(name: str, inner: Index, outer_name: str, outer: Index) -> None:
    first = np.full(inner.max(initial=-1) + 1, -1)
    first[inner] = outer
    if (first[inner] != outer).any():
        raise UsageError(
            f"'{name}' does not lie within '{outer_name}': some of its values occur in several; "
            "name clusters from the outermost inwards."
        )


def share_values(
    variables: Sequence[Variable], clusters: Codes, declared: Mapping[str, Sequence[str]] | None
) -> list[Variable]:
    """Variables that clusters have one value of, with that value in all their rows.

    Parameters
    ----------
    variables : sequence of Variable
        With n values each.
    clusters : mapping of str to ndarray of int, shape (n,)
        The outermost first.
    declared : mapping of str to sequence of str, optional
        Variables of each; if None those that never differ within a cluster, of the outermost for
        which that is so.
    """
    made = list(variables)
    for name, codes in clusters.items():
        if not len(codes):
            continue
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        chosen = None if declared is None else tuple(declared.get(name, ()))
        made = [v if v.group else _share(v, name, order, starts, chosen) for v in made]
    return made


def _share(
    variable: Variable, group: str, order: Index, starts: Index, declared: tuple[str, ...] | None
) -> Variable:
    values = variable.values[order]
    low, high = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    seen = np.add.reduceat((~np.isnan(values)).astype(np.intp), starts)
    differing = int(np.count_nonzero(low < high))
    if declared is not None and variable.name in declared and differing:
        raise UsageError(
            f"differs between the rows of {differing:,} clusters of {group}, so they do not share "
            "it.",
            column=variable.name,
        )
    # where no cluster has two values to compare, nothing says that they would be equal
    detected = not differing and bool((seen > 1).any())
    if not (detected if declared is None else variable.name in declared):
        return variable
    sizes = np.diff(np.append(starts, len(values)))
    spread = np.empty(len(values))
    spread[order] = np.repeat(low, sizes)
    if variable.applies is not None:
        _check_applies(variable.name, group, variable.applies[order], starts)
        spread = np.where(variable.applies, spread, np.nan)
    return replace(variable, values=spread, group=group)


def _check_applies(name: str, group: str, applies: Mask, starts: Index) -> None:
    counts = np.add.reduceat(applies.astype(np.intp), starts)
    sizes = np.diff(np.append(starts, len(applies)))
    if ((counts > 0) & (counts < sizes)).any():
        raise UsageError(
            f"is shared by the rows of a {group}, but where= differs between them.", column=name
        )


def canonical_order(variables: Sequence[Variable], clusters: Codes) -> Index:
    """Order rows by what they hold, those of a cluster together, shape (n,).

    Draws then belong to rows, whatever order these are given in; rows that are equal in every
    column of the model are interchangeable.
    """
    contents = [v.values for v in reversed(variables)]
    order = np.lexsort(contents) if contents else np.arange(0)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    keys: list[Index] = [rank]  # the last key decides first
    for codes in reversed(list(clusters.values())):
        sizes = np.bincount(codes)
        first = np.full(len(sizes), len(order))
        np.minimum.at(first, codes, rank)
        keys += [first[codes], -sizes[codes]]
    return np.asarray(np.lexsort(keys), dtype=np.intp)


def lay_groups(
    variables: Sequence[Variable], codings: Mapping[str, Coding], clusters: Codes
) -> dict[str, Groups]:
    """Clusters that some variable is drawn by.

    Parameters
    ----------
    variables : sequence of Variable
        In their canonical order.
    codings : mapping of str to Coding
        Their columns.
    clusters : mapping of str to ndarray of int, shape (n,)
        In the same order.
    """
    needed = {v.group for v in variables if v.missing.any()}
    made = {}
    for name, codes in clusters.items():
        if name in needed:
            starts = np.flatnonzero(np.diff(codes, prepend=-1))
            sizes = np.diff(np.append(starts, len(codes)))
            made[name] = Groups(starts, sizes, _outcome_columns(variables, codings, name))
    return made


def _outcome_columns(
    variables: Sequence[Variable], codings: Mapping[str, Coding], group: str
) -> Index:
    """Columns of outcomes that differ between the rows of a cluster."""
    own = [
        codings[v.name].own
        for v in variables
        if v.role in ("outcome", "hazard") and v.group != group
    ]
    return np.array([column for s in own for column in range(s.start, s.stop)], dtype=np.intp)
