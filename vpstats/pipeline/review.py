"""Cases for the review of a flagged center: for the internal edition alone, keys masked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.centers.rows import DAY, OUTCOME
from vpstats.report.internal import MASK

if TYPE_CHECKING:
    from vpstats.centers.indicator import Audited
    from vpstats.centers.result import AuditResult

COLUMNS = ("center_id", "indicator", "number", "expected_percent", "key")


def case_list(result: AuditResult, found: Sequence[Audited]) -> pd.DataFrame:
    """List the rows with the outcome at each center that is flagged as worse.

    Parameters
    ----------
    result : AuditResult
        For the flags.
    found : sequence of Audited
        For the rows.

    Returns
    -------
    DataFrame
        ``center_id, indicator, number, expected_percent, key``. `number` counts the center's
        procedures in the registry from the first day on, so that the center finds the case and
        nobody else does; keys are masked as in the cleaning log.
    """
    flags = result.table[(result.table["side"] == "worse").to_numpy(bool)]
    wanted = set(zip(flags["indicator"], flags["stratum"], flags["center_id"], strict=True))
    parts = [
        _cases(one, str(center))
        for one in found
        for center in one.result.table["center_id"]
        if (one.result.indicator, one.result.stratum, center) in wanted
        and one.result.stratum == "all"
        and one.result.role == "outcome"
    ]
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _cases(one: Audited, center: str) -> pd.DataFrame:
    own = (one.frame.data["center_id"].astype(str) == center).to_numpy()
    rows, risks = one.frame.data[own], one.risks[own]
    happened = _happened(one, rows) & np.isfinite(risks)
    keys = ["procedure_id"] if "procedure_id" in rows else []
    number = rows.sort_values([DAY, *keys], kind="stable")
    place = pd.Series(_running(number, keys), index=number.index).reindex(rows.index)
    return pd.DataFrame(
        {
            "center_id": center,
            "indicator": one.result.indicator,
            "number": place.to_numpy(int),
            "expected_percent": np.round(100 * np.clip(risks, 0, 1), 1),
            "key": MASK,
        }
    )[happened].sort_values("number", kind="stable")


def _running(rows: pd.DataFrame, keys: list[str]) -> np.ndarray:
    """Running number of each row's procedure."""
    if not keys:
        return np.arange(1, len(rows) + 1)
    return np.asarray(pd.factorize(rows[keys[0]])[0] + 1)


def _happened(one: Audited, rows: pd.DataFrame) -> np.ndarray:
    if OUTCOME in rows.columns:
        return np.asarray(rows[OUTCOME].eq(1))
    spec = one.spec
    within = rows[str(one.frame.duration)] <= (spec.horizon or np.inf)
    return np.asarray(rows[spec.outcome].eq(spec.cause) & within)
