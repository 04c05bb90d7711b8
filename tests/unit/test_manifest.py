"""The manifest names every input and output by hash, and nothing of the machine or the moment."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pytest

from vpstats.errors import InternalError, UsageError
from vpstats.report.manifest import (
    Provenance,
    build_manifest,
    changed_outputs,
    collect_provenance,
    package_versions,
    read_manifest,
    require_replaceable,
    sha256_file,
    write_manifest,
    write_manifests,
)

PROVENANCE = Provenance(
    {"registry.toml": "b" * 64, "a_hr/razine.csv": "a" * 64}, "3.11.2", {"numpy": "2.0.0"}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("public/report.html", "internal/findings.csv", "README.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    write_manifests(tmp_path, provenance=PROVENANCE, about={"title": "T"})
    return tmp_path


def test_every_output_is_named_with_its_hash_and_its_folder(folder: Path) -> None:
    outputs = read_manifest(folder)["outputs"]
    assert [(o["path"], o["folder"]) for o in outputs] == [
        ("README.txt", ""),
        ("internal/manifest.json", "internal"),
        ("public/report.html", "public"),
    ]
    assert outputs[2]["sha256"] == hashlib.sha256(b"public/report.html").hexdigest()
    assert outputs[2]["bytes"] == len("public/report.html")


def test_inputs_and_software_are_named_in_order(folder: Path) -> None:
    content = read_manifest(folder)
    assert [i["name"] for i in content["inputs"]] == ["a_hr/razine.csv", "registry.toml"]
    assert content["software"] == {"python": "3.11.2", "packages": {"numpy": "2.0.0"}}
    assert content["folders"]["internal"] == "internal: must not leave the institution"


def test_the_same_folder_gives_the_same_bytes_and_no_trace_of_the_machine(folder: Path) -> None:
    first = (folder / "manifest.json").read_bytes()
    write_manifest(folder, build_manifest(folder, provenance=PROVENANCE, about={"title": "T"}))
    assert (folder / "manifest.json").read_bytes() == first
    assert str(folder).encode() not in first
    content = json.loads(first)
    assert first.decode() == json.dumps(content, sort_keys=True, indent=2) + "\n"


def test_a_changed_a_missing_and_an_added_file_are_noticed(folder: Path) -> None:
    assert changed_outputs(folder) == ()
    (folder / "README.txt").write_text("other")
    (folder / "public" / "report.html").unlink()
    (folder / "internal" / "new.csv").touch()
    assert changed_outputs(folder) == ("README.txt", "internal/new.csv", "public/report.html")


def test_a_folder_without_a_manifest_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UsageError, match=r"no manifest\.json of a vpstats report"):
        require_replaceable(tmp_path)


@pytest.mark.parametrize("text", ["not json", "[]", '{"format": "another tool"}'])
def test_somebody_elses_manifest_is_no_report(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UsageError, match="is left alone"):
        require_replaceable(tmp_path)


def test_a_report_with_files_of_its_reader_is_not_replaced(folder: Path) -> None:
    require_replaceable(folder)
    (folder / "public" / ".DS_Store").touch()
    require_replaceable(folder)
    (folder / "public" / "my notes.txt").touch()
    with pytest.raises(UsageError, match=r"no run wrote \(public/my notes\.txt\)"):
        require_replaceable(folder)


def test_inputs_are_hashed_as_they_lie_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "raw.csv"
    path.write_bytes(b"a;b\r\n")
    provenance = collect_provenance({"raw.csv": path})
    assert provenance.inputs == {"raw.csv": hashlib.sha256(b"a;b\r\n").hexdigest()}
    assert provenance.versions["pandas"] == version("pandas")


@pytest.mark.parametrize("name", ["/home/somebody/raw.csv", "C:\\data\\raw.csv"])
def test_absolute_input_names_are_a_defect(name: str) -> None:
    with pytest.raises(InternalError, match="absolute path"):
        Provenance({name: "a" * 64}, "3.11.2")


def test_packages_that_are_not_installed_are_left_out() -> None:
    assert set(package_versions(["numpy", "no-such-package-at-all"])) == {"numpy"}


def test_hashes_of_the_internal_edition_stay_in_it(tmp_path: Path) -> None:
    """Who knows a table but for one number, and its hash, can try the numbers."""
    for name, text in {
        "public/t.csv": "n\n*\n",
        "internal/t.csv": "n\n3\n",
        "README.txt": "r",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_manifests(tmp_path, provenance=PROVENANCE, about={"title": "T"})
    shared = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    assert sha256_file(tmp_path / "internal/t.csv") not in shared
    assert [e["path"] for e in read_manifest(tmp_path)["outputs"]] == [
        "README.txt", "internal/manifest.json", "public/t.csv",
    ]  # fmt: skip
    assert changed_outputs(tmp_path) == ()
    require_replaceable(tmp_path)
    (tmp_path / "internal/t.csv").write_text("n\n4\n", encoding="utf-8")
    assert changed_outputs(tmp_path) == ("internal/t.csv",)
    (tmp_path / "internal/own.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"internal/own\.txt"):
        require_replaceable(tmp_path)
