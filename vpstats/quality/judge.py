"""What a data manager should look at: sentences whose numbers are cells of the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.ledger import Note, cell_id
from vpstats.quality.cells import analysis_of, measure_id
from vpstats.quality.hospital import open_periods, strangers
from vpstats.quality.measures import NETWORK, Row
from vpstats.quality.timeliness import RARE

if TYPE_CHECKING:
    from vpstats.registry.quality_map import QualityMap

LEAST = 10
"""Rows below which a share is shown and not judged."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing to look at.

    Parameters
    ----------
    severity : {"error", "warning", "info"}
        "error": the numbers contradict one another; "warning": below what is asked for.
    center, section, measure : str
        What it is about.
    text : str
        Sentence with a place ``{0:format}`` for each number.
    action : str
        What to do.
    numbers : tuple of str
        Cells that the places stand for.
    rests_on : tuple of str
        Cells that the words alone would narrow down.
    """

    severity: str
    center: str
    section: str
    measure: str
    text: str
    action: str
    numbers: tuple[str, ...] = ()
    rests_on: tuple[str, ...] = ()

    @property
    def note(self) -> Note:
        """The sentence as the ledger keeps it.

        A center whose name holds a brace cannot be referred to; its numbers stand in the tables.
        """
        text = _PLACE.sub(lambda found: self._place(int(found[1]), found[2]), self.text)
        return Note(analysis_of(self.section), "finding", text, self.center, self.rests_on)

    def _place(self, number: int, spec: str) -> str:
        name = self.numbers[number]
        return "…" if set(name) & set("{}") else f"{{{name}:{spec}}}"


_PLACE = re.compile(r"\{(\d):([^{}]*)\}")


def judge(
    measures: pd.DataFrame,
    absent: pd.DataFrame,
    volumes: pd.DataFrame,
    rules: QualityMap,
    cut: pd.Timestamp,
) -> list[Doubt]:
    """Hold the report against what is asked for.

    Parameters
    ----------
    measures, absent, volumes : DataFrame
        Of the result.
    rules : QualityMap
        What is asked for, and what hospitals counted.
    cut : Timestamp
        Last day that the data know of.

    Returns
    -------
    list of Doubt
        By center, sections in the order of the report.
    """
    rows = measures.to_dict("records")
    centers = tuple(c for c in volumes["center_id"] if c != NETWORK)
    rare = RARE / max(len(centers), 1)
    found = [
        *_silent_centers(volumes),
        *(d for row in rows if row["center_id"] != NETWORK for d in _measure(row, rules, rare)),
        *(d for row in rows if row["center_id"] == NETWORK for d in _stopped(row)),
        *_strangers(rules, centers, cut),
        *_imbalances(absent, rules),
    ]
    order = {center: i for i, center in enumerate((*centers, NETWORK))}
    return sorted(found, key=lambda d: order.get(d.center, len(order)))


def _silent_centers(volumes: pd.DataFrame) -> Iterator[Doubt]:
    for row in volumes.to_dict("records"):
        if row["procedures"] == 0:
            place = cell_id(analysis_of("volume"), row["center_id"], "procedures", "", "n")
            yield Doubt("warning", row["center_id"], "volume", "procedures",
                        "No procedure is in the registry.",
                        "Find out whether the center did none or sent none.",
                        rests_on=(place,))  # fmt: skip


def _stopped(row: Row) -> Iterator[Doubt]:
    """The whole network is silent: entry lags behind, or the export is older than it says."""
    if row["measure"] == "silence_chance" and row["estimate"] < RARE:
        silence = measure_id({**row, "measure": "silence"})
        yield _doubt(row, "warning", "The last procedure of all lies {0:,.0f} days before the data "
                     "cut.", "Find out whether entry lags behind, or the exports are older than "
                     "the data cut.", silence)  # fmt: skip


def _doubt(row: Row, severity: str, text: str, action: str, *numbers: str) -> Doubt:
    """A doubt about a measure; its words rest on its counts, or else on its numbers."""
    own = numbers or (measure_id(row),)
    counts = tuple(name for name in (_count_of(row),) if name) or own
    return Doubt(severity, row["center_id"], row["section"], row["measure"], text, action, own,
                 counts)  # fmt: skip


def _count_of(row: Row) -> str:
    """Cell of the count behind a percentage."""
    if row["section"] == "completeness":
        return cell_id(analysis_of("completeness"), row["center_id"], row["measure"], "known", "n")
    return measure_id(row, "n_events") if np.isfinite(row["n_events"]) else ""


def _measure(row: Row, rules: QualityMap, rare: float) -> Iterator[Doubt]:
    match row["section"]:
        case "completeness":
            yield from _below(row, rules.completeness, _INCOMPLETE)
        case "followup" if row["measure"] == "known_1y":
            yield from _below(row, rules.status, _UNKNOWN)
        case "ascertainment":
            yield from _ascertained(row, rules)
        case "validity":
            yield from _invalid(row, rules)
        case "timeliness":
            yield from _timely(row, rules)
            yield from _interrupted(row, rare)


_INCOMPLETE = ("LABEL: known of {0:.1f} % only; FLOOR % are asked for.",
               "Ask the center for what is missing, or for why it is not recorded.")  # fmt: skip
_UNKNOWN = ("The state after a year is known of {0:.1f} % of patients only; FLOOR % are asked for.",
            "Look the patients up in the hospital, or in the register of deaths.")  # fmt: skip


def _below(row: Row, floor: float, words: tuple[str, str]) -> Iterator[Doubt]:
    if row["n"] >= LEAST and row["n_events"] == 0 and row["section"] == "completeness":
        yield _doubt(row, "warning", f"{row['label']}: not one value is known.", "Find out whether "
                     "the export holds it, and whether the mapping names its column.")  # fmt: skip
    elif row["n"] >= LEAST and row["estimate"] < 100 * floor:
        text = words[0].replace("LABEL", row["label"]).replace("FLOOR", f"{100 * floor:g}")
        yield _doubt(row, "warning", text, words[1])


def _ascertained(row: Row, rules: QualityMap) -> Iterator[Doubt]:
    counts = measure_id(row, "n_events"), measure_id(row, "n")
    if row["n_events"] > row["n"]:
        yield _doubt(row, "error", f"The registry holds {{0:,.0f}} procedures in {row['level']}, "
                     "more than the hospital did ({1:,.0f}).", "One of the counts is wrong: look "
                     "for procedures that are here twice, or of another hospital, and ask how the "
                     "hospital counted.", *counts)  # fmt: skip
    elif row["level"] == "" and row["estimate"] < 100 * rules.ascertainment:
        yield _doubt(row, "warning", "The registry holds {0:,.0f} of the {1:,.0f} procedures that "
                     f"the hospital did; {100 * rules.ascertainment:g} % are asked for.",
                     "Find out which procedures are not reported, and whether they differ.",
                     *counts)  # fmt: skip


def _invalid(row: Row, rules: QualityMap) -> Iterator[Doubt]:
    if row["measure"] == "error" and row["n"] >= LEAST and row["estimate"] > rules.errors:
        yield _doubt(row, "warning", f"Cleaning found {{0:.1f}} errors per 100 records; "
                     f"{rules.errors:g} pass.",
                     "Go through the findings of `vpstats check` with the center.")  # fmt: skip


def _timely(row: Row, rules: QualityMap) -> Iterator[Doubt]:
    slow = row["measure"] == "entry_median" and row["n"] >= LEAST
    if slow and row["estimate"] > rules.entry_days:
        yield _doubt(row, "warning", "Half of the procedures are entered after {0:.0f} days or "
                     f"more; {rules.entry_days} are asked for.",
                     "Ask what holds the entry up.")  # fmt: skip
    if row["measure"] == "entry_before" and row["n_events"] > 0:
        yield _doubt(row, "error", "Procedures that were entered before they were done: "
                     "{0:,.0f}.", "Look both days up and correct the wrong one.",
                     measure_id(row, "n_events"))  # fmt: skip


def _interrupted(row: Row, rare: float) -> Iterator[Doubt]:
    """A silence or a gap that chance at the center's pace does not explain."""
    if not row["estimate"] < rare:
        return
    if row["measure"] == "silence_chance":
        yield _doubt(row, "warning", "No procedure for {0:,.0f} days, longer than chance explains "
                     "at the center's pace.", "Ask whether the center stopped, or stopped "
                     "reporting.", measure_id({**row, "measure": "silence"}))  # fmt: skip
    elif row["measure"] == "gap_chance":
        yield _doubt(row, "warning", "Months in a row without a procedure: {0:.0f}, longer than "
                     "chance explains at the center's pace.",
                     "Ask for the procedures of that time.",
                     measure_id({**row, "measure": "gap"}))  # fmt: skip


