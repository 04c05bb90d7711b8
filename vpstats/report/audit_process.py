"""The chapter on what was done; and a center's outcome with what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping

from vpstats import tables
from vpstats.report.audit_cells import LEVEL, NETWORK, Look
from vpstats.report.audit_figures import Gallery, reading
from vpstats.report.audit_pieces import Chapter, Figure, figures, paragraphs, table
from vpstats.rows import Record, complete, number

OWN = "This center"

BESIDE: Mapping[str, Mapping[str, str]] = {
    "direct": {s: s for s in ("indirect", "indirect_low", "indirect_high", "direct", "direct_low",
                              "direct_high")},
    "detection": {"rate": "examined", "routine": "routine", "suspicion": "suspicion",
                  "weighted": "weighted", "bound_low": "bound_low", "bound_high": "bound_high"},
    "followup": {"completeness": "completeness"},
}  # fmt: skip
"""Variable and statistic of what stands beside an outcome, and its name in the merged record."""

COARSE = frozenset({"routine", "suspicion", "completeness"})
"""Shares that the public edition holds in steps alone."""


def merged(look: Look, analysis: str, center: str) -> Record | None:
    """The outcome's record with what stands beside it: standardised rates, detection, follow-up."""
    own = look.row(analysis, center, "outcome")
    if own is None:
        return None
    merged = dict(own)
    hidden, rounded = set(own["hidden"]), set(own["rounded"])
    for variable, names in BESIDE.items():
        more = look.row(analysis, center, variable)
        if more is not None:
            merged |= {new: more[old] for old, new in names.items() if old in more}
            hidden |= {new for old, new in names.items() if old in more["hidden"]}
            rounded |= {new for old, new in names.items() if old in more["rounded"]}
    coarse = set() if look.internal else COARSE & set(merged)
    hidden |= {name for name in coarse if not complete(merged, name)}
    return {**merged, "hidden": hidden, "rounded": rounded | coarse}


def processes(look: Look, gallery: Gallery, center: str) -> Chapter:
    """What was done and recorded, with the quartiles of the centers."""
    rows = []
    drawn: list[Figure] = []
    for indicator in look.of_kind("process"):
        part = look.parts(indicator)[0]
        network = look.row(part.analysis, NETWORK, "outcome")
        adjusted = bool(look.rows(part.analysis, NETWORK, "model"))
        own = _done(merged(look, part.analysis, center), network, adjusted) if center else None
        said = look.verdict(part.analysis, center).words if center else ""
        rows.append((f"{indicator.title}{' (adjusted)' if adjusted else ''}", own, network, said))
        drawn += gallery.pair(indicator, part, center)
    if not rows:
        none = paragraphs("The plan has no process indicators.")
        return Chapter("process", "Process indicators", (none,))
    model = tables.process_table("What was done and recorded", rows, level=LEVEL,
                                 own=OWN if center else "", mark=look.mark)  # fmt: skip
    pieces = (
        table(model),
        paragraphs(UNADJUSTED, reading(look.plan.audit.alert, look.plan.audit.alarm)),
        figures(drawn),
    )
    return Chapter("process", "Process indicators", pieces)


UNADJUSTED = (
    "What is done and recorded is owed to every patient, so that it is not adjusted for case mix "
    "unless the plan names what for. Without adjustment rates are drawn; their limits allow for a "
    "center being part of the network around which they lie. These results raise no alarm unless "
    "the plan says so."
)


def _done(own: Record | None, network: Record | None, adjusted: bool) -> Record | None:
    """A center's record with the rate that is printed of it: adjusted, or its own with limits."""
    if own is None or network is None:
        return own
    whole = number(own, "n") * number(network, "benchmark")
    crude = 100 * number(own, "expected") / whole if whole > 0 else float("nan")
    scale = 1.0 if adjusted else crude
    names = {"rate_low": "indirect_low", "rate_high": "indirect_high"}
    names |= {"rate": "indirect"} if adjusted else {}
    made = {new: scale * number(own, old) for new, old in names.items()}
    hidden = own["hidden"] | {new for new, old in names.items() if old in own["hidden"]}
    return {**own, **made, "hidden": hidden}
