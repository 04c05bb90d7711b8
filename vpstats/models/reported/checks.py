"""The checks: each takes what was printed and says whether it can be true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from vpstats.models.reported.counts import (
    RATIOS,
    TEST_NAMES,
    Counts,
    p_values,
    proportion_intervals,
    ratio,
    statistics,
)
from vpstats.models.reported.printed import Printed
from vpstats.results import critical_value

CONSISTENT, INCONSISTENT, UNKNOWN = "consistent", "inconsistent", "cannot be checked"
RATIO_MEASURES = ("OR", "RR", "HR")
DIFFERENCES = ("MD", "RD")


@dataclass(frozen=True, slots=True)
class Statement:
    """What was printed of one estimate.

    Parameters
    ----------
    measure : str
        One of `RATIO_MEASURES` or `DIFFERENCES`, "proportion", or empty.
    estimate, low, high, p_value, statistic : Printed, optional
        As printed; of a proportion in per cent.
    percents : tuple of Printed or None
        Percents of the groups.
    counts : Counts, optional
        Events and rows.
    n : int, optional
        Rows of the first group, where its events are not printed.
    total, parts : int, tuple of int
        What should add up.
    paired : bool
        Whether the groups are matched.
    level : float
        Confidence level of the interval.
    """

    measure: str = ""
    estimate: Printed | None = None
    low: Printed | None = None
    high: Printed | None = None
    p_value: Printed | None = None
    statistic: Printed | None = None
    percents: tuple[Printed | None, ...] = ()
    counts: Counts | None = None
    n: int | None = None
    total: int | None = None
    parts: tuple[int, ...] = ()
    paired: bool = False
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Parameters
    ----------
    check : str
        Its name.
    verdict : str
        "consistent", "inconsistent" or "cannot be checked".
    printed, recomputed : str
        What was printed, and what follows from the rest.
    method : str
        How it was recomputed; of several methods those that reproduce it.
    sentence : str
        The finding in words.
    """

    check: str
    verdict: str
    printed: str
    recomputed: str
    method: str
    sentence: str


def run_checks(statement: Statement) -> list[Finding]:
    """Every check that the printed figures allow, in a fixed order."""
    return [finding for check in _CHECKS for finding in check(statement)]


def _verdict(*, holds: bool) -> str:
    return CONSISTENT if holds else INCONSISTENT


def _number(value: float) -> str:
    return f"{value:.4g}"


def _range(low: float, high: float) -> str:
    """A range in words; one number where both ends read the same."""
    first, second = _number(low), _number(high)
    return first if first == second else f"{first} to {second}"


def _null(measure: str) -> float | None:
    return 1.0 if measure in RATIO_MEASURES else 0.0 if measure in DIFFERENCES else None


# --- an estimate, its interval and its p-value


def _interval_text(statement: Statement) -> str:
    assert statement.low is not None  # noqa: S101  # the caller has asked
    assert statement.high is not None  # noqa: S101  # the caller has asked
    return f"{statement.low.text} to {statement.high.text}"


def _possible_values(statement: Statement) -> Iterator[Finding]:
    """Ratios are positive, and p-values and percents have their range."""
    wrong = []
    if statement.measure in RATIO_MEASURES:
        shown = (statement.estimate, statement.low, statement.high)
        wrong += [v.text for v in shown if v is not None and v.high <= 0]
    if statement.p_value is not None and (statement.p_value.low > 1 or statement.p_value.high < 0):
        wrong.append(statement.p_value.text)
    wrong += [p.text for p in statement.percents if p is not None and not p.holds(0, 100)]
    if wrong:
        yield Finding(
            "possible_values", INCONSISTENT, ", ".join(wrong), "", "range",
            f"{', '.join(wrong)} cannot be such a number at all.",
        )  # fmt: skip


def _limits_in_order(statement: Statement) -> Iterator[Finding]:
    low, high = statement.low, statement.high
    if low is None or high is None:
        return
    if low.low > high.high:
        yield Finding(
            "limits_in_order", INCONSISTENT, _interval_text(statement), "", "order",
            f"The lower limit {low.text} lies above the upper limit {high.text}.",
        )  # fmt: skip


