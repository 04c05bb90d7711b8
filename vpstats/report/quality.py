"""The data-quality report: one folder, a page for the network and one for each center.

Every page is whole in itself and is written from released cells alone; what holds small numbers by
nature comes as tables of its own and goes to the internal edition only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from vpstats.disclosure import Released
from vpstats.errors import UsageError
from vpstats.escaping import to_csv
from vpstats.report import quality_pages as pages
from vpstats.report.audit_cells import file_names
from vpstats.report.audit_pieces import Chapter
from vpstats.report.internal import mask
from vpstats.report.manifest import (
    Provenance,
    require_replaceable,
    write_manifests,
)
from vpstats.report.page import Page, render, write_text
from vpstats.report.quality_document import (
    Asked,
    as_json,
    as_text,
    document,
    measures_frame,
    states_frame,
)
from vpstats.report.quality_look import QualityLook
from vpstats.report.study import RegistrySummary, day_words, require_released, write_ledger
from vpstats.report.writing import replace_folder

README = """This folder is a data-quality report written by vpstats.

public/    has passed the disclosure rules. It may leave the institution.
internal/  shows small numbers, months and the log of cleaning. It must not leave the institution.

Open public/index.html in any browser; it leads to the page of each center. A page holds all that
it shows and can be sent as it is. measures.csv holds every measure of every center.

