"""What a registry holds while it is read: each stage lets go of what the one before it held."""

import csv
import io
import tracemalloc
from pathlib import Path

import pytest

from vpstats.registry import read_registry

DEMO = Path(__file__).parents[2] / "data" / "demo"
ROWS = 10_000
TIMES = 9  # of the text; with every stage kept until the end it was 15


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """The Croatian export of the demonstration again and again, under new identifiers."""
    folder = tmp_path_factory.mktemp("wide")
    text = (DEMO / "a_hr" / "razine.csv").read_text(encoding="cp1250")
    header, *lines = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    lines = [line for line in lines if len(line) == len(header)]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";")
    writer.writerow(header)
    keys = [header.index(name) for name in ("id_bolesnika", "br_zahvata")]
    for number in range(ROWS):
        line = list(lines[number % len(lines)])
        for key in keys:
            line[key] = line[key] and f"{line[key]}-{number // len(lines)}"
        writer.writerow(line)
    (folder / "a_hr").mkdir()
    (folder / "a_hr" / "razine.csv").write_text(out.getvalue(), encoding="cp1250", newline="")
    mapping = (DEMO / "registry.toml").read_text(encoding="utf-8")
    first = mapping.partition('[[source]]\nname = "hr-kontrole"')[0]
    (folder / "registry.toml").write_text(first, encoding="utf-8")
    return folder, len(out.getvalue())


def test_the_peak_is_a_few_times_the_text(wide):
    folder, size = wide
    tracemalloc.start()
    try:
        registry = read_registry(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(registry.levels) > 0.95 * ROWS
    assert peak < TIMES * size