def _estimate_in_interval(statement: Statement) -> Iterator[Finding]:
    estimate, low, high = statement.estimate, statement.low, statement.high
    if estimate is None or low is None or high is None:
        return
    inside = estimate.high >= low.low and estimate.low <= high.high
    where = "inside" if inside else "outside"
    yield Finding(
        "estimate_in_interval", _verdict(holds=inside), estimate.text, _interval_text(statement),
        "order",
        f"The estimate {estimate.text} lies {where} its interval {_interval_text(statement)}.",
    )  # fmt: skip


def _log(value: float) -> float:
    return float(np.log(value)) if value > 0 else -np.inf


def _symmetry(statement: Statement) -> Iterator[Finding]:
    """A Wald interval lies symmetrically about its estimate, on the log scale for ratios."""
    estimate, low, high = statement.estimate, statement.low, statement.high
    if estimate is None or low is None or high is None or _null(statement.measure) is None:
        return
    is_ratio = statement.measure in RATIO_MEASURES
    scale = _log if is_ratio else float
    centre = [(scale(low.low) + scale(high.low)) / 2, (scale(low.high) + scale(high.high)) / 2]
    first, last = (float(np.exp(c)) if is_ratio else c for c in centre)
    holds = estimate.holds(first, last)
    name = "geometric mean of the limits" if is_ratio else "mean of the limits"
    words = (
        f"The {name} is {_range(first, last)}, as the estimate {estimate.text}."
        if holds
        else f"The {name} is {_range(first, last)}, and the estimate is {estimate.text}: no Wald "
        "interval is so; an exact, profile or bootstrap interval may be."
    )
    yield Finding(
        "symmetry", _verdict(holds=holds), estimate.text, _range(first, last), name, words
    )


def _p_range(statement: Statement, null: float) -> tuple[float, float] | None:
    """Least and largest Wald p-value that the estimate and its interval allow."""
    estimate, low, high = statement.estimate, statement.low, statement.high
    if estimate is None or low is None or high is None:
        return None
    scale = _log if null == 1 else float
    gaps = [scale(estimate.low) - scale(null), scale(estimate.high) - scale(null)]
    least = 0.0 if gaps[0] <= 0 <= gaps[1] else min(abs(g) for g in gaps)
    most = max(abs(g) for g in gaps)
    z = 2 * float(critical_value(statement.level))
    errors = (scale(high.low) - scale(low.high)) / z, (scale(high.high) - scale(low.low)) / z
    if not errors[1] > 0:
        return None
    low_p = 0.0 if errors[0] <= 0 else 2 * stats.norm.sf(most / errors[0])
    return float(low_p), float(2 * stats.norm.sf(least / errors[1]))


def _p_from_interval(statement: Statement) -> Iterator[Finding]:
    null, printed = _null(statement.measure), statement.p_value
    if printed is None or null is None:
        return
    allowed = _p_range(statement, null)
    if allowed is None:
        return
    holds = printed.holds(*allowed)
    words = "as printed" if holds else f"not {printed.text}"
    yield Finding(
        "p_from_interval", _verdict(holds=holds), printed.text, _range(*allowed), "Wald",
        f"The estimate and its interval give p = {_range(*allowed)}, {words}.",
    )  # fmt: skip


def _p_and_interval(statement: Statement) -> Iterator[Finding]:
    """An interval excludes no effect just where the p-value is below its level."""
    null, printed = _null(statement.measure), statement.p_value
    low, high = statement.low, statement.high
    if printed is None or null is None or low is None or high is None:
        return
    error = 1 - statement.level
    excludes = low.low > null or high.high < null
    includes = low.high < null < high.low
    below, above = printed.high < error, printed.low > error
    if not (excludes or includes) or not (below or above):
        verdict, words = UNKNOWN, "rounding leaves open on which side it is."
    else:
        holds = excludes == below
        verdict = _verdict(holds=holds)
        what = "excludes" if excludes else "includes"
        p_text = printed.text if printed.text[:1] in "pP<>" else f"p = {printed.text}"
        words = f"the interval {what} {null:g}, and {p_text} says {'so too' if holds else 'not'}."
    yield Finding(
        "p_and_interval", verdict, printed.text, _interval_text(statement), "significance",
        f"At the {100 * statement.level:g} % level {words}",
    )  # fmt: skip


