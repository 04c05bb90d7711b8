"""What every cohort shares: patient and procedure columns in analysis form, and their words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.labels import LABELS
from vpstats.registry.spine import index, region
from vpstats.schema import Column, Table
from vpstats.schema_tables import LEVELS, PATIENTS, PROCEDURES

if TYPE_CHECKING:
    from vpstats.registry import Registry

NEOPLASTIC = ("metastasis", "myeloma", "haemangioma")
"""Indications that count as neoplastic."""

CRP_RAISED = 10.0
"""CRP (mg/L) above which it counts as raised, the usual limit of laboratories."""

WBC_RAISED = 11.0
"""White cells (10⁹/L) above which they count as raised."""

_NOT_KNOWN = ("unknown", "not_done", "not_applicable")

_PATIENT_COLUMNS = (
    "sex", "bmi", "osteoporosis_dx", "bmd_tscore", "ct_hu", "prior_vfx_n", "antiosteo_tx",
    "steroid_chronic", "malignancy_hist", "primary_tumour", "immunocompromised", "diabetes", "ckd",
    "copd", "chf", "liver_disease", "asa", "charlson", "mfi5", "anticoag", "smoker",
)  # fmt: skip
_PROCEDURE_COLUMNS = (
    "procedure_id", "patient_id", "center_id", "proc_date", "age_at_proc", "indication",
    "technique", "guidance", "anaesthesia", "days_fx_to_proc", "crp_mg_l", "wbc_10e9_l", "mri_pre",
    "biopsy_done", "antibiotic_iv", "antibiotic_in_cement", "viscosity_class",
    "time_mix_to_inject_min", "approach", "duration_min", "fluoro_min", "venous_leak_fluoro",
    "azygos_or_ivc_leak_fluoro", "stopped_on_leak", "ct_post_done", "ct_post_reason",
    "chest_imaging_modality", "operator_case_no", "hypotension", "desaturation", "arrest",
)  # fmt: skip


def analysis_values(values: pd.Series, column: Column) -> pd.Series:
    """Put one canonical column into the form that models take.

    Codes that say "not known" become missing, yes/no columns keep "no" as the reference, unused
    codes go, and nullable numbers become floats with NaN.
    """
    if column.kind == "yes_no":
        kept = values.astype(object).where(values.isin(["no", "yes"]))
        return kept.astype(pd.CategoricalDtype(["no", "yes"]))
    if column.kind == "category":
        codes = [c for c in column.codes if c not in _NOT_KNOWN]
        return values.astype(object).where(values.isin(codes)).astype(pd.CategoricalDtype(codes))
    if column.kind in ("number", "integer"):
        return values.astype("float64")
    return values


def analysis_table(data: pd.DataFrame, table: Table, columns: tuple[str, ...]) -> pd.DataFrame:
    """Columns of a canonical table in analysis form."""
    return pd.DataFrame({c: analysis_values(data[c], table[c]) for c in columns}, index=data.index)


def patient_table(registry: Registry) -> pd.DataFrame:
    """One row per patient: identifier, covariates and the dates of follow-up."""
    table = analysis_table(registry.patients, PATIENTS, _PATIENT_COLUMNS)
    keys = ["patient_id", "last_contact_date", "death_date", "status"]
    return pd.concat([registry.patients[keys], table], axis=1)


def level_table(registry: Registry) -> pd.DataFrame:
    """One row per treated level with its own columns, vertebral index and region."""
    columns = tuple(c.name for c in LEVELS if c.name not in ("level_id", "procedure_id", "level"))
    table = analysis_table(registry.levels, LEVELS, columns)
    level = registry.levels["level"].astype("string")
    keys = registry.levels[["level_id", "procedure_id"]]
    regions = level.map({v: region(v) for v in LEVELS["level"].codes})
    derived = pd.DataFrame(
        {
            "level": level.astype(LEVELS["level"].dtype),
            "vertebra": level.map({v: index(v) for v in LEVELS["level"].codes}).astype("Int64"),
            "region": regions.astype(pd.CategoricalDtype(list(REGIONS))),
            "fill_10": 10 * table["fill_fraction"],
        }
    )
    return pd.concat([keys, derived, table], axis=1)


REGIONS = ("tl_junction", "upper_thoracic", "mid_thoracic", "lumbar", "cervical", "sacral")
"""Regions, the most often treated first: it is the reference."""


def procedure_table(registry: Registry) -> pd.DataFrame:
    """One row per procedure: its own columns, sums over its levels and the patient's columns.

    Every cohort starts from this table, so the last one made is kept; each caller has a copy.
    """
    return _procedure_table(registry).copy()


@lru_cache(maxsize=1)
def _procedure_table(registry: Registry) -> pd.DataFrame:
    own = analysis_table(registry.procedures, PROCEDURES, _PROCEDURE_COLUMNS)
    own["neoplastic"] = _flag(own["indication"].isin(NEOPLASTIC), own["indication"].notna())
    own["operator_cases_10"] = own["operator_case_no"] / 10
    # CRP spans three orders of magnitude; the limit of detection keeps zero off the log scale
    own["log_crp"] = np.log2(own["crp_mg_l"].clip(lower=0.3))
    own["log_wbc"] = np.log2(own["wbc_10e9_l"].clip(lower=0.1))
    own["crp_raised"] = _flag(own["crp_mg_l"] > CRP_RAISED, own["crp_mg_l"].notna())
    own["wbc_raised"] = _flag(own["wbc_10e9_l"] > WBC_RAISED, own["wbc_10e9_l"].notna())
    joined = own.merge(_level_sums(registry), on="procedure_id", how="left")
    return joined.merge(patient_table(registry), on="patient_id", how="left", validate="m:1")


def _level_sums(registry: Registry) -> pd.DataFrame:
    levels = level_table(registry)
    thoracic = levels["vertebra"].between(index("T1"), index("T12"))
    grouped = levels.assign(thoracic=thoracic.astype(float)).groupby("procedure_id", sort=False)
    sums = pd.DataFrame(
        {
            "n_levels": grouped.size().astype(float),
            # one unknown volume makes the sum unknown
            "total_cement_ml": grouped["cement_ml"]
            .sum(min_count=1)
            .where(grouped["cement_ml"].count() == grouped.size()),
            "max_fill_fraction": grouped["fill_fraction"].max(),
            "max_fill_10": 10 * grouped["fill_fraction"].max(),
            "any_thoracic": grouped["thoracic"].max(),
        }
    )
    high = levels["vascularity"].eq("high").astype(float)
    vascular = high.groupby(levels["procedure_id"], sort=False).max() > 0
    recorded = grouped["vascularity"].count() == grouped.size()
    sums["high_vascularity"] = _flag(vascular, vascular | recorded)
    sums["three_levels"] = _flag(sums["n_levels"] >= 3, sums["n_levels"].notna())
    sums["any_thoracic"] = _flag(sums["any_thoracic"] > 0, sums["any_thoracic"].notna())
    return sums.reset_index()


def treated_levels(registry: Registry) -> pd.DataFrame:
    """Join each treated level to its procedure and patient."""
    session = procedure_table(registry)
    return level_table(registry).merge(session, on="procedure_id", how="inner", validate="m:1")


def _flag(value: pd.Series, known: pd.Series) -> pd.Series:
    words = pd.Series(np.where(value, "yes", "no"), index=value.index, dtype=object)
    return words.where(known).astype(pd.CategoricalDtype(["no", "yes"]))


def labels_for(data: pd.DataFrame) -> Mapping[str, str]:
    """Words for the columns that a frame has."""
    return MappingProxyType({c: LABELS[c] for c in data.columns if c in LABELS})
