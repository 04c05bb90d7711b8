"""Rows of one question that are known to lie within those of another.

A flow says in words what was kept; a question counts rows whose outcome is recorded; a model needs
its covariates besides. Whoever reads that two questions begin with the same rows, and that one of
them asks for all that the other does, knows that its rows are some of the other's. Two large
counts then differ by a number of persons that may be small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vpstats.disclosure.cells import Cells, collect, split_term
from vpstats.disclosure.relations import Builder

ALL_ROWS = frozenset({"imputed"})
"""Models that leave out no row for a missing covariate."""

SOME_CENTERS = "centers with both outcomes"
"""What a model with an indicator for each center asks of its rows besides."""

Asked = frozenset[str]


@dataclass(frozen=True)
class Population:
    """Counted rows or persons, and what was asked of them.

    Parameters
    ----------
    position : int
        Cell that counts them.
    asked : frozenset of str
        Each restriction in words, the rows that the flow begins with among them.
    unit : str
        What is counted.
    """

    position: int
    asked: Asked
    unit: str


def populations(cells: Cells) -> list[Population]:
    """Find what a ledger counts, as far as its flows and models say what was asked.

    Parameters
    ----------
    cells : Cells
        The ledger.

    Returns
    -------
    list of Population
        In the order of the cells.

    Examples
    --------
    >>> from vpstats.ledger import Ledger, cell
    >>> rows = [cell("flow_a", "step", "n_rows", 50, kind="total", level="0", label="levels read",
    ...              unit="levels"),
    ...         cell("a", "leak", "n", 48, kind="total", label="Any leak", unit="levels")]
    >>> for found in populations(Cells.of(Ledger.from_rows(rows))):
    ...     print(sorted(found.asked))
    ['Any leak recorded', 'levels read']
    ['levels read']
    """
    flows = _flows(cells)
    found = [*_steps(cells), *_questions(cells, flows), *_models(cells, flows)]
    return sorted(found, key=lambda p: p.position)


def question_of(analysis: str, flows: dict[str, Asked]) -> str:
    """Question whose flow an analysis has: its own, or that of the whole of which it is a part.

    Examples
    --------
    >>> question_of("kinds_2", {"kinds": frozenset()}), question_of("other_2", {})
    ('kinds', '')
    """
    whole = re.sub(r"_\d+$", "", analysis)
    return next((name for name in (analysis, whole) if name in flows), "")


def _flows(cells: Cells) -> dict[str, Asked]:
    """All that each question's flow asks for."""
    steps = collect(
        (cells.analysis[i].removeprefix("flow_"), cells.label[i])
        for i in cells.counts
        if cells.analysis[i].startswith("flow_") and cells.stat[i] == "n_rows"
    )
    return {name: _closed(labels) for name, labels in steps.items() if all(labels)}


def _closed(labels: list[str]) -> Asked:
    """Restrictions with what they imply: a named category is a recorded one."""
    implied = (f"{label.partition(': ')[0]} recorded" for label in labels if ": " in label)
    return frozenset((*labels, *implied))


def _steps(cells: Cells) -> Iterator[Population]:
    kept = collect(
        ((cells.analysis[i], cells.stat[i]), i)
        for i in cells.counts
        if cells.analysis[i].startswith("flow_") and cells.stat[i] in ("n_rows", "n_patients")
    )
    for members in kept.values():
        labels: list[str] = []
        for i in sorted(members, key=lambda i: float(cells.level[i] or 0)):
            labels.append(cells.label[i])
            if all(labels):
                yield Population(i, _closed(labels), _counted(cells, i))


def _counted(cells: Cells, i: int) -> str:
    return "persons" if cells.stat[i] in ("n_patients", "n_clusters") else cells.unit[i]


def _questions(cells: Cells, flows: dict[str, Asked]) -> Iterator[Population]:
    """Rows, persons and events of a question, and of each category of its exposure."""
    for i in cells.counts:
        row = cells.rows[i]
        asked = flows.get(question_of(row[0], flows))
        counted = cells.stat[i] in ("n", "n_patients", "n_events") and row[2] != "model"
        if asked is None or not counted or not cells.is_overall(i):
            continue
        label = cells.label[i]
        words = [label] if row[3] else [f"{label} recorded"]
        if cells.stat[i] == "n_events" and not row[3]:
            words = [f"{label}: present"]
        if not row[3] or (cells.stat[i] == "n" and ": " in label):
            yield Population(i, asked | _closed(words), _counted(cells, i))


