"""What was done and recorded around a procedure, as outcomes of 0 and 1."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpstats.errors import UsageError
from vpstats.models.columns import require_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from vpstats.frames import Frame

_NOT_RECORDED = ("", "unknown", "not_recorded")


def with_recorded(frame: Frame, columns: Sequence[str], *, name: str = "recorded") -> Frame:
    """Add a column that is 1 where every one of some columns is recorded, else 0.

    Parameters
    ----------
    frame : Frame
        Rows; unchanged.
    columns : sequence of str
        What has to be recorded. "unknown" is no record; "not done" is one.
    name : str
        Name of the new column.

    Returns
    -------
    Frame
        With the new column as its outcome.

    Raises
    ------
    UsageError
        If no column is named, or one is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from vpstats.frames import Frame
    >>> rows = pd.DataFrame({"crp_mg_l": [3.0, None], "asa": ["2", "3"]})
    >>> with_recorded(Frame(rows, unit="procedure"), ["crp_mg_l", "asa"]).data["recorded"].tolist()
    [1.0, 0.0]
    """
    if not columns:
        raise UsageError("name the columns that have to be recorded.")
    require_columns(frame.data, columns)
    known = np.all([_recorded(frame.data[c]) for c in columns], axis=0)
    return replace(frame, data=frame.data.assign(**{name: known.astype(float)}), outcome=name)


def with_values(
    frame: Frame, column: str, values: Sequence[object], *, name: str = "done"
) -> Frame:
    """Add a column that is 1 where another has one of some values, 0 where it has none of them.

    A row where nothing is recorded counts as 0: what was done and not recorded cannot be told from
    what was not done.

    Parameters
    ----------
    frame : Frame
        Rows; unchanged.
    column : str
        Column to read.
    values : sequence
        Values that count.
    name : str
        Name of the new column.

    Returns
    -------
    Frame
        With the new column as its outcome.

    Raises
    ------
    UsageError
        If no value is given, or the column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from vpstats.frames import Frame
    >>> rows = pd.DataFrame({"mri_pre": ["yes", "no", None]})
    >>> with_values(Frame(rows, unit="procedure"), "mri_pre", ["yes"]).data["done"].tolist()
    [1.0, 0.0, 0.0]
    """
    if not values:
        raise UsageError(f"name the values of '{column}' that count as done.")
    require_columns(frame.data, [column])
    done = frame.data[column].isin(list(values)).to_numpy(dtype=float, na_value=0.0)
    return replace(frame, data=frame.data.assign(**{name: done}), outcome=name)


def _recorded(column: pd.Series) -> np.ndarray:
    known = column.notna().to_numpy()
    return np.asarray(known & ~column.astype(object).isin(_NOT_RECORDED).to_numpy(), dtype=bool)
