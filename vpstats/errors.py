"""Exceptions, warnings and exit codes: one tree, one exit code per family."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command tells the shell, the same for every command.

    Examples
    --------
    >>> int(ExitCode.FINDINGS)
    1
    """

    OK = 0
    FINDINGS = 1
    USAGE = 2
    ALERT = 3
    ALARM = 4
    BAD_DATA = 5
    BAD_PLAN = 6
    INTERNAL = 70


def locate(
    *, file: object = None, row: int | None = None, column: str | None = None, what: str
) -> str:
    """Write a message in the one form that errors and findings share.

    Parameters
    ----------
    file : object, optional
        Path or name of the source as the user knows it.
    row : int, optional
        Row in that source, counted as a spreadsheet does (the header is row 1).
    column : str, optional
        Column as the source spells it.
    what : str
        What is wrong, what was expected and what to do, in sentences.

    Returns
    -------
    str
        ``<file>, row <n>, column '<name>': <what>`` with the parts that are known.

    Examples
    --------
    >>> locate(file="a.csv", row=3, column="datum", what="not a date.")
    "a.csv, row 3, column 'datum': not a date."
    """
    place = [str(file)] if file is not None else []
    if row is not None:
        place.append(f"row {row}")
    if column is not None:
        place.append(f"column '{column}'")
    return f"{', '.join(place)}: {what}" if place else what


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ask after the known names that are like one which is not known.

    Parameters
    ----------
    name : str
        What was written.
    known : iterable of str
        What might have been meant.

    Returns
    -------
    str
        The question with the nearest spelling, or with up to three names that hold the word;
        empty where nothing is like it.

    Examples
    --------
    >>> did_you_mean("cement_mL", ["cement_ml", "sex"])
    "did you mean 'cement_ml'?"
    >>> did_you_mean("age", ["age_at_proc", "sex"])
    "did you mean 'age_at_proc'?"
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    near = near or [k for k in names if name and name in k.split("_")][:3]
    if not near:
        return ""
    *first, last = [f"'{k}'" for k in near]
    return f"did you mean {', '.join(first)} or {last}?" if first else f"did you mean {last}?"


class VpstatsError(Exception):
    """Root of every error that vpstats raises on purpose.

    Messages say where, what is wrong, what was expected and what to do; they never contain a
    value from an identifying column. The command line prints them without a traceback.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(
        self,
        message: str,
        *,
        file: object = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        self.file = file
        self.row = row
        self.column = column
        super().__init__(locate(file=file, row=row, column=column, what=message))


class UsageError(VpstatsError):
    """A request that is wrong whatever the numbers are: an unknown option, a missing column."""

    exit_code = ExitCode.USAGE


class DataError(VpstatsError):
    """Data that cannot be read or analysed at all."""

    exit_code = ExitCode.BAD_DATA


class PlanError(VpstatsError):
    """A study plan that is incomplete, contradictory or not understood."""

    exit_code = ExitCode.BAD_PLAN


class MappingError(PlanError):
    """A registry.toml that does not fit the schema or the export."""


class FormulaError(PlanError):
    """A formula with anything but column names, operators and the listed transforms."""


class DisclosureError(VpstatsError):
    """Output that may not leave the institution was about to."""


class InternalError(VpstatsError):
    """A promise that vpstats makes to itself was broken: a defect, worth a report."""

    exit_code = ExitCode.INTERNAL
