"""One call from a registry to what its data are worth, center by center."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import ValidationError

from vpstats.disclosure.texts import format_number, render
from vpstats.errors import UsageError
from vpstats.intervals import require_level
from vpstats.ledger import Ledger
from vpstats.quality.absent import who_is_missing
from vpstats.quality.cells import ledger_rows
from vpstats.quality.completeness import completeness, missing_patterns, state_counts
from vpstats.quality.following import followed, following
from vpstats.quality.hospital import ascertainment
from vpstats.quality.imaging import imaging
from vpstats.quality.judge import Doubt, judge
from vpstats.quality.measures import NETWORK, as_table, members
from vpstats.quality.result import QualityResult
from vpstats.quality.timeliness import months_table, timeliness
from vpstats.quality.validity import finding_counts, validity
from vpstats.quality.variables import key_variables
from vpstats.registry.cut import cut_registry
from vpstats.registry.quality_map import QualityMap

if TYPE_CHECKING:
    from vpstats.ledger import Note
    from vpstats.registry import Registry

TIDY = [
    "section", "measure", "level", "center_id", "n", "n_events", "estimate", "conf_low",
    "conf_high", "unit", "network_median", "network_low", "network_high",
]  # fmt: skip

NO_ENTRY = "No day of entry is recorded, so how soon procedures are entered is not known."
NO_COUNTS = (
    "No hospital's own count is given, so how many of the procedures are in the registry is not "
    "known."
)
MOVED = (
    "The days of each patient were moved, so months, silence, hospitals' counts and the share of "
    "follow-up that could have been are not known."
)


def quality_report(
    registry: Registry,
    *,
    as_of: object = None,
    rules: QualityMap | None = None,
    hospital_counts: pd.DataFrame | Iterable[Mapping[str, Any]] | None = None,
    level: float = 0.95,
) -> QualityResult:
    """Say how complete, valid, timely and whole the data of each center are.

    Parameters
    ----------
    registry : Registry
        A cleaned registry; unchanged.
    as_of : date-like, optional
        Last day that counts; the data cut if None.
    rules : QualityMap, optional
        Key variables, and what is asked for; ``[quality]`` of the registry's mapping if None.
    hospital_counts : DataFrame or records, optional
        ``center, n`` and ``year``, or ``from`` and ``to``: procedures that hospitals counted; those
        of the mapping if None.
    level : float
        Level of the intervals.

    Returns
    -------
    QualityResult
        ``tidy()`` has a row for each center, and for the network, and each measure:

        - completeness: share of cells known, of those that could be, in per cent;
        - validity: findings, refused and changed values per 100 records (patients, procedures,
          levels, visits and events);
        - timeliness: days from procedure to entry, days since the last procedure at the data cut,
          months without a procedure and the longest gap;
        - ascertainment: procedures in the registry over those of the hospital, with Wilson
          intervals;
        - imaging: share of procedures that each kind of imaging covers;
        - followup: median by the reverse Kaplan–Meier estimate, Clark's C, and the share of
          patients whose state after a year is known.

        `network_median`, `network_low` and `network_high` are the median and the range of the
        centers.

    Raises
    ------
    UsageError
        If the day, the level or the counts cannot be used.

    Notes
    -----
    Intervals stand where rows are patients, or procedures against a count of them; other shares
    describe the record as it is. Findings about a center ask for at least 10 rows. A gap is a
    finding if procedures that come at the center's mean pace, by chance, would leave one as long
    with a probability below 0.01.

    References
    ----------
    Schmidt CO, Struckmann S, Enzenbach C, et al. Facilitating harmonized data quality assessments.
    BMC Med Res Methodol 2021;21:63. Clark TG, Altman DG, De Stavola BL. Quantification of the
    completeness of follow-up. Lancet 2002;359:1309-1310. Schemper M, Smith TL. A note on
    quantifying follow-up in studies of failure time. Control Clin Trials 1996;17:343-346.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from vpstats import read_registry
    >>> report = quality_report(read_registry(files("vpstats") / "templates"))
    >>> rows = report.tidy().set_index(["measure", "center_id"])
    >>> rows.loc[("procedures.crp_mg_l", "C01"), ["n", "n_events", "estimate"]].tolist()
    [8.0, 6.0, 75.0]
    """
    level = require_level(level)
    asked = _rules(registry.quality if rules is None else rules, hospital_counts)
    centers = _centers(registry)
    seen = registry if as_of is None else cut_registry(registry, as_of)
    variables = key_variables(seen, asked.variables)
    patients = followed(seen)
    rows = [
        *completeness(variables, centers),
        *validity(seen, centers),
        *timeliness(seen, centers, asked.entry_days),
        *ascertainment(seen, asked.hospital_counts, centers, level=level),
        *imaging(seen, centers),
        *following(seen, patients, centers, level=level),
    ]
    measures = as_table(rows)
    volumes = _volumes(seen, centers)
    absent = who_is_missing(seen, patients)
    doubts = judge(measures, absent, volumes, asked, seen.data_cut)
    draft = QualityResult(
        title="Quality of the data by center",
        unit="procedure",
        n=len(seen.procedures),
        level=level,
        table=measures[TIDY],
        measures=measures,
        volumes=volumes,
        states=state_counts(variables, centers),
        by_rule=finding_counts(seen, centers),
        patterns=missing_patterns(seen, variables, centers),
        absent=absent,
        months=months_table(seen, centers),
        data_cut=seen.data_cut,
        notes=tuple(_not_known(seen, measures)),
        status="ok" if len(seen.procedures) else "no rows",
        reason="" if len(seen.procedures) else "The registry holds no procedure up to that day.",
    )
    ledger = Ledger.from_rows(ledger_rows(draft), [doubt.note for doubt in doubts])
    return replace(draft, ledger=ledger, findings=_findings(doubts, ledger))


def _rules(rules: QualityMap, counts: Any) -> QualityMap:
    if counts is None:
        return rules
    records = counts.to_dict("records") if isinstance(counts, pd.DataFrame) else list(counts)
    given = [{k: v for k, v in dict(r).items() if not _is_blank(v)} for r in records]
    content = rules.model_dump(exclude={"hospital_counts"}) | {"hospital_counts": given}
    try:
        return QualityMap.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = " ".join(str(part) for part in first["loc"])
        raise UsageError(f"{place}: {str(first['msg']).removeprefix('Value error, ')}.") from None


def _is_blank(value: object) -> bool:
    return value is None or value is pd.NaT or value != value


def _centers(registry: Registry) -> tuple[str, ...]:
    """Every center that sent anything, whether or not it did anything in the period."""
    names = pd.concat([registry.patients["center_id"], registry.procedures["center_id"]])
    return tuple(sorted(names.dropna().astype(str).unique()))


def _volumes(registry: Registry, centers: tuple[str, ...]) -> pd.DataFrame:
    rows = registry.procedures
    found = [
        (name, int(here.sum()), int(rows["patient_id"][here].nunique()))
        for name, here in members(rows["center_id"].to_numpy(object), centers)
    ]
    return pd.DataFrame(found, columns=["center_id", "procedures", "patients"])


def _not_known(registry: Registry, measures: pd.DataFrame) -> list[str]:
    whole = measures[measures["center_id"] == NETWORK].set_index("measure")
    said = []
    if not whole.loc["entry_before", "n"]:
        said.append(NO_ENTRY)
    if registry.shifted_days:
        said.append(MOVED)
    elif "ascertained" not in whole.index:
        said.append(NO_COUNTS)
    return said


def _findings(doubts: list[Doubt], ledger: Ledger) -> pd.DataFrame:
    """The sentences with their true numbers: internal."""
    values = dict(zip(ledger.cells["cell_id"], ledger.cells["value"], strict=True))

    def say(name: str, spec: str) -> str | None:
        return format_number(values[name], spec) if name in values else None

    rows = [
        (d.severity, d.center, d.section, d.measure, _said(d.note, say), d.action) for d in doubts
    ]
    columns = ["severity", "center_id", "section", "measure", "message", "action"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _said(note: Note, say: Any) -> str:
    return render(note, say).text
