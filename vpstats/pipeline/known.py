"""What is true of centers, where a plan knows it, beside what the audit found of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from vpstats.analyses.common import braces
from vpstats.ledger import Note, cell_id

if TYPE_CHECKING:
    from vpstats.centers.result import AuditResult
    from vpstats.study import StudyPlan
    from vpstats.study.audit import Known

WORDS = {"none": "within the limits"}


def known_notes(plan: StudyPlan, result: AuditResult) -> Iterator[Note]:
    """Say of every center of which the truth is known what it is, and what was found.

    Parameters
    ----------
    plan : StudyPlan
        With its ``audit.known``.
    result : AuditResult
        The verdicts.

    Yields
    ------
    Note
        A sentence on the network's page, which falls with the numbers behind its verdicts; and one
        on the page of the center, which holds the truth alone.
    """
    whole = result.table[result.table["stratum"] == "all"] if len(result.table) else result.table
    said = {
        (str(row["indicator"]), str(row["center_id"])): _verdict_words(row)
        for row in whole.to_dict("records")
    }
    titles = {spec.id: spec.title for spec in plan.audited}
    for known in plan.audit.known:
        for center in known.centers:
            yield from _of_center(plan, known, center, said, titles)


def _verdict_words(row: Mapping[str, object]) -> str:
    words = WORDS.get(str(row["verdict"]), str(row["verdict"]))
    return f"{words}, {row['side']}" if row["side"] else words


def _of_center(
    plan: StudyPlan,
    known: Known,
    center: str,
    said: Mapping[tuple[str, str], str],
    titles: Mapping[str, str],
) -> Iterator[Note]:
    there = [name for name in known.indicators if (name, center) in said]
    if not there:
        return
    found = "; ".join(f"{titles[name]}: {said[name, center]}" for name in there)
    counts = tuple(cell_id(f"audit_{name}", center, "outcome", "", "observed") for name in there)
    called = plan.audit.center_names.get(center, center)
    text = f"{called}. True: {known.truth}. Found: {found}."
    yield Note("audit", "finding", braces(text), rests_on=counts)
    for name in there:
        yield Note(f"audit_{name}", "caveat", f"True of this center: {known.truth}.", center)
