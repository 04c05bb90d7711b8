"""Fields that are mapped in one table and belong to another: leaks, ages, births."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vpstats.registry.assemble import HIDDEN, Draft
from vpstats.registry.collapse import collapse
from vpstats.registry.journal import Journal, entry
from vpstats.registry.leaks import WIDE_FIELDS, long_leaks
from vpstats.schema_tables import TABLES


def move_extras(drafts: dict[str, Draft]) -> None:
    """Give ages to sessions and births to patients, where those have none of their own.

    An age that a patient row states belongs to the patient's first session.
    """
    patients, sessions = drafts["patients"].frame, drafts["procedures"].frame
    for name in ("birth_date", "birth_year"):
        if name in sessions:
            known = sessions.dropna(subset=[name]).drop_duplicates("patient_id")
            _fill(patients, "patient_id", name, known.set_index("patient_id")[name])
    if "age_at_proc" in patients and "proc_date" in sessions:
        ordered = sessions.sort_values("proc_date", kind="stable").drop_duplicates("patient_id")
        age = patients.set_index("patient_id")["age_at_proc"]
        first = ordered.set_index("procedure_id")["patient_id"].map(age)
        _fill(sessions, "procedure_id", "age_at_proc", first)


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
