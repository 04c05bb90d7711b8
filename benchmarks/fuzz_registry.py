"""Coverage-guided fuzzing of every text parser of the registry, bounded by seconds.

    .venv-bench/bin/python benchmarks/fuzz_registry.py [seconds]

atheris mutates bytes towards branches not yet taken. A parser fails by an exception or by a single
call that takes longer than `SLOWEST`. libFuzzer prints the number of calls; a
failure ends the run with the bytes that caused it.
"""

from __future__ import annotations

import contextlib
import sys
import time

SECONDS = 60
SLOWEST = 0.5
"""CPU seconds that one call may take."""
LONGEST = 4_096


def main(seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["vpstats.registry"]):
        from vpstats.registry.cleaning import clean_texts
        from vpstats.registry.dates import date_shape
        from vpstats.registry.decoding import decode, detect, repair, signature
        from vpstats.registry.delimited import detect_delimiter
        from vpstats.registry.digits import readings_of
        from vpstats.registry.numbers import decimal_evidence
        from vpstats.registry.people import plain_id
        from vpstats.registry.spine import parse_levels, style_of
        from vpstats.registry.units import fold_unit
        from vpstats.schema_tables import TABLES

    from vpstats.errors import DataError

    columns = [column for table in TABLES.values() for column in table]

    def one(data: bytes) -> None:
        provider = atheris.FuzzedDataProvider(data)
        column = columns[provider.ConsumeIntInRange(0, len(columns) - 1)]
        raw = provider.ConsumeBytes(256)
        text = provider.ConsumeUnicodeNoSurrogates(LONGEST)
        start = time.process_time()
        clean_texts(column, [*text.split("\x1f"), text])
        parse_levels(text), style_of(text), date_shape(text), plain_id(text), fold_unit(text)
        decimal_evidence(text), readings_of(text[:60], None, None)
        repair(text), signature([text]), detect(raw), detect_delimiter(text)
        with contextlib.suppress(DataError):  # bytes that are no text are refused in words
            decode(raw, declared=None, file="fuzz")
        taken = time.process_time() - start
        if taken > SLOWEST:
            raise RuntimeError(f"a call took {taken:.2f} s")

    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
