"""Columns in dialects that nobody prepared for: a cell is the truth, or is doubted.

Each export is written as a department writes it, in its language and its units, with the slips
that its staff make, and mapped as docs/mapping-an-export.md says. Beside each cell stands what it
means; None where a careful reader could not say. A value that is not the truth has to be named by
a finding of its row and field. No export is allowed to be given up: most cells have to be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from vpstats.registry import read_registry
from vpstats.registry.registry import Registry

LEAST_READ = 0.6
"""Share of the cells with a meaning that have to be read; the others may be doubted."""

TABLES = {
    "patients": ("patient_id",),
    "procedures": ("patient_id", "proc_date"),
    "levels": ("patient_id", "proc_date", "level"),
    "visits": ("patient_id", "visit_date"),
}
KEY_COLUMNS = {"patient_id": "id", "proc_date": "day", "visit_date": "day", "level": "vertebra"}

LEAKS_OF = ("leak_sites_", "leak_any_")

Truth = str | float | None


@dataclass(frozen=True)
class Column:
    """A raw column: its name, its field, what the mapping says of it, and cells with meaning."""

    name: str
    field: str
    cells: tuple[tuple[str, Truth], ...]
    says: str = ""

    @property
    def table(self) -> str:
        return self.field.split(".")[0]


def col(name: str, field: str, cells: dict[str, Truth], says: str = "") -> Column:
    return Column(name, field, tuple(cells.items()), says)


@dataclass(frozen=True)
class Export:
    """Columns of a file, the way in which it is written, and days of its sessions."""

    name: str
    columns: tuple[Column, ...]
    delimiter: str = ";"
    encoding: str = "utf-8"
    day: str = "{:02d}.03.2021"

    @property
    def rows(self) -> int:
        return max(len(c.cells) for c in self.columns)

    def text(self) -> str:
        heads = ["id", "day", "vertebra", *(c.name for c in self.columns)]
        lines = [heads]
        for i in range(self.rows):
            cells = [c.cells[i][0] if i < len(c.cells) else "" for c in self.columns]
            # no day is above 12 and no two are in order, so that they say nothing by themselves
            lines.append([f"K-{i + 1}", self.day.format(13 + i % 15), "T8", *cells])
        return "".join(self.delimiter.join(map(_quoted, line)) + "\n" for line in lines)

    def mapping(self) -> str:
        parts = [
            'version = 1\n[registry]\nname = "x"\ndata_cut = 2024-01-31\n'
            '[[source]]\nname = "x"\nfile = "x.csv"\ncenter = "A"\ndate_order = "dmy"\n'
        ]
        for table, keys in TABLES.items():
            own = [c for c in self.columns if c.table == table]
            if own or table in ("patients", "procedures"):
                parts.append(f'[[source.table]]\nname = "{table}"\n[source.table.columns]\n')
                parts += [f'{key} = "{KEY_COLUMNS[key]}"\n' for key in keys]
                parts += [
                    f'{c.field.split(".")[1]} = {{ column = "{c.name}"{c.says} }}\n' for c in own
                ]
        return "".join(parts)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def read(export: Export, folder: Path) -> Registry:
    (folder / "x.csv").write_bytes(export.text().encode(export.encoding))
    (folder / "registry.toml").write_text(export.mapping(), "utf-8")
    return read_registry(folder)


def value_of(registry: Registry, column: Column, row: int) -> Truth:
    table, field = column.field.split(".")
    if field.startswith(LEAKS_OF):
        return _leaks(registry.leaks, row)
    frame: pd.DataFrame = getattr(registry, table)
    key = "level_id" if table == "levels" else "patient_id"
    own = frame[key].str.split("/").str[1] == f"K-{row + 1}"
    values = frame.loc[own, field].dropna()
    if not len(values):
        return None
    value = values.iloc[0]
    return str(value.date()) if isinstance(value, pd.Timestamp) else value


def _leaks(leaks: pd.DataFrame, row: int) -> Truth:
    own = leaks[leaks["level_id"].str.split("/").str[1] == f"K-{row + 1}"]
    present = sorted(own.loc[own["state"] == "present", "site"].astype(str))
    looked = (own["state"] == "absent").any()
    return ";".join(present) or ("none" if looked else None)


def alike(read: Truth, true: Truth) -> bool:
    if isinstance(true, int | float) and isinstance(read, int | float):
        return abs(read - true) <= 0.005 * max(1.0, abs(true))
    return read == true


def doubted(registry: Registry, column: Column, row: int) -> bool:
    field = column.field.split(".")[1]
    names = {field, "state"} if field.startswith(LEAKS_OF) else {field}
    f = registry.findings
    own = (f["row"] == row + 2) & (f["severity"] != "info") & f["field"].isin(names)
    return bool(own.any())


def compared(registry: Registry, export: Export) -> Iterator[tuple[str, Truth, Truth, bool]]:
    for column in export.columns:
        for row, (raw, true) in enumerate(column.cells):
            seen = value_of(registry, column, row)
            yield f"{column.field}: {raw!r}", seen, true, doubted(registry, column, row)


ITALIAN = Export(
    "italian",
    (
        col("Statura", "patients.height_cm", {
            "162 cm": 162, "1,58": 158, "1.71 m": 171, "1m65": 165, "cm 160": 160, "16,2": None,
            "alta": None, "158/160": None,
        }),
        col("Diabete", "patients.diabetes", {
            "sì": "yes", "no": "no", "SI": "yes", "NO": "no", "insulina": None, "tipo 2": None,
            "non noto": "unknown", "sospetto": None,
        }),
        col("Rischio ASA", "patients.asa", {
            "III": "3", "ASA 2": "2", "ASA III": "3", "3E": "3", "II-III": None, "VI": None,
            "classe 2": "2", "2/3": None,
        }),
        col("PCR", "procedures.crp_mg_l", {
            "1,2": 12, "<0,5": 5, "0,85 mg/dl": 8.5, "12 mg/l": 12, "neg.": None, "tracce": None,
            "++": None, "1,2-1,4": None,
        }, ', unit = "mg/dL"'),
        col("Fratture pregresse", "patients.prior_vfx_n", {
            "nessuna": 0, "2": 2, ">3": None, "multiple": None, "1-2": None, "D8, D9": None,
            "0": 0, "due": None,
        }),
        col("Farmaco", "patients.antiosteo_tx", {
            "Prolia": "denosumab", "alendronato": "bisphosphonate", "Forsteo": "teriparatide",
            "nessuno": "none", "Prolia sospeso": None, "Vit. D": None, "Evenity": "romosozumab",
            "bifosfonati, ora denosumab": None,
        }),
    ),
)  # fmt: skip

FRENCH = Export(
    "french",
    (
        col("Sexe", "patients.sex", {
            "F": "f", "H": "m", "femme": "f", "homme": "m", "Mme": None, "M.": "m", "?": "unknown",
            "F/H": None,
        }),
        col("Tabac", "patients.smoker", {
            "fumeur": "current", "non-fumeur": "never", "ex-fumeur": "ex", "sevré": "ex",
            "20 PA": None, "oui": None, "non": None, "jamais": "never",
        }),
        col("T-score", "patients.bmd_tscore", {
            "-2,8": -2.8, "– 3,1": -3.1, "- 1,9": -1.9, "72 %": None, "-2,5 DS": -2.5, "2,8": None,
            "-2,8 (L1-L4)": None, "-25": None,
        }),
        col("Taille de la fuite", "levels.leak_sites_ct", {
            "aucune": "none", "veineuse": "venous", "épidurale": "epidural", "discale": None,
            "fuite ?": None, "non fait": None, "pas de fuite épidurale": None,
            "disque supérieur": "disc_sup",
        }),
        col("Ciment", "levels.cement_ml", {
            "4,5 cc": 4.5, "2x2,5": 5, "3 + 2": 5, "~4": 4, "une seringue": None, "45": None,
            "4,5 g": None, "4-5": None,
        }),
        col("Scopie", "procedures.fluoro_min", {
            "6,5": 6.5, "6 min 30 s": 6.5, "390 s": 6.5, "6'30''": 6.5, "12 min": 12, "390": None,
            "longue": None, "5-6": None,
        }),
    ),
    encoding="cp1252",
    delimiter="\t",
)  # fmt: skip

SPANISH = Export(
    "spanish",
    (
        col("Género", "patients.sex", {
            "H": "m", "M": "f", "mujer": "f", "hombre": "m", "varón": "m", "": None, "x": None,
            "M ": "f",
        }, ', codes = { "H" = "m", "M" = "f" }'),
        col("EVA", "visits.vas_0_10", {
            "80": 8, "65": 6.5, "100": 10, "0": 0, "80/100": 8, "8/10": 8, "70-80": None,
            "mucho": None,
        }, ', unit = "0-100"'),
        col("Leucocitos", "procedures.wbc_10e9_l", {
            "7.500": 7.5, "7500": 7.5, "7,5": 7.5, "12.300/mm3": 12.3, "7,5 x10^9/L": 7.5,
            "elevados": None, "7 500": 7.5, "7500-8000": None,
        }),
        col("Vía", "procedures.approach", {
            "bilateral": "bi", "unipedicular": "uni", "bipedicular": "bi", "izda": None,
            "transpedicular": None, "uni D8, bi D9": None, "mixta": "mixed", "2": None,
        }),
        col("Indicación", "procedures.indication", {
            "osteoporosis": "osteoporotic", "metástasis": "metastasis", "mieloma": "myeloma",
            "fractura patológica": None, "angioma": "haemangioma", "osteoporosis/mts": None,
            "traumatismo": "trauma", "tumor": None,
        }),
        col("Pérdida de altura", "levels.height_loss_pct", {
            "35%": 35, "20": 20, "30-40": None, "1/3": None, "0": 0, ">50%": None, "grado 2": None,
            "ca. 25": 25,
        }),
    ),
)  # fmt: skip

POLISH = Export(
    "polish-like",
    (
        col("Płeć", "patients.sex", {
            "K": "f", "M": "m", "k": "f", "m": "m", "kob.": None, "K/M": None, "1": None, "-": None,
        }, ', codes = { "K" = "f", "M" = "m" }'),
        col("Cukrzyca", "patients.diabetes", {
            "tak": "yes", "nie": "no", "TAK": "yes", "b.d.": None, "nie wiadomo": None,
            "typ 2": None, "+": "yes", "nie, ale...": None,
        }, ', codes = { "tak" = "yes", "nie" = "no" }'),
        col("Waga", "patients.weight_kg", {
            "70": 70, "154 lb": 69.85, "70,5 kg": 70.5, "ok. 70": 70, "70?": None, "700": None,
            "70-72": None, "n.d.": None,
        }),
        col("CRP", "procedures.crp_mg_l", {
            "12,5": 12.5, "<5": 5, "1,25 mg/dl": 12.5, "5,0 mg/l": 5, "poniżej 5": 5,
            "w normie": None, "12,5 / 8": None, "*": None,
        }),
        col("Czas", "procedures.duration_min", {
            "45": 45, "1 h 15 min": 75, "75 min": 75, "1,5 h": 90, "08:15-09:05": None, "1h": 60,
            "krótko": None, "45-50": None,
        }),
    ),
    encoding="cp1250",
)  # fmt: skip

TURKISH = Export(
    "turkish-like",
    (
        col("Cinsiyet", "patients.sex", {
            "K": "f", "E": "m", "kadın": None, "erkek": None, "K ": "f", "E/K": None, "0": None,
        }, ', codes = { "K" = "f", "E" = "m" }'),
        col("Diyabet", "patients.diabetes", {
            "var": "yes", "yok": "no", "YOK": "no", "bilinmiyor": None, "?": "unknown",
            "var (tip 2)": None, "-": None,
        }, ', codes = { "var" = "yes", "yok" = "no" }'),
        col("Boy", "patients.height_cm", {
            "1,62": 162, "162": 162, "1.62 m": 162, "162 cm": 162, "5'4\"": 162.56, "1620": None,
            "kısa": None,
        }),
        col("Çimento", "levels.cement_ml", {
            "4,5": 4.5, "4.5 cc": 4.5, "4,5 ml": 4.5, "90 damla": None, "10 cc karıştı, 4": None,
            "iki taraf 2": None, "5+1": 6,
        }),
        col("CRP mg/dl", "procedures.crp_mg_l", {
            "0,8": 8, "<0,3": 3, "1,25": 12.5, "8 mg/l": 8, "eser": None, "(+)": None, "0.8": 8,
        }, ', unit = "mg/dL"'),
        col("Kaçak", "levels.leak_any_ct", {
            "var": "any", "yok": "none", "şüpheli": None, "": None, "BT yok": None, "az": None,
            "yok ": "none",
        }, ', codes = { "var" = "yes", "yok" = "no" }'),
    ),
)  # fmt: skip

AMERICAN = Export(
    "american",
    (
        col("Height", "patients.height_cm", {
            "5'4\"": 162.56, "5 ft 4 in": 162.56, "64 in": 162.56, "6'": 182.88, "5'14": None,
            "5.4": None, "tall": None, "5'2.5\"": 158.75,
        }),
        col("Weight", "patients.weight_kg", {
            "154 lb": 69.85, "143 lb": 64.86, "11 st": None, "70 kg": 70, "154#": None,
            "unk": None, "refused": None, "~150 lb": 68.04,
        }),
        col("Tobacco", "patients.smoker", {
            "never": "never", "current": "current", "former": "ex", "1 ppd": None, "quit": "ex",
            "no": None, "ex-smoker": "ex", "never smoker": "never",
        }),
        col("DAP", "procedures.dose_gy_cm2", {
            "12.5": 12.5, "12500 mGycm2": 12.5, "1250 cGycm2": 12.5, "1250 µGym²": 12.5,
            "850 mGy": None, "12.5 Gycm²": 12.5, "high": None, "10-12": None,
        }),
        col("Fracture age", "procedures.days_fx_to_proc", {
            "14": 14, "2 weeks": 14, "3 wk": 21, "acute": None, "2-3 weeks": None, ">30": None,
            "-3": None, "~10": 10,
        }),
        col("Culture", "procedures.biopsy_result", {
            "neg": "negative", "tumor": "tumour", "none": "none", "not representative": None,
            "pending": None, "no tumor": None, "infection": "infection", "neg?": None,
        }),
    ),
    delimiter=",",
)  # fmt: skip

GERMAN = Export(
    "german",
    (
        col("Geschlecht", "patients.sex", {
            "w": "f", "m": "m", "weibl.": "f", "männlich": "m", "d": None, "unbekannt": "unknown",
            "w/m": None, "1": None,
        }),
        col("Niereninsuff.", "patients.ckd", {
            "nein": "no", "ja": "yes", "k.A.": "unknown", "keine": "no", "ja, Stadium 3": None,
            "V.a.": None, "nicht bekannt": "unknown", "Krea 1,4": None,
        }),
        col("ASA", "patients.asa", {
            "ASA III": "3", "II": "2", "3": "3", "2-3": None, "III E": "3", "Klasse 2": "2",
            "ASA4": "4", "?": None,
        }),
        col("Zugang", "procedures.approach", {
            "bds.": "bi", "unilateral": "uni", "beidseits": "bi", "li": None, "bi/uni": None,
            "kostovertebral": None, "einseitig": "uni", "re+li": None,
        }),
        col("Therapie", "patients.antiosteo_tx", {
            "Prolia": "denosumab", "keine": "none", "Alendronat": "bisphosphonate",
            "Zoledronat": "bisphosphonate", "Vit D + Ca": None, "Denosumab bis 2019": None,
            "Bisphosphonat": "bisphosphonate", "unklar": None,
        }),
        col("Viskosität", "procedures.viscosity_class", {
            "hoch": "high", "niedrig": "low", "mittel": "medium", "zäh": None, "hochviskös": "high",
            "nicht hoch": None, "mittel-hoch": None, "unbekannt": "unknown",
        }),
    ),
    encoding="cp1252",
)  # fmt: skip

BONES = Export(
    "bone density and attenuation",
    (
        col("T", "patients.bmd_tscore", {
            "-2.8": -2.8, "-3,1": -3.1, "−2.5": -2.5, "0.3": 0.3, "2.8": None, "72%": None,
            "T -2.9": -2.9, "-2.8/-3.1": None, "0,850 g/cm2": None, "Z -1.2": None,
        }),
        col("Site", "patients.bmd_site", {
            "LWS": "spine", "hip": "hip", "femoral neck": "hip", "L1-L4": None, "anca": "hip",
            "radius": "wrist", "hip+spine": None, "hanche": "hip", "polso": "wrist", "?": None,
        }),
        col("HU", "patients.ct_hu", {
            "85": 85, "85 HU": 85, "-10": -10, "85 ± 12": None, "80-90": None, "850": None,
            "102": 102, "0": 0, "-2.8": None, "L1 85": None,
        }),
        col("Charlson", "patients.charlson", {
            "3": 3, "3 (6)": None, "0": 0, "38": None, "3/6": None, "age-adj. 6": None, "5": 5,
            "2": 2, "III": None, "3+": None,
        }),
    ),
)  # fmt: skip

DAYS = Export(
    "days of a session",
    (
        col("CT", "procedures.ct_post_date", {
            "15.03.2021": "2021-03-15", "16/3/2021": "2021-03-16", "2021-03-17": "2021-03-17",
            "18 mars 2021": "2021-03-18", "19 de marzo de 2021": "2021-03-19",
            "20. März 2021": "2021-03-20", "03/2021": None, "2021": None, "heute": None,
            "44279": "2021-03-24", "25.3.21": "2021-03-25", "31.02.2021": None,
            "25.03.2021 14:30": "2021-03-25",
        }),
        col("CRP vom", "procedures.crp_date", {
            "12.03.2021": "2021-03-12", "13.3.21": "2021-03-13", "14-Mar-2021": "2021-03-14",
            "Mar 15, 2021": "2021-03-15", "20210316": "2021-03-16", "pre-op": None,
            "0.0.0000": None, "31.12.9999": None, "20..03.2021": "2021-03-20",
            "21.III.2021": "2021-03-21",
            "22.03.0021": None, "24/03/2021": "2021-03-24", "20 ožujka 2021.": "2021-03-20",
        }),
    ),
)  # fmt: skip

FOLLOW_UP = Export(
    "follow-up",
    (
        col("Kind", "visits.visit_type", {
            "alta": "discharge", "dimissione": "discharge", "Entlassung": "discharge",
            "FU 3": None, "V2": None, "telefonata": None, "sortie": "discharge",
            "otpust": "discharge",
        }),
        col("Pain", "visits.vas_0_10", {
            "7": 7, "7,5": 7.5, "65": None, "7/10": 7, "7-8": None, "severe": None, "0": 0,
            "7 → 3": None,
        }),
        col("ODI", "visits.odi_pct", {
            "42": 42, "42%": 42, "21/50": 42, "101": None, "40-60": None, "moderate": None,
            "0": 0, "38,5": 38.5,
        }),
        col("EQ-5D", "visits.eq5d_index", {
            "0,85": 0.85, "-0,2": -0.2, "85": None, "11221": None, "1": 1, "1,2": None,
            "0.61": 0.61, "gut": None,
        }),
        col("Imaging", "visits.imaging_at_visit", {
            "Rx": "xray", "RMN": "mri", "RX, TC": "xray;ct", "rx?": None, "keine": "none",
            "ja": None, "IRM": "mri", "TC": "ct",
        }),
    ),
)  # fmt: skip

TUMOURS = Export(
    "tumours",
    (
        col("Primary", "patients.primary_tumour", {
            "mammella": "breast", "Mamma-Ca": "breast", "prostata": "prostate", "CUP": None,
            "breast, lung": None, "C79.5": None, "Z.n. Mamma-Ca": None, "mieloma": "myeloma",
            "rein": "kidney", "breast?": None,
        }),
        col("Why", "patients.immuno_reasons", {
            "chemo": "chemo", "HIV neg": None, "Kortison": "steroid", "chemo 2010": None,
            "no HIV": None, "HIV": "hiv", "steroid;chemo": "chemo;steroid", "nein": None, "?": None,
            "trapianto": "transplant",
        }),
        col("Clot", "patients.anticoag", {
            "Marcumar": "vka", "ASS 100": "asa", "Xarelto": "doac", "Plavix": None,
            "ASS + Plavix": None, "keine": "none", "Marcumar pausiert": None, "Clexane": "lmwh",
            "heparin?": None, "aspirina": "asa",
        }),
        col("State", "patients.status", {
            "alive": "alive", "exitus": "dead", "fallecido": "dead", "0": None, "lebt": "alive",
            "+": None, "Falleció": "dead", "not dead": None, "décédé": "dead", "vivo": "alive",
            "lost to follow up": "lost",
        }),
    ),
)  # fmt: skip

LABORATORY = Export(
    "laboratory",
    (
        col("PCT", "procedures.pct_ng_ml", {
            "<0,05": 0.05, "0,5 µg/l": 0.5, "500 pg/ml": 0.5, "neg": None, "0,12": 0.12,
            "500": None, "n.b.": None, "0,1-0,2": None,
        }),
        col("BSG", "procedures.esr_mm_h", {
            "35": 35, "35 mm/h": 35, "35/70": None, "> 100": None, "12": 12, "hoch": None,
            "3": 3, "160": None,
        }),
        col("Kultur", "procedures.blood_culture", {
            "neg.": "negative", "negativ": "negative", "pos.": "positive", "keine": "none",
            "Kontamination?": None, "nicht negativ": None, "ausstehend": None,
            "positive": "positive",
        }),
        col("Antibiotic", "procedures.antibiotic_iv", {
            "Cefazolin": "cefazolin", "keine": "none", "nach Schema": None,
            "Cefazolin-Allergie": None,
            "Kefzol 2 g": "cefazolin", "cefazolin?": None, "po protokolu": None, "ja": None,
        }),
        col("Mixing", "procedures.time_mix_to_inject_min", {
            "12": 12, "12'": 12, "600 s": 10, "12 min": 12, "12-15": None, "~10": 10, "120": None,
            "lang": None,
        }),
    ),
)  # fmt: skip

GRADES = Export(
    "grades",
    (
        col("OF", "levels.of_class", {
            "OF3": "3", "OF 2": "2", "4": "4", "A3": None, "OF3-4": None, "6": None, "of 1": "1",
        }),
        col("Genant", "levels.genant", {
            "2": "2", "II": "2", "grade 2": "2", "2b": None, "1-2": None, "4": None, "0": "0",
        }),
        col("AO", "levels.ao_type", {
            "A3": "A3", "A 3": "A3", "B2": None, "A3/4": None, "a1": "A1", "A3.1": None, "3": None,
        }),
        col("Type", "levels.fracture_type", {
            "cuneiforme": "wedge", "scoppio": "burst", "biconcave": "biconcave", "not burst": None,
            "wedge/burst": None, "cuña": "wedge", "tassement": None,
        }),
        col("Kyphosis", "levels.kyphosis_deg_pre", {
            "12°": 12, "-5": -5, "12 grad": 12, "12/8": None, "L 12": None, "12 lord": None,
            "90": None,
        }),
        col("Cleft", "levels.intravertebral_cleft", {
            "sì": "yes", "no": "no", "gas": None, "?": "unknown", "Vakuum": None, "ja": "yes",
            "oui, petite": None,
        }),
    ),
)  # fmt: skip

LEAKS = Export(
    "leaks",
    (
        col("Fluoro", "levels.leak_sites_fluoro", {
            "none": "none", "venous": "venous", "epidural + venous": "epidural;venous",
            "epidural?": None, "no": "none", "not assessed": None, "disc": None,
            "no epidural leak": None, "foraminal": "foraminal", "minimal": None, "0": "none",
            "needle track": "needle_track",
        }),
        col("Symptoms", "levels.leak_symptomatic", {
            "no": "no", "no ": "no", "?": "unknown", "": None, "transient": None,
        }),
    ),
)  # fmt: skip

EXPORTS = (
    ITALIAN, FRENCH, SPANISH, POLISH, TURKISH, AMERICAN, GERMAN, BONES, DAYS, FOLLOW_UP, TUMOURS,
    LABORATORY, GRADES, LEAKS,
)  # fmt: skip


@pytest.mark.parametrize("export", EXPORTS, ids=lambda e: str(e.name))
def test_no_cell_is_silently_wrong(export: Export, tmp_path: Path) -> None:
    found = list(compared(read(export, tmp_path), export))
    silent = [
        f"{cell} read {seen!r}, means {true!r}"
        for cell, seen, true, said in found
        if not alike(seen, true) and not said and seen is not None
    ]
    assert silent == []
    lost = [
        f"{cell} lost" for cell, seen, true, said in found if seen is None and true and not said
    ]
    assert lost == []
    meant = [(seen, true) for _, seen, true, _ in found if true is not None]
    read_right = sum(alike(seen, true) for seen, true in meant)
    assert read_right >= LEAST_READ * len(meant), (read_right, len(meant))
