"""What the centers write down of levels, leaks and visits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vpstats.schema_tables import LEAKS, LEVELS, VISITS
from vpstats.simulate.draws import Bools, Objects, happens, to_dates
from vpstats.simulate.record import Names, habit, keep, running, yes_no
from vpstats.simulate.spec import SITES, SimulationSpec

BREACHES = (
    "cortical_breach",
    "posterior_wall_breach",
    "endplate_breach_sup",
    "endplate_breach_inf",
)
YEOM = ("yeom_b", "yeom_s", "yeom_c")

PER_LEVEL_IN_RANGE = ("level_id", "procedure_id", "level", "cement_ml", "vb_volume_ml")
"""What a row for a range of levels can still say of each of them."""


def record_levels(
    levels: pd.DataFrame,
    sessions: pd.DataFrame,
    names: Names,
    in_range: Bools,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Write the canonical levels table.

    Parameters
    ----------
    levels, sessions : DataFrame
        Latent rows.
    names : Names
        Identifiers.
    in_range : bool array, shape (n,)
        Levels that are written in one row with their neighbours (`written_as_range`).
    rng : Generator
        Source of chance, for what is not recorded.

    Returns
    -------
    DataFrame
        Canonical, in the order of the latent levels.
    """
    procedure = names.session[levels["session"]]
    scanned = sessions["ct_done"].to_numpy()[levels["session"]]
    parts = {
        "level_id": level_ids(procedure, levels["level"]),
        "procedure_id": procedure,
        "level": levels["level"].to_numpy(),
        **_lesion(levels, rng),
        **_volumes(levels, rng),
        **_consequences(levels, scanned),
    }
    return _share_in_range(LEVELS.canonical(pd.DataFrame(parts)), in_range)


def _share_in_range(table: pd.DataFrame, in_range: Bools) -> pd.DataFrame:
    """Levels of one row share what they have in common and lose the rest."""
    shared = [c for c in table if c not in (*PER_LEVEL_IN_RANGE, "fill_fraction")]
    part = table.loc[in_range]
    for name in shared:
        text = part[name].astype("string").fillna("")
        differs = text.groupby(part["procedure_id"]).transform("nunique") > 1
        # Yeom's types stand in one cell: who does not write all of them writes none
        lost = list(YEOM) if name in YEOM else [name]
        table.loc[differs.index[differs], lost] = pd.NA
    return table


def written_as_range(
    spec: SimulationSpec, levels: pd.DataFrame, leaks: pd.DataFrame, level_id: Objects
) -> Bools:
    """Levels that share one row: adjacent ones of one session with the same leaks throughout.

    Parameters
    ----------
    spec : SimulationSpec
        The truth; `writes_ranges` of each center.
    levels : DataFrame
        Latent levels.
    leaks : DataFrame
        Canonical leaks.
    level_id : object array, shape (n,)
        Identifiers of the levels.

    Returns
    -------
    bool array, shape (n,)
    """
    state = leaks["state"].astype(str).groupby(leaks["level_id"], sort=False).agg("".join)
    data = levels[["session", "vertebra"]].assign(state=state.reindex(level_id).to_numpy())
    groups = data.groupby("session")
    size, span = groups["vertebra"].transform("size"), groups["vertebra"].transform(np.ptp)
    same = groups["state"].transform("nunique").eq(1)
    wide = (size > 1) & (span == size - 1) & same
    return np.asarray(wide.to_numpy() & habit(spec, levels["center"], "writes_ranges"))


def level_ids(procedure: Objects, level: pd.Series) -> Objects:
    """Identifiers of levels: the session and the vertebra."""
    return np.array([f"{p}/{v}" for p, v in zip(procedure, level, strict=True)], dtype=object)


