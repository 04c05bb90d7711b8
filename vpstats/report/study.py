"""The report of a study: one folder, half of which may leave the institution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import pandas as pd

from vpstats.disclosure import Released, policy_text
from vpstats.errors import DisclosureError, UsageError
from vpstats.escaping import to_csv
from vpstats.report.internal import mask, summarise
from vpstats.report.manifest import (
    Provenance,
    require_replaceable,
    write_manifests,
)
from vpstats.report.methods import methods
from vpstats.report.page import Page, render, write_blocks, write_text
from vpstats.report.parts import Edition, Listing, Section
from vpstats.report.sections import glossary_section, study_sections
from vpstats.report.writing import replace_folder
from vpstats.study import StudyPlan
from vpstats.tables import TableModel

README = """This folder is a report written by vpstats.

public/    has passed the disclosure rules of the study plan. It may leave the institution.
           Open public/report.html in any browser.
internal/  shows small numbers, findings and corrections. It must not leave the institution.

manifest.json names the inputs, the software and every file by its SHA-256; those of the internal
edition are named in internal/manifest.json and stay there. It also names the input files, so it
stays in the institution unless those names may be known.
"""

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


LEDGER_DIGITS = 12
"""Significant digits of the values in ledger.csv."""


@dataclass(frozen=True)
class RegistrySummary:
    """What the report says of the registry, and which of its fields the cleaning log may show.

    Parameters
    ----------
    name : str
        Printed on the report.
    data_cut : date
        Day of the exports.
    synthetic : bool
        Whether the data are simulated; the report then says so on every page.
    shown_fields : frozenset of (table, field)
        Fields whose raw values the internal cleaning log may show; all others are masked.
    consent : {"", "opt-out", "opt-in"}
        Rule by which patients stayed; "" where it is not known.
    deidentified : mapping of str to str
        ``table.field`` to what became of it; empty if nothing was done.
    """

    name: str
    data_cut: date
    synthetic: bool
    shown_fields: frozenset[tuple[str, str]]
    consent: str = ""
    deidentified: Mapping[str, str] = field(default_factory=dict)

    @property
    def about(self) -> dict[str, object]:
        """What a manifest says of the registry."""
        said = {
            "name": self.name,
            "data_cut": self.data_cut.isoformat(),
            "synthetic": self.synthetic,
        }
        return said | ({"deidentified": dict(self.deidentified)} if self.deidentified else {})


@dataclass(frozen=True)
class _Study:
    """What both editions share."""

    plan: StudyPlan
    registry: RegistrySummary
    provenance: Provenance


def write_study(
    *,
    plan: StudyPlan,
    registry_summary: RegistrySummary,
    public: Released,
    internal: Released,
    internal_files: Mapping[str, pd.DataFrame],
    provenance: Provenance,
    out: str | Path,
) -> Path:
    """Write the report folder; it appears whole or not at all.

    Parameters
    ----------
    plan : StudyPlan
        The plan that was run.
    registry_summary : RegistrySummary
        Name, data cut, whether synthetic, and which fields the cleaning log may show.
    public, internal : Released
        The two editions, made by `vpstats.disclosure.release`.
    internal_files : mapping of str to DataFrame
        Written to ``internal/<name>.csv``: "findings" and "corrections", and others as given.
    provenance : Provenance
        Inputs and software, for the manifest and the methods section.
    out : path
        The folder. An earlier report there is replaced in one step.

    Returns
    -------
    Path
        The folder, resolved.

    Raises
    ------
    UsageError
        If `public` or `internal` did not pass `release`, if `out` holds anything but a report,
        or if another run is writing it.
    DisclosureError
        If the edition named public was released for internal use.
    """
    require_released(public, internal)
    study = _Study(plan, registry_summary, provenance)
    build = partial(_build, study, public, internal, internal_files)
    return replace_folder(Path(out), build, may_replace=require_replaceable)


def require_released(public: Released, internal: Released) -> None:
    """Make sure that both editions passed the gate, and the public one for the public.

    Raises
    ------
    UsageError
        If either is anything but a `Released`.
    DisclosureError
        If the edition named public was released for internal use.
    """
    for name, edition in (("public", public), ("internal", internal)):
        if not isinstance(edition, Released):
            raise UsageError(
                f"the {name} edition is a {type(edition).__name__}; a report is written from what "
                "vpstats.release(result, policy) returns, and from nothing else."
            )
    if public.policy.audience != "public":
        raise DisclosureError(
            "the edition given as public was released for internal use; release the ledger with "
            "the plan's public policy."
        )


def _build(
    study: _Study,
    public: Released,
    internal: Released,
    internal_files: Mapping[str, pd.DataFrame],
    root: Path,
) -> None:
    logs = _masked_logs(internal_files, study.registry)
    for name, released, extra in (("public", public, {}), ("internal", internal, logs)):
        folder = root / name
        folder.mkdir()
        _write_edition(study, Edition(study.plan, released), extra, folder)
    write_text(root / "README.txt", README)
    about = _about(study, public)
    write_manifests(root, provenance=study.provenance, about=about)


def _masked_logs(
    files: Mapping[str, pd.DataFrame], registry: RegistrySummary
) -> dict[str, pd.DataFrame]:
    logs = {name: mask(frame, registry.shown_fields) for name, frame in sorted(files.items())}
    logs["cleaning_summary"] = summarise(logs)
    return logs


def _about(study: _Study, public: Released) -> dict[str, object]:
    return {
        "title": study.plan.title,
        "plan": {"fingerprint": study.plan.fingerprint},
        "release": {"public": asdict(public.policy)},
        "registry": study.registry.about,
    }


def _write_edition(
    study: _Study, edition: Edition, logs: Mapping[str, pd.DataFrame], folder: Path
) -> None:
    sections = (*study_sections(edition), *_back_matter(study, edition, logs))
    shown = write_blocks(sections, folder)
    write_text(folder / "report.html", render(_page(study, edition), sections, shown))
    write_ledger(edition.released, folder)
    for name, frame in logs.items():
        write_text(folder / f"{name}.csv", to_csv(frame))


def write_ledger(released: Released, folder: Path) -> None:
    """Write the released cells to ``ledger.csv``."""
    cells = released.cells
    # what lies beyond is rounding of the arithmetic, which differs between machines
    cells["value"] = [float(f"{value:.{LEDGER_DIGITS}g}") for value in cells["value"]]
    write_text(folder / "ledger.csv", to_csv(cells))


def day_words(day: date) -> str:
    """Write a date.

    Examples
    --------
    >>> day_words(date(2026, 1, 31))
    '31 January 2026'
    """
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _page(study: _Study, edition: Edition) -> Page:
    plan, registry = study.plan, study.registry
    return Page(
        title=plan.title,
        description=" ".join(plan.description.split()),
        edition="Internal edition: not released" if edition.internal else "Public edition",
        edition_short="internal edition" if edition.internal else "public edition",
        internal=edition.internal,
        synthetic=registry.synthetic,
        key=(
            ("Registry", registry.name),
            ("Data cut", day_words(registry.data_cut)),
            ("Plan", plan.fingerprint[:12]),
        ),
        fingerprint=plan.fingerprint[:12],
        version=study.provenance.versions.get("vpstats", ""),
    )


def _back_matter(
    study: _Study, edition: Edition, logs: Mapping[str, pd.DataFrame]
) -> Iterator[Section]:
    policy = policy_text(edition.released.policy)
    found = methods(
        study.plan, provenance=study.provenance, consent=study.registry.consent, policy=policy
    )
    yield Section("methods", "Methods", paragraphs=tuple((p.heading, (p.text,)) for p in found))
    yield _disclosure(edition)
    if logs:
        yield _cleaning(logs["cleaning_summary"])
    yield _provenance(study, edition)
    yield glossary_section(study.plan)


def _disclosure(edition: Edition) -> Section:
    return Section(
        "disclosure",
        "Disclosure risks that remain",
        lead=("What was withheld, and by which rule, stands in the methods.",),
        items=tuple(edition.released.risks),
    )


def _cleaning(summary: pd.DataFrame) -> Section:
    keys = ["log", "severity", "rule"]
    by_rule = summary.groupby(keys, dropna=False, sort=False, as_index=False)["n"].sum()
    table = TableModel(
        "Corrections and findings by rule",
        ("Log", "Severity", "Rule", "Number"),
        tuple((*map(str, row[:3]), f"{row[3]:,}") for row in by_rule.itertuples(index=False)),
        align=("left", "left", "left", "right"),
    )
    return Section(
        "cleaning",
        "Cleaning log",
        lead=(
            "Every value that was changed and every doubt that remains stands with its file, row "
            "and column in corrections.csv and findings.csv beside this page; "
            "cleaning_summary.csv counts them by file. Keys, identifiers, dates of birth and free "
            "text are masked.",
        ),
        blocks=(Listing("cleaning", table),) if len(summary) else (),
    )


def _provenance(study: _Study, edition: Edition) -> Section:
    named = edition.internal
    inputs = sorted(study.provenance.inputs.items())
    rows = tuple(
        (name if named else f"Input {i}", digest[:12])
        for i, (name, digest) in enumerate(inputs, start=1)
    )
    table = TableModel("Inputs", ("File", "SHA-256, first 12 digits"), rows, align=("left", "left"))
    return Section(
        "provenance",
        "Provenance",
        lead=(
            f"Plan {study.plan.fingerprint}. The hashes identify the exact inputs; manifest.json, "
            "which stays in the institution, names them in full, with the SHA-256 of every file "
            "of this report.",
        ),
        blocks=(Listing("inputs", table),) if rows else (),
    )