manifest.json names the inputs, the software and every file by its SHA-256; those of the internal
edition are named in internal/manifest.json and stay there. It also names the input files, so it
stays in the institution unless those names may be known.
"""

PUBLIC_README = README.replace(
    README[README.index("internal/") : README.index("Open public")],
    "The internal edition was not written.\n\n",
).replace("; those of the internal\nedition are named in internal/manifest.json and stay there", "")

LOGS = ("corrections", "findings", "sources")
"""Internal tables of the cleaning, whose identifying values are masked."""


@dataclass(frozen=True)
class QualityPages:
    """What both editions of a report share.

    Parameters
    ----------
    registry : RegistrySummary
        Name, data cut, whether synthetic, and which fields the log may show.
    provenance : Provenance
        Inputs and software.
    rules : sequence of (words, words)
        What is asked for.
    fingerprint : str
        SHA-256 of the mapping, or empty.
    center : str, optional
        The one center whose page is written, besides the network's.
    """

    registry: RegistrySummary
    provenance: Provenance
    rules: Sequence[tuple[str, str]] = ()
    fingerprint: str = ""
    center: str | None = None

    @property
    def asked(self) -> Asked:
        """What the documents say beyond the numbers."""
        version = self.provenance.versions.get("vpstats", "")
        return Asked(self.registry, version, self.center)


@dataclass(frozen=True)
class _Report:
    about: QualityPages
    public: QualityLook
    internal: QualityLook | None
    logs: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def write_quality(
    *,
    about: QualityPages,
    public: QualityLook,
    internal: QualityLook | None,
    logs: Mapping[str, pd.DataFrame],
    out: str | Path,
) -> Path:
    """Write the folder; it appears whole or not at all.

    Parameters
    ----------
    about : QualityPages
        What both editions share.
    public, internal : QualityLook
        The two editions; without an internal one only the public folder is written.
    logs : mapping of str to DataFrame
        For the internal edition alone, each written to ``internal/<name>.csv``: "corrections",
        "findings" and "sources" of the cleaning, identifying values masked, and any other table.
    out : path
        The folder. An earlier report there is replaced in one step.

    Returns
    -------
    Path
        The folder, resolved.

    Raises
    ------
    UsageError
        If the center is not in the registry, if `out` holds anything but a report, or if another
        run is writing it.
    DisclosureError
        If the edition named public was released for internal use.
    """
    require_released(public.released, _released(internal or public))
    if about.center is not None and about.center not in public.centers:
        known = ", ".join(public.centers[:20]) or "no center at all"
        raise UsageError(f"the registry has no center '{about.center}'; it has {known}.")
    report = _Report(about, public, internal, logs)
    return replace_folder(Path(out), partial(_build, report), may_replace=require_replaceable)


def _released(look: QualityLook) -> Released:
    return look.released


def _build(report: _Report, root: Path) -> None:
    editions = {"public": report.public}
    if report.internal is not None:
        editions["internal"] = report.internal
    for name, look in editions.items():
        folder = root / name
        folder.mkdir()
        _write_edition(report.about, look, folder)
    if report.internal is not None:
        shown = report.about.registry.shown_fields
        for name, frame in sorted(report.logs.items()):
            kept = mask(frame, shown) if name in LOGS else frame
            write_text(root / "internal" / f"{name}.csv", to_csv(kept))
    write_text(root / "README.txt", PUBLIC_README if report.internal is None else README)
    write_manifests(root, provenance=report.about.provenance, about=_about(report))


def _about(report: _Report) -> dict[str, object]:
    return {
        "title": f"Quality of the data: {report.about.registry.name}",
        "kind": "data quality",
        "release": {"public": asdict(report.public.released.policy)},
        "registry": report.about.registry.about,
    }


def _write_edition(about: QualityPages, look: QualityLook, folder: Path) -> None:
    names = file_names(look.centers)
    wanted = names if about.center is None else {about.center: names[about.center]}
    (folder / "centers").mkdir()
    for center, name in wanted.items():
        made = _chapters(about, look, center, {}, {})
        write_text(folder / "centers" / f"{name}.html", _render(_page(about, look, center), made))
    links = {center: f"centers/{name}.html" for center, name in wanted.items()}
    kept: pages.Tables = {}
    made = _chapters(about, look, "", links, kept)
    write_text(folder / "index.html", _render(_page(about, look, ""), made))
    (folder / "tables").mkdir()
    for name, model in kept.items():
        write_text(folder / "tables" / f"{name}.csv", model.to_csv())
    write_text(folder / "measures.csv", to_csv(measures_frame(look)))
    write_text(folder / "missing.csv", to_csv(states_frame(look)))
    content = document(look, about.asked)
    write_text(folder / "quality.json", as_json(content))
    write_text(folder / "quality.txt", as_text(content))
    write_ledger(look.released, folder)
    for name, frame in sorted(look.tables.items()):
        write_text(folder / f"{name}.csv", to_csv(frame))


def _chapters(
    about: QualityPages,
    look: QualityLook,
    center: str,
    links: Mapping[str, str],
    kept: pages.Tables,
) -> tuple[Chapter, ...]:
    """Parts of a page in the order of the report."""
    first = (
        pages.summary(look, center, links),
        pages.completeness(look, center, kept),
        pages.together(look, center, kept),
        pages.validity(look, center, kept),
        pages.timeliness(look, center, kept),
        pages.ascertainment(look, center, kept),
        pages.section(look, "imaging", center, kept),
        pages.section(look, "followup", center, kept),
    )
    last = pages.methods(look, about.provenance, about.rules)
    return (*first, last) if center else (*first, pages.absent(look, kept), last)


def _render(page: Page, made: Sequence[Chapter]) -> str:
    return render(page, made, {}, template="quality.html.j2", styles=("report.css", "audit.css"))


def _page(about: QualityPages, look: QualityLook, center: str) -> Page:
    registry = about.registry
    version = about.provenance.versions.get("vpstats", "")
    return Page(
        title=f"Quality of the data: {look.name(center) if center else 'the network'}",
        description="How complete, valid, timely and whole the record is, before any outcome.",
        edition="Internal edition: not released" if look.internal else "Public edition",
        edition_short="internal edition" if look.internal else "public edition",
        internal=look.internal,
        synthetic=registry.synthetic,
        key=(
            ("Registry", registry.name),
            ("Data cut", day_words(registry.data_cut)),
            ("Centers", f"{len(look.centers):,}"),
            ("Software", f"vpstats {version}".strip()),
        ),
        fingerprint=about.fingerprint[:12],
        version=version,
        up="../index.html" if center else "",
    )
