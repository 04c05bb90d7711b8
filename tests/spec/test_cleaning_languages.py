"""How hospitals of six languages write: what can be read in one way only is read, the rest flagged.

Each line is a column of cells, and what becomes of them; ``!`` is a cell that is flagged.
"""

from __future__ import annotations

import pytest

from vpstats.registry.cleaning import clean_texts
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.rules import RULES
from vpstats.registry.spine import parse_levels
from vpstats.schema_tables import TABLES

LEVELS = """
D12 ed L1               | T12 L1
da D10 a D12            | T10 T11 T12
dal D11 al L1           | T11 T12 L1
L1 a L3                 | L1 L2 L3
de L1 à L3              | L1 L2 L3
L1 jusqu'à L3           | L1 L2 L3
desde L1 hasta L3       | L1 L2 L3
von L1 bis L3           | L1 L2 L3
from T12 to L2          | T12 L1 L2
od Th12 do L2           | T12 L1 L2
L1 fino a L3            | L1 L2 L3
L1 y L2                 | L1 L2
L1 et L2                | L1 L2
L1 e L2                 | L1 L2
L1 u. L2                | L1 L2
L1 i L2                 | L1 L2
vertèbres D12 et L1     | T12 L1
corpo di L1             | L1
corps de L1             | L1
T12-L1-L2               | T12 L1 L2
1.LWK                   | L1
12.BWK                  | T12
L2-3                    | ambiguous
L2/3                    | ambiguous
Th12/L1                 | ambiguous
L1-L2-L4                | ambiguous
L1..L3                  | unreadable
entre L1 y L3           | unreadable
da L1                   | unreadable
Tx                      | unreadable
L00012                  | unreadable
di                      | unreadable
L1 o L2                 | unreadable
nicht L1                | unreadable
1-mar                   | unreadable
"""

COLUMNS = """
levels.cement_ml         | 2,5 ml x 2 ~ 5
levels.cement_ml         | 2,5 ml + 2 ml ~ 4.5
levels.cement_ml         | ½ ~ 0.5 / 1½ ~ 1.5 / 1 ½ ml ~ 1.5 / 2¼ ~ 2.25
levels.cement_ml         | 2 ml x 2 ml ~ ! / 1,5 / 2 ~ !
levels.cement_ml         | environ 4 ~ 4 / aprox. 4 ~ 4 / 4 a 5 ~ !
procedures.wbc_10e9_l    | 7,5 x10^3 ~ 7.5 / 7,5 x10³ ~ 7.5 / 7,5*10^9/l ~ 7.5 / 7,5 10^9/L ~ 7.5
procedures.wbc_10e9_l    | 7500/mm³ ~ 7.5 / 7,5 mila/mmc ~ 7.5 / 7,5 x10^6/l ~ !
procedures.wbc_10e9_l    | 7.500 ~ 7.5 / 7,5 ~ 7.5 / 12.300 ~ 12.3
procedures.crp_mg_l      | inferiore a 5 ~ 5 / menor de 5 ~ 5 / moins de 5 ~ 5 / weniger als 5 ~ 5
procedures.crp_mg_l      | neg ~ ! / normal ~ !
patients.bmd_tscore      | T-score: −2,8 ~ -2.8 / T -2.8 ~ -2.8 / minus 2,8 ~ -2.8 / Z-score -2 ~ !
patients.prior_vfx_n     | keine ~ 0 / nessuna ~ 0 / >3 ~ ! / multiple ~ ! / 2-3 ~ !
patients.height_cm       | 1m62 ~ 162 / 1 m 62 ~ 162 / 1,62 ~ 162
procedures.days_fx_to_proc | 3 tj ~ 21 / 3 Wochen ~ 21 / 3 semanas ~ 21 / 3 settimane ~ 21
procedures.days_fx_to_proc | prije 3 tj ~ ! / vor 3 Wochen ~ ! / 3 weeks ago ~ !
procedures.duration_min  | 1h15 ~ 75 / 1 h 15 min ~ 75 / 0:45 ~ 45
visits.odi_pct           | 45/100 ~ 45 / 45% ~ 45
procedures.proc_date     | 25 de agosto de 2023 ~ 2023-08-25 / 1er juin 2022 ~ 2022-06-01
procedures.proc_date     | le 15 mars 2021 ~ 2021-03-15 / lunedì 5 maggio 2021 ~ 2021-05-05
procedures.proc_date     | 25.VIII.2023 ~ 2023-08-25 / 5 abr 2021 ~ 2021-04-05
procedures.proc_date     | 25082023 ~ 2023-08-25
procedures.proc_date     | 5. sij 2021. ~ 2021-01-05 / proljeće 2022 ~ ! / jun-22 ~ !
patients.sex             | H ~ ! / M ~ !
patients.sex             | V ~ ! / M ~ !
patients.sex             | D ~ ! / U ~ !
patients.sex             | H ~ m / F ~ f
patients.sex             | donna ~ f / uomo ~ m / mujer ~ f / varón ~ m / Frau ~ f / Herr ~ m
patients.primary_tumour  | C50.9 ~ breast / C34.1 ~ lung / C90.0 ~ myeloma / C18.2 ~ other
patients.primary_tumour  | C79.5 ~ ! / C90.1 ~ ! / D18.0 ~ !
patients.antiosteo_tx    | denosumab 60 mg ~ denosumab / Fosavance ~ bisphosphonate
patients.anticoag        | Eliquis 5 mg ~ doac / Sintrom ~ vka / HBPM ~ lmwh / heparin ~ !
patients.asa             | 3E ~ 3 / IIIE ~ 3 / classe III ~ 3 / Klasse 3 ~ 3 / ASA: 3 ~ 3
patients.smoker          | ex fumatore ~ ex / no fumador ~ never / fumeuse ~ current / 20 PY ~ !
patients.diabetes        | nessuno ~ no / positiva ~ yes / k. A. ~ unknown / nicht erhoben ~ unknown
patients.diabetes        | non effettuato ~ not_done / sans objet ~ not_applicable / sì? ~ !
procedures.indication    | osteoporosi ~ osteoporotic / myélome ~ myeloma / patol. fx ~ !
procedures.technique     | cifoplastica ~ bkp / vertebroplastia ~ pvp / BKP/PVP ~ !
procedures.guidance      | TC ~ ct / scopie ~ fluoro / RTG ~ !
visits.visit_type        | 3 mesi ~ month_3 / 1 año ~ month_12 / sortie ~ discharge
visits.imaging_at_visit  | RX, RM ~ xray;mri / IRM ~ mri / TAC ~ ct
events.event_type        | infezione ~ infection / décès ~ death / EP ~ ! / PE ~ !
"""


