"""Folders and archives: what is read, what is named, and what is refused."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from vpstats.errors import DataError
from vpstats.registry import opening
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import RawSource
from vpstats.registry.sources import read_source


def read(folder: Path, **options: Any) -> RawSource:
    table = {"name": "patients", "columns": {"patient_id": "id"}}
    given = {"name": "s", "center": "A", "table": [table], **options}
    return read_source(SourceMap.model_validate(given), folder)


def pack(path: Path, members: dict[str, bytes | str], **options: Any) -> None:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def notes(raw: RawSource) -> list[tuple[str, str]]:
    return [(note.rule, note.note) for note in raw.notes]


def test_members_of_a_zip_are_stacked_by_name(tmp_path: Path) -> None:
    pack(
        tmp_path / "x.zip",
        {
            "b/2.CSV": "id;x\n3;c\n",
            "a/1.csv": "id;x\n1;a\n2;b\n",
            "readme.txt": "hello",
            "__MACOSX/a/._1.csv": "junk",
            "a/~$lock.csv": "junk",
        },
    )
    raw = read(tmp_path, file="x.zip", member="*.csv")
    assert raw.files == ("x.zip:a/1.csv", "x.zip:b/2.CSV")
    assert raw.columns["id"].texts().tolist() == ["1", "2", "3"]
    assert (raw.file.tolist(), raw.row.tolist()) == ([0, 0, 1], [2, 3, 2])
    said = "files that no source reads: readme.txt"
    assert notes(raw) == [("file.not_read", said)]
    assert [m["file"] for m in raw.meta] == list(raw.files)
    assert len({m["sha256"] for m in raw.meta}) == 2


def test_findings_name_the_member(tmp_path: Path) -> None:
    pack(tmp_path / "x.zip", {"a.csv": "id;x\n1;2\n3\n", "b.csv": "id;x\n1;2;3\n"})
    raw = read(tmp_path, file="x.zip")
    assert [(n.rule, n.file, n.row) for n in raw.notes] == [
        ("file.ragged_row", "x.zip:a.csv", 3),
        ("file.ragged_row", "x.zip:b.csv", 2),
        ("file.no_rows", "x.zip:b.csv", None),
    ]


def test_a_folder_is_all_files_that_match(tmp_path: Path) -> None:
    inside = tmp_path / "exports" / "2024"
    inside.mkdir(parents=True)
    (inside / "b.csv").write_text("id;x\n2;b\n")
    (inside.parent / "a.tsv").write_text("id\tx\n1\ta\n")
    (inside.parent / ".DS_Store").write_text("junk")
    raw = read(tmp_path, file="exports")
    assert raw.files == ("exports/2024/b.csv", "exports/a.tsv")
    assert not raw.notes
    only = read(tmp_path, file="exports/", member="2024/*")
    assert only.files == ("exports/2024/b.csv",)
    assert notes(only)[0][0] == "file.not_read"
    with pytest.raises(DataError, match=r"exports: holds no file that matches \*\.dta"):
        read(tmp_path, file="exports", format="stata")


def test_a_workbook_in_a_zip(tmp_path: Path) -> None:
    import openpyxl

    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["id"])
    book.active.append(["7"])
    book.save(buffer)
    pack(tmp_path / "x.zip", {"a.xlsx": buffer.getvalue()})
    raw = read(tmp_path, file="x.zip", format="excel")
    assert (raw.files, raw.columns["id"].spellings) == (("x.zip:a.xlsx",), ("7",))


@pytest.mark.parametrize(
    "name", ["../a.csv", "a/../../b.csv", "/etc/a.csv", "C:/a.csv", "..\\a.csv", "\\\\host\\a.csv"]
)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    pack(tmp_path / "x.zip", {"ok.csv": "id\n1\n", name: "id\n1\n"})
    with pytest.raises(DataError, match=r"x\.zip: has a member whose path leads out"):
        read(tmp_path, file="x.zip")


def test_bombs_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed: dict[str, Any] = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 9}
    pack(tmp_path / "x.zip", {"a.csv": b"id\n" + b"1\n" * 8_000_000}, **packed)
    with pytest.raises(DataError, match="packed more than 200 times"):
        read(tmp_path, file="x.zip")
    pack(tmp_path / "y.zip", {f"{i}.csv": "id\n1\n" for i in range(20)})
    monkeypatch.setattr(opening, "_MOST_MEMBERS", 19)
    with pytest.raises(DataError, match="has 20 members"):
        read(tmp_path, file="y.zip")
    monkeypatch.setattr(opening, "_MOST_MEMBERS", 20)
    monkeypatch.setattr(opening, "_MOST_BYTES", 99)
    with pytest.raises(DataError, match="would unpack to"):
        read(tmp_path, file="y.zip")


def test_a_size_that_the_archive_lies_about_is_not_believed(tmp_path: Path) -> None:
    pack(tmp_path / "x.zip", {"a.csv": b"id\n" + b"1\n" * 50_000}, compression=zipfile.ZIP_DEFLATED)
    content = bytearray((tmp_path / "x.zip").read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 9)
    (tmp_path / "x.zip").write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"x\.zip:a\.csv: cannot be unpacked"):
        read(tmp_path, file="x.zip")


def test_encrypted_nested_damaged_and_doubled(tmp_path: Path) -> None:
    pack(tmp_path / "x.zip", {"a.csv": "id\n1\n"})
    content = bytearray((tmp_path / "x.zip").read_bytes())
    for mark, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + flag] |= 1
    (tmp_path / "locked.zip").write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"locked\.zip:a\.csv: is encrypted"):
        read(tmp_path, file="locked.zip")

    pack(tmp_path / "nested.zip", {"x.zip": (tmp_path / "x.zip").read_bytes()})
    with pytest.raises(DataError, match="an archive within an archive"):
        read(tmp_path, file="nested.zip", member="*")
    with pytest.raises(DataError, match=r"no file that matches \*\.csv"):
        read(tmp_path, file="nested.zip", member="*.csv")

    (tmp_path / "cut.zip").write_bytes((tmp_path / "x.zip").read_bytes()[:-30])
    with pytest.raises(DataError, match="no readable zip"):
        read(tmp_path, file="cut.zip")
    archive = zipfile.ZipFile(tmp_path / "two.zip", "w")
    archive.writestr("a.csv", "id\n1\n")
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.csv", "id\n2\n")
    archive.close()
    with pytest.raises(DataError, match="two members of one name"):
        read(tmp_path, file="two.zip")


@pytest.mark.parametrize("name", ["", ".", "./."])
def test_a_member_without_a_name_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.csv", "id\n1\n")
        archive.writestr(zipfile.ZipInfo(name), "id\n2\n")
    with pytest.raises(DataError, match="a member without a name"):
        read(tmp_path, file="x.zip")


def test_a_member_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    pack(tmp_path / "x.zip", {"a.csv": "id\n1\n", "b.csv": b"%PDF-1.7"})
    with pytest.raises(DataError, match=r"x\.zip:b\.csv: .*PDF"):
        read(tmp_path, file="x.zip")


@pytest.mark.parametrize("name", ["pipe.csv", "pipe.zip"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    from vpstats.drafting import draft_mapping

    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="pipe or device"):
        read(tmp_path, file=name)
    with pytest.raises(DataError, match="pipe or device"):
        draft_mapping([tmp_path / name], folder=tmp_path)


def test_a_link_that_leads_to_itself_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("a.csv")
    with pytest.raises(DataError, match="not there"):
        read(tmp_path, file="a.csv")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("**.csv", r"is no pattern; \*\* stands for folders"),
        (f"{'a' * 300}.csv", "cannot be opened: File name too long"),
        (f"{'a' * 300}*.csv", "not there"),
    ],
)
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(tmp_path, file=name)


@pytest.mark.parametrize("file", ["out", "out/*.csv"])
def test_a_pipe_in_a_folder_is_named(tmp_path: Path, file: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").write_text("id\n1\n")
    os.mkfifo(tmp_path / "out" / "b.csv")
    with pytest.raises(DataError, match=r"^out/b\.csv: is no file but a pipe or device"):
        read(tmp_path, file=file)


def test_a_file_of_a_folder_that_cannot_be_opened_is_the_one_named(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").write_text("id\n1\n")
    (tmp_path / "out" / "b.csv").symlink_to("gone.csv")
    with pytest.raises(DataError, match=r"^out/b\.csv: cannot be opened: No such file"):
        read(tmp_path, file="out")


@pytest.mark.parametrize("name", ["a.csv", "a.zip"])
def test_a_file_of_terabytes_is_refused_unread(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(5 * 1024**4)
    with pytest.raises(DataError, match=rf"^{name}: has 5,120 GB; at most"):
        read(tmp_path, file=name)


@pytest.mark.parametrize("kind", ["csv", "zip", "dictionary"])
def test_what_the_system_shows_as_a_file_without_end_is_not_read(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / ("log.zip" if kind == "zip" else "log.csv")
    log.touch()
    (tmp_path / "a.csv").write_text("id\n1\n")
    opened = Path.open

    def waiting(path: Path, *rest: Any, **options: Any) -> Any:
        # as the kernel's log does: of size 0, and to be waited for
        assert path.name != log.name, "was opened"
        return opened(path, *rest, **options)

    monkeypatch.setattr(Path, "open", waiting)
    given: dict[str, Any] = {"file": log.name}
    if kind == "dictionary":
        given = {"file": "a.csv", "format": "redcap", "dictionary": log.name}
    with pytest.raises(DataError, match=r"^log\..*(empty|no readable zip|no REDCap data)"):
        read(tmp_path, **given)
