"""Random tables against an attacker who tries every table that agrees with a release.

The attacker knows how the table was made (margins, flows, events among their totals), what was
published, and that a number marked as small is small; whole tables are enumerated by code of its
own. Values are small, so that enumeration is exhaustive up to `CAP`; a larger cap could only leave
more candidates. One test looks inside, at the witnesses by which the package proves protection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vpstats.disclosure import Released, ReleasePolicy, release
from vpstats.disclosure.cells import Cells
from vpstats.disclosure.numbers import relate_numbers
from vpstats.disclosure.relations import count_system, relate_counts
from vpstats.disclosure.secondary import protect
from vpstats.ledger import COLUMNS, Ledger, cell

CAP = 13
Row = dict[str, Any]
Table = np.ndarray

policies = st.builds(
    ReleasePolicy, threshold=st.integers(3, 4), zeros=st.sampled_from(["show", "suppress"])
)


def published(released: Released) -> dict[str, tuple[float, str]]:
    cells = released.cells
    return {
        name: (value, reason)
        for name, value, reason in zip(
            cells["cell_id"], cells["value"], cells["suppressed"], strict=True
        )
    }


def candidates(cell_: tuple[float, str], policy: ReleasePolicy) -> range:
    """Values of one cell that the attacker has to consider."""
    value, reason = cell_
    if not np.isnan(value):
        return range(int(value), int(value) + 1)
    if reason == "primary":
        return range(policy.lowest, policy.threshold)
    return range(policy.lowest, CAP + 1)


def agrees(values: np.ndarray, cell_: tuple[float, str], policy: ReleasePolicy) -> np.ndarray:
    """Which of many values of one cell agree with the release; sums may exceed the cap."""
    value, reason = cell_
    if not np.isnan(value):
        return np.asarray(values == value)
    if reason == "primary":
        return (values >= policy.lowest) & (values < policy.threshold)
    return np.asarray(values >= policy.lowest)


def combine(parts: Sequence[Sequence[tuple[int, ...]]]) -> Table:
    """All combinations of the candidate rows of a table, shape (tables, rows, columns)."""
    arrays = [np.array(list(p), dtype=np.int16).reshape(len(p), -1) for p in parts]
    index = np.meshgrid(*(np.arange(len(a)) for a in arrays), indexing="ij")
    return np.stack([a[i.ravel()] for a, i in zip(arrays, index, strict=True)], axis=1)


def assert_protected(values: np.ndarray, true: int, policy: ReleasePolicy, what: str) -> None:
    """A small number must leave as many candidates as its mark does."""
    if policy.is_small(true):
        possible = np.unique(values)
        assert true in possible, what
        assert len(possible) >= policy.width, f"{what} is known to be one of {possible}"


# -------------------------------------------------------------- categories by columns


def two_way(table: np.ndarray) -> Ledger:
    """Categories (rows) by groups (columns) as Table 1 has them, with the column of everybody."""
    rows: list[Row] = []
    n = table.sum(axis=0)
    columns = {"All": table.sum(axis=1)} | {f"g{j}": table[:, j] for j in range(table.shape[1])}
    for name, column in columns.items():
        whole = "" if name == "All" else "t/All/patients//n"
        rows.append(cell("t", "patients", "n", column.sum(), kind="total", group=name,
                         n=n.sum(), parent=whole))  # fmt: skip
        for i, k in enumerate(column):
            rows.append(cell("t", "v", "n", k, kind="count", group=name, level=f"L{i}",
                             n=column.sum(), parent=f"t/{name}/patients//n"))  # fmt: skip
    return Ledger.from_rows(rows)


def tables_like(
    shown: dict[str, tuple[float, str]], shape: tuple[int, int], policy: ReleasePolicy
) -> Table:
    """Every table that agrees with a release of `two_way`."""
    levels, groups = range(shape[0]), range(shape[1])
    parts = []
    for i in levels:
        row = np.array(list(product(*(candidates(shown[f"t/g{j}/v/L{i}/n"], policy)
                                      for j in groups))))  # fmt: skip
        fits = agrees(row.sum(axis=1), shown[f"t/All/v/L{i}/n"], policy)
        parts.append([tuple(r) for r in row[fits]])
    tables = combine(parts)
    fits = agrees(tables.sum(axis=(1, 2)), shown["t/All/patients//n"], policy)
    for j in groups:
        fits &= agrees(tables[:, :, j].sum(axis=1), shown[f"t/g{j}/patients//n"], policy)
    return tables[fits]


@settings(max_examples=100)
@given(
    table=st.sampled_from([(2, 2), (3, 2), (2, 3)]).flatmap(
        lambda shape: st.lists(
            st.integers(0, 9), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]
        ).map(lambda values: np.array(values).reshape(shape))
    ),
    policy=policies,
)
def test_no_cell_or_margin_of_a_two_way_table_can_be_worked_out(
    table: np.ndarray, policy: ReleasePolicy
) -> None:
    shown = published(release(two_way(table), policy))
    possible = tables_like(shown, table.shape, policy)
    assert (possible == table).all(axis=(1, 2)).any()
    for i, j in np.ndindex(table.shape):
        assert_protected(possible[:, i, j], int(table[i, j]), policy, f"cell {i}, {j}")
    for i in range(table.shape[0]):
        row = possible[:, i, :].sum(axis=1)
        assert_protected(row, int(table[i].sum()), policy, f"row {i}")
    for j in range(table.shape[1]):
        column = possible[:, :, j].sum(axis=1)
        assert_protected(column, int(table[:, j].sum()), policy, f"column {j}")


# ------------------------------------------------------------------------------ flows


def flow(excluded: Sequence[int], end: int) -> Ledger:
    kept = [end + sum(excluded[i:]) for i in range(len(excluded) + 1)]
    rows: list[Row] = []
    for i, n in enumerate(kept):
        parent = f"flow_a//step/{i - 1}/n_rows" if i else ""
        rows.append(cell("flow_a", "step", "n_rows", n, kind="total", level=str(i), n=n,
                         unit="levels", parent=parent))  # fmt: skip
        if i:
            rows.append(cell("flow_a", "step", "excluded_rows", excluded[i - 1], kind="count",
                             level=str(i), unit="levels", n=kept[i - 1],
                             parent=parent))  # fmt: skip
    rows.append(cell("a", "leak", "n", end, kind="total", unit="levels", n=end))
    return Ledger.from_rows(rows)


@settings(max_examples=100)
@given(
    excluded=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    end=st.integers(0, 12),
    policy=policies,
)
def test_no_exclusion_of_a_flow_can_be_worked_out(
    excluded: list[int], end: int, policy: ReleasePolicy
) -> None:
    shown = published(release(flow(excluded, end), policy))
    steps = [candidates(shown[f"flow_a//step/{i + 1}/excluded_rows"], policy)
             for i in range(len(excluded))]  # fmt: skip
    possible = np.array(list(product(*steps, candidates(shown["a//leak//n"], policy))))
    kept = np.cumsum(possible[:, ::-1], axis=1)[:, ::-1]
    fits = np.ones(len(possible), dtype=bool)
    for i in range(len(excluded) + 1):
        fits &= agrees(kept[:, i], shown[f"flow_a//step/{i}/n_rows"], policy)
    assert fits.any()
    for i, k in enumerate(excluded):
        assert_protected(possible[fits, i], k, policy, f"exclusion {i + 1}")
    assert_protected(possible[fits, -1], end, policy, "what is left")


# ------------------------------------------------- events by category, among their totals


def outcome(pairs: Sequence[tuple[int, int]], missing: int) -> Ledger:
    """Events and others of each category; `missing` rows have no category and no event."""
    n, events = [e + o for e, o in pairs], [e for e, _ in pairs]
    rows = [cell("a", "leak", "n", sum(n) + missing, kind="total", unit="levels",
                 n=sum(n) + missing)]  # fmt: skip
    rows.append(cell("a", "leak", "n_events", sum(events), kind="count", unit="levels",
                     n=sum(n) + missing, parent="a//leak//n"))  # fmt: skip
    for k, (size, count) in enumerate(zip(n, events, strict=True)):
        whole = f"a//x/L{k}/n"
        rows.append(cell("a", "x", "n", size, kind="total", level=f"L{k}", unit="levels",
                         n=size, parent="a//leak//n"))  # fmt: skip
        rows.append(cell("a", "x", "n_events", count, kind="count", level=f"L{k}",
                         unit="levels", n=size, parent=whole))  # fmt: skip
        percent = 100 * count / size if size else np.nan
        rows.append(cell("a", "x", "percent", percent, kind="estimate", level=f"L{k}", unit="%",
                         n=size, parent=f"a//x/L{k}/n_events"))  # fmt: skip
    return Ledger.from_rows(rows)


def pairs_like(
    shown: dict[str, tuple[float, str]], k: int, policy: ReleasePolicy
) -> Iterator[tuple[int, int]]:
    """Events and others of one category that agree with its counts and percentage."""
    percent = shown[f"a//x/L{k}/percent"][0]
    for events in candidates(shown[f"a//x/L{k}/n_events"], policy):
        for others in range(CAP + 1):
            size = events + others
            right = bool(agrees(np.array(size), shown[f"a//x/L{k}/n"], policy))
            told = np.isnan(percent) or (
                size > 0 and abs(100 * events / size - percent) <= max(0.005, abs(percent) * 5e-4)
            )
            if right and told:
                yield events, others


@settings(max_examples=100)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=2, max_size=2),
    missing=st.integers(0, 6),
    policy=policies,
)
def test_no_event_and_no_other_can_be_worked_out(
    pairs: list[tuple[int, int]], missing: int, policy: ReleasePolicy
) -> None:
    shown = published(release(outcome(pairs, missing), policy))
    parts = [list(pairs_like(shown, k, policy)) for k in range(len(pairs))]
    # whether anybody is missing is not published, but that nobody is can be seen in many plans
    rest = range(1, CAP + 1) if missing else range(1)
    tables = combine([*parts, [(0, m) for m in rest]])
    n, events = tables.sum(axis=(1, 2)), tables[:, :, 0].sum(axis=1)
    fits = agrees(n, shown["a//leak//n"], policy) & agrees(
        events, shown["a//leak//n_events"], policy
    )
    tables = tables[fits]
    assert len(tables)
    for k, (e, o) in enumerate(pairs):
        assert_protected(tables[:, k, 0], e, policy, f"events of category {k}")
        assert_protected(tables[:, k, :].sum(axis=1), e + o, policy, f"size of category {k}")
        if o > 0:
            assert_protected(tables[:, k, 1], o, policy, f"others of category {k}")
    if missing:
        assert_protected(tables[:, -1, 1], missing, policy, "rows without a category")


# ------------------------------------------------- large counts, which may be rounded only

UNITS = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Steps to which a percentage may be given that rests on a rounded count."""