# --- counts


def _events_within(statement: Statement) -> Iterator[Finding]:
    counts = statement.counts
    if counts is not None and not counts.possible:
        text = f"{counts.events}/{counts.n}"
        if counts.two:
            text += f" and {counts.events_2}/{counts.n_2}"
        yield Finding(
            "events_within_n", INCONSISTENT, text, "", "order",
            f"{text}: a group has more events than rows, or no rows.",
        )  # fmt: skip


def _groups(statement: Statement) -> list[tuple[int, int]]:
    counts = statement.counts
    if counts is None or not counts.possible:
        return []
    groups = [(counts.events, counts.n)]
    if counts.events_2 is not None and counts.n_2 is not None:
        groups.append((counts.events_2, counts.n_2))
    return groups


def _percent_from_counts(statement: Statement) -> Iterator[Finding]:
    for (events, n), printed in zip(_groups(statement), statement.percents, strict=False):
        if printed is None:
            continue
        value = 100 * events / n
        holds = printed.holds(value)
        cut = not holds and printed.low <= value - (printed.high - printed.low) / 2 <= printed.high
        words = "as printed" if holds else "not as printed"
        words += " (cut off, not rounded)" if cut else ""
        yield Finding(
            "percent_from_counts", _verdict(holds=holds), f"{printed.text}%".replace("%%", "%"),
            f"{value:.2f}%", f"{events}/{n}",
            f"{events}/{n} is {value:.2f} %, {words}.",
        )  # fmt: skip


def _percent_possible(statement: Statement) -> Iterator[Finding]:
    """Whether any whole number of rows makes the percent that is printed."""
    if statement.n is None or not statement.percents or statement.percents[0] is None:
        return
    printed, n = statement.percents[0], statement.n
    least = int(np.ceil(printed.low * n / 100 - 1e-9))
    found = least * 100 <= printed.high * n * (1 + 1e-12) and 0 <= least <= n
    near = round((printed.low + printed.high) / 2 * n / 100)
    words = f"{least}/{n} makes it" if found else f"{near}/{n} is {100 * near / n:.2f} %"
    yield Finding(
        "percent_possible", _verdict(holds=found), printed.text, words, "whole numbers",
        f"{printed.text.rstrip('%')} % of {n} rows is {'possible' if found else 'impossible'}: "
        f"{words}.",
    )  # fmt: skip


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def _interval_from_counts(statement: Statement) -> Iterator[Finding]:
    """Which interval of a proportion is the one that is printed."""
    groups, low, high = _groups(statement), statement.low, statement.high
    if statement.measure != "proportion" or len(groups) != 1 or low is None or high is None:
        return
    found = proportion_intervals(*groups[0], statement.level)
    hits = [name for name, (a, b) in found.items() if low.holds(a) and high.holds(b)]
    text = "; ".join(f"{name} {a:.1f} to {b:.1f}" for name, (a, b) in found.items())
    words = f"that of {_listed(hits)}" if hits else "none of the intervals that are in use"
    yield Finding(
        "interval_from_counts", _verdict(holds=bool(hits)), f"{_interval_text(statement)} %", text,
        _listed(hits),
        f"For {groups[0][0]}/{groups[0][1]} the printed {_interval_text(statement)} % is {words}.",
    )  # fmt: skip


def _p_from_counts(statement: Statement) -> Iterator[Finding]:
    """Which test of the 2×2 table gives the p-value that is printed."""
    counts, printed = statement.counts, statement.p_value
    if printed is None or len(_groups(statement)) != 2 or counts is None:
        return
    yield _reproduced("p_from_counts", "p-value", printed, p_values(counts), statement)


