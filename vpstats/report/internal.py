"""What stays in the institution: the cleaning log as spreadsheets, identifying values masked."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

MASK = "[masked]"
"""Stands where a value may not be shown."""

_PLACES = ("table", "field")
_VALUES = ("raw", "clean")


def mask(log: pd.DataFrame, shown: Collection[tuple[str, str]]) -> pd.DataFrame:
    """Mask keys, and the values of every field that is not named as harmless.

    Parameters
    ----------
    log : DataFrame
        Rows with a `key`, and with `raw` and `clean` values of the canonical `table` and
        `field`; other columns pass.
    shown : collection of (table, field)
        Fields whose values may be shown. What is not listed is masked, so that a column added
        to an export, or to the schema, is hidden until somebody says otherwise.

    Returns
    -------
    DataFrame
        A new frame. Blank values stay blank: that something was missing identifies nobody.

    Examples
    --------
    >>> row = {"table": "levels", "field": "cement_ml", "key": "C01/7/T8", "raw": "4,5"}
    >>> mask(pd.DataFrame([row]), {("levels", "cement_ml")}).iloc[0].tolist()
    ['levels', 'cement_ml', '[masked]', '4,5']
    >>> mask(pd.DataFrame([row]), set()).iloc[0].tolist()
    ['levels', 'cement_ml', '[masked]', '[masked]']
    """
    masked = log.copy()
    hidden = _hidden_rows(log, shown)
    for name in _VALUES:
        if name in masked:
            masked[name] = _hide(masked[name], hidden)
    if "key" in masked:
        masked["key"] = _hide(masked["key"], pd.Series(True, index=log.index))
    return masked


def _hidden_rows(log: pd.DataFrame, shown: Collection[tuple[str, str]]) -> pd.Series:
    if not set(_PLACES) <= set(log.columns):
        return pd.Series(True, index=log.index)
    pairs = zip(log["table"], log["field"], strict=True)
    return pd.Series([pair not in shown for pair in pairs], index=log.index, dtype=bool)


def _hide(values: pd.Series, hidden: pd.Series) -> pd.Series:
    filled = values.notna() & (values.astype(str).str.strip() != "")
    return values.astype(object).mask(hidden & filled, MASK)


def summarise(logs: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Count corrections and findings by file and rule.

    Parameters
    ----------
    logs : mapping of str to DataFrame
        "corrections" and "findings" with the columns `severity`, `rule` and `file`; either may
        be absent.

    Returns
    -------
    DataFrame
        ``log, severity, rule, file, n``, sorted.

    Examples
    --------
    >>> log = pd.DataFrame({"severity": ["info"] * 2, "rule": ["comma"] * 2, "file": ["a.csv"] * 2})
    >>> summarise({"corrections": log}).astype(str).iloc[0].tolist()
    ['corrections', 'info', 'comma', 'a.csv', '2']
    """
    keys = ["severity", "rule", "file"]
    parts = [
        logs[name].groupby(keys, dropna=False, observed=True).size().reset_index(name="n")
        .assign(log=name)
        for name in ("corrections", "findings")
        if name in logs and set(keys) <= set(logs[name].columns)
    ]  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=["log", *keys, "n"])
    return pd.concat(parts, ignore_index=True)[["log", *keys, "n"]]
