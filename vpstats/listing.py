"""What `vpstats check` prints: sources, corrections and findings, by rule and place.

Places are files, columns and row numbers; keys and the values of patients are left out.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from vpstats.escaping import to_csv
from vpstats.registry import RULES

if TYPE_CHECKING:
    from vpstats.registry import Registry
    from vpstats.registry.against import Comparison

SEVERITIES = ("error", "warning", "info")
"""Severities of findings, the gravest first."""

_WIDTH = 100
_ROWS_SHOWN = 6
_PLACES_SHOWN = 3
_LINES_SHOWN = 12
_OF_NAMES = (
    *("file.unmapped", "file.not_read", "file.hidden_sheet", "file.other_sheets"),
    *("file.formula", "mapping.unconfirmed"),
)
"""Rules whose messages are made of the names of files, sheets, cells, columns and fields alone."""
_PLACE = ["severity", "rule", "file", "column"]
_LINE = ["kind", "severity", "rule", "file", "row", "column", "table", "field", "message", "action"]


def as_text(registry: Registry) -> str:
    """Write the listing for people.

    Parameters
    ----------
    registry : Registry
        What was read.

    Returns
    -------
    str
        Lines of at most 100 characters where words allow.
    """
    listing = as_data(registry)
    corrections, findings = _by_rule(listing["corrections"]), _by_rule(listing["findings"])
    names = _named(registry.findings)
    parts = (
        [_title(listing)],
        _section("Sources", map(_source_line, listing["sources"])),
        _section("Tables", [_tables_line(listing["tables"])]),
        _section("Kept, step by step", map(_step_line, listing["flow"])),
        *([_left(listing["deidentified"])] if listing["deidentified"] else []),
        _section(
            f"Corrections: {_count(len(registry.corrections), 'value')}",
            (line for places in corrections for line in _correction_lines(places)),
        ),
        _section(
            f"Findings: {_counts_text(listing['counts'])}",
            (line for places in findings for line in _finding_lines(places, names)),
        ),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def as_json(registry: Registry) -> str:
    """Write the listing as JSON; rows are listed in full."""
    return json.dumps(as_data(registry), indent=2, ensure_ascii=False) + "\n"


def as_csv(registry: Registry) -> str:
    """Write one line per correction and finding, for a spreadsheet."""
    logs = [
        registry.findings.assign(kind="finding"),
        registry.corrections.assign(kind="correction", message="", action=""),
    ]
    lines = pd.concat([log.reindex(columns=_LINE).astype(object) for log in logs])
    return to_csv(lines)


def as_data(registry: Registry) -> dict[str, Any]:
    """Collect the listing: counts, and corrections and findings by rule and place.

    Returns
    -------
    dict
        ``registry, tables, sources, flow, deidentified, counts, corrections, findings``, fit for
        JSON.
    """
    counts = registry.findings["severity"].value_counts()
    return {
        "registry": {
            "name": registry.name,
            "synthetic": registry.synthetic,
            "data_cut": registry.data_cut.date().isoformat(),
        },
        "tables": {name: len(table) for name, table in registry.tables.items()},
        "sources": _records(registry.sources),
        "flow": [
            {
                "step": step.label,
                "patients": step.n_patients,
                "procedures": step.n_rows,
                "patients_left_out": step.excluded_patients,
                "procedures_left_out": step.excluded_rows,
            }
            for step in registry.exclusions
        ],
        "deidentified": [
            {"table": t.table, "field": t.field, "became": t.became} for t in registry.deidentified
        ],
        "counts": {severity: int(counts.get(severity, 0)) for severity in SEVERITIES},
        "corrections": _groups(registry.corrections, ["rule", "file", "column"], ()),
        "findings": _groups(_by_gravity(registry.findings), _PLACE, ("message", "action")),
    }


def _by_gravity(findings: pd.DataFrame) -> pd.DataFrame:
    rank = findings["severity"].map({s: i for i, s in enumerate(SEVERITIES)})
    ordered = findings.assign(_rank=rank.astype("Int64"))
    return ordered.sort_values(["_rank", "rule", "file", "row"], kind="stable")


def _groups(log: pd.DataFrame, by: list[str], first: Sequence[str]) -> list[dict[str, Any]]:
    """One record per group: its place, its number, its rows, and its first words."""
    filled = log.assign(**{c: log[c].astype(object).where(log[c].notna(), "") for c in by})
    return [
        {
            **dict(zip(by, map(str, place), strict=True)),
            "n": len(part),
            "rows": sorted({int(row) for row in part["row"].dropna()}),
            **{c: str(part[c].iloc[0]) for c in first},
        }
        for place, part in filled.groupby(by, sort=False, observed=True)
    ]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    plain = table.astype(object).where(table.notna(), "")
    return [
        {str(k): v if isinstance(v, str) else int(v) for k, v in row.items()}
        for row in plain.to_dict("records")
    ]


# ------------------------------------------------------------------ text


def _by_rule(groups: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Places of one rule and severity, the most frequent place first."""
    rules: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for group in groups:
        rules.setdefault((group.get("severity", ""), group["rule"]), []).append(group)
    return [sorted(places, key=lambda g: -g["n"]) for places in rules.values()]