def _lines(text: str) -> list[list[str]]:
    return [[part.strip() for part in line.split("|")] for line in text.strip().splitlines()]


@pytest.mark.parametrize(("cell", "said"), _lines(LEVELS))
def test_vertebrae(cell: str, said: str) -> None:
    parsed = parse_levels(cell)
    assert " ".join(parsed.levels) == said or parsed.status == said


@pytest.mark.parametrize(("name", "cells"), _lines(COLUMNS))
def test_columns(name: str, cells: str) -> None:
    table, field = name.split(".")
    pairs = [pair.split("~") for pair in cells.split(" / ")] if "~" in cells else []
    raw, wanted = (list(part) for part in zip(*_joined(pairs), strict=True))
    read = clean_texts(TABLES[table][field], raw)
    flagged = [
        not value and any(RULES[r].kind == "finding" for r in rules.split())
        for value, rules in zip(read["clean"], read["rules"], strict=True)
    ]
    got = ["!" if flag else value for value, flag in zip(read["clean"], flagged, strict=True)]
    assert got == wanted
    for cell in raw:  # the usual way of a column is logged once, so each stands alone here
        alone = clean_texts(TABLES[table][field], [cell]).iloc[0]
        assert alone["clean"] == cell or alone["rules"], "a change is never silent"


def _joined(pairs: list[list[str]]) -> list[tuple[str, str]]:
    """Cells and readings; a cell that holds the sign between cells was cut in two."""
    found: list[tuple[str, str]] = []
    rest = ""
    for pair in pairs:
        if len(pair) == 1:
            rest = f"{rest}{pair[0].strip()} / "
            continue
        found.append((rest + pair[0].strip(), pair[1].strip()))
        rest = ""
    return found


def test_letters_of_another_language_are_read_where_the_mapping_says_so() -> None:
    declared = ColumnMap.model_validate({"column": "x", "codes": {"H": "m", "M": "f"}})
    read = clean_texts(TABLES["patients"]["sex"], ["H", "M"], mapping=declared)
    assert read["clean"].tolist() == ["m", "f"]


def test_a_column_that_is_mostly_impossible_is_not_believed() -> None:
    cells = ["65", "40", "80", "5", "70", "30", "55", "90", "20", "10"]
    read = clean_texts(TABLES["visits"]["vas_0_10"], cells)
    assert set(read["clean"]) == {""}
    assert read["rules"].str.contains("range").all()
    few = clean_texts(TABLES["visits"]["vas_0_10"], ["65", "4", "5"])
    assert few["clean"].tolist() == ["", "4", "5"]
