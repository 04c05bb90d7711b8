"""The gate itself: the one function that makes a `Released`, and what a `Released` answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, replace
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from vpstats.disclosure.cells import Cells, collect
from vpstats.disclosure.curves import CurveRelease, release_curves, significant
from vpstats.disclosure.derived import Decisions, decide
from vpstats.disclosure.given import Relation, Rests, compare_with, relate_given
from vpstats.disclosure.numbers import Numbers, relate_numbers
from vpstats.disclosure.policy import (
    INTERNAL,
    MARK,
    NOT_ESTIMABLE,
    WITHHELD,
    ReleasePolicy,
)
from vpstats.disclosure.populations import relate_populations
from vpstats.disclosure.relations import Builder, count_system, relate_counts
from vpstats.disclosure.secondary import protect
from vpstats.disclosure.texts import format_number, literal_numbers, render
from vpstats.errors import DisclosureError, UsageError
from vpstats.ledger import COLUMNS, Ledger, Note

RELEASED_COLUMNS = (*COLUMNS, "suppressed")
"""Columns of a release: those of the ledger and the reason why a value is missing or coarser."""

REASONS = ("", "primary", "secondary", "derived", "curve", "rounded")

ZERO_CAVEATS = ("separation", "monotone", "constant_outcome")
"""Caveats that say that some cell is zero."""

WITHHELD_SENTENCE = "A sentence is withheld: a number written out in it equals a hidden count."

RISKS = (
    "Somebody who knows from elsewhere that a person is in the registry, or what happened to "
    "them, can learn more from these tables than a stranger can.",
    "Hidden counts are protected against everything in this report and against the earlier release "
    "that was named; other publications from the same registry were not taken into account. The "
    "study, the audit and the data-quality report of one registry are three of them: publish one, "
    "or look at what they show together.",
    "Verdicts of an audit whose limits allow for variation between centers are functions of every "
    "center's count, hidden ones too; the limits themselves are then withheld.",
    "Adjusted estimates, means and quartiles are given with few digits and never for fewer "
    "rows than the threshold, but they are still functions of single rows.",
    "A hidden count is known to lie between limits, and who knows the rule by which further cells "
    "were chosen may find some of its values likelier than others.",
    "Centers are named by pseudonyms; who knows how many procedures a center does, or whom it "
    "scans, can tell which one it is.",
    "A property that everybody in a group has, or nobody, is shown where the policy shows zeros.",
    "Relations between cells that the ledger does not name, such as groups that overlap without "
    "one holding the other, are not protected unless they were given to the release.",
)
"""What a release cannot rule out."""

_TOKEN = object()


@dataclass(frozen=True, eq=False)
class Released:
    """What may be shown, and nothing else; made by `release` alone.

    Parameters
    ----------
    _cells : DataFrame
        Columns of `RELEASED_COLUMNS`; the value is NaN where it is hidden.
    notes : tuple of Note
        Sentences with released numbers in them.
    policy : ReleasePolicy
        The rules that were applied.
    risks : tuple of str
        What the release cannot rule out.
    token : object
        Proof that `release` is at work.

    Raises
    ------
    DisclosureError
        If anything but `release` makes one.
    """

    _cells: pd.DataFrame
    notes: tuple[Note, ...]
    policy: ReleasePolicy
    risks: tuple[str, ...]
    token: InitVar[object] = None

    def __post_init__(self, token: object) -> None:
        if token is not _TOKEN:
            raise DisclosureError("only release() makes a Released; pass it the ledger.")

    @property
    def cells(self) -> pd.DataFrame:
        """A copy of the released cells."""
        return self._cells.copy()

    @property
    def label(self) -> str:
        """What to print with everything that is not released; empty for what may be published."""
        return INTERNAL if self.policy.audience == "internal" else ""

    @property
    def mark(self) -> str:
        """What tables and figures show for a hidden number."""
        return MARK

    def select(self, **where: str) -> pd.DataFrame:
        """Cells that equal every given column, in the order of the ledger.

        Parameters
        ----------
        **where : str
            Column and the value that it must have.

        Returns
        -------
        DataFrame

        Raises
        ------
        UsageError
            If there is no such column.
        """
        unknown = set(where) - set(RELEASED_COLUMNS)
        if unknown:
            raise UsageError(f"a release has no column {', '.join(sorted(unknown))}.")
        found = self._cells
        if "analysis" in where:
            found = found.iloc[self._places.get(where["analysis"], [])]
        mask = np.ones(len(found), dtype=bool)
        for column, value in where.items():
            mask &= (found[column] == value).to_numpy()
        return found[mask].copy()

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Rows of each analysis: a page asks for its cells many times."""
        return collect((str(name), i) for i, name in enumerate(self._cells["analysis"]))

    def wide(
        self, index: Iterable[str] = ("group", "variable", "level", "label"), **where: str
    ) -> pd.DataFrame:
        """Cells with one column per `stat`; hidden values are NaN.

        Parameters
        ----------
        index : iterable of str
            Columns that name a row.
        **where : str
            As in `select`.

        Returns
        -------
        DataFrame
        """
        return Ledger(self._cells[list(COLUMNS)]).wide(index, **where)

    def text(self, cell_id: str, fmt: str = "") -> str:
        """Write one number, or the words for why it is not there.

        Parameters
        ----------
        cell_id : str
            Which cell.
        fmt : str
            Format of the usual mini-language.

        Returns
        -------
        str

        Raises
        ------
        UsageError
            If there is no such cell.
        """
        found = self._cells[self._cells["cell_id"] == cell_id]
        if found.empty:
            raise UsageError(f"the release has no cell '{cell_id}'.")
        row = found.iloc[0]
        return _words(float(row["value"]), str(row["suppressed"]), fmt, self.policy)


