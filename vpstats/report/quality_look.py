"""What the pages of a data-quality report read: measures by section, what is to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from vpstats.disclosure import Released
from vpstats.errors import InternalError
from vpstats.report.lookup import Lookup
from vpstats.report.parts import tidied
from vpstats.rows import Record
from vpstats.tables.quality import NUMBERS, Line

NETWORK = "network"
WITHHELD = "withheld"

SECTIONS: Mapping[str, str] = {
    "volume": "Participation",
    "completeness": "Completeness",
    "validity": "Validity",
    "timeliness": "Timeliness",
    "ascertainment": "Case ascertainment",
    "imaging": "Imaging coverage",
    "followup": "Follow-up",
    "absent": "Who is missing",
}
"""Sections of the report, in order, and their titles."""

SEVERITIES: Mapping[str, str] = {"error": "Error", "warning": "Warning", "info": "Note"}
"""How grave a finding is, in words."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing to look at.

    Parameters
    ----------
    severity, center, section, measure : str
        What it is about.
    text, action : str
        The sentence, with released numbers, and what to do.
    """

    severity: str
    center: str
    section: str
    measure: str
    text: str
    action: str


@dataclass(frozen=True)
class QualityLook(Lookup):
    """What one edition is written from.

    Parameters
    ----------
    released : Released
        The numbers, and the sentences about them.
    doubts : DataFrame
        ``severity, center_id, section, measure, action``, a row for each sentence.
    notes : tuple of str
        What could not be said, and why.
    names : mapping of str to str
        Center to the words that pages call it by.
    tables : mapping of str to DataFrame
        "by_rule", "patterns" and "months" of the centers; empty in the public edition.

    Raises
    ------
    InternalError
        If sentences and doubts do not belong together.
    """

    released: Released
    doubts: pd.DataFrame
    notes: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.released.notes) != len(self.doubts):
            raise InternalError("the release has other sentences than the report.")

    @cached_property
    def centers(self) -> tuple[str, ...]:
        """Every center, ascending."""
        groups = {g for a, g in self._index if a == "quality_volume"}
        return tuple(sorted(groups - {NETWORK}))

    def name(self, center: str) -> str:
        """How pages call a center; with its id where another one is called alike."""
        found = self.names.get(center, center)
        called = [self.names.get(c, c) for c in self.centers]
        return found if called.count(found) <= 1 else f"{found} ({center})"

    @cached_property
    def found(self) -> tuple[Found, ...]:
        """What is to be looked at, and may be said in this edition."""
        pairs = zip(self.released.notes, self.doubts.to_dict("records"), strict=True)
        every = (
            Found(str(d["severity"]), str(d["center_id"]), str(d["section"]), str(d["measure"]),
                  tidied(note.text), str(d["action"]))
            for note, d in pairs
        )  # fmt: skip
        # a sentence whose number is withheld tells nothing, and should not tell the rest
        return tuple(one for one in every if WITHHELD not in one.text)

    def about(self, center: str) -> list[Found]:
        """What is to be looked at in one center, the gravest first."""
        order = list(SEVERITIES)
        mine = (one for one in self.found if one.center == center)
        return sorted(mine, key=lambda one: order.index(one.severity))

    def common(self, key: tuple[str, str, str]) -> tuple[str, ...]:
        """Centers at which one severity, section and measure is to be looked at."""
        return tuple(
            one.center
            for one in self.found
            if (one.severity, one.section, one.measure) == key and one.center != NETWORK
        )

    def label(self, section: str, measure: str) -> str:
        """Words for a measure."""
        line = self.line(section, measure, "")
        return line.words if line is not None else SECTIONS[section]

    def measures(self, section: str) -> list[tuple[str, str]]:
        """Measures of a section and their levels, in order."""
        rows = self.rows(f"quality_{section}", NETWORK) or [
            r for c in self.centers for r in self.rows(f"quality_{section}", c)
        ]
        found = [(r["variable"], r["level"]) for r in rows if any(s in r for s in NUMBERS)]
        return list(dict.fromkeys(found))

    def line(self, section: str, measure: str, center: str, level: str = "") -> Line | None:
        """One measure with the network's and the centers' numbers; None where nobody has one."""
        analysis = f"quality_{section}"
        rows = [self.row(analysis, c, measure, level) for c in self.centers]
        known = tuple(r for r in rows if r is not None and any(s in r for s in NUMBERS))
        own = self.row(analysis, center, measure, level) if center else None
        network = self.row(analysis, NETWORK, measure, level)
        record = next((r for r in (own, network, *known) if r is not None), None)
        if record is None:
            return None
        return Line(str(record["label"]), network, known, own)

    def lines(self, section: str, center: str, only: Sequence[str] = ()) -> list[Line]:
        """The measures of a section that are not about a part of it."""
        found = [
            self.line(section, measure, center)
            for measure, level in self.measures(section)
            if not level and (not only or measure in only)
        ]
        return [line for line in found if line is not None]

    def by_center(self, section: str, measure: str) -> dict[str, Record | None]:
        """Records of one measure by center."""
        return {c: self.row(f"quality_{section}", c, measure) for c in (*self.centers, NETWORK)}