def _strangers(rules: QualityMap, centers: Sequence[str], cut: pd.Timestamp) -> Iterator[Doubt]:
    for name in strangers(rules.hospital_counts, tuple(centers)):
        yield Doubt("error", name, "ascertainment", "ascertained",
                    "A hospital's count is given for this center, which the registry does not "
                    "know.", "Correct the name in hospital_counts, or ask for the center's "
                    "export.")  # fmt: skip
    for one in open_periods(rules.hospital_counts, cut, tuple(centers)):
        yield Doubt("info", one.center, "ascertainment", "ascertained",
                    f"The hospital's count of {one.period} is not used: the period is not over at "
                    "the data cut.", "Give the count of a period that is over.")  # fmt: skip


_GRAVE = {"known_1y": "warning"}
"""Outcomes whose imbalance is a warning; centers choose whom to image, which is no fault."""


def _imbalances(absent: pd.DataFrame, rules: QualityMap) -> Iterator[Doubt]:
    excess = absent[absent["stat"] == "excess"]
    for row in excess.to_dict("records"):
        if row["value"] > rules.imbalance**2:
            smd = cell_id(analysis_of("absent"), "all", f"{row['outcome']}.{row['variable']}", "",
                          "smd")  # fmt: skip
            yield Doubt(
                _GRAVE.get(row["outcome"], "info"), NETWORK, "absent", row["outcome"],
                f"{row['label']}: those with and without it differ by {row['words'].lower()} "
                "(standardised difference {0:.2f}).",
                "Results are of those with a value: compare them with imputed ones, or say whom "
                "they are of.", (smd,), (smd,),
            )  # fmt: skip
