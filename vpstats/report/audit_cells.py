"""What the pages of an audit read: released cells by center and indicator, verdicts, file names."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from vpstats.disclosure import Released
from vpstats.report.lookup import Lookup
from vpstats.study import StudyPlan
from vpstats.study.audit import Indicator

NETWORK, LIMITS, EVERYBODY = "network", "limits", "all"
"""Groups of the ledger that are no centers; the last one holds curves of the whole network."""

LEVEL = 0.95
"""Of every interval of an audit, whatever a plan asks of its models."""

FLAGS: Mapping[str, str] = {
    "alarm, worse": "Alarm: needs review",
    "alert, worse": "Alert: look at the data first",
    "alarm, better": "Better than the outer limits",
    "alert, better": "Better than the inner limits",
    "none": "Within the limits",
    "no verdict": "No verdict",
    "withheld": "Withheld",
    "": "Not audited",
}
"""Verdict to the words that stand for it: a flag asks for a review, it does not judge."""

QUIET: Mapping[str, str] = {
    "alarm, worse": "Worse than the outer limits",
    "alert, worse": "Worse than the inner limits",
}
"""The same of indicators that raise no alarm, as those of process where the plan says nothing."""

GRAVITY = ("alarm, worse", "alert, worse", "alarm, better", "alert, better")
"""Flags in the order of the summary."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the audit says of one center in one analysis.

    Parameters
    ----------
    code : str
        A key of `FLAGS`.
    reasons : tuple of str
        Why there is no verdict, and whether a flag survives a look at detection.
    changes : tuple of str
        What changed since the previous audit.
    signals : bool
        Whether verdicts of the indicator decide the exit code.
    """

    code: str = ""
    reasons: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    signals: bool = True

    @property
    def words(self) -> str:
        """What is printed."""
        return FLAGS[self.code] if self.signals else QUIET.get(self.code, FLAGS[self.code])

    @property
    def to_review(self) -> bool:
        """Whether the center is asked for an answer."""
        return self.signals and self.code.endswith("worse")

    @property
    def flagged(self) -> bool:
        """Whether it lies beyond a limit, on either side."""
        return self.code in GRAVITY

    @property
    def flag(self) -> tuple[str, str]:
        """Flag and side, as the funnel plot takes them."""
        flag, _, side = self.code.partition(", ")
        return flag, side


@dataclass(frozen=True, slots=True)
class Part:
    """An indicator within one group of procedures.

    Parameters
    ----------
    analysis : str
        Its name in the ledger.
    words : str
        The group in words: "All", or the stratum.
    """

    analysis: str
    words: str


@dataclass(frozen=True)
class Look(Lookup):
    """What one edition of the audit is written from.

    Parameters
    ----------
    plan : StudyPlan
        With the audit's rules and indicators.
    released : Released
        The only source of numbers in the public edition.
    tables : mapping of str to DataFrame
        "charts", "learning", "incidence" and "cases"; empty in the public edition.
    """

    plan: StudyPlan
    released: Released
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @cached_property
    def centers(self) -> tuple[str, ...]:
        """Centers that any indicator has rows of, ascending."""
        audited = {part.analysis for i in self.indicators for part in self.parts(i)}
        groups = {group for analysis, group in self._index if analysis in audited}
        return tuple(sorted(groups - {NETWORK, LIMITS, EVERYBODY, ""}))

    def name(self, center: str) -> str:
        """How pages call a center; with its id where another one is called alike."""
        found = self.plan.audit.center_names.get(center, center)
        return found if self._called[found] <= 1 else f"{found} ({center})"

    @cached_property
    def _called(self) -> Counter[str]:
        names = self.plan.audit.center_names
        return Counter(names.get(center, center) for center in self.centers)

    @cached_property
    def indicators(self) -> tuple[Indicator, ...]:
        """Indicators of which the release holds cells, in the plan's order."""
        return tuple(i for i in self.plan.audited if self.parts(i))

    def of_kind(self, kind: str) -> tuple[Indicator, ...]:
        """Indicators of one kind."""
        return tuple(i for i in self.indicators if i.kind == kind)

    def parts(self, indicator: Indicator) -> tuple[Part, ...]:
        """The analyses of an indicator: all procedures first, then the strata of the plan."""
        whole = f"audit_{indicator.id}"
        named = [(whole, "All")]
        named += [(f"{whole}_{s}", s.replace("_", " ").capitalize()) for s in indicator.strata]
        return tuple(Part(name, words) for name, words in named if self.has(name))

    def verdict(self, analysis: str, center: str) -> Verdict:
        """What the audit says of a center."""
        said = self.said(analysis, "verdict", center)
        code = said[0].partition(":")[0].strip() if said else ""
        reasons = tuple(
            text
            for role in ("reason", "detection")
            for text in self.said(analysis, role, center)
            if text != "withheld"
        )
        changes = tuple(t for t in self.said(analysis, "change", center) if t != "withheld")
        known = code if code in FLAGS else "withheld" if said else ""
        signals = analysis not in self._quiet
        return Verdict(known, tuple(_sentence(r) for r in reasons), changes, signals)

    @cached_property
    def _quiet(self) -> frozenset[str]:
        """Analyses of indicators that raise no alarm."""
        return frozenset(
            part.analysis
            for i in self.plan.audited
            if not i.sets_exit_code
            for part in self.parts(i)
        )

    def of(self, table: str, **where: str) -> pd.DataFrame:
        """Rows of an internal table; empty where there is none."""
        frame = self.tables.get(table)
        if frame is None:
            return pd.DataFrame()
        return self._groups(table).get(tuple(where.values()), frame.iloc[:0])

    def _groups(self, table: str) -> dict[tuple[str, ...], pd.DataFrame]:
        """Rows of an internal table by its keys, split once."""
        if table not in self._split:
            frame = self.tables[table]
            keys = [k for k in KEYS[table] if k in frame]
            self._split[table] = {
                tuple(map(str, key)): rows
                for key, rows in frame.groupby(keys, sort=False, dropna=False)
            }
        return self._split[table]

    @cached_property
    def _split(self) -> dict[str, dict[tuple[str, ...], pd.DataFrame]]:
        return {}


KEYS: Mapping[str, tuple[str, ...]] = {
    "charts": ("indicator", "center_id"),
    "learning": ("indicator", "center_id"),
    "incidence": ("indicator", "center_id"),
    "cases": ("center_id",),
}
"""Columns by which the internal tables are looked up, in this order."""


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "index"}
    | {f"{port}{i}" for port in ("com", "lpt") for i in range(10)}
)


def file_names(centers: Iterable[str]) -> dict[str, str]:
    """Name the page of each center by its id where that is safe, by a hash of it elsewhere.

    Ids come from files: one may try to climb out of the folder, be a device on some system, or
    differ from another in case alone.

    Parameters
    ----------
    centers : iterable of str
        Distinct ids.

    Returns
    -------
    dict of str to str
        Id to file name without its ending, distinct on every file system.

    Examples
    --------
    >>> file_names(["C01", "../../x"])
    {'../../x': 'center-9cdf6a50100a', 'C01': 'C01'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for center in sorted(centers):
        name = center
        if _SAFE.fullmatch(name) is None or name.lower() in _RESERVED | taken:
            name = f"center-{hashlib.sha256(center.encode()).hexdigest()[:12]}"
        taken.add(name.lower())
        names[center] = name
    return names
