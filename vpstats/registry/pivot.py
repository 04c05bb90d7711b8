"""Fields that are mapped in one table and belong to another: leaks, ages, births."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.registry.assemble import HIDDEN, MAPPED, Draft
from vpstats.registry.blocks import Block
from vpstats.registry.collapse import collapse
from vpstats.registry.fields import LEAK_SET_FIELDS
from vpstats.registry.journal import Journal, entry
from vpstats.registry.leaks import WIDE_FIELDS, long_leaks
from vpstats.schema_tables import LEAK_SITES, MODALITIES, TABLES, leak_field

if TYPE_CHECKING:
    from numpy.typing import NDArray


def move_extras(drafts: dict[str, Draft], journal: Journal) -> None:
    """Give ages to sessions and births to patients, where those have none of their own.

    An age that a patient row states belongs to the patient's first session; where no birth tells
    the ages at others, they are missing, and that is said. A birth on which the
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
        _say_of_others(drafts, set(ordered["procedure_id"]), age, journal)


def _say_of_others(
    drafts: dict[str, Draft], first: set[str], age: pd.Series, journal: Journal
) -> None:
    """Later sessions of patients whose row states one age, where no birth tells the others."""
    draft, patients = drafts["procedures"], drafts["patients"].frame
    born = pd.Series(data=False, index=patients.index)
    for name in ("birth_date", "birth_year"):
        if name in patients:
            born |= patients[name].notna()
    stated = set(age.index[age.notna()]) - set(patients["patient_id"][born])
    frame = draft.frame
    later = frame["patient_id"].isin(stated) & ~frame["procedure_id"].isin(first)
    rows = np.flatnonzero((later & frame["age_at_proc"].isna()).to_numpy(bool))
    journal.add(draft.said("session.age_once", rows, "age_at_proc"), draft.places())


def share_ages(blocks: Sequence[Block]) -> None:
    """Give ages that are mapped for patients to the sessions of the same rows of the export.

    Parameters
    ----------
    blocks : sequence of Block
        Of all tables, with their values; changed in place.
    """
    for block in blocks:
        if block.table != "patients" or "age_at_proc" not in block.values:
            continue
        for other in blocks:
            own = other.table == "procedures" and other.text.source is block.text.source
            if own and "age_at_proc" not in other.values:
                _share(block, other)


def _share(block: Block, sessions: Block) -> None:
    there, here = (
        pd.MultiIndex.from_arrays([b.text.raw.file, b.text.raw.row]) for b in (block, sessions)
    )
    if not there.is_unique:
        return
    at = there.get_indexer(here)
    at[[session is None for session in sessions.procedure]] = -1
    ages = block.values["age_at_proc"]
    at[_stand_still(sessions, np.where(at >= 0, ages[at], np.nan))] = -1
    sessions.values["age_at_proc"] = np.where(at >= 0, ages[at], np.nan)
    sessions.names.setdefault("age_at_proc", block.names["age_at_proc"])
    block.values["age_at_proc"] = ages.copy()
    block.values["age_at_proc"][at[at >= 0]] = np.nan


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
    journal.add(
        draft.said("conflict.rows", positions, name, note=note, masked=True), draft.places()
    )


def _fill(frame: pd.DataFrame, key: str, name: str, known: pd.Series) -> None:
    values = frame[key].map(known)
    frame[name] = values if name not in frame else frame[name].where(frame[name].notna(), values)


_YEAR = np.timedelta64(366, "D")


def _stand_still(sessions: Block, ages: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Sessions of patients with one age at all of them, though more than a year lies between."""
    days = sessions.values.get("proc_date")
    if days is None:
        return np.zeros(len(ages), bool)
    rows = pd.DataFrame({"who": sessions.patient, "age": ages, "day": days})
    found = rows.dropna().groupby("who").agg(["min", "max"])
    still = found["age", "min"] == found["age", "max"]
    apart = found["day", "max"] - found["day", "min"] > _YEAR
    return np.asarray(rows["who"].isin(found.index[still & apart]))


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
    names = drafts["leaks"].names
    names |= _named_by_site(long, levels, 1 + max((mapped for mapped, _ in names), default=0))
    direct = _direct(drafts["leaks"])
    if len(direct):
        whole = pd.concat([direct, long], ignore_index=True)
        drafts["leaks"] = _unique(Draft("leaks", whole, names), journal)
    else:
        drafts["leaks"] = Draft("leaks", long, names)


def _named_by_site(long: pd.DataFrame, levels: Draft, first: int) -> dict[tuple[int, str], str]:
    """Raw column of the state of each site.

    Parameters
    ----------
    long : DataFrame
        Leaks from wide fields. Each site of a mapped table counts as one of its own from here on,
        since it has a column of its own.
    levels : Draft
        Whose mapped tables have these fields.
    first : int
        First number that no mapped table of leaks has.

    Returns
    -------
    dict of (int, str) to str
        As `Draft.names`.
    """
    numbers = long[MAPPED].to_numpy(np.int32, copy=True)  # in place: sites are many
    for codes, of in ((long["modality"], MODALITIES), (long["site"], LEAK_SITES)):
        numbers *= len(of)
        numbers += codes.cat.codes.to_numpy()
    numbers += first
    long[MAPPED] = numbers
    names = {}
    for mapped in sorted({mapped for mapped, _ in levels.names}):
        start = first + mapped * len(MODALITIES) * len(LEAK_SITES)
        for own, (modality, site) in enumerate(product(MODALITIES, LEAK_SITES), start):
            fields = (leak_field(site, modality), _SETS[modality])
            columns = (levels.names.get((mapped, field)) for field in fields)
            names[own, "state"] = next(filter(None, columns), "")
    return names


_SETS = {modality: name for name, modality in LEAK_SET_FIELDS.items()}


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
        note = "other rows of the same site say otherwise; it counts as not assessed"
        said = draft.said("conflict.rows", conflict.positions, "state", note=note)
        journal.add(said, draft.places())
    draft.frame = one.assign(state=one["state"].fillna("not_assessed")).reset_index(drop=True)
    return draft
