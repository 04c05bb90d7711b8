"""A simulated registry as the raw tables of its centers, still without a fault."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vpstats.registry.spine import index
from vpstats.simulate import layout
from vpstats.simulate.generate import SimulatedRegistry
from vpstats.simulate.raw import (
    KEYS,
    Origin,
    Sheet,
    leak_lists,
    render,
    with_limits,
    yeom_list,
)
from vpstats.simulate.wording import DIALECTS, Dialect

Tables = dict[str, pd.DataFrame]


def all_sheets(registry: SimulatedRegistry) -> list[Sheet]:
    """Write every center's rows in its dialect.

    Parameters
    ----------
    registry : SimulatedRegistry
        Clean tables of centers C01 to C12.

    Returns
    -------
    list of Sheet
    """
    tables = registry.tables | {"levels": with_lists(registry)}
    builders = {"hr": _hr, "redcap": _redcap, "excel": _excel, "de": _de}
    return [
        sheet
        for name, build in builders.items()
        for sheet in build(_of_centers(tables, DIALECTS[name].centers), DIALECTS[name])
    ]


def with_lists(registry: SimulatedRegistry) -> pd.DataFrame:
    """Levels in order of the spine, with their leaks beside them."""
    lists = leak_lists(registry.tables["leaks"])
    levels = registry.tables["levels"].join(lists, on="level_id")
    ranges = registry.truth.levels.set_index("level_id")["in_range"]
    levels = levels.assign(
        yeom=yeom_list(levels),
        in_range=ranges.reindex(levels["level_id"]).to_numpy(),
        position=[index(level) for level in levels["level"]],
    )
    return levels.sort_values(["procedure_id", "position"])


def _of_centers(tables: Tables, centers: tuple[str, ...]) -> Tables:
    return {
        name: tables[name][_center_of(tables[name][key]).isin(centers)].sort_values(
            key if name != "levels" else ["procedure_id", "position"]
        )
        for name, key in KEYS.items()
    }


def _center_of(identifier: pd.Series) -> pd.Series:
    return identifier.str.split("/").str[0]


def _beside(rows: pd.DataFrame, table: pd.DataFrame, key: str) -> pd.DataFrame:
    """The row of `table` that each row's foreign key names."""
    return table.set_index(key).loc[rows[key].to_numpy()].reset_index()


def _block(
    data: pd.DataFrame, table: str, columns: Mapping[str, str], dialect: Dialect
) -> tuple[pd.DataFrame, dict[str, Origin]]:
    data = data.reset_index(drop=True)
    chosen = dict(columns)
    text = with_limits(render(data, table, chosen, dialect), data, chosen)
    return text, {raw: Origin(table, field, table) for field, raw in chosen.items()}


def _center_column(
    patient_id: pd.Series, dialect: Dialect, raw: str, origin: dict[str, Origin]
) -> pd.Series:
    words = layout.CENTER_WORDS[dialect.name]
    origin[raw] = Origin("patients", "center_id", "patients")
    return _center_of(patient_id).map(dict(words)).astype(object).reset_index(drop=True)


