"""Fields that are mapped in one table and belong to another: leaks, ages, births."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.registry.assemble import HIDDEN, Draft
from vpstats.registry.collapse import collapse
from vpstats.registry.journal import Journal, entry
from vpstats.registry.leaks import WIDE_FIELDS, long_leaks
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray


def move_extras(drafts: dict[str, Draft], journal: Journal) -> None:
    """Give ages to sessions and births to patients, where those have none of their own.

    An age that a patient row states belongs to the patient's first session. A birth on which the
    sessions of a patient do not agree, among themselves or with the patient's own, is missing.

    Parameters
    ----------
    drafts : dict of str to Draft
        Tables so far, changed in place.
    journal : Journal
        Takes what contradicts itself.
    """
    patients, sessions = drafts["patients"].frame, drafts["procedures"].frame
    for name in ("birth_date", "birth_year"):
        if name in sessions:
            known = _births(drafts["procedures"], name, journal)
            _fill(patients, "patient_id", name, known)
            _contradicted(drafts["patients"], name, known, journal)
    if "age_at_proc" in patients and "proc_date" in sessions:
        ordered = sessions.sort_values("proc_date", kind="stable").drop_duplicates("patient_id")
        age = patients.set_index("patient_id")["age_at_proc"]
        first = ordered.set_index("procedure_id")["patient_id"].map(age)
        _fill(sessions, "procedure_id", "age_at_proc", first)


def _births(draft: Draft, name: str, journal: Journal) -> pd.Series:
    """What the sessions of each patient agree on."""
    rows = draft.frame[["patient_id", name]].reset_index(drop=True)
    one, conflicts = collapse(rows, rows["patient_id"].to_numpy(object), [name])
    for conflict in conflicts:
        _say_contradicted(draft, name, conflict.positions, journal)
    return one.dropna(subset=[name]).set_index("patient_id")[name]


def _contradicted(draft: Draft, name: str, known: pd.Series, journal: Journal) -> None:
    """A patient's own birth that is not the one of the sessions."""
    own, other = draft.frame[name], draft.frame["patient_id"].map(known)
    differ = (own.notna() & other.notna() & (own != other).fillna(False)).to_numpy(bool)
    if differ.any():
        draft.frame[name] = own.mask(differ)
        _say_contradicted(draft, name, np.flatnonzero(differ), journal)


def _say_contradicted(
    draft: Draft, name: str, positions: NDArray[np.int64], journal: Journal
) -> None:
    note = "the rows of the patient's sessions say otherwise; the value was set missing"
    column = draft.column_of(int(positions[0]), name)
    item = entry("conflict.rows", positions, field=name, column=column, note=note, masked=True)
    journal.add([item], draft.places())


def _fill(frame: pd.DataFrame, key: str, name: str, known: pd.Series) -> None:
    values = frame[key].map(known)
    frame[name] = values if name not in frame else frame[name].where(frame[name].notna(), values)


def add_leaks(drafts: dict[str, Draft], journal: Journal) -> None:
    """Pivot the wide leak fields of the levels, and join them with leaks mapped directly.

    Parameters
    ----------
    drafts : dict of str to Draft
        Tables so far; the one of leaks is replaced.
    journal : Journal
        Takes what contradicts itself.
    """
    levels = drafts["levels"]
    wide = levels.frame[[c for c in WIDE_FIELDS if c in levels.frame]]
    long, rows, contradicted = long_leaks(wide, _without_ct(drafts))
    note = "a CT finding although no CT was made; it counts as not assessed"
    journal.add([entry("leak.without_ct", contradicted, field="leaks", note=note)], levels.places())
    for name in ("level_id", *HIDDEN):
        long[name] = levels.frame[name].array.take(rows)
    names = {(s, "state"): c for (s, f), c in levels.names.items() if f in WIDE_FIELDS}
    names |= drafts["leaks"].names
    direct = _direct(drafts["leaks"])
    if len(direct):
        whole = pd.concat([direct, long], ignore_index=True)
        drafts["leaks"] = _unique(Draft("leaks", whole, names), journal)
    else:
        drafts["leaks"] = Draft("leaks", long, names)


def _direct(draft: Draft) -> pd.DataFrame:
    wanted = [*TABLES["leaks"].names, *HIDDEN]
    return draft.frame.reindex(columns=wanted)


def _without_ct(drafts: dict[str, Draft]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    levels, sessions = drafts["levels"].frame, drafts["procedures"].frame
    if "ct_post_done" not in sessions:
        return np.zeros(len(levels), bool)
    done = sessions.set_index("procedure_id")["ct_post_done"]
    said = done.reindex(levels["procedure_id"])
    return np.asarray(said.isin(["no", "not_done"]), dtype=bool)


def _unique(draft: Draft, journal: Journal) -> Draft:
    """One state per level, modality and site; a contradiction counts as not assessed."""
    frame = draft.frame.astype({"modality": object, "site": object, "state": object})
    key = (frame["level_id"] + "|" + frame["modality"] + "|" + frame["site"]).to_numpy(object)
    told = frame.assign(state=frame["state"].where(frame["state"] != "not_assessed"))
    one, conflicts = collapse(told, key, ["state"])
    for conflict in conflicts:
        item = entry(
            "conflict.rows",
            conflict.positions,
            field="state",
            note="other rows of the same site say otherwise; it counts as not assessed",
        )
        journal.add([item], draft.places())
    draft.frame = one.assign(state=one["state"].fillna("not_assessed")).reset_index(drop=True)
    return draft
