"""The report of a center audit: one folder, a page for the network and one for each center.

Every page is whole in itself, so that it can be sent to the hospital that it is about, and is
written from released cells alone. Charts over time, operators and cases come as tables of their
own and go to the internal edition only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from vpstats.disclosure import Released
from vpstats.errors import UsageError
from vpstats.escaping import to_csv
from vpstats.report import audit_chapters as chapters
from vpstats.report.audit_cells import Look, file_names
from vpstats.report.audit_figures import Gallery
from vpstats.report.audit_pieces import Chapter
from vpstats.report.audit_process import processes
from vpstats.report.audit_summary import (
    center_summary,
    methods,
    network_summary,
    response_page,
)
from vpstats.report.audit_words import periods
from vpstats.report.internal import mask
from vpstats.report.manifest import (
    Provenance,
    require_replaceable,
    write_manifests,
)
from vpstats.report.page import Page, render, write_text
from vpstats.report.study import RegistrySummary, day_words, require_released, write_ledger
from vpstats.report.writing import replace_folder
from vpstats.study import StudyPlan
from vpstats.workers import side_by_side

README = """This folder is a center audit written by vpstats.

public/    has passed the disclosure rules of the study plan. It may leave the institution.
internal/  shows small numbers, charts over time, operators and cases. It must not leave the
           institution.

Open public/index.html in any browser; it leads to the page of each center. A page holds all that
it shows and can be sent as it is. Every page of a center ends with a form for its answer.

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

