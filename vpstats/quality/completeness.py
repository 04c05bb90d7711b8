"""Completeness: which key variables are known, why others are not, what is missing together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.quality.measures import Row, members, share
from vpstats.quality.variables import STATES, Variable, by_procedure

if TYPE_CHECKING:
    from vpstats.registry import Registry

SECTION = "completeness"

MOST_PATTERNS = 12
"""Patterns that are listed for the network; the rest is counted together."""

NONE, REST = "none", "other"
"""Pattern without a missing variable; all patterns that are not listed."""


def completeness(variables: Sequence[Variable], centers: tuple[str, ...]) -> Iterator[Row]:
    """Share of cells that are known, of those that could be.

    Parameters
    ----------
    variables : sequence of Variable
    centers : tuple of str
        Centers, those without rows among them.
    """
    for variable in variables:
        for center, here in members(variable.center, centers):
            states = variable.state[here]
            n = int((states != "not_applicable").sum())
            yield share(SECTION, variable.name, center, label=variable.label,
                        n_events=int((states == "known").sum()), n=n)  # fmt: skip


def state_counts(variables: Sequence[Variable], centers: tuple[str, ...]) -> pd.DataFrame:
    """Count the cells of every center and variable by what they are.

    Returns
    -------
    DataFrame
        ``center_id, variable, label, state, n``; every state of each, 0 where there is none.
    """
    rows = [
        (center, variable.name, variable.label, state, int((variable.state[here] == state).sum()))
        for variable in variables
        for center, here in members(variable.center, centers)
        for state in STATES
    ]
    return pd.DataFrame(rows, columns=["center_id", "variable", "label", "state", "n"])


def missing_patterns(
    registry: Registry, variables: Sequence[Variable], centers: tuple[str, ...]
) -> pd.DataFrame:
    """Count the procedures by which key variables are missing together.

    Parameters
    ----------
    registry : Registry
    variables : sequence of Variable
        A procedure lacks one if it is missing of its patient, of itself, or of any of its levels.
    centers : tuple of str

    Returns
    -------
    DataFrame
        ``center_id, pattern, label, n``: the patterns that are most frequent in the network, in
        that order, then all others together. Patterns join variables by "+"; "none" lacks none.
        A variable of which nobody knows a value takes no part.
    """
    asked = [v for v in variables if (v.state == "known").any()]
    lacks = np.zeros((len(registry.procedures), len(asked)), bool)
    for i, variable in enumerate(asked):
        lacks[:, i] = by_procedure(registry, variable)
    codes, patterns = _patterns(lacks, [v.name for v in asked])
    counts = np.bincount(codes, minlength=len(patterns))
    order = sorted(range(len(patterns)), key=lambda i: (-counts[i], patterns[i]))
    listed = order[:MOST_PATTERNS]
    words = {v.name: v.label for v in variables}
    center = registry.procedures["center_id"].to_numpy(object)
    rows = []
    for name, here in members(center, centers):
        own = np.bincount(codes[here], minlength=len(patterns))
        rows += [(name, patterns[i], _label(patterns[i], words), int(own[i])) for i in listed]
        if len(order) > len(listed):
            rest = int(own.sum() - own[listed].sum())
            rows.append((name, REST, "other patterns", rest))
    return pd.DataFrame(rows, columns=["center_id", "pattern", "label", "n"])


def _patterns(lacks: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Number of each row's pattern, and the patterns by their number."""
    if not len(lacks):
        return np.empty(0, np.int64), []
    distinct, codes = np.unique(lacks, axis=0, return_inverse=True)
    words = ["+".join(n for n, out in zip(names, one, strict=True) if out) for one in distinct]
    return codes.reshape(-1), [word or NONE for word in words]


def _label(pattern: str, words: dict[str, str]) -> str:
    if pattern == NONE:
        return "nothing missing"
    return "; ".join(words[name] for name in pattern.split("+"))