def _lesion(levels: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    n, neoplastic = len(levels), levels["neoplastic"].to_numpy()
    loss = levels["height_loss"].to_numpy()
    grade = np.digitize(loss, (20, 25, 40)).astype(str).astype(object)
    of = np.minimum(1 + np.digitize(loss, (10, 25, 45, 70)), 5).astype(str).astype(object)
    shape = np.where(neoplastic, "none", levels["fracture_type"])
    masses: dict[str, object] = {
        name: yes_no(levels[name], neoplastic, "not_applicable")
        for name in ("epidural_mass", "soft_tissue_mass")
    }
    return masses | {
        "fracture_type": keep(shape, happens(rng, 0.97, n)),
        "of_class": keep(of, ~neoplastic & happens(rng, 0.7, n)),
        "genant": keep(grade, ~neoplastic & happens(rng, 0.7, n)),
        "ao_type": keep(np.where(loss > 40, "A3", "A1"), ~neoplastic & happens(rng, 0.2, n)),
        "height_loss_pct": keep(loss, happens(rng, 0.95, n)),
        "kyphosis_deg_pre": keep(levels["kyphosis_pre"], happens(rng, 0.8, n)),
        "kyphosis_deg_post": keep(levels["kyphosis_post"], happens(rng, 0.7, n)),
        **{name: yes_no(levels[name], happens(rng, 0.985, n), "unknown") for name in BREACHES},
        "vascularity": keep(levels["vascularity"], neoplastic | happens(rng, 0.5, n), "unknown"),
        "intravertebral_cleft": yes_no(
            levels["intravertebral_cleft"], happens(rng, 0.98, n), "unknown"
        ),
    }


def _volumes(levels: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    n = len(levels)
    poured, measured = happens(rng, 0.99, n), happens(rng, 0.7, n)
    fill = (levels["cement_ml"] / levels["body_ml"]).to_numpy()
    return {
        "cement_ml": keep(levels["cement_ml"], poured),
        "vb_volume_ml": keep(levels["body_ml"], measured),
        "fill_fraction": keep(fill, poured & measured),
    }


def _consequences(levels: pd.DataFrame, scanned: np.ndarray) -> dict[str, object]:
    known = levels["fluoro_any"].to_numpy() | (scanned & levels["true_any"].to_numpy())
    ill = levels["symptomatic"].to_numpy()
    treatment = np.where(ill, "steroid", "none")
    return {
        **{f"yeom_{kind}": yes_no(levels[f"yeom_{kind}"], scanned) for kind in "bsc"},
        "leak_symptomatic": yes_no(ill, known),
        "leak_intervention": keep(treatment, known),
    }


def record_leaks(
    spec: SimulationSpec,
    levels: pd.DataFrame,
    sessions: pd.DataFrame,
    level_id: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Write the canonical leaks table: level × modality × site.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    levels, sessions : DataFrame
        Latent rows.
    level_id : object array, shape (n,)
        Identifiers of the levels.
    rng : Generator
        Source of chance, for what is not recorded.

    Returns
    -------
    DataFrame
        Canonical. Every named site has a row for both modalities; "any" has one where the center
        records it.
    """
    center = levels["center"]
    looked = ~happens(rng, spec.leaks.not_assessed_fluoro, len(levels))
    scanned = sessions["ct_done"].to_numpy()[levels["session"]]
    named = habit(spec, center, "names_fluoro_sites").astype(bool)
    stated = habit(spec, center, "records_any").astype(bool)
    parts = []
    for site in (*SITES, "any"):
        rows = stated if site == "any" else np.ones(len(levels), dtype=bool)
        seen = looked & (named | (site == "any"))
        parts.append(_leak_rows(level_id, "fluoro", site, levels[f"fluoro_{site}"], seen, rows))
        parts.append(_leak_rows(level_id, "ct", site, levels[f"true_{site}"], scanned, rows))
    data = pd.concat(parts, ignore_index=True)
    order = np.lexsort((data.pop("modality_order"), data.pop("position")))
    return LEAKS.canonical(data.iloc[order])


def _leak_rows(
    level_id: np.ndarray,
    modality: str,
    site: str,
    cement: pd.Series,
    assessed: np.ndarray,
    rows: np.ndarray,
) -> pd.DataFrame:
    state = np.where(assessed, np.where(cement, "present", "absent"), "not_assessed")
    position = np.flatnonzero(rows)
    return pd.DataFrame(
        {
            "level_id": level_id[rows],
            "modality": modality,
            "site": site,
            "state": state[rows],
            "position": position,
            "modality_order": int(modality == "ct"),
        }
    )


def record_visits(
    spec: SimulationSpec,
    visits: pd.DataFrame,
    patients: pd.DataFrame,
    names: Names,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Write the canonical visits table.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    visits, patients : DataFrame
        Latent rows.
    names : Names
        Identifiers.
    rng : Generator
        Source of chance, for what is not recorded.

    Returns
    -------
    DataFrame
        Canonical, in the order of the latent visits.
    """
    n = len(visits)
    center = patients["center"].iloc[visits["patient"]].reset_index(drop=True)
    scored = {name: happens(rng, share, n) for name, share in
              {"vas": 0.85, "odi": 0.4, "eq5d": 0.25, "comi": 0.2}.items()}  # fmt: skip
    parts = {
        "visit_id": running(spec, center, visits["day"], 5, letter="V"),
        "patient_id": names.patient[visits["patient"]],
        "visit_date": to_dates(visits["day"]),
        "visit_type": visits["kind"].to_numpy(),
        "imaging_at_visit": visits["imaging"].to_numpy(),
        "vas_0_10": keep(visits["vas"], scored["vas"]),
        "odi_pct": keep(visits["odi"], scored["odi"]),
        "eq5d_index": keep(visits["eq5d"], scored["eq5d"]),
        "comi": keep(visits["comi"], scored["comi"]),
    }
    return VISITS.canonical(pd.DataFrame(parts))
