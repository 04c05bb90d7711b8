"""Tables of who stands behind a center's numbers: case mix, completeness, ascertainment."""

from __future__ import annotations

from collections.abc import Sequence

from vpstats.formats import SUPPRESSED, THIN, count, decimal, rate, sentence_case
from vpstats.rows import Record
from vpstats.tables.audit import ABSENT, shown_numbers, two, with_dash
from vpstats.tables.model import TableModel


def case_mix_table(
    title: str,
    rows: Sequence[tuple[str, Record | None, Record]],
    *,
    own: bool = True,
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build the table of case mix, a center beside the network.

    Parameters
    ----------
    title : str
        The caption.
    rows : sequence of (words, own, network)
        One per number or category: `mean` or `percent`, and the center's `smd`.
    own : bool
        Whether the center's columns are shown, or the network's alone.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    TableModel
        Means or percentages and the standardised difference from the other centers.
    """
    body = []
    for words, mine, network in rows:
        stat = "mean" if "mean" in network else "percent"
        unit = ", %" if stat == "percent" else ", mean"
        apart = [(shown_numbers(mine, (s,), f, mark)) for s, f in ((stat, decimal), ("smd", two))]
        whole = shown_numbers(network, (stat,), decimal, mark)
        shown = (apart[0], whole, apart[1]) if own else (whole,)
        body.append((f"{words}{unit}", *shown))
    beside = ("This center", "Network", "Difference") if own else ("Network",)
    more = (
        "Difference: from the other centers together, in standard deviations; beyond 0.1 either "
        "way it is usually called relevant."
        if own
        else ""
    )
    return with_dash(TableModel(title, ("Characteristic", *beside), tuple(body)), mark, more)


def quality_beside(
    title: str,
    rows: Sequence[tuple[str, Record | None, Record | None]],
    *,
    own: str = "This center",
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build the table of data quality, a center beside the network.

    Parameters
    ----------
    title : str
        The caption.
    rows : sequence of (words, own, network)
        One per variable; `percent`, or `n` where a row is a count.
    own : str
        Heading of the center's column; empty for the network alone.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    TableModel
    """
    body = tuple(
        (sentence_case(words), *((_share(mine, mark),) if own else ()), _share(network, mark))
        for words, mine, network in rows
    )
    header = ("Measure", *((own,) if own else ()), "Network")
    return with_dash(TableModel(title, header, body), mark)


def _share(record: Record | None, mark: str) -> str:
    """A percentage, or a count where there is none."""
    if record is None or not {"percent", "value", "n"} & set(record):
        return ABSENT
    stat = next(s for s in ("percent", "value", "n") if s in record)
    shown = shown_numbers(record, (stat,), count if stat == "n" else rate, mark)
    return f"{shown}{THIN}%" if stat != "n" and shown[-1:].isdigit() else shown


def ascertainment_table(
    title: str,
    rows: Sequence[tuple[str, Record]],
    *,
    level: float = 0.95,
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build the table of case ascertainment: procedures here, of those that hospitals counted.

    Parameters
    ----------
    title : str
        The caption.
    rows : sequence of (words, Record)
        `observed` of `n`, and `percent` with its limits where there are any.
    level : float
        Level of the intervals.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    TableModel

    Examples
    --------
    >>> row = {"n": 50.0, "observed": 45.0, "percent": 90.0, "conf_low": 78.6, "conf_high": 95.7}
    >>> ascertainment_table("Case ascertainment", [("2024", row)]).rows[0][:3]
    ('2024', '45', '50')
    """
    stats = ("percent", "conf_low", "conf_high")
    body = tuple(
        (
            words,
            shown_numbers(row, ("observed",), count, mark),
            shown_numbers(row, ("n",), count, mark),
            shown_numbers(row, stats if "conf_low" in row else ("percent",), rate, mark),
        )
        for words, row in rows
    )
    ci = f"({100 * level:g}{THIN}% CI)"
    header = ("Period", "In the registry", "Counted by the hospital", f"Share, % {ci}")
    return with_dash(TableModel(title, header, body), mark)
