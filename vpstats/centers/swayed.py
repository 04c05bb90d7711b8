"""Flags that owe themselves to one center among those that a center is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

OTHER = {"better": "worse", "worse": "better"}


def swayed(table: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Find flags that would not stand without the only alarm of the other side.

    A center is compared with the average of all others. Where one of those has an outcome nearly
    always, the others lie below the average, and seem better than one another can be. Where several
    are far off there is more than one habit, and none is the one to leave out.

    Parameters
    ----------
    table : DataFrame
        A row per center: ``center_id, n, observed, expected, o_e, alert_low, alert_high, verdict,
        side``.

    Returns
    -------
    tuple of (str, str)
        Center, and the center with an alarm on the other side without which its ratio, against the
        rate of the rest, lies within its inner limits; about so, since case mix and limits are not
        worked out anew.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({
    ...     "center_id": list("ABCD"), "n": 200.0, "observed": [20.0, 20.0, 20.0, 200.0],
    ...     "expected": [80.0, 80.0, 80.0, 20.0], "o_e": [0.25, 0.25, 0.25, 10.0],
    ...     "alert_low": 0.8, "alert_high": 1.2, "verdict": "alarm",
    ...     "side": ["better", "better", "better", "worse"]})
    >>> swayed(table)
    (('A', 'D'), ('B', 'D'), ('C', 'D'))
    """
    if table.empty:
        return ()
    found = []
    names, alarms = table["center_id"].astype(str), table["verdict"] == "alarm"
    for i in np.flatnonzero((table["side"] != "").to_numpy(bool)):
        far = (alarms & (table["side"] == OTHER[table["side"].iloc[i]])).to_numpy(bool)
        if far.sum() == 1 and _is_within(table, int(i), far):
            found.append((str(names.iloc[i]), str(names[far].iloc[0])))
    return tuple(found)


def _is_within(table: pd.DataFrame, i: int, far: np.ndarray) -> bool:
    """Whether the ratio of a row lies within its limits against the rows that are not far off."""
    n, observed = (table[name].to_numpy(float) for name in ("n", "observed"))
    others = np.arange(len(table)) != i
    rest = others & ~far
    if not (n[rest].sum() > 0 and observed[rest].sum() > 0):
        return False
    change = observed[rest].sum() / n[rest].sum() * n[others].sum() / observed[others].sum()
    row = table.iloc[i]
    # limits are the farther from 1 the fewer are expected: as one over the root of their number
    low, high = (1 + (row[name] - 1) / np.sqrt(change) for name in ("alert_low", "alert_high"))
    return bool(low <= row["o_e"] / change <= high)