def release(
    result: Any,
    policy: ReleasePolicy,
    *,
    previous: Ledger | Released | None = None,
    relations: Sequence[Relation | Rests] = (),
) -> Released:
    """Hide what must not be known and let the rest pass.

    Parameters
    ----------
    result : Ledger, or anything with a `ledger`
        Every statistic of a run.
    policy : ReleasePolicy
        The rules.
    previous : Ledger or Released, optional
        What was published before; a count that changed by 1 to ``threshold - 1`` since is hidden.
        In a ledger, values that were hidden or rounded are NaN.
    relations : sequence of Relation or Rests
        Sums, and what estimates rest on, that the ledger's parents and names do not show.

    Returns
    -------
    Released
        The cells, in the order of the ledger, with the reason where a value is hidden.

    Raises
    ------
    UsageError
        If `result` has no ledger, or a relation does not hold.
    DisclosureError
        If a small count cannot be protected.

    Notes
    -----
    A small count or complement is protected if the values that agree with everything published,
    the marks included, span at least as many numbers as its mark leaves open (``policy.width``).

    References
    ----------
    Hundepool A, et al. Statistical Disclosure Control. Wiley, 2012.

    Examples
    --------
    >>> from vpstats.ledger import cell
    >>> rows = [cell("a", "n", "n", 60, kind="total")]
    >>> rows += [cell("a", "sex", "n", k, kind="count", level=s, parent="a//n//n")
    ...          for s, k in {"f": 30, "m": 27, "x": 3}.items()]
    >>> released = release(Ledger.from_rows(rows), ReleasePolicy())
    >>> [released.text(i) for i in ("a//n//n", "a//sex/f/n", "a//sex/m/n", "a//sex/x/n")]
    ['60', '30', 'withheld', 'fewer than 5']
    """
    ledger = _ledger_of(result)
    if policy.audience == "internal":
        return _unchanged(ledger, policy)
    earlier = _known_before(previous) if previous is not None else None
    cells = Cells.of(ledger)
    builder = count_system(cells, policy)
    relate_counts(builder)
    relate_populations(builder)
    numbers = relate_numbers(builder)
    relate_given(builder, relations)
    if earlier is not None:
        compare_with(builder, earlier)
    protect(builder.system)
    decisions = decide(builder, numbers)
    curves = release_curves(builder, numbers, decisions, earlier)
    frame = _assemble(ledger, builder, numbers, decisions, curves)
    notes = _render_all(ledger, frame, policy, _hidden_counts(cells, frame))
    return Released(frame, notes, policy, RISKS, token=_TOKEN)


def _ledger_of(result: Any) -> Ledger:
    if isinstance(result, Released):
        return Ledger(result.cells[list(COLUMNS)])
    ledger = result if isinstance(result, Ledger) else getattr(result, "ledger", None)
    if not isinstance(ledger, Ledger):
        raise UsageError("release() needs a Ledger, or a result that has one.")
    return ledger


def _known_before(previous: Any) -> Ledger:
    """What an earlier release told exactly: a rounded number differs from the true one anyway."""
    if not isinstance(previous, Released):
        return _ledger_of(previous)
    cells = previous.cells
    exact = cells["value"].where(cells["suppressed"] != "rounded")
    return Ledger(cells.assign(value=exact)[list(COLUMNS)])


def _unchanged(ledger: Ledger, policy: ReleasePolicy) -> Released:
    frame = ledger.cells.assign(suppressed="").reset_index(drop=True)
    risks = (f"{INTERNAL[0].upper()}{INTERNAL[1:]}. Nothing is hidden.",)
    return Released(frame, _render_all(ledger, frame, policy, {}), policy, risks, token=_TOKEN)


def _assemble(
    ledger: Ledger,
    builder: Builder,
    numbers: Numbers,
    decisions: Decisions,
    curves: CurveRelease,
) -> pd.DataFrame:
    """Put released cells into the order of the ledger, curves where their first step stood."""
    cells, policy = builder.cells, builder.system.policy
    shown = [_shown(builder, numbers, decisions, curves, i) for i in range(len(cells))]
    frame = cells.frame.assign(
        value=[value for value, _, _ in shown],
        n=[n for _, n, _ in shown],
        suppressed=[reason for _, _, reason in shown],
    )
    order = {name: k for k, name in enumerate(ledger.cells["cell_id"])}
    frame = frame.assign(place=[float(order[name]) for name in cells.ids], within=0)
    kept = frame[(frame["kind"] != "curve step").to_numpy()]
    frame = pd.concat([kept, *_curve_frame(cells, curves, order)], ignore_index=True)
    frame = frame.sort_values(["place", "within"], kind="stable", ignore_index=True)
    return _without_zero_caveats(frame[list(RELEASED_COLUMNS)], policy)


