"""The words that options of the command line take."""

from __future__ import annotations

from enum import StrEnum


class Listing(StrEnum):
    """How `check` prints what it found."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


class Sheet(StrEnum):
    """How `dictionary` prints."""

    MARKDOWN = "md"
    JSON_SCHEMA = "json-schema"


class Schema(StrEnum):
    """Which file a JSON Schema is for."""

    REGISTRY = "registry"
    STUDY = "study"
    AUDIT = "audit"
    QUALITY = "quality"


class Edition(StrEnum):
    """Which edition of a report is printed, and whether the internal one is written."""

    INTERNAL = "internal"
    PUBLIC = "public"


class Printed(StrEnum):
    """How `audit` and `quality` print."""

    TEXT = "text"
    JSON = "json"


class Gravity(StrEnum):
    """From which verdict on `audit` says so by its exit code."""

    ALERT = "alert"
    ALARM = "alarm"


class Worry(StrEnum):
    """From which finding on `quality` says so."""

    WARNING = "warning"
    ERROR = "error"
