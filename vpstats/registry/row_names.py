"""Names that exports give to sessions, visits and events: whose they are, and where they disagree.

A row may name its session by a number, by its patient and by a day. Where these are of two
sessions nobody can say which is meant, and the row says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.blocks import Block, prefixed, session_key
from vpstats.registry.journal import entry
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_HABIT = 0.5
"""Share of names that several patients have, above which each patient has numbers of its own."""

_WHOLE = {"procedure_id", "patient_id", "proc_date"}
_NO_DAY = np.datetime64("NaT", "D")


# ------------------------------------------------------------------ numbers that patients share


def shared_names(parts: Sequence[tuple[Block, Array, Array | None]]) -> set[str]:
    """Names that rows of different patients share, as a running number per patient does.

    Two patients of one name and one day are more likely one row whose patient is written in two
    ways, unless most names of the center are shared.

    Parameters
    ----------
    parts : sequence of tuple
        Block, name of each of its rows, and day of each where there is one.

    Returns
    -------
    set of str
        Names that mean something only together with the patient.
    """
    frames = [
        pd.DataFrame(
            {
                "center": block.center,
                "name": names,
                "patient": block.patient,
                "day": _NO_DAY if days is None else days,
                "block": number,
            }
        )
        for number, (block, names, days) in enumerate(parts)
    ]
    if not frames:
        return set()
    rows = pd.concat(frames, ignore_index=True)
    rows = rows[rows["name"].notna() & rows["patient"].notna()]
    pairs = rows[~rows.duplicated(["name", "patient"])]
    several = pairs["name"].duplicated(keep=False)
    if not several.any():
        return set()
    usual = several.groupby(pairs["center"]).mean() > _HABIT
    habit = pairs["name"][pairs["center"].map(usual).astype(bool)]
    rows = rows[rows["name"].isin(pairs["name"][several])]
    one_day = rows.dropna(subset=["day"]).drop_duplicates(["name", "patient", "day"])
    clash = one_day["name"][one_day.duplicated(["name", "day"], keep=False)]
    own = rows.drop_duplicates(["name", "patient", "block"])
    inside = own["name"][own.duplicated(["name", "block"], keep=False)]
    undated = rows["name"][rows["day"].isna()]
    apart = (set(inside) | (set(rows["name"]) - set(undated))) - set(clash)
    return set(rows["name"]) & (set(habit) | apart)


_DAY = {"visits": "visit_date", "events": "event_date"}
"""Day of what an export numbers itself."""


def shared_numbers(table: str, blocks: Sequence[Block]) -> set[str]:
    """Names of visits or events that rows of several patients have; none of other tables."""
    if table not in _DAY:
        return set()
    name = TABLES[table].key[0]
    named = [b for b in blocks if b.table == table and name in b.values]
    return shared_names(
        [(b, prefixed(b.center, b.values[name]), b.values.get(_DAY[table])) for b in named]
    )


def own_names(block: Block, names: Array, shared: set[str]) -> Array:
    """Names of visits or events with the shared ones made each patient's own, and logged."""
    if not shared:
        return names
    out, rows = _made_own(block, names, shared)
    _say_made_own(block, rows, TABLES[block.table].key[0])
    return out


def _made_own(block: Block, names: Array, shared: set[str]) -> tuple[Array, Array]:
    """Names with the shared ones made each patient's own, and the rows of those."""
    known = pd.Series(names).isin(shared).to_numpy(bool) & ~pd.isna(block.patient)
    out = names.copy()
    raw = [name.partition("/")[2] for name in names[known]]
    out[known] = [f"{p}/{r}" for p, r in zip(block.patient[known], raw, strict=True)]
    return out, np.flatnonzero(known)


def _say_made_own(block: Block, rows: Array, field: str) -> None:
    """Log the rows whose name was made their patient's own."""
    column = block.names.get(field, "")
    block.entries.append(entry("key.session_shared", rows, field=field, column=column, masked=True))


# ------------------------------------------------------------------ sessions


def fill_sessions(blocks: Sequence[Block]) -> None:
    """Name the sessions of every block: the export's own name, else patient and day.

    Rows whose number, patient and day are of two sessions are doubted.
    """
    own = [b for b in blocks if b.table == "procedures" and "procedure_id" in b.values]
    dated = [b for b in own if "proc_date" in b.values] or own
    whole = [b for b in own if b.values.keys() >= _WHOLE]
    shared = shared_names([(b, b.procedure, b.values.get("proc_date")) for b in dated])
    _say_whose(own, whole, shared)
    for block in blocks:
        if block.table not in ("patients", "visits"):
            _fill(block, shared)
    known = _sessions(whole)
    if len(known):
        of_day = _of_day(known)
        for block in blocks:
            if block.table not in ("patients", "visits"):
                _find_by_day(block, of_day)
                if "procedure_id" in block.values:
                    _hold_against(block, known, defines=any(block is b for b in whole))