def _statistic_from_counts(statement: Statement) -> Iterator[Finding]:
    counts, printed = statement.counts, statement.statistic
    if printed is None or len(_groups(statement)) != 2 or counts is None:
        return
    yield _reproduced("statistic_from_counts", "statistic", printed, statistics(counts), statement)


def _reproduced(
    check: str, what: str, printed: Printed, found: dict[str, float], statement: Statement
) -> Finding:
    if not found:
        words = "Nobody, or everybody, has the event: there is no test of this table."
        return Finding(check, UNKNOWN, printed.text, "", "", words)
    hits = [TEST_NAMES[name] for name, value in found.items() if printed.holds(value)]
    text = "; ".join(f"{TEST_NAMES[name]} {_number(value)}" for name, value in found.items())
    words = (
        f"The printed {what} {printed.text} is that of {_listed(hits)}."
        if hits
        else f"No test of these counts gives the printed {what} {printed.text} ({text})."
    )
    if statement.paired:
        words += (
            " The groups are matched, which none of these tests knows; McNemar's needs the "
            "discordant pairs, and they are not printed."
        )
    return Finding(check, _verdict(holds=bool(hits)), printed.text, text, _listed(hits), words)


def _estimate_from_counts(statement: Statement) -> Iterator[Finding]:
    """The crude ratio and its interval, against those printed."""
    counts, estimate = statement.counts, statement.estimate
    if counts is None or estimate is None or len(_groups(statement)) != 2:
        return
    if statement.measure not in RATIOS:
        return
    found = ratio(counts, statement.measure, statement.level)
    if found is None:
        words = "A cell is empty: the ratio has no finite estimate, whatever is printed."
        yield Finding("estimate_from_counts", INCONSISTENT, estimate.text, "", "crude", words)
        return
    name = RATIOS[statement.measure][0]
    text = f"{_number(found[0])} ({_number(found[1])} to {_number(found[2])})"
    limits = (statement.low, statement.high)
    same = [v is None or v.holds(f) for v, f in zip(limits, found[1:], strict=True)]
    holds = estimate.holds(found[0]) and all(same)
    words = f"The counts give {text}, {'as' if holds else 'not as'} printed"
    more = "." if holds else "; an adjusted estimate may differ."
    yield Finding(
        "estimate_from_counts", _verdict(holds=holds), estimate.text, text, name, words + more
    )


def _zero_cell(statement: Statement) -> Iterator[Finding]:
    groups = _groups(statement)
    if len(groups) != 2 or all(0 < events < n for events, n in groups):
        return
    text = " and ".join(f"{events}/{n}" for events, n in groups)
    yield Finding(
        "zero_cell", UNKNOWN, text, "", "",
        f"{text}: a cell is empty, so an odds ratio has no finite estimate (separation).",
    )  # fmt: skip


def _adds_up(statement: Statement) -> Iterator[Finding]:
    parts = statement.parts or tuple(n for _, n in _groups(statement))
    if statement.total is None or not parts:
        return
    total, found = statement.total, sum(parts)
    holds = found == total
    text = " + ".join(str(part) for part in parts)
    apart = f"{abs(total - found)} too {'few' if found < total else 'many'}"
    words = f"{text} is {found}, {'as printed' if holds else f'not {total}: {apart}'}."
    yield Finding("adds_up", _verdict(holds=holds), str(total), str(found), "sum", words)


_CHECKS: tuple[Callable[[Statement], Iterator[Finding]], ...] = (
    _possible_values,
    _limits_in_order,
    _estimate_in_interval,
    _symmetry,
    _p_from_interval,
    _p_and_interval,
    _events_within,
    _percent_from_counts,
    _percent_possible,
    _interval_from_counts,
    _p_from_counts,
    _statistic_from_counts,
    _estimate_from_counts,
    _zero_cell,
    _adds_up,
)
