"""Whether a published figure is consistent with its interval, its p-value and its counts.

Everything is taken as printed, with the rounding that this implies. A finding of "inconsistent"
says that the printed figures cannot all be true, not which of them is wrong, nor why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vpstats.errors import DataError, UsageError
from vpstats.models.reported.checks import (
    DIFFERENCES,
    INCONSISTENT,
    RATIO_MEASURES,
    UNKNOWN,
    Finding,
    Statement,
    run_checks,
)
from vpstats.models.reported.counts import Counts
from vpstats.models.reported.printed import (
    Printed,
    read_interval,
    read_p_value,
    read_printed,
    read_statement,
)
from vpstats.results import TableResult, require_level

__all__ = ["check_reported", "check_reported_table"]

_MEASURES = {
    "or": "OR", "aor": "OR", "odds_ratio": "OR", "odds ratio": "OR",
    "rr": "RR", "risk_ratio": "RR", "risk ratio": "RR", "relative risk": "RR",
    "hr": "HR", "hazard_ratio": "HR", "hazard ratio": "HR",
    "md": "MD", "wmd": "MD", "smd": "MD", "mean_difference": "MD", "mean difference": "MD",
    "rd": "RD", "risk_difference": "RD", "risk difference": "RD",
    "proportion": "proportion", "percent": "proportion",
}  # fmt: skip
_COLUMNS = ("check", "verdict", "printed", "recomputed", "method", "sentence")


def check_reported(
    *,
    measure: str | None = None,
    estimate: object = None,
    interval: object = None,
    p_value: object = None,
    events: int | None = None,
    n: int | None = None,
    events_2: int | None = None,
    n_2: int | None = None,
    percent: object = None,
    percent_2: object = None,
    statistic: object = None,
    total: int | None = None,
    parts: Sequence[int] = (),
    paired: bool = False,
    level: float = 0.95,
    label: str = "Reported figures",
) -> TableResult:
    """Check published figures against one another.

    Parameters
    ----------
    measure : str, optional
        What the estimate is: "OR", "RR", "HR", "MD", "RD" or "proportion".
    estimate : str, optional
        As printed: "0.50" stands for 0.495 to 0.505. Of a proportion in per cent.
    interval : str or pair of str, optional
        Limits as printed, "1.05-1.95"; of a proportion in per cent.
    p_value : str, optional
        As printed: "0.04", "P=.44", "<0.001", "0.000", "ns".
    events, n : int, optional
        Events and rows of the (first) group. With `n` and `percent` alone it is checked whether
        any number of events makes the percent.
    events_2, n_2 : int, optional
        Of the second group.
    percent, percent_2 : str, optional
        Percents of the groups as printed.
    statistic : str, optional
        Chi-squared statistic of the two groups as printed.
    total : int, optional
        Rows that the groups, or `parts`, should add up to.
    parts : sequence of int
        Rows of the categories of a table.
    paired : bool
        Whether the two groups are matched pairs.
    level : float
        Confidence level of the interval.
    label : str
        Title of the result.

    Returns
    -------
    TableResult
        One row per check that the figures allow: ``check, verdict, printed, recomputed, method,
        sentence``; the verdict is "consistent", "inconsistent" or "cannot be checked".

        - ``estimate_in_interval``, ``limits_in_order``, ``possible_values``
        - ``symmetry``: limits symmetric about the estimate, on the log scale for ratios
        - ``p_from_interval``: Wald's p-value; ``p_and_interval``: both agree on significance
        - ``percent_from_counts``, ``percent_possible``, ``events_within_n``, ``adds_up``
        - ``interval_from_counts``: which of Wald, Wilson, Clopper–Pearson, Agresti–Coull and
          Jeffreys is the printed interval
        - ``p_from_counts``, ``statistic_from_counts``: which of Pearson, Yates, Fisher, mid-p,
          one-sided Fisher and G is the printed test
        - ``estimate_from_counts``: the crude ratio with Woolf's or Katz's interval
        - ``zero_cell``: the printed table separates

    Raises
    ------
    UsageError
        If a figure is no number or is a float, which has lost its last digits, or the measure is
        unknown.

    References
    ----------
    Altman DG, Bland JM. How to obtain the P value from a confidence interval. BMJ 2011;343:d2304.
    Nuijten MB et al. The prevalence of statistical reporting errors in psychology (1985–2013).
    Behav Res Methods 2016;48:1205-1226. Brown NJL, Heathers JAJ. The GRIM test. Soc Psychol
    Personal Sci 2017;8:363-369.

    Examples
    --------
    >>> table = check_reported(
    ...     measure="OR", estimate="0.094", interval="0.114-0.779", p_value="0.01"
    ... ).tidy()
    >>> table[["check", "verdict"]].head(2).values.tolist()
    [['estimate_in_interval', 'inconsistent'], ['symmetry', 'inconsistent']]
    """
    figures = {
        "measure": measure, "estimate": estimate, "interval": interval, "p_value": p_value,
        "events": events, "n": n, "events_2": events_2, "n_2": n_2, "percent": percent,
        "percent_2": percent_2, "statistic": statistic, "total": total, "parts": tuple(parts),
        "paired": paired, "level": require_level(level),
    }  # fmt: skip
    findings = run_checks(_statement(figures))
    return _result(label, [("", finding) for finding in findings], 1, level, ())


def _statement(figures: Mapping[str, Any]) -> Statement:
    measure = _measure(figures.get("measure"))
    low, high = _limits(figures.get("interval"))
    events, n = _whole(figures, "events"), _whole(figures, "n")
    counts = None
    if events is not None and n is not None:
        counts = Counts(events, n, _whole(figures, "events_2"), _whole(figures, "n_2"))
    percents = tuple(_optional(figures.get(name), name) for name in ("percent", "percent_2"))
    p_text = figures.get("p_value")
    return Statement(
        measure=measure or ("proportion" if low is not None and counts is not None else ""),
        estimate=_optional(figures.get("estimate"), "estimate"),
        low=low,
        high=high,
        p_value=None if p_text is None else read_p_value(p_text),
        statistic=_optional(figures.get("statistic"), "statistic"),
        percents=percents,
        counts=counts,
        n=n if events is None else None,
        total=_whole(figures, "total"),
        parts=tuple(int(part) for part in figures.get("parts", ())),
        paired=bool(figures.get("paired", False)),
        level=float(figures.get("level", 0.95)),
    )


def _measure(name: object) -> str:
    if name is None:
        return ""
    found = _MEASURES.get(str(name).strip().lower())
    if found is None:
        known = ", ".join((*RATIO_MEASURES, *DIFFERENCES, "proportion"))
        raise UsageError(f"measure is '{name}'; expected one of {known}.")
    return found


def _limits(text: object) -> tuple[Printed | None, Printed | None]:
    return (None, None) if text is None else read_interval(text)


def _optional(text: object, name: str) -> Printed | None:
    return None if text is None else read_printed(text, name)


def _whole(figures: Mapping[str, Any], name: str) -> int | None:
    value = figures.get(name)
    if value is None:
        return None
    try:
        number = float(str(value).strip())
    except ValueError:
        number = float("nan")
    if not number.is_integer():
        raise UsageError(f"{name} is {value!r}; expected a whole number.")
    return int(number)


def _result(
    title: str,
    rows: list[tuple[str, Finding]],
    n: int,
    level: float,
    first: tuple[str, ...],
) -> TableResult:
    table = pd.DataFrame(
        [
            {"item": item} | {name: getattr(finding, name) for name in _COLUMNS}
            for item, finding in rows
        ],
        columns=["item", *_COLUMNS],
    )
    failed = not rows
    return TableResult(
        title=title,
        unit="statement",
        n=n,
        n_events=int((table["verdict"] == INCONSISTENT).sum()),
        status="nothing to check" if failed else "ok",
        reason="the figures given allow no check; give an interval, a p-value or counts."
        if failed
        else "",
        level=level,
        table=table[[*first, *_COLUMNS]],
    )


_NAMES = {
    "est": "estimate",
    "p_reported": "p_value",
    "p": "p_value",
    "events1": "events",
    "n1": "n",
    "events2": "events_2",
    "n2": "n_2",
    "lo": "conf_low",
    "hi": "conf_high",
}
_FIGURES = (
    *("measure", "estimate", "interval", "p_value", "events", "n", "events_2", "n_2", "percent"),
    *("percent_2", "statistic", "total", "paired", "level"),
)


def check_reported_table(source: str | Path | pd.DataFrame) -> TableResult:
    """Check every row of a table of published figures.

    Parameters
    ----------
    source : path or DataFrame
        A CSV file, or a frame of text: numbers that were read as numbers have lost their last
        zeros. Columns are the arguments of `check_reported`, or ``est, lo, hi, p_reported,
        events1, n1, events2, n2``; ``reported_stat`` may hold a statement such as "26% CI
        16-39%". The column ``id`` names the rows; others are not read.

    Returns
    -------
    TableResult
        The rows of `check_reported`, each with its ``item``; a row that allows no check has the
        check "none". `n` is the number of rows, `n_events` the number of inconsistent findings.

    Raises
    ------
    DataError
        If the file cannot be read or has none of the columns.
    UsageError
        If a figure is no number, with the row that it stands in.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"id": ["a"], "measure": ["OR"], "est": ["1.43"], "lo": ["1.05"],
    ...                      "hi": ["1.95"]})
    >>> check_reported_table(rows).tidy()[["item", "check", "verdict"]].values.tolist()
    [['a', 'estimate_in_interval', 'consistent'], ['a', 'symmetry', 'consistent']]
    """
    table = _read_table(source)
    rows: list[tuple[str, Finding]] = []
    for position, row in enumerate(table.to_dict("records"), start=2):
        item = str(row.get("id") or position)
        try:
            findings = run_checks(_statement(_figures_of(row)))
        except UsageError as error:
            raise UsageError(f"'{item}': {error}", row=position) from None
        rows += [(item, finding) for finding in findings or [_NOTHING]]
    return _result("Published figures", rows, len(table), 0.95, ("item",))


_NOTHING = Finding("none", UNKNOWN, "", "", "", "The printed figures allow no check.")


def _read_table(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        numbers = [c for c in source.columns if pd.api.types.is_float_dtype(source[c])]
        lost = [c for c in numbers if _NAMES.get(str(c), str(c)) in _AS_PRINTED]
        if lost:
            raise UsageError(
                "holds numbers that have lost their last digits; read the file with dtype=str.",
                column=str(lost[0]),
            )
        table = source
    else:
        try:
            table = pd.read_csv(source, dtype=str, keep_default_na=False)
        except (OSError, UnicodeDecodeError, pd.errors.ParserError) as error:
            raise DataError(f"cannot be read: {error}", file=source) from None
        except pd.errors.EmptyDataError:
            raise DataError("is empty.", file=source) from None
    known = {_NAMES.get(str(c), str(c)) for c in table.columns}
    if not known & {*_FIGURES, "conf_low", "reported_stat"}:
        raise DataError("has no column of figures, such as est, lo, hi, p_reported, events1, n1.")
    return table


_AS_PRINTED = ("estimate", "conf_low", "conf_high", "p_value", "percent", "percent_2", "statistic")


def _figures_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one row, as `check_reported` takes them; empty cells are not there."""
    filled = {
        _NAMES.get(str(name), str(name)): value
        for name, value in row.items()
        if not pd.isna(value) and str(value).strip()
    }
    statement = read_statement(str(filled["reported_stat"])) if "reported_stat" in filled else {}
    figures = statement | {name: filled[name] for name in _FIGURES if name in filled}
    if "conf_low" in filled and "conf_high" in filled:
        figures["interval"] = filled["conf_low"], filled["conf_high"]
    if "parts" in filled:
        figures["parts"] = str(filled["parts"]).replace("+", " ").split()
    if "paired" in figures:
        figures["paired"] = str(figures["paired"]).strip().lower() in ("yes", "true", "1")
    return figures
