"""What a fresh machine gets: locks, commands, and nothing of the machine they were made on."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(lock: str) -> dict[str, str]:
    """Package (and marker) → version."""
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    found = (
        re.match(r"^([A-Za-z0-9_.-]+)(?:\[.*?\])?==([^\s;]+)(.*?)\\?$", line) for line in lines
    )
    return {f"{m[1].lower()}{m[3].strip()}": m[2] for m in found if m}


def tracked_text() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git work tree: the list of files is git's")
    kinds = {".py", ".md", ".toml", ".lock", ".cff", ".css", ".j2", ".R", ".json", ".ipynb", ""}
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [p for p in paths if p.suffix in kinds and p.is_file()]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    packages = [b for b in blocks if re.match(r"[A-Za-z0-9_.-]+(?:\[.*?\])?==", b)]
    assert len(packages) > 20
    assert all("--hash=sha256:" in block for block in packages)
    assert not re.search(r"https?://|--index|--find-links|--extra", text)


def test_the_development_lock_holds_what_users_get() -> None:
    runtime, development = (pins(lock) for lock in LOCKS)
    assert {name: development.get(name) for name in runtime} == runtime


def test_packages_are_locked_with_the_extras_that_others_ask_for() -> None:
    """Without them pip looks at versions that came out later, which have no hash, and gives up."""
    asked: dict[str, set[str]] = {}
    for found in distributions():
        for line in found.requires or []:
            wanted = Requirement(line)
            if wanted.extras and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
                asked.setdefault(wanted.name.lower(), set()).update(wanted.extras)
    assert "coverage" in asked
    for lock in (*LOCKS, "requirements-bench.lock"):
        text = (ROOT / lock).read_text("utf-8")
        bare = re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE)
        assert not asked.keys() & {name.lower() for name in bare}


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    groups = {
        "requirements.lock": project["dependencies"],
        "requirements-dev.lock": [d for name in extras if name != "bench" for d in extras[name]],
        "requirements-bench.lock": extras["bench"],
    }
    for lock, wanted in groups.items():
        locked = {re.split(r"[^a-z0-9_.-]", name)[0] for name in pins(lock)}
        names = {re.split(r"[^A-Za-z0-9_.-]", d)[0].lower() for d in wanted}
        assert names <= locked


@pytest.mark.parametrize(
    "pattern",
    [r"/(?:root|work)/[a-z.]", r"index-" r"url", r"https?://\S*/(?:simple|packages)/"],
)
def test_no_file_names_a_machine_or_a_package_index(pattern: str) -> None:
    own = Path(__file__)
    hits = [
        str(path.relative_to(ROOT))
        for path in tracked_text()
        if path != own and re.search(pattern, path.read_text("utf-8", errors="replace"))
    ]
    assert not hits


@pytest.mark.parametrize("target", ["report", "test", "lint", "bench", "verify", "recovery"])
def test_make_knows_its_targets(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert re.search(rf"echo 'make {target} ", makefile)


def test_versions_agree() -> None:
    import vpstats

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert project["version"] == vpstats.__version__
    assert f"version: {vpstats.__version__}\n" in citation
    assert f"## {vpstats.__version__}" in changelog
