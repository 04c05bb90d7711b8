"""Key variables cell by cell: known, or missing and why, as far as the exports say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.labels import LABELS
from vpstats.schema import YES_NO
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from vpstats.registry import Registry

STATES: Mapping[str, str] = MappingProxyType(
    {
        "known": "known",
        "unknown": "asked for, not known",
        "not_done": "not done",
        "refused": "written, but not usable",
        "blank": "blank",
        "not_applicable": "not applicable",
    }
)
"""What a cell of a key variable can be, and the words for it."""

MISSING = ("unknown", "not_done", "refused", "blank")
"""States of a cell that could hold a value and does not."""

_ONLY_IF: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "procedures.ct_post_reason": ("ct_post_done", ("yes",)),
        "procedures.ct_post_date": ("ct_post_done", ("yes",)),
        "procedures.mri_stir_edema": ("mri_pre", ("yes",)),
        "procedures.biopsy_result": ("biopsy_done", ("yes",)),
        "patients.primary_tumour": ("malignancy_hist", ("yes",)),
        "patients.immuno_reasons": ("immunocompromised", ("yes",)),
        "patients.antiosteo_start": (
            "antiosteo_tx",
            ("bisphosphonate", "denosumab", "teriparatide", "romosozumab", "other"),
        ),
    }
)
"""Variables that apply only where another one has one of these values."""

_KINDS = ("unknown", "not_done", "not_applicable")

WRITTEN = (
    "word.", "number.", "range.", "date.", "unit.", "tscore.", "derived.", "conflict.", "level.",
    "session.",
)  # fmt: skip
"""Groups of rules whose finding about an empty cell says that something was written there."""


@dataclass(frozen=True, eq=False)
class Variable:
    """A key variable of every row of its table.

    Parameters
    ----------
    name : str
        ``table.field``.
    label : str
        Words for it.
    key : ndarray of object, shape (n,)
        Key of each row.
    center : ndarray of object, shape (n,)
        Center of each row.
    state : ndarray of object, shape (n,)
        A key of `STATES` for each row.
    """

    name: str
    label: str
    key: np.ndarray
    center: np.ndarray
    state: np.ndarray

    @property
    def missing(self) -> np.ndarray:
        """Rows that could have a value and have none."""
        return np.isin(self.state.astype(str), MISSING)


def key_variables(registry: Registry, names: Sequence[str]) -> list[Variable]:
    """Say of every cell of some variables whether it is known, or why it is not.

    Parameters
    ----------
    registry : Registry
    names : sequence of str
        ``table.field`` each.

    Returns
    -------
    list of Variable
        In the order of the names.

    Notes
    -----
    A yes/no column holds the kind of missing itself. Of other columns the log of cleaning says what
    stood where nothing stands now; a cell about which neither says anything was blank.
    """
    return [_variable(registry, name) for name in names]


def _variable(registry: Registry, name: str) -> Variable:
    table, field = name.split(".")
    rows = registry.tables[table]
    key = rows[TABLES[table].key[0]].to_numpy(object)
    center = centers_of(registry, table).to_numpy(object)
    return Variable(name, label_of(field), key, center, _states(registry, table, field))


def label_of(field: str) -> str:
    """Words for a variable.

    Examples
    --------
    >>> label_of("crp_mg_l"), label_of("bmd_site")
    ('CRP before (mg/L)', 'Bmd site')
    """
    return _WORDS.get(field) or LABELS.get(field) or field.replace("_", " ").capitalize()


_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "ct_post_done": "CT afterwards: yes or no",
        "ct_post_reason": "Reason for the CT, where one was made",
        "chest_imaging_modality": "Chest imaging",
    }
)


def centers_of(registry: Registry, table: str) -> pd.Series:
    """Center of each row of a canonical table; missing where a row has none."""
    rows = registry.tables[table]
    if "center_id" in rows:
        return rows["center_id"].astype(object)
    if "patient_id" in rows:
        by_patient = registry.patients.set_index("patient_id")["center_id"]
        return rows["patient_id"].map(by_patient).astype(object)
    session = rows["procedure_id"] if "procedure_id" in rows else _sessions(registry, rows)
    by_session = registry.procedures.set_index("procedure_id")["center_id"]
    return session.map(by_session).astype(object)


def _sessions(registry: Registry, rows: pd.DataFrame) -> pd.Series:
    by_level = registry.levels.set_index("level_id")["procedure_id"]
    return rows["level_id"].map(by_level)


def _states(registry: Registry, table: str, field: str) -> np.ndarray:
    rows = registry.tables[table]
    values = rows[field].astype(object)
    there = values.notna().to_numpy(bool)
    coded = values.isin(_KINDS).to_numpy(bool) & _holds_kinds(table, field)
    state = np.where(there, "known", "blank").astype(object)
    state[coded] = values[coded].to_numpy(object)
    key = rows[TABLES[table].key[0]].astype(str)
    state[~there & key.isin(refused_keys(registry, table, field)).to_numpy(bool)] = "refused"
    for kind in _KINDS:
        state[~there & key.isin(_said(registry, table, field, kind)).to_numpy(bool)] = kind
    state[~there & ~_applies(registry, f"{table}.{field}")] = "not_applicable"
    return state


def _holds_kinds(table: str, field: str) -> bool:
    codes = TABLES[table][field].codes
    return codes is YES_NO or bool(set(_KINDS) & set(codes))


def refused_keys(registry: Registry, table: str, field: str) -> set[str]:
    """Keys of the cells in which something was found that may not have been usable."""
    log = registry.findings
    chosen = (log["table"] == table) & (log["field"] == field) & log["rule"].str.startswith(WRITTEN)
    return set(log["key"][chosen.fillna(value=False)].dropna())


def _said(registry: Registry, table: str, field: str, kind: str) -> set[str]:
    """Keys of the cells in which a kind of missing was written."""
    log = registry.corrections
    chosen = (log["rule"] == f"missing.{kind}") & (log["table"] == table) & (log["field"] == field)
    return set(log["key"][chosen.fillna(value=False)].dropna())


def _applies(registry: Registry, name: str) -> np.ndarray:
    """Rows to which a variable applies, or may: what decides may itself be missing."""
    table = name.partition(".")[0]
    rows = registry.tables[table]
    if name not in _ONLY_IF:
        return np.ones(len(rows), bool)
    other, values = _ONLY_IF[name]
    decides = rows[other].astype(object)
    open_ = decides.isna() | decides.isin(["unknown"])
    return np.asarray((open_ | decides.isin(values)).to_numpy(bool))


def by_procedure(registry: Registry, variable: Variable) -> np.ndarray:
    """Whether a variable is missing for each procedure: of the patient, or of any of its levels.

    Returns
    -------
    ndarray of bool, shape (n_procedures,)
    """
    missing = pd.Series(variable.missing, index=variable.key.astype(object))
    table = variable.name.partition(".")[0]
    if table == "procedures":
        return variable.missing
    if table == "patients":
        found = registry.procedures["patient_id"].map(missing)
    else:
        sessions = registry.levels["procedure_id"].to_numpy(object)
        worst = pd.Series(variable.missing, index=sessions).groupby(level=0).any()
        found = registry.procedures["procedure_id"].map(worst)
    return np.asarray(found.astype("boolean").fillna(value=False).to_numpy(bool))
