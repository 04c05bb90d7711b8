"""Derived fields, recomputed from what they are derived from and compared with what was typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.checks import Doubt, Tables, days_between, where
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_BMI_SLACK = 0.5  # kg/m², what rounding height and weight can make of it
_AGE_SLACK = 1.5  # years: an age is typed in whole years
_DAYS_SLACK = 7  # a fracture is often dated to the week
_FILL_SLACK = 0.05


def derive(tables: Tables, *, replace: bool = True) -> Iterator[Doubt]:
    """Fill and compare derived fields.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Canonical tables; derived columns are written into their frames.
    replace : bool
        Whether a typed value that contradicts its parts is replaced by the recomputed one.

    Yields
    ------
    Doubt
        ``derived.differs`` for values typed differently, which names both;
        ``derived.implausible`` for what the registry works out, as ``range.warn`` for what is
        typed.
    """
    patients, procedures, levels = (tables[n] for n in ("patients", "procedures", "levels"))
    mass = body_mass_index(patients)
    yield from _settle(tables, "patients", "bmi", mass, _BMI_SLACK, replace)
    yield from _wrong_parts(patients, ("height_cm", "weight_kg"), "bmi", mass)
    age = age_at_procedure(procedures, patients)
    oldest, youngest = (age.groupby(procedures["patient_id"]).agg(n) for n in ("max", "min"))
    for ages in (oldest, youngest):
        by_patient = patients["patient_id"].map(ages)
        yield from _wrong_parts(patients, ("birth_date", "birth_year"), "age_at_proc", by_patient)
    spoiled = _beside_impossible(age, procedures["patient_id"])
    yield Doubt(
        "derived.impossible",
        "procedures",
        "age_at_proc",
        where(spoiled & procedures["age_at_proc"].isna().to_numpy(bool)),
        note="the same birth gives an impossible age at another session; no age was worked out",
    )
    age = age.mask(spoiled)
    yield from _settle(tables, "procedures", "age_at_proc", age, _AGE_SLACK, replace)
    since = days_between(procedures["proc_date"], procedures["fracture_date"]).astype("Float64")
    yield from _settle(tables, "procedures", "days_fx_to_proc", since, _DAYS_SLACK, replace)
    filled = (levels["cement_ml"] / levels["vb_volume_ml"]).where(levels["vb_volume_ml"] > 0)
    yield from _settle(tables, "levels", "fill_fraction", filled, _FILL_SLACK, replace)
    procedures["operator_case_no"] = case_numbers(procedures)
    yield from _deaths(tables)


def body_mass_index(patients: pd.DataFrame) -> pd.Series:
    """kg/m² from height and weight, to two decimals.

    Examples
    --------
    >>> rows = pd.DataFrame({"height_cm": [160.0], "weight_kg": [64.0]}, dtype="Float64")
    >>> body_mass_index(rows).tolist()
    [25.0]
    """
    metres = patients["height_cm"] / 100
    return (patients["weight_kg"] / metres**2).round(2)


def age_at_procedure(procedures: pd.DataFrame, patients: pd.DataFrame) -> pd.Series:
    """Completed years from birth to the session; from the year of birth alone within a year.

    Parameters
    ----------
    procedures, patients : DataFrame
        Canonical tables.

    Returns
    -------
    Series of Float64, shape (n procedures,)
        Years; missing where neither date nor year of birth is known.
    """
    born = patients.set_index("patient_id")[["birth_date", "birth_year"]]
    born = born.reindex(procedures["patient_id"]).reset_index(drop=True)
    day, birth = procedures["proc_date"].dt, born["birth_date"].dt
    before_birthday = (day.month < birth.month) | (
        (day.month == birth.month) & (day.day < birth.day)
    )
    exact = (day.year - birth.year - before_birthday).astype("Float64")
    exact = exact.where(born["birth_date"].notna().to_numpy(bool))
    by_year = day.year.astype("Float64") - born["birth_year"].astype("Float64")
    return exact.fillna(by_year)


def case_numbers(procedures: pd.DataFrame) -> pd.Series:
    """Running number of each operator's sessions, in order of date and then of name.

    Examples
    --------
    >>> rows = pd.DataFrame({"operator_id": ["a", "a", None], "procedure_id": ["2", "1", "3"],
    ...     "proc_date": pd.to_datetime(["2020-01-02", "2020-01-01", "2020-01-01"])})
    >>> case_numbers(rows).tolist()
    [2, 1, <NA>]
    """
    ordered = procedures.sort_values(["proc_date", "procedure_id"], kind="stable")
    numbers = ordered.groupby("operator_id", observed=True).cumcount() + 1
    _, most = TABLES["procedures"]["operator_case_no"].hard or (0, np.inf)
    numbers = numbers.astype("Int64").where(ordered["operator_id"].notna() & (numbers <= most))
    return numbers.reindex(procedures.index)


def _settle(
    tables: Tables, table: str, field: str, computed: pd.Series, slack: float, replace: bool
) -> Iterator[Doubt]:
    """Fill what is missing, name what differs, and write what can be."""
    frame, declared = tables[table], TABLES[table][field]
    typed = frame[field].astype("Float64")
    computed = computed.astype("Float64")
    low, high = declared.hard or (-np.inf, np.inf)
    possible = ((computed >= low) & (computed <= high)).fillna(value=False)
    impossible = where(computed.notna() & ~possible)
    both = typed.notna() & possible
    differs = where(both & ((typed - computed).abs() > slack))
    yield Doubt(
        "derived.impossible",
        table,
        field,
        impossible,
        note=_numbers("its parts give {}", computed.iloc[impossible]),
    )
    yield Doubt(
        "derived.differs",
        table,
        field,
        differs,
        note=_numbers("its parts give {}", computed.iloc[differs]),
        raw=_numbers("{}", typed.iloc[differs]),
    )
    likely, most = declared.warn or (-np.inf, np.inf)
    odd = where(typed.isna() & possible & ((computed < likely) | (computed > most)))
    yield Doubt(
        "derived.implausible",
        table,
        field,
        odd,
        note=_numbers(
            f"its parts give {{}}; plausible are {likely:g} to {most:g} {declared.unit}".rstrip(),
            computed.iloc[odd],
        ),
    )
    if replace:
        yield Doubt(
            "derived.replaced",
            table,
            field,
            differs,
            raw=_numbers("{}", typed.iloc[differs]),
            clean=_numbers("{}", computed.iloc[differs]),
        )
    written = typed.where(typed.notna(), computed.where(possible))
    if replace and len(differs):
        written.iloc[differs] = computed.iloc[differs]
    frame[field] = written.astype(declared.dtype)


def _wrong_parts(
    patients: pd.DataFrame, parts: tuple[str, ...], field: str, computed: pd.Series
) -> Iterator[Doubt]:
    """One of the parts is wrong where what they give is impossible."""
    table = "procedures" if field == "age_at_proc" else "patients"
    low, high = TABLES[table][field].hard or (-np.inf, np.inf)
    outside = ((computed < low) | (computed > high)).fillna(value=False).to_numpy(bool)
    for part in parts:
        wrong = where(outside & patients[part].notna().to_numpy(bool))
        yield Doubt(
            "derived.impossible",
            "patients",
            part,
            wrong,
            note=_numbers(f"{field} would be {{}}", computed.astype("Float64").iloc[wrong]),
        )


def _beside_impossible(age: pd.Series, patient: pd.Series) -> Array:
    """Ages that are possible, from a birth that makes another age of the patient impossible."""
    low, high = TABLES["procedures"]["age_at_proc"].hard or (-np.inf, np.inf)
    impossible = ((age < low) | (age > high)).fillna(value=False).astype(bool)
    anywhere = impossible.groupby(patient).transform("any").fillna(value=False).astype(bool)
    return np.asarray((anywhere & ~impossible & age.notna()).to_numpy(bool))


def _numbers(pattern: str, values: pd.Series) -> Array:
    out = np.empty(len(values), dtype=object)
    out[:] = [pattern.format(f"{float(v):.4g}") for v in values]
    return out


def _deaths(tables: Tables) -> Iterator[Doubt]:
    """Deaths that only the events know of are given to the patient."""
    patients, events = tables["patients"], tables["events"]
    deaths = events[(events["event_type"] == "death") & events["event_date"].notna()]
    day = deaths.groupby("patient_id", observed=True)["event_date"].min()
    known = day.reindex(patients["patient_id"]).reset_index(drop=True)
    filled = where(patients["death_date"].isna() & known.notna())
    if len(filled):
        patients.loc[filled, "death_date"] = known.iloc[filled].to_numpy()
        clean = np.array([str(d.date()) for d in known.iloc[filled]], dtype=object)
        yield Doubt("derived.death_date", "patients", "death_date", filled, clean=clean)