def _title(listing: dict[str, Any]) -> str:
    info = listing["registry"]
    said = "synthetic" in info["name"].lower()
    made = " (synthetic)" if info["synthetic"] and not said else ""
    return f"{info['name']}{made}, data cut {info['data_cut']}"


def _section(heading: str, lines: Iterable[str]) -> list[str]:
    return ["", heading, *(f"  {line}" for line in lines)]


def _source_line(source: dict[str, Any]) -> str:
    found = [
        str(source["encoding"]),
        f"delimiter '{source['delimiter']}'" if source["delimiter"] else "",
        f"decimal '{source['decimal']}'" if source["decimal"] else "",
        f"dates {source['date_order']}" if source["date_order"] else "",
    ]
    read = ", ".join(word for word in found if word)
    return f"{source['source']}: {source['file']}, {source['rows']:,} rows; {read}".rstrip("; ")


def _tables_line(tables: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in tables.items())


def _step_line(step: dict[str, Any]) -> str:
    parts = (
        _count(step[f"{noun}s"], noun) + (f" ({out:,} left out)" if out else "")
        for noun in ("patient", "procedure")
        for out in [step[f"{noun}s_left_out"]]
    )
    return f"{step['step']}: {', '.join(parts)}"


def _left(treatments: list[dict[str, str]]) -> list[str]:
    """What became of the columns that can identify, by what became of them."""
    by: dict[str, list[str]] = {}
    for one in treatments:
        by.setdefault(one["became"], []).append(f"{one['table']}.{one['field']}")
    lines = (_wrapped(f"{became}: {', '.join(names)}", indent=2) for became, names in by.items())
    return _section("De-identified", (line for part in lines for line in part))


def _counts_text(counts: dict[str, int]) -> str:
    words = {"error": "error", "warning": "warning", "info": "note"}
    return ", ".join(_count(counts[severity], words[severity]) for severity in SEVERITIES)