def one_way(counts: Sequence[int], missing: int) -> Ledger:
    """Categories of one variable with percentages of the known, and the missing."""
    known, n = sum(counts), sum(counts) + missing
    rows = [cell("t", "all", "n", n, kind="total", unit="levels", n=n)]
    for i, k in enumerate(counts):
        rows.append(cell("t", "v", "n", k, kind="count", level=f"L{i}", unit="levels", n=known,
                         parent="t//all//n"))  # fmt: skip
        rows.append(cell("t", "v", "percent", 100 * k / known, kind="estimate", level=f"L{i}",
                         unit="%", n=known, parent=f"t//v/L{i}/n"))  # fmt: skip
    rows.append(cell("t", "v", "n_missing", missing, kind="count", unit="levels", n=n,
                     parent="t//all//n"))  # fmt: skip
    return Ledger.from_rows(rows)


def near(cell_: tuple[float, str], true: int, policy: ReleasePolicy) -> range:
    """Values of a large count that agree with the release, as far as 15 from the true one.

    The base of a rounded count is not published; any that the true count allows may be it.
    """
    value, reason = cell_
    if reason == "rounded":
        base = max(b for b in policy.bands if value % b == 0 and -b / 2 <= true - value < b / 2)
        low = max(int(value) - base // 2, true - 15)
        return range(low, min(int(value) + base - base // 2, true + 16))
    if np.isnan(value) and reason != "primary":
        return range(max(policy.threshold, true - 15), true + 16)
    return candidates(cell_, policy)


def as_shown(shares: np.ndarray, cell_: tuple[float, str], true: float) -> np.ndarray:
    """Which percentages could be shown like this."""
    value, reason = cell_
    if np.isnan(value):
        return np.ones(len(shares), dtype=bool)
    if reason == "":
        return np.asarray(abs(shares - value) <= 5e-4 * value)
    units = [u for u in UNITS if abs(true - value) <= u / 2 + 1e-9]
    assert units, f"{true} % is shown as {value} %"
    return np.asarray(abs(shares - value) <= max(units) / 2 + 1e-9)


@settings(max_examples=200)
@given(
    counts=st.lists(
        st.one_of(st.integers(1, 9), st.integers(60, 2000)), min_size=2, max_size=3
    ).filter(lambda c: max(c) > 50),
    missing=st.integers(0, 7),
    policy=policies,
)
def test_rounded_counts_and_percentages_do_not_give_small_ones_away(
    counts: list[int], missing: int, policy: ReleasePolicy
) -> None:
    shown = published(release(one_way(counts, missing), policy))
    known = sum(counts)
    parts = [near(shown[f"t//v/L{i}/n"], k, policy) for i, k in enumerate(counts)]
    lost = candidates(shown["t//v//n_missing"], policy)
    tables = np.array(np.meshgrid(*parts, lost, indexing="ij")).reshape(len(counts) + 1, -1).T
    whole = near(shown["t//all//n"], known + missing, policy)
    fits = np.isin(tables.sum(axis=1), np.array(whole))
    for i, k in enumerate(counts):
        share = 100 * tables[:, i] / tables[:, :-1].sum(axis=1)
        fits &= as_shown(share, shown[f"t//v/L{i}/percent"], 100 * k / known)
    assert (tables[fits] == [*counts, missing]).all(axis=1).any()
    for i, k in enumerate([*counts, missing]):
        assert_protected(tables[fits, i], k, policy, f"count {i}")


@settings(max_examples=100)
@given(
    counts=st.lists(st.one_of(st.integers(1, 9), st.integers(60, 2000)), min_size=2, max_size=5),
    missing=st.integers(0, 7),
    policy=policies,
)
def test_every_witness_is_a_table_that_agrees_with_the_release(
    counts: list[int], missing: int, policy: ReleasePolicy
) -> None:
    builder = count_system(Cells.of(one_way(counts, missing)), policy)
    relate_counts(builder)
    relate_numbers(builder)
    system = builder.system
    protect(system)
    tables = [{}, *system.witnesses]
    for moves in tables:
        values = {v: k + moves.get(v, 0) for v, k in enumerate(system.value)}
        assert all(sum(c * values[v] for v, c in r.items()) == 0 for r in system.relations)
        for v, value in values.items():
            low, high = system.bounds(v)
            assert low <= value <= high
    for v in system.sensitive:
        possible = {system.value[v] + moves.get(v, 0) for moves in tables}
        assert max(possible) - min(possible) + 1 >= policy.width


# --------------------------------------------------------------------------- invariances


def joint(table: np.ndarray, excluded: list[int], pairs: list[tuple[int, int]]) -> Ledger:
    parts = [two_way(table), flow(excluded, sum(e + o for e, o in pairs))]
    rows = [r for p in parts for r in p.cells.to_dict("records")]
    rows += outcome(pairs, 0).cells.to_dict("records")
    unique = {r["cell_id"]: r for r in rows}
    return Ledger.from_rows(unique.values())


# counts that are too small to be rounded: a rounded count is a new number to a second release
ledgers = st.builds(
    joint,
    st.lists(st.integers(0, 10), min_size=6, max_size=6).map(lambda v: np.array(v).reshape(3, 2)),
    st.lists(st.integers(0, 8), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=2, max_size=2),
)


@settings(max_examples=40)
@given(ledger=ledgers, policy=policies, seed=st.integers(0, 10**6))
def test_a_release_does_not_depend_on_the_order_of_rows(
    ledger: Ledger, policy: ReleasePolicy, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(ledger.cells))
    shuffled = Ledger(ledger.cells.iloc[order].reset_index(drop=True))
    one = release(ledger, policy).cells.sort_values("cell_id", ignore_index=True)
    other = release(shuffled, policy).cells
    assert other["cell_id"].tolist() == shuffled.cells["cell_id"].tolist()
    assert one.equals(other.sort_values("cell_id", ignore_index=True))


@settings(max_examples=40)
@given(ledger=ledgers, policy=policies)
def test_releasing_the_public_cells_again_changes_nothing(
    ledger: Ledger, policy: ReleasePolicy
) -> None:
    once = release(ledger, policy)
    assert release(ledger, policy).cells.equals(once.cells)
    twice = release(Ledger(once.cells[list(COLUMNS)]), policy)
    assert twice.cells[list(COLUMNS)].equals(once.cells[list(COLUMNS)])
