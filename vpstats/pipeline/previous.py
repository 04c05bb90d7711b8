"""What changed since an earlier audit, and why: new data, corrected data, a changed plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats import __version__
from vpstats.centers.counting import count_rows
from vpstats.errors import UsageError
from vpstats.ledger import COLUMNS, Ledger
from vpstats.pipeline.study import Cohorts
from vpstats.registry.cut import cut_registry
from vpstats.report.audit_document import (
    AuditDocument,
    CenterVerdict,
    Changed,
    PreviousDocument,
    read_document,
)
from vpstats.report.manifest import changed_outputs, read_manifest, sha256_file

if TYPE_CHECKING:
    from vpstats.centers.result import AuditResult
    from vpstats.registry import Registry
    from vpstats.study import StudyPlan

Key = tuple[str, str, str]
"""Indicator, stratum and center."""

NEW, CORRECTED, PLAN = "new data", "corrected data", "changed plan"
OTHERS, SOFTWARE = "other centers", "other software"
ABSENT = "not audited"


@dataclass(frozen=True)
class Previous:
    """An earlier audit, as its folder keeps it.

    Parameters
    ----------
    document : AuditDocument
        Its internal edition.
    inputs : mapping of str to str
        Input file to SHA-256.
    published : Ledger, optional
        What its public edition showed; NaN where a number was hidden or rounded.
    told : frozenset of (indicator, stratum, center)
        Verdicts that its public edition said.
    """

    document: AuditDocument
    inputs: Mapping[str, str]
    published: Ledger | None
    told: frozenset[Key] = frozenset()

    def was_told(self, change: Changed) -> bool:
        """Whether the public knows the verdict that a change began with."""
        return (change.indicator, change.stratum, change.center) in self.told

    def summary(self, inputs: Mapping[str, Path]) -> PreviousDocument:
        """What is said of it in the new document."""
        now = {name: sha256_file(path) for name, path in inputs.items()}
        names = sorted(set(now) | set(self.inputs))
        changed = [name for name in names if now.get(name) != self.inputs.get(name)]
        return PreviousDocument(
            data_cut=self.document.data_cut, plan=self.document.plan, inputs_changed=changed
        )

    def verdicts(self) -> dict[Key, CenterVerdict]:
        """Verdicts by indicator, stratum and center."""
        return _by_key(self.document)

    def fingerprints(self) -> dict[tuple[str, str], str]:
        """What its plan said of each indicator and stratum."""
        return {(part.id, part.stratum): part.fingerprint for part in self.document.indicators}


def read_previous(folder: Path) -> Previous:
    """Read the folder of an earlier audit.

    Parameters
    ----------
    folder : Path
        As `run_audit` wrote it, with its internal edition.

    Returns
    -------
    Previous

    Raises
    ------
    UsageError
        If the folder is no audit, is not as it was written, or holds the public edition alone,
        which withholds numbers that the comparison needs.
    """
    manifest = read_manifest(folder) if folder.is_dir() else None
    path = folder / "internal" / "audit.json"
    if manifest is None or not path.is_file():
        raise UsageError(
            "there is no earlier audit with its internal edition here; name the folder that an "
            "audit was written to.",
            file=folder,
        )
    _require_as_written(folder)
    document = read_document(path.read_text(encoding="utf-8"), path)
    inputs = {entry["name"]: entry["sha256"] for entry in manifest.get("inputs", [])}
    published = _published(folder / "public" / "ledger.csv")
    return Previous(document, inputs, published, _told(folder / "public" / "audit.json"))


READ = ("internal/audit.json", "public/audit.json", "public/ledger.csv")
"""Files of an earlier audit that are read."""


def _require_as_written(folder: Path) -> None:
    """Without what was published nothing could be kept from being subtracted from it."""
    changed = sorted(set(changed_outputs(folder)) & set(READ))
    if changed:
        raise UsageError(
            f"{changed[0]} of this audit is missing or not as it was written; name an audit that "
            "is whole, or leave the earlier one out.",
            file=folder,
        )


def _by_key(document: AuditDocument) -> dict[Key, CenterVerdict]:
    return {
        (part.id, part.stratum, center.center): center
        for part in document.indicators
        for center in part.centers
    }


def _told(path: Path) -> frozenset[Key]:
    if not path.is_file():
        return frozenset()
    public = _by_key(read_document(path.read_text(encoding="utf-8"), path))
    return frozenset(key for key, center in public.items() if center.verdict != "withheld")


def _published(path: Path) -> Ledger | None:
    if not path.is_file():
        return None
    try:
        cells = pd.read_csv(path, keep_default_na=False, na_values={"value": [""], "n": [""]})
        exact = cells["value"].where(cells["suppressed"] == "")
        return Ledger(cells.assign(value=exact)[list(COLUMNS)])
    except (KeyError, ValueError):
        raise UsageError("this ledger is not one of a public audit.", file=path) from None


def find_changes(
    plan: StudyPlan, exports: Registry, result: AuditResult, earlier: Previous
) -> tuple[Changed, ...]:
    """List the verdicts that are others than in an earlier audit, each with its reasons.

    Parameters
    ----------
    plan : StudyPlan
    exports : Registry
        As it was read, not cut.
    result : AuditResult
        The new audit.
    earlier : Previous
        The one before.

    Returns
    -------
    tuple of Changed
        In the order of the new audit, then what it no longer has.

    Notes
    -----
    To tell corrected from new data, today's exports are cut at the day of the earlier audit and
    counted again: if a center's rows or outcomes of then are others now, they were corrected,
    entered late or withdrawn; if they differ from today's, data were added.
    """
    before = earlier.verdicts()
    now = dict(_rows(result))
    both = (*now, *(key for key in before if key not in now))
    moved = [key for key in both if _moved(key, before, now)]
    if not moved:
        return ()
    judge = _Reasons(plan, earlier, _counts_then(plan, exports, earlier, {k[0] for k in moved}))
    return tuple(
        Changed(
            indicator=key[0],
            stratum=key[1],
            center=key[2],
            before=_words(before.get(key)),
            after=_row_words(now.get(key)),
            reasons=list(judge.of(key, before.get(key), now.get(key))),
        )
        for key in moved
    )


def _rows(result: AuditResult) -> Iterator[tuple[Key, dict[str, Any]]]:
    for row in result.table.to_dict("records"):
        yield (str(row["indicator"]), str(row["stratum"]), str(row["center_id"])), row


def _moved(
    key: Key, before: Mapping[Key, CenterVerdict], now: Mapping[Key, dict[str, Any]]
) -> bool:
    return _words(before.get(key)) != _row_words(now.get(key))


def _words(verdict: CenterVerdict | None) -> str:
    if verdict is None:
        return ABSENT
    return f"{verdict.verdict}, {verdict.side}" if verdict.side else verdict.verdict


def _row_words(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ABSENT
    return f"{row['verdict']}, {row['side']}" if row["side"] else str(row["verdict"])


def _counts_then(
    plan: StudyPlan, exports: Registry, earlier: Previous, indicators: set[str]
) -> dict[Key, tuple[float, float]] | None:
    """Rows and outcomes that today's exports give for the day of the earlier audit.

    None where today's exports end before that day.
    """
    day = pd.Timestamp(earlier.document.data_cut)
    if day > exports.data_cut:
        return None
    registry = cut_registry(exports, day)
    cohorts, found = Cohorts(registry, plan), dict[Key, tuple[float, float]]()
    for spec in (s for s in plan.audited if s.id in indicators):
        for stratum, center, n, observed in count_rows(cohorts.build(spec), spec, day):
            found[spec.id, stratum, center] = (n, observed)
    return found


@dataclass(frozen=True)
class _Reasons:
    """Why verdicts are others than they were."""

    plan: StudyPlan
    earlier: Previous
    then: dict[Key, tuple[float, float]] | None

    def of(
        self, key: Key, before: CenterVerdict | None, now: Mapping[str, Any] | None
    ) -> Iterator[str]:
        changed = self._plan_changed(key)
        own = list(self._of_data(key, before, now)) if not changed else []
        if changed:
            yield PLAN
        yield from own
        if self.earlier.document.vpstats != __version__:
            yield SOFTWARE
        elif not own and not changed:
            yield OTHERS

    def _plan_changed(self, key: Key) -> bool:
        old = self.earlier.fingerprints().get(key[:2])
        new = next((s.fingerprint for s in self.plan.audited if s.id == key[0]), None)
        limits = {n: v for n, v in self.plan.audit.model_dump().items() if n in _LIMITS}
        rules = {n: v for n, v in self.earlier.document.rules.items() if n in _LIMITS}
        missing = old is None and not self._had_indicator(key[0])
        return missing or new is None or (old is not None and old != new) or limits != rules

    def _had_indicator(self, name: str) -> bool:
        return any(part.id == name for part in self.earlier.document.indicators)

    def _of_data(
        self, key: Key, before: CenterVerdict | None, now: Mapping[str, Any] | None
    ) -> Iterator[str]:
        old = _pair(before.numbers) if before is not None else (0.0, 0.0)
        new = _pair(now) if now is not None else (0.0, 0.0)
        then = new if self.then is None else self.then.get(key, (0.0, 0.0))
        if not np.allclose(then, new):
            yield NEW
        if not np.allclose(then, old):
            yield CORRECTED


_LIMITS = ("false_discovery", "false_alarms")
"""Rules of the audit that indicators do not carry in their fingerprint."""


def _pair(row: Mapping[str, Any]) -> tuple[float, float]:
    return float(row["n"] or 0), float(row["observed"] or 0)
