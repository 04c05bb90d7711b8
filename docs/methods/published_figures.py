"""Write `published-figures.md` from the checks of `data/published/`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from vpstats.models.reported import check_reported_table

ROOT = Path(__file__).parents[2]
PAGE = Path(__file__).with_name("published-figures.md")

HEAD = """# Published figures, checked

`data/published/` holds counts and effects as they were printed in the literature on percutaneous
vertebroplasty, each with its source. This page is what `check_reported_table` finds in them; it is
written by `docs/methods/published_figures.py`, and a test fails when it is out of date.

```python
from vpstats import check_reported_table

found = check_reported_table("data/published/effects.csv").tidy()
found[found["verdict"] == "inconsistent"]
```

Every figure is taken as printed, with the rounding that this implies. "Inconsistent" says that the
printed figures cannot all be true as they stand here; it does not say which of them is wrong, nor
why: a misprint, another unit of analysis, an adjusted model, an interval that is not Wald's, or a
slip in an abstract that the paper itself does not have. Most rows come from abstracts.
"""

NOTES = {
    "E102": "A lower limit of 0.0114 would agree with the estimate and with the p-value.",
    "E108": "A lower limit of 0.25 would agree with the estimate and with the p-value.",
    "E25": "The interval of a pooled odds ratio is, as a rule, symmetric on the log scale.",
    "P37": "The figure is cut off where it should have been rounded up; nothing hangs on it.",
    "P106": "0.7 % may be a share of levels: the abstract sets it beside numbers of patients.",
    "P107": "Which patients the 50 % are of is not said; this row takes those with a leak on CT.",
    "P108": "As P107, among all patients with CT.",
    "P109": "Patients with a new fracture; a test of the numbers of fractures, or of times, is "
    "another one.",
}
NAMES = {"OR": "odds ratio", "RR": "risk ratio", "HR": "hazard ratio", "MD": "mean difference",
         "RD": "risk difference"}  # fmt: skip


def source_of(row: pd.Series) -> str:
    """Study and where it is found."""
    places = [row["doi"] and f"doi:{row['doi']}", row["pmcid"]]
    found = ", ".join(place for place in places if place)
    return f"{row['study']} ({found})" if found else f"{row['study']} ({row['reference']})"


def printed_effect(row: pd.Series) -> str:
    """An effect as it was printed."""
    p_value = f", p {row['p_reported']}" if row["p_reported"] else ""
    return (
        f"{row['outcome']}, {row['term']}: {NAMES[row['measure']]} {row['est']} "
        f"({row['lo']} to {row['hi']}){p_value}"
    )


def printed_count(row: pd.Series) -> str:
    """A count as it was printed."""
    text = f"{row['outcome']}: {row['group1']} {row['events1']}/{row['n1']}"
    if row["n2"]:
        text += f", {row['group2']} {row['events2']}/{row['n2']}"
    text += f", of {row['total']}" if row["total"] else ""
    return f"{text}; {row['reported_stat']}" if row["reported_stat"] else text


def findings(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a table of published figures, and the checks of each."""
    path = ROOT / "data" / "published" / f"{name}.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("id")
    return rows, check_reported_table(path).tidy()


def wrong_rows(name: str, describe: Callable[[pd.Series], str]) -> list[str]:
    """A list item per row with an inconsistent finding."""
    rows, found = findings(name)
    lines = []
    for item, part in found[found["verdict"] == "inconsistent"].groupby("item", sort=False):
        row = rows.loc[item]
        sentences = " ".join(part["sentence"])
        note = f" *{NOTES[item]}*" if item in NOTES else ""
        lines.append(f"- **{item}** {source_of(row)}. {describe(row)}. {sentences}{note}")
    return lines


def effects_section() -> list[str]:
    """What the checks say of the effects."""
    rows, found = findings("effects")
    wrong = found.loc[found["verdict"] == "inconsistent", "item"].nunique()
    tested = found[found["check"] == "p_from_interval"]
    return [
        "## Effects\n",
        f"{len(rows)} ratios and differences with their intervals, {len(tested)} of them with a "
        f"p-value. In {wrong} of them the figures do not fit one another.\n",
        *wrong_rows("effects", printed_effect),
        "",
    ]


def counts_section() -> list[str]:
    """What the checks say of the counts."""
    rows, found = findings("counts")
    wrong = found.loc[found["verdict"] == "inconsistent", "item"].nunique()
    silent = int((found["check"] == "none").sum())
    tested = found[found["check"] == "p_from_counts"]
    lost = list(tested.loc[tested["verdict"] == "inconsistent", "item"])
    return [
        "## Counts\n",
        f"{len(rows)} rows; {silent} print nothing that could be checked, {wrong} have a finding. "
        f"{len(tested)} rows print a p-value of two groups, and {len(lost)} of these p-values "
        f"({', '.join(lost)}) follow from no test of the counts.\n",
        *wrong_rows("counts", printed_count),
        "",
        "### Which test, which interval\n",
        "The same counts give other p-values by other tests. What was printed is reproduced by:\n",
        *_reproduced(rows, found),
        "",
    ]


def _reproduced(rows: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    wanted = ("p_from_counts", "statistic_from_counts", "interval_from_counts")
    part = found[found["check"].isin(wanted) & (found["verdict"] == "consistent")]
    lines = ["| row | study | printed | reproduced by |", "|---|---|---|---|"]
    for finding in part.itertuples():
        study = rows.loc[finding.item, "study"]
        matched = " (matched pairs, tested unpaired)" if rows.loc[finding.item, "paired"] else ""
        what = "p " if finding.check == "p_from_counts" else ""
        plain = finding.printed.lstrip("pP= ") if what else finding.printed
        kind = "χ² " if finding.check == "statistic_from_counts" else what
        lines.append(f"| {finding.item} | {study}{matched} | {kind}{plain} | {finding.method} |")
    return lines


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *effects_section(), *counts_section()]).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