def _of_day(known: pd.DataFrame) -> pd.Series:
    """Name of the one session that a patient had on a day, by patient and day."""
    days = known["day"].to_numpy("datetime64[D]")
    by_day = pd.Series(known.index, index=session_key(known["patient"].to_numpy(object), days))
    return by_day[~by_day.index.duplicated(keep=False)]


def _find_by_day(block: Block, of_day: pd.Series) -> None:
    """Give rows that name their session by patient and day the number that it has elsewhere."""
    if of_day.empty or "proc_date" not in block.values:
        return
    if block.table == "procedures" and "procedure_id" in block.values:
        return  # a session without a number beside one that has it: maybe a second of that day
    at = of_day.index.get_indexer(pd.Index(block.procedure, dtype=object))
    block.procedure = np.where(at >= 0, of_day.to_numpy(object)[at], block.procedure)


def _fill(block: Block, shared: set[str]) -> None:
    if "proc_date" in block.values:
        by_day = session_key(block.patient, block.values["proc_date"])
        block.procedure = np.where(pd.isna(block.procedure), by_day, block.procedure)
    if shared:
        block.procedure, rows = _made_own(block, block.procedure, shared)
        if block.table == "procedures":
            _say_made_own(block, rows, "procedure_id")


def _say_whose(own: Sequence[Block], whole: Sequence[Block], shared: set[str]) -> None:
    """Patient and day of sessions that one file names by their number alone, from another file."""
    nameless = [b for b in own if not any(b is w for w in whole)]
    if not nameless:
        return
    whose: dict[str, tuple[str, Any]] = {}
    for block in whole:
        days = block.values["proc_date"]
        rows = zip(block.procedure, block.patient, days, strict=True)
        whose |= {s: (p, day) for s, p, day in rows if None not in (s, p) and s not in shared}
    nobody = (None, _NO_DAY)
    for block in nameless:
        found = [whose.get(s, nobody) for s in block.procedure]
        if "patient_id" not in block.values:
            block.patient = np.array([p for p, _ in found], dtype=object)
        if "proc_date" not in block.values:
            block.values["proc_date"] = np.array([d for _, d in found], "datetime64[D]")


def _sessions(whole: Sequence[Block]) -> pd.DataFrame:
    """Patient and day of each session on which its rows agree, by its name."""
    parts = [
        pd.DataFrame({"name": b.procedure, "patient": b.patient, "day": b.values["proc_date"]})
        for b in whole
    ]
    if not parts:
        return pd.DataFrame()
    rows = pd.concat(parts).dropna().drop_duplicates()
    return rows[~rows["name"].duplicated(keep=False)].set_index("name")


def _hold_against(block: Block, known: pd.DataFrame, *, defines: bool) -> None:
    """Doubt the rows whose number is of another patient, or of another day, than they say."""
    at = known.index.get_indexer(pd.Index(block.procedure, dtype=object))
    day = block.values.get("proc_date", np.full(len(block), _NO_DAY))
    named = at >= 0
    if defines:  # a row with a day defines its session: where two differ, rows contradict
        named &= np.isnat(day)
    owners, days = known["patient"].to_numpy(object), known["day"].to_numpy("datetime64[D]")
    owner, its_day = owners[at], days[at]
    strange = named & ~pd.isna(block.patient) & (owner != block.patient)
    if block.table != "events":  # events are looked at once the tables are whole
        _doubt(block, "key.other_patient", strange)
        block.procedure[strange] = None
    differs = named & ~strange & ~np.isnat(day) & (day != its_day)
    if not differs.any():
        return
    others = set(session_key(owners, days))
    of_another = differs.copy()
    where = np.flatnonzero(differs)
    of_another[where] = [s in others for s in session_key(block.patient[where], day[where])]
    _doubt(block, "key.other_day", of_another, _WITHOUT if block.table == "events" else "")
    block.procedure[of_another] = None
    _doubt(block, "key.day_differs", differs & ~of_another)


_WITHOUT = (
    "the number and the day are of two sessions of the patient; the event was kept without either"
)


def _doubt(block: Block, rule: str, rows: Array, note: str = "") -> None:
    field = "proc_date" if rule == "key.day_differs" else "procedure_id"
    column = block.names.get(field, "")
    block.entries.append(entry(rule, np.flatnonzero(rows), field=field, column=column, note=note))
