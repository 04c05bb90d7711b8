"""``[quality]`` of registry.toml: what a data-quality report asks, and hospitals' own counts."""

from __future__ import annotations

import datetime as dt

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from vpstats.schema import Column
from vpstats.schema_tables import TABLES

ASKED = ("procedures", "patients", "levels")
"""Tables whose columns can be asked for, in the order in which a bare name is looked up."""

VARIABLES: tuple[str, ...] = (
    "patients.sex",
    "patients.bmd_tscore",
    "patients.malignancy_hist",
    "patients.steroid_chronic",
    "procedures.age_at_proc",
    "procedures.indication",
    "procedures.technique",
    "procedures.crp_mg_l",
    "procedures.mri_pre",
    "procedures.viscosity_class",
    "procedures.antibiotic_iv",
    "procedures.ct_post_done",
    "procedures.ct_post_reason",
    "procedures.chest_imaging_modality",
    "levels.posterior_wall_breach",
    "levels.cement_ml",
)
"""Variables without which outcomes can be neither compared nor explained."""


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, populate_by_name=True
    )


class HospitalCount(_Strict):
    """How many procedures a hospital did, by its own books."""

    center: str = Field(min_length=1, description="Center, as the registry names it.")
    n: int = Field(ge=0, description="Procedures that the hospital did in the period.")
    year: int | None = Field(None, ge=1984, le=2200, description="Calendar year, or from and to.")
    first: dt.date | None = Field(None, alias="from", description="First day of the period.")
    last: dt.date | None = Field(None, alias="to", description="Last day of the period.")

    @model_validator(mode="after")
    def _one_period(self) -> HospitalCount:
        days = (self.first, self.last)
        if (self.year is None) == (None in days) or (self.year is not None and any(days)):
            raise ValueError("needs a year, or from and to")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError("from lies after to")
        return self

    @property
    def days(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First and last day of the period."""
        first = self.first or dt.date(int(self.year or 0), 1, 1)
        last = self.last or dt.date(int(self.year or 0), 12, 31)
        return pd.Timestamp(first), pd.Timestamp(last)

    @property
    def period(self) -> str:
        """The period in words."""
        return str(self.year) if self.year is not None else f"{self.first} to {self.last}"


class QualityMap(_Strict):
    """What the data-quality report asks for, from when on it says so, and hospitals' own counts."""

    variables: tuple[str, ...] = Field(
        VARIABLES, min_length=1, description="Key variables: field, or table.field."
    )
    completeness: float = Field(
        0.85, ge=0, le=1, description="Share known below which a variable is a finding."
    )
    status: float = Field(
        0.85, ge=0, le=1, description="Share of patients whose state after a year must be known."
    )
    ascertainment: float = Field(
        0.9, ge=0, le=1, description="Share of the hospital's procedures that must be here."
    )
    entry_days: int = Field(
        30, ge=0, description="Days to entry that at least half of the procedures must keep."
    )
    errors: float = Field(
        5.0, ge=0, description="Errors and warnings of cleaning per 100 records that pass."
    )
    imbalance: float = Field(
        0.25, gt=0, description="Standardised difference between those with and without a value."
    )
    hospital_counts: tuple[HospitalCount, ...] = Field(
        (), description="What hospitals counted, for case ascertainment."
    )

    @field_validator("variables")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple(full_name(name) for name in value)
        if len(set(found)) < len(found):
            raise ValueError("names a variable twice")
        return found

    @field_validator("hospital_counts")
    @classmethod
    def _once(cls, value: tuple[HospitalCount, ...]) -> tuple[HospitalCount, ...]:
        places = [(count.center, *count.days) for count in value]
        twice = next((p for p in places if places.count(p) > 1), None)
        if twice is not None:
            raise ValueError(f"counts {twice[0]} twice in one period")
        return value


def full_name(name: str) -> str:
    """Name a key variable with its table.

    Parameters
    ----------
    name : str
        ``field`` or ``table.field``.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If no table has such a field, or it names rows and people.

    Examples
    --------
    >>> full_name("cement_ml"), full_name("patients.sex")
    ('levels.cement_ml', 'patients.sex')
    """
    table, dot, field = name.rpartition(".")
    tables = [table] if dot else list(ASKED)
    for place in tables:
        if place in ASKED and field in TABLES[place] and _may_be_asked(TABLES[place][field]):
            return f"{place}.{field}"
    raise ValueError(f"'{name}' is no variable of {', '.join(ASKED)}; see `vpstats dictionary`")


def _may_be_asked(column: Column) -> bool:
    return column.role in ("value", "derived") and not column.required
