"""A messy export of a million rows, cleaned: vpstats beside naive pandas, polars and duckdb.

    OMP_NUM_THREADS=1 .venv-bench/bin/python benchmarks/bench_cleaning.py [rows]

Every contender turns the same file into a vertebra, two dates, two volumes and two yes/no columns;
every result is compared with the generated truth. Each run is a process of its own, so that the
peak of its memory is its own; runs are interleaved, CPU seconds are medians. ``tokenise`` only cuts
the file into columns of text, and is the floor. vpstats also logs each change and doubt with its
row, which no other contender does. Growth is the exponent of CPU time over a hundredth, a tenth and
all of the rows.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS = 1_000_000
RUNS = 3
NUMBERS = ("cement_ml", "crp_mg_l")
DATES = ("proc_date", "event_date")
WORDS = ("diabetes", "ckd")
NAMES = ("patient_id", "level", *DATES, *NUMBERS, *WORDS)
YES = {"da": "yes", "DA": "yes", "d": "yes", "+": "yes", "1": "yes", "ne": "no", "NE": "no",
       "n": "no", "0": "no", "nema": "no"}  # fmt: skip
VERTEBRAE = (*(f"T{i}" for i in range(1, 13)), *(f"L{i}" for i in range(1, 6)))


def _spellings() -> dict[str, str]:
    """Ways of writing a vertebra, and which one it is."""
    found = {}
    for name in VERTEBRAE:
        letter, number = name[0], name[1:]
        ways = ("Th{}", "TH {}", "T{}", "D{}", "BWK {}", "th{}.") if letter == "T" else (
            "L{}", "L {}", "l{}", "LWK {}", "L-{}", "L{}.")  # fmt: skip
        found |= {way.format(number): name for way in ways}
    return found


SPELLINGS = _spellings()


def make_file(folder: Path, n: int, seed: int = 20260101) -> tuple[Path, pd.DataFrame]:
    """Write the export and keep its truth."""
    rng = np.random.default_rng(seed)
    ways = np.array(list(SPELLINGS), dtype=object)[rng.integers(0, len(SPELLINGS), n)]
    raw = pd.DataFrame({"patient_id": (np.arange(n) // 2).astype(str), "level": ways})
    truth = pd.DataFrame({"level": raw["level"].map(SPELLINGS)})
    for name in DATES:
        days = pd.Series(np.datetime64("2015-01-01") + rng.integers(0, 3650, n))
        point = np.where(rng.random(n) < 0.5, ".", "")
        raw[name], truth[name] = days.dt.strftime("%d.%m.%Y") + point, days
    for name, digits in zip(NUMBERS, (1, 2), strict=True):
        values = np.round(rng.gamma(4.0, 1.0, n), digits).clip(0.1, 14.9)
        missing = rng.random(n) < 0.05
        text = pd.Series(values).map(f"{{:.{digits}f}}".format).str.replace(".", ",", regex=False)
        raw[name] = text.where(~missing, "NA")
        truth[name] = np.where(missing, np.nan, values)
    for name in WORDS:
        raw[name] = np.array(list(YES), dtype=object)[rng.integers(0, len(YES), n)]
        truth[name] = raw[name].map(YES)
    path = folder / "messy.csv"
    raw.to_csv(path, sep=";", index=False)
    return path, truth


# ------------------------------------------------------------------ contenders: path to columns


def _vpstats(path: Path) -> dict[str, Any]:
    from vpstats.registry.cleaning import clean_column
    from vpstats.registry.columns import Dialect
    from vpstats.registry.delimited import read_text
    from vpstats.registry.mapping import ColumnMap, SourceMap
    from vpstats.schema_tables import TABLES

    fields = {"level": "levels", "cement_ml": "levels", "crp_mg_l": "procedures",
              "proc_date": "procedures", "event_date": "events", "diabetes": "patients",
              "ckd": "patients"}  # fmt: skip
    table = {"name": "patients", "columns": {"patient_id": "patient_id"}}
    declared = SourceMap.model_validate(
        {"name": "messy", "file": path.name, "center": "C01", "table": [table]}
    )
    raw = read_text(path, declared, path.name)
    dialect = Dialect(dt.date(2025, 12, 31), decimal=",")
    return {
        name: clean_column(
            raw.columns[name], TABLES[of][name], ColumnMap(column=name), dialect
        ).values
        for name, of in fields.items()
    }


def _pandas_naive(path: Path) -> dict[str, Any]:
    rows = pd.read_csv(path, sep=";", dtype=str, keep_default_na=False)

    def level(text: str) -> str | None:
        found = re.fullmatch(r"(t|th|d|bwk|l|lwk)[ -]?([0-9]{1,2})\.?", text.strip().lower())
        return None if found is None else ("L" if found[1][0] == "l" else "T") + found[2]

    def date(text: str) -> dt.datetime:
        day, month, year = text.rstrip(".").split(".")
        return dt.datetime(int(year), int(month), int(day))  # noqa: DTZ001  # a day has no zone

    def number(text: str) -> float:
        return float("nan") if text == "NA" else float(text.replace(",", "."))

    found = {"level": rows["level"].apply(level)}
    found |= {n: rows[n].apply(number) for n in NUMBERS}
    found |= {n: rows[n].apply(date) for n in DATES}
    return found | {n: rows[n].apply(lambda t: YES.get(t.strip())) for n in WORDS}


def _polars(path: Path) -> dict[str, Any]:
    import polars as pl

    col = pl.col
    rows = pl.read_csv(path, separator=";", infer_schema=False).select(
        col("level").str.strip_chars().replace_strict(SPELLINGS, default=None),
        *[col(n).replace("NA", None).str.replace(",", ".", literal=True).cast(pl.Float64)
          for n in NUMBERS],
        *[col(n).str.strip_chars_end(".").str.to_date("%d.%m.%Y") for n in DATES],
        *[col(n).str.strip_chars().replace_strict(YES, default=None) for n in WORDS],
    )  # fmt: skip
    return {name: rows[name].to_numpy() for name in rows.columns}


def _duckdb(path: Path) -> dict[str, Any]:
    import duckdb

    words = {n: _case(n, YES) for n in WORDS} | {"level": _case("level", SPELLINGS)}
    numbers = {n: f"try_cast(replace(nullif({n}, 'NA'), ',', '.') as double)" for n in NUMBERS}
    dates = {n: f"strptime(rtrim({n}, '.'), '%d.%m.%Y')::date" for n in DATES}
    chosen = ", ".join(f"{sql} as {n}" for n, sql in (words | numbers | dates).items())
    with duckdb.connect() as connection:
        connection.execute("set threads to 1")
        return dict(
            connection.execute(
                f"select {chosen} from read_csv('{path}', delim=';', header=true, all_varchar=true)"
            ).fetchnumpy()
        )


def _case(name: str, codes: dict[str, str]) -> str:
    pairs = ", ".join(f"'{raw}': '{code}'" for raw, code in codes.items())
    return f"map {{{pairs}}}[trim({name})]"


def _tokenise(path: Path) -> dict[str, Any]:
    import pyarrow.csv as pacsv

    pacsv.read_csv(
        path,
        read_options=pacsv.ReadOptions(use_threads=False),
        parse_options=pacsv.ParseOptions(delimiter=";"),
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(NAMES, "string")),
    )
    return {}


CONTENDERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "vpstats": _vpstats,
    "polars": _polars,
    "duckdb": _duckdb,
    "pandas, naive": _pandas_naive,
    "tokenise": _tokenise,
}


def _same(found: dict[str, Any], truth: pd.DataFrame) -> bool:
    for name, column in found.items():
        true = truth[name]
        if name in NUMBERS:
            values = np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)
            good = np.allclose(values, true, rtol=0, atol=1e-9, equal_nan=True)
        elif name in DATES:
            good = (pd.to_datetime(pd.Series(np.asarray(column))) == true).all()
        else:
            good = (np.asarray(column, dtype=object) == true.to_numpy(object)).all()
        if not good:
            return False
    return True


def _run(name: str, path: str, truth: str, answers: Any) -> None:
    CONTENDERS[name](Path(path).with_name("small.csv"))  # imports are not timed
    start = time.process_time()
    found = CONTENDERS[name](Path(path))
    taken = time.process_time() - start
    status = Path("/proc/self/status").read_text()  # unlike getrusage, without the parent's peak
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    answers.put((taken, peak, _same(found, pd.read_pickle(truth))))


Results = dict[str, list[tuple[float, float, bool]]]


def measured(n: int, runs: int) -> Results:
    """CPU seconds, peak memory and truth of every contender at one size, runs interleaved."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    timed: Results = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        path, truth = make_file(Path(folder), n)
        truth.to_pickle(f"{folder}/truth.pickle")
        with path.open() as whole, (path.parent / "small.csv").open("w") as small:
            small.writelines(islice(whole, 100))
        print(f"{n:,} rows, {path.stat().st_size / 1e6:.1f} MB")
        for _ in range(runs):
            for name, results in timed.items():
                job = (name, str(path), f"{folder}/truth.pickle", answers)
                worker = context.Process(target=_run, args=job)
                worker.start()
                worker.join()
                if worker.exitcode == 0:
                    results.append(answers.get())
    return timed


def median(results: list[tuple[float, float, bool]]) -> float:
    return statistics.median(taken for taken, _, _ in results)


def growth(by_size: dict[int, Results], name: str) -> float:
    """Slope of the logarithm of time on the logarithm of rows."""
    taken = [median(timed[name]) for timed in by_size.values()]
    return float(np.polyfit(np.log(list(by_size)), np.log(taken), 1)[0])


def main(n: int) -> None:
    by_size = {size: measured(size, RUNS) for size in (n // 100, n // 10, n)}
    timed = by_size[n]
    ours, floor = median(timed["vpstats"]), median(timed["tokenise"])
    print(f"{'':14}  CPU s  × vpstats  × tokenise  peak MB  growth  equals truth")
    for name, results in timed.items():
        if not results:
            print(f"{name:14}  not installed here")
            continue
        taken = median(results)
        said = "–" if name == "tokenise" else ("yes" if all(r[2] for r in results) else "NO")
        print(
            f"{name:14} {taken:6.2f} {taken / ours:10.2f} {taken / floor:11.2f} "
            f"{results[0][1]:8.0f}   n^{growth(by_size, name):4.2f}  {said}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
