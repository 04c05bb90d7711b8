"""A simulated registry as folders of raw exports, with their mapping and the file of faults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vpstats.errors import UsageError
from vpstats.simulate.dirt import FAULT_COLUMNS
from vpstats.simulate.fault import facts_of
from vpstats.simulate.files import write_files
from vpstats.simulate.generate import SimulatedRegistry
from vpstats.simulate.injection import soil
from vpstats.simulate.mapping_toml import mapping_toml
from vpstats.simulate.raw import Sheet
from vpstats.simulate.sheets import all_sheets, with_lists
from vpstats.simulate.wording import DIALECTS

FAULT_FILE = "faults.csv"


@dataclass(frozen=True)
class Exports:
    """What was written.

    Parameters
    ----------
    faults : DataFrame
        One row per faulty cell: `file, sheet, row, column, table, key, field, fault, raw,
        true_value, detectable, reason`; rows are counted as a spreadsheet does.
    places : DataFrame
        Where each canonical row stands: `table, key, file, sheet, row`.
    carried : dict of str to frozenset of (table, field)
        Center to the canonical fields that its exports hold.
    files : tuple of str
        Relative paths.
    """

    faults: pd.DataFrame
    places: pd.DataFrame
    carried: dict[str, frozenset[tuple[str, str]]]
    files: tuple[str, ...]


def write_exports(
    registry: SimulatedRegistry,
    folder: str | Path | None,
    *,
    name: str = "Simulated registry",
    seed: int | None = None,
    more: bool = False,
) -> Exports:
    """Write a simulated registry as the raw exports of its centers.

    Parameters
    ----------
    registry : SimulatedRegistry
        Its centers must be C01 to C12 (or some of them): each has its dialect.
    folder : str, Path or None
        Where to write; None to write nothing and only say what would be.
    name : str
        Name of the registry in registry.toml.
    seed : int, optional
        Seed of the faults; None for exports without faults.
    more : bool
        Whether the exports also have the faults that those of the demonstration do not have.

    Returns
    -------
    Exports
        With the faults that were injected; also written as ``faults.csv``.

    Raises
    ------
    UsageError
        If a center has no dialect.

    Examples
    --------
    >>> from vpstats.simulate import SimulationSpec, simulate_registry
    >>> drawn = simulate_registry(SimulationSpec(n_procedures=150), seed=1)
    >>> len(write_exports(drawn, None, seed=1).faults) > 100
    True
    """
    _check_centers(registry)
    sheets = all_sheets(registry)
    faults = pd.DataFrame(columns=list(FAULT_COLUMNS))
    if seed is not None:
        tables = registry.tables | {"levels": with_lists(registry)}
        faults = soil(sheets, facts_of(tables, registry.truth.spec.data_cut), seed, more=more)
    files: list[str] = []
    if folder is not None:
        files = _write(sheets, faults, Path(folder), name, registry)
    return Exports(faults, _places(sheets), _carried(sheets), tuple(files))


def _check_centers(registry: SimulatedRegistry) -> None:
    known = {center for dialect in DIALECTS.values() for center in dialect.centers}
    strange = sorted({c.center_id for c in registry.truth.spec.centers} - known)
    if strange:
        raise UsageError(
            f"centers without a dialect: {', '.join(strange)}; exports exist for C01 to C12."
        )


def _write(
    sheets: list[Sheet],
    faults: pd.DataFrame,
    folder: Path,
    name: str,
    registry: SimulatedRegistry,
) -> list[str]:
    files = write_files(sheets, folder)
    toml = mapping_toml(sheets, name=name, data_cut=registry.truth.spec.data_cut)
    (folder / "registry.toml").write_bytes(toml.encode("utf-8"))
    (folder / FAULT_FILE).write_bytes(
        faults.to_csv(index=False, lineterminator="\n").encode("utf-8")
    )
    return [*files, "registry.toml", FAULT_FILE]


def _places(sheets: list[Sheet]) -> pd.DataFrame:
    parts = []
    for sheet in sheets:
        numbers = sheet.row_numbers()
        for slot in sheet.keys:
            keys = sheet.keys[slot].astype(str).str.split(";").explode()
            keys = keys[keys != ""]
            parts.append(
                pd.DataFrame(
                    {
                        "table": slot.split("#")[0],
                        "key": keys.to_numpy(),
                        "file": sheet.file,
                        "sheet": sheet.sheet,
                        "row": numbers.loc[keys.index].to_numpy(),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)


def _carried(sheets: list[Sheet]) -> dict[str, frozenset[tuple[str, str]]]:
    fields: dict[str, set[tuple[str, str]]] = {}
    for sheet in sheets:
        for center in sheet.dialect.centers:
            held = {(o.table, o.field) for o in sheet.origin.values()}
            fields.setdefault(center, set()).update(held)
    return {center: frozenset(held) for center, held in fields.items()}
