"""Parts of the models of ``registry.toml``: what they share, and the days that choose rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """A table of the mapping: no key that is not known, and nothing changes it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, populate_by_name=True
    )


def _listed(value: object) -> object:
    return [value] if isinstance(value, (str, int)) else value


Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed)]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(
            f"'{name}' is no time zone that is known; expected a name such as Europe/Zagreb"
        )
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]


class Precision(Strict):
    """The column that says how exact a day is, and its words."""

    column: Text = Field(description="Raw column that says how exact each day is.")
    day: Texts = Field((), description="Its words for a day that is exact.")
    month: Texts = Field((), description="Its words for a day of which only the month is known.")
    year: Texts = Field((), description="Its words for a day of which only the year is known.")
    unknown: Texts = Field((), description="Its words for a day that is not known.")


class Days(Strict):
    """Days of a column: from one on, and before another."""

    since: dt.date | None = Field(None, alias="from", description="First day.")
    before: dt.date | None = Field(None, description="The day after the last.")

    @model_validator(mode="after")
    def _some(self) -> Days:
        if self.since is None and self.before is None:
            raise ValueError("needs from = … or before = …")
        return self


Chosen = Annotated[
    Annotated[Texts, Tag("values")] | Annotated[Days, Tag("days")],
    Discriminator(lambda value: "days" if isinstance(value, Mapping | Days) else "values"),
]
