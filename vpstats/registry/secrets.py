"""Passwords and tokens: they stand in no file, so a mapping names the variable that holds one."""

from __future__ import annotations

import os

from vpstats.errors import UsageError


def secret(variable: str, source: str) -> str:
    """The secret that an environment variable holds.

    Parameters
    ----------
    variable : str
        Its name, from the mapping.
    source : str
        Which source needs it, for the message.

    Returns
    -------
    str
        Never shown anywhere.

    Raises
    ------
    UsageError
        If it is not set or empty; names the variable.
    """
    value = os.environ.get(variable, "")
    if not value:
        raise UsageError(
            f"source '{source}': the environment variable {variable} is not set; it holds the "
            "secret that the source needs."
        )
    return value