def _count(n: int, noun: str) -> str:
    """Write a number with its noun.

    Examples
    --------
    >>> _count(1, "row"), _count(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _correction_lines(places: list[dict[str, Any]]) -> list[str]:
    total = sum(place["n"] for place in places)
    rule = RULES[places[0]["rule"]]
    return _wrapped(f"{total:>7,}  {rule.id}: {rule.sentence}", indent=9)


def _finding_lines(places: list[dict[str, Any]], names: Mapping[str, list[str]]) -> list[str]:
    total = sum(place["n"] for place in places)
    rule = RULES[places[0]["rule"]]
    head = f"{rule.severity:<8}{total:>5,}  {rule.id}: {_places_text(places)}"
    words = f"{rule.sentence} {rule.action}".strip()
    said = [line for text in names.get(rule.id, ()) for line in _wrapped(text, indent=19)]
    return [*_wrapped(head, indent=15), *_wrapped(" " * 15 + words, indent=15), *said]


def _named(findings: pd.DataFrame) -> dict[str, list[str]]:
    """What is said of whole files and of the mapping: names of columns and files, and no cell."""
    found: dict[str, list[str]] = {}
    told = findings[findings["rule"].isin(_OF_NAMES)].drop_duplicates(["rule", "file", "message"])
    for rule, part in told.groupby("rule", sort=False):
        lines = [
            f"{file}: {said}" for file, said in zip(part["file"], part["message"], strict=True)
        ]
        more = [f"and {len(lines) - _LINES_SHOWN:,} more"] if len(lines) > _LINES_SHOWN else []
        found[str(rule)] = [f"{' ' * 17}- {line}" for line in [*lines[:_LINES_SHOWN], *more]]
    return found


def _places_text(places: list[dict[str, Any]]) -> str:
    more = len(places) - _PLACES_SHOWN
    texts = [_place(place) for place in places[:_PLACES_SHOWN]]
    return "; ".join([*texts, *([_count(more, "more place")] if more > 0 else [])])


def _place(group: dict[str, Any]) -> str:
    named = [group["file"], f"column '{group['column']}'" if group["column"] else ""]
    return ", ".join(part for part in (*named, _rows_text(group["rows"])) if part)


def _rows_text(rows: Sequence[int]) -> str:
    """Name a few rows.

    Examples
    --------
    >>> _rows_text([4]), _rows_text([2, 3, 5, 7, 11, 13, 17, 19])
    ('row 4', 'rows 2, 3, 5, 7, 11, 13 and 2 more')
    """
    if len(rows) <= 1:
        return f"row {rows[0]}" if rows else ""
    shown = ", ".join(str(row) for row in rows[:_ROWS_SHOWN])
    more = f" and {len(rows) - _ROWS_SHOWN} more" if len(rows) > _ROWS_SHOWN else ""
    return f"rows {shown}{more}"


def _wrapped(text: str, *, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH - 2,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


# ------------------------------------------------------------------ against another data cut


_DIFFERENCE = ["change", "table", "field", "why", "rule", "rewrites", "file"]


def changes_as_text(comparison: Comparison) -> str:
    """Write what two data cuts say differently, for people."""
    listing = changes_as_data(comparison)
    info = listing["registry"]
    title = f"{info['name']}, data cut {info['data_cut']} against {info['against']}"
    parts = (
        [title],
        _section("Files", map(_file_line, listing["files"])),
        _section("Mapping", [_remap_line(c) for c in listing["mapping"]] or ["the same"]),
        _section("Rows", [_change_line(name, n) for name, n in listing["tables"].items()]),
        _section(
            f"Differences: {len(comparison.changes):,}",
            (line for group in listing["differences"] for line in _difference_lines(group)),
        ),
        ["", f"To look at: {listing['to_look_at']:,}"],
    )  # fmt: skip
    return "\n".join(line for part in parts for line in part) + "\n"


def changes_as_json(comparison: Comparison) -> str:
    """Write what two data cuts say differently as JSON, every difference included."""
    content = changes_as_data(comparison)
    rows = comparison.changes.drop(columns="key").astype(object).to_dict("records")
    return json.dumps(content | {"rows": rows}, indent=2, ensure_ascii=False) + "\n"


def changes_as_csv(comparison: Comparison) -> str:
    """Write one line per difference, for a spreadsheet; no cell starts a formula."""
    return to_csv(comparison.changes.drop(columns="key"))


def changes_as_data(comparison: Comparison) -> dict[str, Any]:
    """Collect what two data cuts say differently, by table, reason and place.

    Returns
    -------
    dict
        ``registry, files, mapping, tables, differences, to_look_at``, fit for JSON.
    """
    new, old = comparison.new.registry, comparison.old.registry
    return {
        "registry": {
            "name": new.name,
            "data_cut": new.data_cut.date().isoformat(),
            "against": old.data_cut.date().isoformat(),
            "was_called": old.name,
        },
        "files": [row for row in _records(comparison.sources) if row["state"] != "same"],
        "mapping": [
            {"source": c.source, "table": c.table, "field": c.field, "what": c.what}
            for c in comparison.mapping
        ],
        "tables": {name: _tally(comparison, name) for name in new.tables},
        "differences": _groups(comparison.changes, _DIFFERENCE, ()),
        "to_look_at": len(comparison.to_look_at),
    }


def _tally(comparison: Comparison, table: str) -> dict[str, int]:
    changes = comparison.changes[comparison.changes["table"] == table]
    counts = changes["change"].value_counts()
    fields = changes[changes["change"] == "changed"]
    return {
        "then": len(comparison.old.registry.tables[table]),
        "now": len(comparison.new.registry.tables[table]),
        "appeared": int(counts.get("appeared", 0)),
        "vanished": int(counts.get("vanished", 0)),
        "changed": len(fields[["key", "file", "row"]].drop_duplicates()),
        "fields": len(fields),
    }


def _file_line(file: dict[str, Any]) -> str:
    return f"{file['source']}: {file['file']} {file['state']}"


def _remap_line(change: dict[str, Any]) -> str:
    place = ", ".join(part for part in (change["source"], change["table"]) if part)
    return f"{place or 'registry'}: {change['what']}"


def _change_line(table: str, n: dict[str, int]) -> str:
    fields = f" in {_count(n['fields'], 'field')}" if n["fields"] else ""
    return (
        f"{table}: {n['then']:,} then, {n['now']:,} now; {n['appeared']:,} appeared, "
        f"{n['vanished']:,} vanished, {n['changed']:,} changed{fields}"
    )


def _difference_lines(group: dict[str, Any]) -> list[str]:
    from vpstats.registry.against import WHY
    from vpstats.registry.history import REWRITES

    what = f"{group['table']}.{group['field']}" if group["field"] else group["table"]
    place = ", ".join(part for part in (group["file"], _rows_text(group["rows"])) if part)
    rule = f" ({group['rule']})" if group["rule"] else ""
    rewritten = f"{REWRITES[group['rewrites']]}; " if group["rewrites"] else ""
    head = f"{group['change']:<9}{group['n']:>6,}  {what}: {place}"
    words = f"{' ' * 17}{rewritten}{WHY[group['why']]}{rule}"
    return [*_wrapped(head, indent=17), *_wrapped(words, indent=17)]