def _keys(**columns: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({slot: values.to_numpy(dtype=object) for slot, values in columns.items()})


def _simple(
    data: pd.DataFrame,
    table: str,
    columns: Mapping[str, str],
    dialect: Dialect,
    place: tuple[str, str, str],
    center: str = "",
) -> Sheet:
    """A raw table that holds the rows of one canonical table."""
    text, origin = _block(data, table, columns, dialect)
    if center:
        patient = data["patient_id"]
        text.insert(0, center, _center_column(patient, dialect, center, origin))
    keys = {table: data[KEYS[table]]}
    if table != "patients":
        # the center in such a row belongs to it, not to the patient's own row
        origin = {raw: _own(o, table) for raw, o in origin.items()}
    source, file, sheet = place
    return Sheet(source, file, dialect, text, origin, _keys(**keys), sheet)


def _own(origin: Origin, table: str) -> Origin:
    return Origin(table, origin.field, table)


# ------------------------------------------------------------------ Croatian: a row per level


def _hr(tables: Tables, dialect: Dialect) -> list[Sheet]:
    levels = tables["levels"].reset_index(drop=True)
    procedures = _beside(levels, tables["procedures"], "procedure_id")
    patients = _beside(procedures, tables["patients"], "patient_id")
    parts = [
        _block(patients, "patients", layout.HR_PATIENT, dialect),
        _block(procedures, "procedures", layout.HR_PROCEDURE, dialect),
        _block(levels, "levels", layout.HR_LEVEL, dialect),
    ]
    origin = {raw: o for _, origins in parts for raw, o in origins.items()}
    text = pd.concat([part for part, _ in parts], axis=1)
    center = _center_column(patients["patient_id"], dialect, "ustanova", origin)
    text.insert(0, "ustanova", center)
    keys = _keys(
        patients=patients["patient_id"],
        procedures=procedures["procedure_id"],
        levels=levels["level_id"],
    )
    files = {
        "visits": ("hr-kontrole", "a_hr/kontrole.csv", layout.HR_VISIT),
        "events": ("hr-dogadaji", "a_hr/dogadaji.csv", layout.HR_EVENT),
    }
    return [
        Sheet("hr-razine", "a_hr/razine.csv", dialect, text, origin, keys),
        *(
            _simple(tables[table], table, columns, dialect, (source, file, ""), "ustanova")
            for table, (source, file, columns) in files.items()
        ),
    ]


# ------------------------------------------------------------------ REDCap: repeating instruments

INSTRUMENTS = {
    "patients": ("", layout.REDCAP_PATIENT),
    "procedures": ("procedure", layout.REDCAP_PROCEDURE),
    "levels": ("level", layout.REDCAP_LEVEL),
    "visits": ("visit", layout.REDCAP_VISIT),
    "events": ("event", layout.REDCAP_EVENT),
}
"""Canonical table to its repeating instrument and its fields."""


def form_of(table: str) -> str:
    """The column that says whether a REDCap form is complete."""
    return f"{INSTRUMENTS[table][0] or 'patient'}_complete"


def _redcap(tables: Tables, dialect: Dialect) -> list[Sheet]:
    owner = tables["procedures"].set_index("procedure_id")["patient_id"]
    levels = tables["levels"]
    tables = tables | {"levels": levels.assign(patient_id=owner.loc[levels["procedure_id"]].array)}
    blocks, keys, order = [], [], []
    origins: dict[str, Origin] = {}
    for position, (table, (instrument, columns)) in enumerate(INSTRUMENTS.items()):
        data = tables[table].reset_index(drop=True)
        text, origin = _redcap_block(data, table, columns, dialect)
        blocks.append(_redcap_head(data, instrument, text, form_of(table), dialect))
        origins |= origin
        keys.append(_keys(**{table: data[KEYS[table]]}))
        order += [(p, position, i) for i, p in enumerate(data["patient_id"])]
    sequence = sorted(range(len(order)), key=order.__getitem__)
    text = pd.concat(blocks, ignore_index=True).fillna("").iloc[sequence].reset_index(drop=True)
    named = pd.concat(keys, ignore_index=True).fillna("").iloc[sequence].reset_index(drop=True)
    sheet = Sheet("redcap", "b_redcap/export.csv", dialect, text, origins, named)
    sheet.checkboxes.update(layout.REDCAP_CHECKBOXES)
    return [sheet]


def _redcap_block(
    data: pd.DataFrame, table: str, columns: Mapping[str, str], dialect: Dialect
) -> tuple[pd.DataFrame, dict[str, Origin]]:
    boxes = {f: c for f, c in layout.REDCAP_CHECKBOXES.items() if f in columns}
    plain = {f: raw for f, raw in columns.items() if f not in boxes}
    text, origin = _block(data, table, plain, dialect)
    for field, choices in boxes.items():
        chosen = data[field].astype(object).where(data[field].notna(), "")
        for number, choice in enumerate(choices, start=1):
            ticked = [choice in str(codes).split(";") for codes in chosen]
            text[f"{field}___{number}"] = np.where(ticked, "1", "0")
            origin[f"{field}___{number}"] = Origin(table, field, table)
    return text, origin


def _redcap_head(
    data: pd.DataFrame, instrument: str, text: pd.DataFrame, form: str, dialect: Dialect
) -> pd.DataFrame:
    groups = _center_of(data["patient_id"]).map(dict(layout.CENTER_WORDS[dialect.name]))
    instance = data.groupby("patient_id").cumcount() + 1
    head = pd.DataFrame(
        {
            "record_id": data["patient_id"].str.rsplit("/", n=1).str[1].astype(object),
            "redcap_repeat_instrument": instrument,
            "redcap_repeat_instance": instance.astype(str) if instrument else "",
            "redcap_data_access_group": groups,
        },
        dtype=object,
    )
    return pd.concat([head, text, pd.Series("2", index=text.index, name=form)], axis=1)


# ------------------------------------------------------------------ Excel: a sheet per table


def _excel(tables: Tables, dialect: Dialect) -> list[Sheet]:
    plain = {
        "patients": ("Patients", layout.EXCEL_PATIENT),
        "procedures": ("Procedures", layout.EXCEL_PROCEDURE),
        "visits": ("Visits", layout.EXCEL_VISIT),
        "events": ("Events", layout.EXCEL_EVENT),
    }
    file = "c_excel/registry.xlsx"
    sheets = [
        _simple(tables[table], table, columns, dialect, (f"excel-{table}", file, title), "Hospital")
        for table, (title, columns) in plain.items()
    ]
    return [*sheets[:2], _excel_levels(tables, dialect, file), *sheets[2:]]


def _excel_levels(tables: Tables, dialect: Dialect, file: str) -> Sheet:
    levels = tables["levels"].reset_index(drop=True)
    # levels of a range share a row; every other level has its own
    together = levels["level_id"].where(~levels["in_range"], levels["procedure_id"])
    groups = levels.groupby(together, sort=False)
    place = groups.cumcount()
    first = levels[place == 0].reset_index(drop=True)
    text, origin = _block(first, "levels", layout.EXCEL_LEVEL, dialect)
    text.insert(0, "Session", first["procedure_id"].str.rsplit("/", n=1).str[1].astype(object))
    text.insert(1, layout.EXCEL_LEVELS_COLUMN, _range_text(levels, together, first))
    text.insert(0, "Hospital", _center_of(first["procedure_id"]).map(
        dict(layout.CENTER_WORDS[dialect.name])
    ))  # fmt: skip
    origin |= {
        "Session": Origin("levels", "procedure_id", "levels"),
        layout.EXCEL_LEVELS_COLUMN: Origin("levels", "level", "levels"),
    }
    del text["Procedure id"], origin["Procedure id"]
    keys = pd.DataFrame({"levels": groups["level_id"].agg(";".join).to_numpy(dtype=object)})
    for k in range(layout.MAX_LEVELS):
        rows = levels[place == k]
        at = together[place == k].map({v: i for i, v in enumerate(together[place == 0])})
        _add_position(text, origin, keys, rows.set_index(at.to_numpy()), k, dialect,
                      layout.EXCEL_BY_POSITION)  # fmt: skip
    return Sheet("excel-levels", file, dialect, text, origin, keys, "Levels")


def _range_text(levels: pd.DataFrame, together: pd.Series, first: pd.DataFrame) -> list[str]:
    last = levels.groupby(together, sort=False)["level"].last().to_numpy()
    return [str(a) if a == b else f"{a}-{b}" for a, b in zip(first["level"], last, strict=True)]


def _add_position(
    text: pd.DataFrame,
    origin: dict[str, Origin],
    keys: pd.DataFrame,
    rows: pd.DataFrame,
    k: int,
    dialect: Dialect,
    columns: Mapping[str, str],
) -> None:
    """Add the columns of the k-th level of each row."""
    slot = f"levels#{k + 1}"
    named = {field: f"{raw} {k + 1}" for field, raw in columns.items()}
    written = render(rows, "levels", named, dialect).reindex(text.index).fillna("")
    for field, raw in named.items():
        text[raw] = written[raw]
        origin[raw] = Origin("levels", field, slot)
    keys[slot] = rows["level_id"].astype(object).reindex(text.index).fillna("")


# ------------------------------------------------------------------ German: a row per procedure


def _de(tables: Tables, dialect: Dialect) -> list[Sheet]:
    sheets = []
    for center in dialect.centers:
        own = _of_centers(tables, (center,))
        place = f"d_de/{center}"
        sheets += [
            _de_procedures(own, dialect, f"{place}_Eingriffe.csv"),
            _simple(
                own["visits"], "visits", layout.DE_VISIT, dialect,
                ("de-Verlauf", f"{place}_Verlauf.csv", ""), "Klinik",
            ),
            _simple(
                own["events"], "events", layout.DE_EVENT, dialect,
                ("de-Ereignisse", f"{place}_Ereignisse.csv", ""), "Klinik",
            ),
        ]  # fmt: skip
    return sheets


def _de_procedures(tables: Tables, dialect: Dialect, file: str) -> Sheet:
    procedures = tables["procedures"].reset_index(drop=True)
    patients = _beside(procedures, tables["patients"], "patient_id")
    parts = [
        _block(patients, "patients", layout.DE_PATIENT, dialect),
        _block(procedures, "procedures", layout.DE_PROCEDURE, dialect),
    ]
    origin = {raw: o for _, origins in parts for raw, o in origins.items()}
    text = pd.concat([part for part, _ in parts], axis=1)
    clinic = _center_column(patients["patient_id"], dialect, "Klinik", origin)
    text.insert(0, "Klinik", clinic)
    levels = tables["levels"].reset_index(drop=True)
    groups = levels.groupby("procedure_id")
    spelled = levels["level"].map(dialect.vertebra).astype(object)
    lists = spelled.groupby(levels["procedure_id"]).agg(dialect.separator.join)
    joined = groups["level_id"].agg(";".join)
    text[layout.DE_LEVELS_COLUMN] = lists.loc[procedures["procedure_id"]].to_numpy()
    origin[layout.DE_LEVELS_COLUMN] = Origin("levels", "level", "levels")
    keys = _keys(
        patients=patients["patient_id"],
        procedures=procedures["procedure_id"],
        levels=joined.loc[procedures["procedure_id"]],
    )
    at = levels["procedure_id"].map({p: i for i, p in enumerate(procedures["procedure_id"])})
    place = groups.cumcount()
    for k in range(layout.MAX_LEVELS):
        rows = levels[place == k].set_index(at[place == k].to_numpy())
        _add_position(text, origin, keys, rows, k, dialect, layout.DE_LEVEL)
    return Sheet("de-Eingriffe", file, dialect, text, origin, keys)
