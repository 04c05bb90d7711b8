"""A whole registry of a million rows, read, cleaned and checked: time, peak memory, workers.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_registry.py [rows]

The export repeats the Croatian one of the demonstration, 77 columns wide, under new identifiers.
``tokenise`` only cuts the same file into columns of text. Growth is the exponent over a tenth and
all of the rows. The workers read the same rows cut into eight files. Each run is a process of its
own, so that the peak of its memory is its own; CPU seconds are of the process that asks, not of
its workers.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tempfile
import time
from itertools import count, islice
from pathlib import Path

import numpy as np

ROWS = 1_000_000
FILES = 8
DEMO = Path(__file__).parents[1] / "data" / "demo"
KEYS = ("id_bolesnika", "br_zahvata")
NEXT_SOURCE = '[[source]]\nname = "hr-kontrole"'
Measured = tuple[float, float, float]
"""CPU seconds, seconds by the clock, peak in MB."""


def write_export(folder: Path, rows: int, files: int) -> Path:
    """Write the export in so many files, with its mapping."""
    text = (DEMO / "a_hr" / "razine.csv").read_text(encoding="cp1250")
    header, *lines = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    lines = [line for line in lines if len(line) == len(header)]
    places = [header.index(name) for name in KEYS]
    made = (_renamed(line, places, turn) for turn in count() for line in lines)
    (folder / "a_hr").mkdir(parents=True)
    for number in range(files):
        with (folder / "a_hr" / f"razine{number}.csv").open(
            "w", encoding="cp1250", newline=""
        ) as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(header)
            writer.writerows(islice(made, rows // files))
    mapping = (DEMO / "registry.toml").read_text(encoding="utf-8").partition(NEXT_SOURCE)[0]
    mapping = mapping.replace("a_hr/razine.csv", "a_hr/razine*.csv")
    (folder / "registry.toml").write_text(mapping, encoding="utf-8")
    return folder


def _renamed(line: list[str], places: list[int], turn: int) -> list[str]:
    line = list(line)
    for place in places:
        line[place] = line[place] and f"{line[place]}-{turn}"
    return line


def read(folder: Path, n_jobs: int | None) -> None:
    """Read it as a user does."""
    from vpstats.registry import read_registry

    read_registry(folder, n_jobs=n_jobs)


def tokenise(folder: Path, _: int | None) -> None:
    """Cut the same text into columns."""
    import pyarrow.csv as pacsv

    for file in sorted((folder / "a_hr").iterdir()):
        with file.open("rb") as stream:
            names = stream.readline().decode("cp1250").strip().split(";")
        pacsv.read_csv(
            file,
            read_options=pacsv.ReadOptions(use_threads=False, encoding="cp1250"),
            parse_options=pacsv.ParseOptions(delimiter=";"),
            convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, "string")),
        )


def _run(name: str, folder: Path, warm: Path, n_jobs: int | None) -> Measured:
    call = {"read": read, "tokenise": tokenise}[name]
    call(warm, None)  # imports are not timed
    start, clock = time.process_time(), time.perf_counter()
    call(folder, n_jobs)
    taken = time.process_time() - start, time.perf_counter() - clock
    status = Path("/proc/self/status").read_text()
    return *taken, int(status.split("VmHWM:")[1].split()[0]) / 1024


def measured(name: str, folder: Path, warm: Path, n_jobs: int | None = None) -> Measured:
    """One run in a fresh process."""
    asked = [sys.executable, __file__, name, str(folder), str(warm), str(n_jobs or "")]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    cpu, clock, peak = map(float, said.split())
    return cpu, clock, peak


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as top:
        sizes = {n: write_export(Path(top) / str(n), n, 1) for n in (1000, rows // 10, rows)}
        parts = write_export(Path(top) / "parts", rows, FILES)
        warm, whole = sizes[1000], sizes[rows]
        size = sum(f.stat().st_size for f in (whole / "a_hr").iterdir()) / 1e6
        print(f"{rows:,} rows, {size:.0f} MB")
        print(f"{'':24}   CPU s  clock s  peak MB  × text")
        found = {}
        for label, name, folder, jobs in (
            ("tokenise", "tokenise", whole, None),
            (f"read_registry, {rows // 10:,}", "read", sizes[rows // 10], None),
            (f"read_registry, {rows:,}", "read", whole, None),
            (f"{FILES} files, one worker", "read", parts, 1),
            (f"{FILES} files, two workers", "read", parts, 2),
        ):
            cpu, clock, peak = found[label] = measured(name, folder, warm, jobs)
            print(f"{label:24} {cpu:7.1f} {clock:8.1f} {peak:8.0f} {peak / size:7.1f}")
    small, large = list(found.values())[1:3]
    cut = next(iter(found.values()))[0]
    print(f"× tokenise {large[0] / cut:.1f}, growth n^{np.log10(large[0] / small[0]):.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        what, export, first, jobs = sys.argv[1:]
        print(*_run(what, Path(export), Path(first), int(jobs) if jobs else None))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
