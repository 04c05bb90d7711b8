"""What a report was made from and what it consists of: hashes, versions, no clock, no place."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any

from vpstats.errors import InternalError, UsageError
from vpstats.escaping import visible

NAME = "manifest.json"

SEALED = "internal"
"""Folder that describes its files itself: who knows all but one number of a table and the hash of
the table can try the numbers, so hashes of what is not released are not either."""

FORMAT = "vpstats report"
"""How a folder says that vpstats wrote it."""

FOLDERS: Mapping[str, str] = MappingProxyType(
    {
        "public": "released: may leave the institution",
        "internal": "internal: must not leave the institution",
    }
)

PACKAGES = (
    "vpstats",
    "formulaic",
    "jinja2",
    "lifelines",
    "matplotlib",
    "numpy",
    "pandas",
    "pandera",
    "pyarrow",
    "pydantic",
    "scipy",
    "statsmodels",
)
"""Packages whose version can change a number, a figure or a page."""


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from.

    Parameters
    ----------
    inputs : mapping of str to str
        Input file, relative to the plan's folder and with forward slashes, to its SHA-256.
    python : str
        Version of Python.
    versions : mapping of str to str
        Package to version.

    Raises
    ------
    InternalError
        If an input is named by an absolute path, which would say whose machine this was.
    """

    inputs: Mapping[str, str]
    python: str
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for name in self.inputs:
            if PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute():
                raise InternalError("an input of the report is named by an absolute path.")


def collect_provenance(inputs: Mapping[str, Path]) -> Provenance:
    """Hash the inputs and read the versions of the software that is running.

    Parameters
    ----------
    inputs : mapping of str to Path
        Name for the manifest (relative, forward slashes) to the file.

    Returns
    -------
    Provenance

    Examples
    --------
    >>> collect_provenance({}).versions["vpstats"]
    '...'
    """
    return Provenance(
        {name: sha256_file(path) for name, path in sorted(inputs.items())},
        platform.python_version(),
        package_versions(PACKAGES),
    )


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of the packages that are installed, by name."""
    found = {}
    for name in sorted(names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     sha256_file(Path(empty.name))[:8]
    'e3b0c442'
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def build_manifest(
    root: Path, *, provenance: Provenance, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe a finished report folder.

    Parameters
    ----------
    root : Path
        The folder; its manifest itself is not described.
    provenance : Provenance
        Inputs and software.
    about : mapping
        What the report is of: title, registry, plan and release policy, ready for JSON.

    Returns
    -------
    dict
        The manifest's content; equal folders and inputs give equal manifests. Of the internal
        edition it names the manifest alone.
    """
    return {
        **about,
        "format": FORMAT,
        "format_version": 1,
        "folders": dict(FOLDERS),
        "inputs": [{"name": n, "sha256": h} for n, h in sorted(provenance.inputs.items())],
        "software": {"python": provenance.python, "packages": dict(provenance.versions)},
        "outputs": [_describe(root, path) for path in _outputs(root) if not _is_sealed(path)],
    }


def _is_sealed(name: str) -> bool:
    return name.startswith(f"{SEALED}/") and name != f"{SEALED}/{NAME}"


def _outputs(root: Path) -> list[str]:
    files = (p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    return sorted(name for name in files if name != NAME)


def _describe(root: Path, name: str) -> dict[str, Any]:
    path = root / name
    folder = name.split("/", 1)[0]
    return {
        "path": name,
        "folder": folder if folder in FOLDERS else "",
        "bytes": path.stat().st_size,
        "sha256": sha256_file(path),
    }


def write_manifests(root: Path, *, provenance: Provenance, about: Mapping[str, Any]) -> None:
    """Describe a finished report folder in it, and its internal edition within that edition.

    Parameters
    ----------
    root : Path
        The folder.
    provenance, about
        As in `build_manifest`.
    """
    if (root / SEALED).is_dir():
        sealed = [_describe(root, path) for path in _outputs(root) if _is_sealed(path)]
        content = {"format": FORMAT, "format_version": 1, "outputs": sealed}
        write_manifest(root / SEALED, content)
    write_manifest(root, build_manifest(root, provenance=provenance, about=about))


def write_manifest(root: Path, content: Mapping[str, Any]) -> Path:
    """Write the manifest with sorted keys, so that equal content gives equal bytes."""
    text = json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False)
    (root / NAME).write_text(visible(text) + "\n", encoding="utf-8", newline="\n")
    return root / NAME


def read_manifest(root: Path) -> dict[str, Any]:
    """Read the manifest of a report folder.

    Raises
    ------
    UsageError
        If the folder has none, or one that vpstats did not write.
    """
    try:
        content = json.loads((root / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UsageError(
            f"this folder holds files but no {NAME} of a vpstats report, so it is left alone. "
            "Name a new folder, or empty this one.",
            file=root,
        )
    return content


def changed_outputs(root: Path) -> tuple[str, ...]:
    """Outputs that are no longer as the manifest describes them: changed, missing or added.

    Raises
    ------
    UsageError
        If the folder has no manifest of vpstats.
    """
    described = {entry["path"]: entry for entry in _entries(root)}
    names = sorted(set(described) | set(_outputs(root)))
    return tuple(n for n in names if not _is_described(root, n, described.get(n)))


def _entries(root: Path) -> list[dict[str, Any]]:
    """What both manifests describe."""
    found = list(read_manifest(root)["outputs"])
    if (root / SEALED / NAME).is_file():
        found += read_manifest(root / SEALED)["outputs"]
    return found


def _is_described(root: Path, name: str, entry: Mapping[str, Any] | None) -> bool:
    return entry is not None and (root / name).is_file() and entry == _describe(root, name)


def require_replaceable(root: Path) -> None:
    """Make sure that replacing a folder loses nothing that a rerun would not write again.

    Raises
    ------
    UsageError
        If the folder is not a vpstats report, or holds files that no run wrote.
    """
    described = {entry["path"] for entry in _entries(root)}
    foreign = [name for name in _outputs(root) if name not in described and not _hidden(name)]
    if foreign:
        shown = ", ".join(foreign[:5])
        raise UsageError(
            f"the report folder holds files that no run wrote ({shown}); they would be lost. "
            "Move them elsewhere.",
            file=root,
        )


def _hidden(name: str) -> bool:
    return PurePosixPath(name).name.startswith(".")