NOTHING: Mapping[str, Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class _Audit:
    """What both editions share."""

    plan: StudyPlan
    registry: RegistrySummary
    provenance: Provenance
    center: str | None
    extra_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    workers: int = 1


def write_audit(
    *,
    plan: StudyPlan,
    registry_summary: RegistrySummary,
    public: Released,
    internal: Released | None,
    internal_tables: Mapping[str, pd.DataFrame],
    provenance: Provenance,
    out: str | Path,
    center: str | None = None,
    extra_files: Mapping[str, Mapping[str, str]] = NOTHING,
    workers: int = 1,
) -> Path:
    """Write the audit folder; it appears whole or not at all.

    Parameters
    ----------
    plan : StudyPlan
        The plan that was run.
    registry_summary : RegistrySummary
        Name, data cut, whether synthetic, and which fields the cleaning log may show.
    public, internal : Released
        The two editions, made by `vpstats.disclosure.release`; without an internal one only the
        public folder is written.
    internal_tables : mapping of str to DataFrame
        For the internal edition alone, each written to ``internal/<name>.csv``: "charts"
        (``indicator, center_id, date, vlad, worse, better, limit_worse, limit_better, signal``),
        "learning" (``indicator, center_id, operator, sequence, estimate, conf_low, conf_high``),
        "incidence" (``indicator, center_id, time, estimate, conf_low, conf_high``),
        "cases" (``center_id`` and anything else), "signals"; "corrections", "findings" and
        "sources" with identifying values masked.
    provenance : Provenance
        Inputs and software, for the manifest and the methods.
    out : path
        The folder. An earlier report there is replaced in one step.
    center : str, optional
        Write the page of this center alone, besides the network's.
    extra_files : mapping of str to mapping of str to str
        Edition to file name to text, written beside the pages.
    workers : int
        Processes that write pages side by side, where the system can fork; the pages do not
        depend on their number.

    Returns
    -------
    Path
        The folder, resolved.

    Raises
    ------
    UsageError
        If `public` or `internal` did not pass `release`, if `center` is not in the audit, if
        `out` holds anything but a report, or if another run is writing it.
    DisclosureError
        If the edition named public was released for internal use.
    """
    require_released(public, public if internal is None else internal)
    audit = _Audit(plan, registry_summary, provenance, center, extra_files, workers)
    build = partial(_build, audit, public, internal, internal_tables)
    return replace_folder(Path(out), build, may_replace=require_replaceable)


def _build(
    audit: _Audit,
    public: Released,
    internal: Released | None,
    tables: Mapping[str, pd.DataFrame],
    root: Path,
) -> None:
    shown = audit.registry.shown_fields
    kept = {n: mask(t, shown) if n in LOGS else t for n, t in sorted(tables.items())}
    editions = {"public": Look(audit.plan, public)}
    if internal is not None:
        editions["internal"] = Look(audit.plan, internal, kept)
    for name, look in editions.items():
        folder = root / name
        folder.mkdir()
        _write_edition(audit, look, folder)
        for file, text in sorted(audit.extra_files.get(name, {}).items()):
            write_text(folder / file, text)
    write_text(root / "README.txt", README if internal is not None else PUBLIC_README)
    about = _about(audit, public)
    write_manifests(root, provenance=audit.provenance, about=about)


def _about(audit: _Audit, public: Released) -> dict[str, object]:
    return {
        "title": audit.plan.title,
        "kind": "center audit",
        "plan": {"fingerprint": audit.plan.fingerprint},
        "release": {"public": asdict(public.policy)},
        "registry": audit.registry.about,
    }


def _write_edition(audit: _Audit, look: Look, folder: Path) -> None:
    gallery = Gallery(look)
    names = _pages(look, audit.center)
    end = methods(look, audit.provenance)
    (folder / "centers").mkdir()
    links = {center: f"centers/{name}.html" for center, name in names.items()}
    # the network's page comes first: it draws every funnel, on which centers are then ringed
    made = (network_summary(look, links), *_chapters(look, gallery, ""), end)
    write_text(folder / "index.html", _render(_page(audit, look, ""), made))

    def write_center(center: str) -> None:
        made = (*_center_chapters(look, gallery, center), end)
        page = _page(audit, look, center)
        write_text(folder / links[center], _render(page, made))

    def write_table(name: str) -> None:
        write_text(folder / f"{name}.csv", to_csv(look.tables[name]))

    parts: list[Callable[[], object]] = [partial(write_table, name) for name in look.tables]
    parts.append(partial(write_ledger, look.released, folder))
    parts += [partial(write_center, center) for center in names]
    for _ in side_by_side(_write_part, parts, audit.workers):
        pass
    (folder / "figures").mkdir()
    for drawn in gallery.funnels:
        write_text(folder / "figures" / f"{drawn.name}.svg", drawn.figure.svg)


def _write_part(write: Callable[[], object]) -> None:
    write()


def _pages(look: Look, only: str | None) -> dict[str, str]:
    """File names of the centers' pages; all names are made, so that they never depend on `only`."""
    names = file_names(look.centers)
    if only is None:
        return names
    if only not in names:
        known = ", ".join(look.centers[:20])
        raise UsageError(f"the audit has no center '{only}'; it has {known}.")
    return {only: names[only]}


def _center_chapters(look: Look, gallery: Gallery, center: str) -> tuple[Chapter, ...]:
    return (center_summary(look, center), *_chapters(look, gallery, center))


def _chapters(look: Look, gallery: Gallery, center: str) -> tuple[Chapter, ...]:
    """Parts of a page between its summary and its methods, in the order of the report."""
    return (
        chapters.participation(look, center),
        chapters.quality(look, center),
        chapters.case_mix(look, center),
        processes(look, gallery, center),
        chapters.outcomes(look, gallery, center),
        chapters.over_time(look, center),
        chapters.survival(look, center),
        chapters.learning(look, center),
        chapters.model_sheet(look, center),
        chapters.cases(look, center),
        response_page(look, center),
    )


def _render(page: Page, made: Sequence[Chapter]) -> str:
    return render(page, made, {}, template="audit.html.j2", styles=("report.css", "audit.css"))


def _page(audit: _Audit, look: Look, center: str) -> Page:
    plan, registry = audit.plan, audit.registry
    version = audit.provenance.versions.get("vpstats", "")
    whose = look.name(center) if center else "the network"
    return Page(
        title=f"Center audit: {whose}",
        description=plan.title,
        edition="Internal edition: not released" if look.internal else "Public edition",
        edition_short="internal edition" if look.internal else "public edition",
        internal=look.internal,
        synthetic=registry.synthetic,
        key=(
            ("Registry", registry.name),
            ("Period", periods(look)),
            ("Data cut", day_words(registry.data_cut)),
            ("Software", f"vpstats {version}".strip()),
            ("Plan", plan.fingerprint[:12]),
        ),
        fingerprint=plan.fingerprint[:12],
        version=version,
        up="../index.html" if center else "",
    )
