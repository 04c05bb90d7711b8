"""What an audit's counts add up to, and which numbers tell of counts that they are not about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from vpstats.centers.mix_cells import NETWORK
from vpstats.centers.result import IndicatorAudit
from vpstats.ledger import cell_id

LIMITS = "limits"
"""Group of a funnel's limits."""
WHOLE = "all"
"""Group of the network's curve: the disclosure gate takes it for that of everybody."""
QUARTILES = ("q1", "median", "q3")
SPREAD = ("statistic", "p_dispersion", "tau", "tau_low", "tau_high", "tau_raw", "phi", "phi_raw",
          "mu", "tau_ml", "rankability")  # fmt: skip
"""Of the network's row: numbers that are functions of every center's count."""
AMONG_ALL = ("z_tau", "p_tau", "z_phi", "p_phi", "shrunken", "shrunken_low", "shrunken_high",
             "exceedance", "rank_low", "rank_high")  # fmt: skip
"""Of a center's row: numbers that rest on the spread of centers as well."""
JUDGED_BY = ("p_value", "q_value", "alert_low", "alert_high", "alarm_low", "alarm_high")
"""And those that do where the plan's limits allow for that spread."""


def over_centers(audit: IndicatorAudit) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The network's count is the sum of the centers'."""
    if audit.table.empty or audit.network.empty:
        return
    for stat in ("n", "observed"):
        total = cell_id(audit.analysis, NETWORK, "outcome", "", stat)
        centers = audit.table["center_id"].astype(str)
        yield total, tuple(cell_id(audit.analysis, c, "outcome", "", stat) for c in centers)


def over_risk_groups(audit: IndicatorAudit) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Groups of risk are the network's rows, or those that the model could tell the risk of."""
    table = audit.calibration
    if audit.table.empty or audit.network.empty or not len(table):
        return
    groups = table[table["variable"] == "risk_group"]
    for stat in ("n", "observed") if len(groups) else ():
        names = (cell_id(audit.analysis, NETWORK, "calibration", str(level), stat)
                 for level in groups["level"])  # fmt: skip
        if groups[stat].sum() <= audit.table[stat].sum():
            yield cell_id(audit.analysis, NETWORK, "outcome", "", stat), tuple(names)


def among_examined(audit: IndicatorAudit) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Rows of which the outcome is judged are among the examined, and mostly all of them."""
    if audit.detection.empty or "observed" not in audit.detection:
        return
    examined = audit.detection.set_index(audit.detection["center_id"].astype(str))["observed"]
    for row in audit.table.to_dict("records"):
        center = str(row["center_id"])
        if center in examined.index and float(row["n"]) <= float(examined[center]):
            part = cell_id(audit.analysis, center, "outcome", "", "n")
            yield cell_id(audit.analysis, center, "detection", "", "observed"), (part,)


def resting(
    audit: IndicatorAudit, rows: list[dict[str, Any]]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """What counts would be told by, besides the estimates of their own rows.

    What is expected of a center is its share of the network's events: with it, and most plainly
    where the center had none, goes the network's number. Quartiles and the spread of centers are
    functions of every center's number.
    """
    if audit.table.empty or audit.network.empty:
        return
    estimates = [row for row in rows if row["kind"] == "estimate"]
    own = [row for row in estimates if row["group"] not in (NETWORK, LIMITS, WHOLE)]
    for variables, stat in ((("outcome", "direct"), "observed"), (("detection",), "n")):
        found = [row["cell_id"] for row in own if row["variable"] in variables]
        if stat == "observed":
            found += [row["cell_id"] for row in estimates if _is_calibration(row)]
        yield (cell_id(audit.analysis, NETWORK, "outcome", "", stat),), tuple(found)
    widened = str(audit.network["dispersion"].iloc[0]) != "none"
    told = tuple(row["cell_id"] for row in estimates if _tells_of_all(row, widened))
    centers = audit.table["center_id"].astype(str)
    yield tuple(cell_id(audit.analysis, c, "outcome", "", "observed") for c in centers), told
    # and a quartile of rates, where the count is shown, every center's number of rows
    rates = tuple(cell_id(audit.analysis, NETWORK, "outcome", "", name) for name in QUARTILES)
    yield tuple(cell_id(audit.analysis, c, "outcome", "", "n") for c in centers), rates


def _is_calibration(row: dict[str, Any]) -> bool:
    """Whether a number is one of the groups of risk, whose expected numbers add up to the whole."""
    return row["group"] == NETWORK and str(row["variable"]).startswith("calibration")


def _tells_of_all(row: dict[str, Any], widened: bool) -> bool:
    """Whether a number is a function of the counts of all centers.

    Variation between centers, and with it whatever allows for it or draws towards the network, can
    be solved for a count where few are hidden; `widened` says that the limits in use allow for it.
    """
    group, stat = row["group"], str(row["stat"])
    if group == LIMITS:
        return not stat.endswith("_plain") if widened else stat.endswith(("_tau", "_phi"))
    if row["variable"] != "outcome":
        return False
    if group == NETWORK:
        return stat in (*QUARTILES, *SPREAD) or (widened and stat.startswith("needed_"))
    return stat in AMONG_ALL or (widened and stat in JUDGED_BY)


def over_strata(
    indicators: Iterable[IndicatorAudit],
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A center's count over all rows is that of its strata and of who is in none of them."""
    audits = list(indicators)
    for whole in (a for a in audits if a.stratum == "all"):
        parts = [a for a in audits if a.indicator == whole.indicator and a.stratum != "all"]
        inside = {a.analysis: _values(a) for a in parts}
        own = _values(whole)
        for (center, stat), value in own.items():
            held = [name for name, values in inside.items() if (center, stat) in values]
            if held and sum(inside[name][center, stat] for name in held) <= value:
                ids = tuple(cell_id(name, center, "outcome", "", stat) for name in held)
                yield cell_id(whole.analysis, center, "outcome", "", stat), ids


def _values(audit: IndicatorAudit) -> dict[tuple[str, str], float]:
    rows = audit.table.to_dict("records")
    return {
        (str(row["center_id"]), stat): float(row[stat])
        for row in rows
        for stat in ("n", "observed")
    }