def _models(cells: Cells, flows: dict[str, Asked]) -> Iterator[Population]:
    used = collect(((row[0], row[1]), row) for row in sorted(cells.fitted))
    outcomes = _outcomes(cells)
    for i in cells.counts:
        analysis, group, variable, _ = cells.rows[i]
        asked = flows.get(question_of(analysis, flows))
        if variable != "model" or asked is None or cells.stat[i] not in ("n", "n_events"):
            continue
        outcome = outcomes.get(analysis, "")
        words = [f"{outcome} recorded", f"{outcome}, {SOME_CENTERS}"]
        if group not in ALL_ROWS:
            words += [f"{_name(cells, row)} recorded" for row in used.get((analysis, group), [])]
        if group == "within":
            words.append(f"{analysis}, {group}")
        if cells.stat[i] == "n_events":
            words.append(f"{outcome}: present")
        yield Population(i, asked | _closed(words), cells.unit[i])


def _outcomes(cells: Cells) -> dict[str, str]:
    """Words for the outcome of each analysis."""
    return {
        cells.analysis[i]: cells.label[i]
        for i in cells.counts
        if cells.stat[i] == "n_events" and cells.is_overall(i) and not cells.level[i]
        and cells.variable[i] != "model"
    }  # fmt: skip


def _name(cells: Cells, row: tuple[str, str, str, str]) -> str:
    """Words for the column of a term."""
    label = cells.label[cells.by_row[row][0]]
    return label.partition(": ")[0] if split_term(row[2])[1] else label


def relate_populations(builder: Builder) -> None:
    """Tie every count to those of rows that hold its own, where the two lie close together.

    What is left over becomes sensitive where it is small. Counts that differ by more than the
    widest band say nothing of each other, whatever is hidden.

    Parameters
    ----------
    builder : Builder
        Changed in place.
    """
    found = [p for p in populations(builder.cells) if p.position in builder.variable]
    for members in collect((p.unit, p) for p in found).values():
        tied = set[tuple[int, int]]()
        groups = _alike(builder, members)
        for inner, outer in _close(builder, members):
            pair = groups[outer.position], groups[inner.position]
            if pair[0] != pair[1] and pair not in tied and outer.asked <= inner.asked:
                tied.add(pair)
                _contain(builder, *pair)


def _contain(builder: Builder, outer: int, inner: int) -> None:
    """That no row is missing is not protected: it says nothing of anybody."""
    differs = builder.cells.value[outer] > builder.cells.value[inner]
    builder.system.add_sum(builder.variable[outer], [builder.variable[inner]], complement=differs)


def _close(builder: Builder, members: list[Population]) -> Iterator[tuple[Population, Population]]:
    """Pairs of which the second counts as many or more, but not many more."""
    value = builder.cells.value
    widest = max(builder.system.policy.bands)
    ordered = sorted(members, key=lambda p: (value[p.position], p.position))
    for k, inner in enumerate(ordered):
        for outer in ordered[k + 1 :]:
            if value[outer.position] - value[inner.position] >= widest:
                break
            yield inner, outer


def _alike(builder: Builder, members: list[Population]) -> dict[int, int]:
    """Position of each population to that of the first that must be the same, being as large.

    Where zeros are hidden, that no row is missing is itself hidden, and each stands for itself.
    """
    groups: dict[int, int] = {}
    by_size = collect((builder.cells.value[p.position], p) for p in members)
    for same in by_size.values():
        for k, one in enumerate(same):
            earlier = [o for o in same[:k] if o.asked <= one.asked or one.asked <= o.asked]
            first = groups[earlier[0].position] if earlier else one.position
            if builder.system.policy.zeros == "show":
                builder.system.equate(builder.variable[first], builder.variable[one.position])
                groups[one.position] = first
            else:
                groups[one.position] = one.position
    return groups