def _curve_frame(cells: Cells, curves: CurveRelease, order: dict[str, int]) -> list[pd.DataFrame]:
    if not curves.rows:
        return []
    first: dict[tuple[str, ...], int] = {}
    for i in cells.steps:
        key = cells.rows[i][:3]
        first[key] = min(first.get(key, len(order)), order[cells.ids[i]])
    rows = [
        {**row, "place": first[cells.rows[i][:3]], "within": k}
        for k, (i, row) in enumerate(curves.rows)
    ]
    return [pd.DataFrame(rows).astype({"value": float, "n": float, "place": float})]


def _shown(
    builder: Builder, numbers: Numbers, decisions: Decisions, curves: CurveRelease, i: int
) -> tuple[float, float, str]:
    """Released value, denominator and reason of one cell."""
    cells, policy = builder.cells, builder.system.policy
    n = _shown_n(builder, numbers, curves, i)
    if decisions.hides(i):
        return np.nan, n, decisions.reason[i]
    reason = decisions.reason.get(i, "")
    value = decisions.changed.get(i, cells.value[i])
    if not isfinite(value):
        return value, n, reason
    if reason == "rounded" and policy.rounding == 1:
        return value, n, reason
    if cells.kind[i] in ("count", "total"):
        return policy.rounded(value), n, "rounded" if policy.rounding > 1 else reason
    if policy.rounding > 1 and cells.parent[i] >= 0 and not cells.is_summary(i):
        return _rounded_percent(builder, i, n)
    return significant(value), n, reason


def _rounded_percent(builder: Builder, i: int, n: float) -> tuple[float, float, str]:
    """A percentage of rounded counts; its limits would give the exact count away."""
    cells, policy = builder.cells, builder.system.policy
    if cells.stat[i] != "percent" or not n > 0:
        return np.nan, n, "derived"
    count = policy.rounded(cells.value[cells.parent[i]])
    return significant(min(100 * count / n, 100.0)), n, "rounded"


def _shown_n(builder: Builder, numbers: Numbers, curves: CurveRelease, i: int) -> float:
    if i in curves.numbers_at:
        return curves.numbers_at[i]
    variable = numbers.of_n.get(i)
    if variable is None or builder.system.is_hidden(variable):
        return np.nan
    return builder.system.shown(variable)


def _without_zero_caveats(frame: pd.DataFrame, policy: ReleasePolicy) -> pd.DataFrame:
    if policy.zeros == "show":
        return frame
    kept = [
        ";".join(code for code in str(codes).split(";") if code not in ZERO_CAVEATS)
        for codes in frame["caveat"]
    ]
    return frame.assign(caveat=kept)


def _hidden_counts(cells: Cells, frame: pd.DataFrame) -> dict[str, set[float]]:
    """True values of the hidden counts of each analysis."""
    hidden = set(frame["cell_id"][frame["value"].isna()])
    found = collect((cells.analysis[i], cells.value[i]) for i in cells.counts
                    if cells.ids[i] in hidden)  # fmt: skip
    return {analysis: set(values) for analysis, values in found.items()}


def _render_all(
    ledger: Ledger, frame: pd.DataFrame, policy: ReleasePolicy, hidden: dict[str, set[float]]
) -> tuple[Note, ...]:
    """Render the notes; a finding that spells out a hidden count is withheld as a whole."""
    values = dict(zip(frame["cell_id"], frame["value"], strict=True))
    reasons = dict(zip(frame["cell_id"], frame["suppressed"], strict=True))
    known = set(ledger.cells["cell_id"])

    def say(name: str, spec: str) -> str | None:
        if name in values:
            return _words(float(values[name]), str(reasons[name]), spec, policy)
        return WITHHELD if name in known else None

    def pass_on(note: Note) -> Note:
        if any(_narrows(str(reasons.get(name, "")), policy) for name in note.rests_on):
            return replace(note, text=WITHHELD)
        counts = hidden.get(note.analysis, set())
        if note.role == "finding" and literal_numbers(note.text) & counts:
            return replace(note, text=WITHHELD_SENTENCE)
        return render(note, say)

    return tuple(pass_on(note) for note in ledger.notes)


def _narrows(reason: str, policy: ReleasePolicy) -> bool:
    """Whether words about a number would tell more of it than its cell does.

    Where everything is rounded that is no protection of its own; a single rounded count is.
    """
    return reason != "" and (reason != "rounded" or policy.rounding == 1)


def _words(value: float, reason: str, spec: str, policy: ReleasePolicy) -> str:
    if not np.isnan(value):
        if reason == "rounded" and policy.rounding == 1:
            return f"about {value:,.10g}"
        return format_number(value, spec)
    if reason == "primary":
        return policy.small_words
    return WITHHELD if reason else NOT_ESTIMABLE
