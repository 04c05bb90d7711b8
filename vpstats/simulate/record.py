"""What the centers write down of patients and sessions: canonical tables, with their gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from vpstats.schema_tables import PATIENTS, PROCEDURES
from vpstats.simulate.draws import NEVER, Bools, Objects, expit, happens, pick, to_dates
from vpstats.simulate.history import History
from vpstats.simulate.spec import SimulationSpec

IMMUNO = ("chemo", "steroid", "transplant", "hiv", "neutropenia", "biologics")


@dataclass(frozen=True, slots=True)
class Names:
    """Canonical identifiers, by position of the latent row.

    Parameters
    ----------
    patient, session : object array
        Canonical `patient_id` and `procedure_id`.
    """

    patient: np.ndarray
    session: np.ndarray


def name_rows(spec: SimulationSpec, history: History) -> Names:
    """Number patients and sessions within their centers, in order of time.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    history : History
        The true course.

    Returns
    -------
    Names
    """
    patients, sessions = history.patients, history.sessions
    patient = running(spec, patients["center"], patients["index_day"], 4)
    session = running(spec, sessions["center"], sessions["day"], 5, letter="S")
    return Names(patient, session)


def running(
    spec: SimulationSpec, center: pd.Series, day: pd.Series, width: int, letter: str | None = None
) -> np.ndarray:
    """Running numbers within centers in order of time, as canonical identifiers."""
    order = np.lexsort((day.to_numpy(), center.to_numpy()))
    number = np.empty(len(center), dtype=np.int64)
    ranked = pd.Series(center.to_numpy()[order])
    number[order] = ranked.groupby(ranked).cumcount().to_numpy() + 1
    start = [f"{c.center_id}/{c.id_prefix if letter is None else letter}" for c in spec.centers]
    return np.array(
        [f"{start[c]}{k:0{width}d}" for c, k in zip(center, number, strict=True)], dtype=object
    )


def habit(spec: SimulationSpec, center: pd.Series, name: str) -> np.ndarray:
    """The centers' habit of a name, one value per row."""
    return np.asarray(np.array([getattr(c, name) for c in spec.centers])[center.to_numpy()])


def yes_no(
    true: npt.ArrayLike, known: npt.ArrayLike = True, otherwise: str | None = None
) -> Objects:
    """Write yes or no where it is known, and what stands in its place where it is not."""
    said = np.where(np.asarray(true, dtype=bool), "yes", "no").astype(object)
    return keep(said, known, otherwise)


def keep(values: npt.ArrayLike, known: npt.ArrayLike, otherwise: str | None = None) -> Objects:
    """Keep values where they are known."""
    kept = np.array(values, dtype=object)
    kept[~np.broadcast_to(np.asarray(known, dtype=bool), kept.shape)] = otherwise
    return kept


def record_patients(
    spec: SimulationSpec, history: History, names: Names, rng: np.random.Generator
) -> pd.DataFrame:
    """Write the canonical patients table.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    history : History
        The true course.
    names : Names
        Identifiers.
    rng : Generator
        Source of chance, for what is not recorded.

    Returns
    -------
    DataFrame
        Canonical, in the order of the latent patients.
    """
    latent = history.patients
    parts = {
        "patient_id": names.patient,
        "center_id": habit(spec, latent["center"], "center_id"),
        **_person(spec, latent, rng),
        **_bone(spec, latent, rng),
        **_illness(latent, rng),
        **_course(latent, rng),
    }
    return PATIENTS.canonical(pd.DataFrame(parts))


def _person(
    spec: SimulationSpec, latent: pd.DataFrame, rng: np.random.Generator
) -> dict[str, object]:
    n, birth = len(latent), habit(spec, latent["center"], "birth")
    born = to_dates(latent["birth_day"])
    sized = happens(rng, 0.88, n)
    return {
        "birth_date": born.where(pd.Series(birth == "date")),
        "birth_year": born.dt.year.astype("Int64").where(pd.Series(birth == "year")),
        "sex": np.where(latent["female"], "f", "m"),
        "height_cm": keep(latent["height"], sized),
        "weight_kg": keep(latent["weight"], sized),
        "bmi": keep(latent["weight"] / (latent["height"] / 100) ** 2, sized),
        "smoker": keep(latent["smoker"], happens(rng, 0.8, n)),
    }


def _bone(
    spec: SimulationSpec, latent: pd.DataFrame, rng: np.random.Generator
) -> dict[str, object]:
    n, tscore = len(latent), latent["tscore"].to_numpy()
    share = habit(spec, latent["center"], "bmd_measured")
    slope = spec.missing_bmd_slope * (tscore + 2.5)
    measured = happens(rng, expit(np.log(share / (1 - share)) + slope), n)
    treated = latent["bone_drug"].ne("none").to_numpy()
    start = latent["index_day"].to_numpy() + rng.integers(-1500, 300, n)
    start = np.minimum(start, latent["end_day"].to_numpy())
    return {
        "osteoporosis_dx": yes_no(tscore <= -2.5, happens(rng, 0.95, n), "unknown"),
        "bmd_tscore": keep(tscore, measured),
        "bmd_site": keep(pick(rng, ("spine", "hip", "wrist"), (0.55, 0.42, 0.03), n), measured),
        "ct_hu": keep(latent["hu"], happens(rng, 0.4, n)),
        "prior_vfx_n": keep(latent["prior_vfx"], happens(rng, 0.95, n)),
        "antiosteo_tx": keep(latent["bone_drug"], happens(rng, 0.93, n)),
        "antiosteo_start": to_dates(np.where(treated & happens(rng, 0.8, n), start, NEVER)),
        "steroid_chronic": yes_no(latent["steroid"], happens(rng, 0.96, n), "unknown"),
    }


def _illness(latent: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    n, neoplastic = len(latent), latent["neoplastic"].to_numpy()
    asked = happens(rng, 0.93, n)
    primary = np.where(
        latent["myeloma"],
        "myeloma",
        pick(rng, ("breast", "lung", "prostate", "kidney", "thyroid", "other"),
             (0.33, 0.25, 0.16, 0.1, 0.03, 0.13), n),
    )  # fmt: skip
    tumour = neoplastic & latent["indication"].ne("haemangioma").to_numpy()
    history = tumour | happens(rng, 0.07, n)
    flags = [np.where(latent[f"immuno_{r}"], r, "") for r in IMMUNO]
    reasons = np.array([";".join(filter(None, row)) for row in zip(*flags, strict=True)], object)
    said: dict[str, object] = {
        name: yes_no(latent[source], happens(rng, 0.97, n), "unknown")
        for name, source in {
            "diabetes": "diabetes", "ckd": "ckd", "copd": "copd", "chf": "chf",
            "liver_disease": "liver",
        }.items()
    }  # fmt: skip
    return said | {
        "malignancy_hist": yes_no(history, happens(rng, 0.97, n), "unknown"),
        "primary_tumour": keep(primary, tumour),
        "immunocompromised": yes_no(latent["immunocompromised"], asked),
        "immuno_reasons": keep(reasons, asked & (reasons != "")),
        "asa": keep(latent["asa"].astype(str), happens(rng, 0.95, n)),
        "charlson": keep(latent["charlson"], happens(rng, 0.7, n)),
        "mfi5": keep(latent["mfi"], happens(rng, 0.5, n)),
        "anticoag": keep(latent["anticoag"], happens(rng, 0.95, n)),
    }


def _course(latent: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    n = len(latent)
    left, dead = latent["optout_day"].lt(NEVER), latent["status"].eq("dead").to_numpy()
    causes = pick(rng, ("pneumonia", "heart failure", "tumour", "stroke"), (3, 3, 3, 1), n)
    end = latent["end_day"].to_numpy()
    return {
        "consent_research": yes_no(~left),
        "optout_date": to_dates(latent["optout_day"]),
        "status": latent["status"].to_numpy(),
        "last_contact_date": to_dates(end),
        "death_date": to_dates(np.where(dead, end, NEVER)),
        "death_cause": keep(causes, dead & happens(rng, 0.6, n)),
    }


def record_procedures(
    spec: SimulationSpec,
    history: History,
    sessions: pd.DataFrame,
    names: Names,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Write the canonical procedures table.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    history : History
        The true course.
    sessions : DataFrame
        Latent sessions with their outcomes.
    names : Names
        Identifiers.
    rng : Generator
        Source of chance, for what is not recorded.

    Returns
    -------
    DataFrame
        Canonical, in the order of the latent sessions.
    """
    parts = {
        "procedure_id": names.session,
        "patient_id": names.patient[sessions["patient"]],
        "center_id": habit(spec, sessions["center"], "center_id"),
        **_session(history, sessions, names),
        **_laboratory(spec, sessions, rng),
        **_conduct(sessions, rng),
        **_imaging(sessions, rng),
    }
    return PROCEDURES.canonical(pd.DataFrame(parts))


def _session(history: History, sessions: pd.DataFrame, names: Names) -> dict[str, object]:
    born = to_dates(history.patients["birth_day"].to_numpy()[sessions["patient"]])
    operator = np.array([f"OP{k + 1:02d}" for k in sessions["operator"]], dtype=object)
    return {
        "operator_id": operator,
        "operator_case_no": _case_numbers(sessions["operator"], sessions["day"], names.session),
        "proc_date": to_dates(sessions["day"]),
        "age_at_proc": completed_years(born, to_dates(sessions["day"])),
        "indication": sessions["indication"].to_numpy(),
        "n_levels_declared": sessions["n_levels"].to_numpy(),
    }


def completed_years(born: pd.Series, day: pd.Series) -> pd.Series:
    """Birthdays from birth to a day.

    Examples
    --------
    >>> days = pd.to_datetime(pd.Series(["1950-06-15", "2020-06-14"]))
    >>> completed_years(days[:1], days[1:].reset_index(drop=True)).tolist()
    [69]
    """
    earlier = (day.dt.month < born.dt.month) | (
        (day.dt.month == born.dt.month) & (day.dt.day < born.dt.day)
    )
    return day.dt.year - born.dt.year - earlier


def _case_numbers(operator: pd.Series, day: pd.Series, session: np.ndarray) -> np.ndarray:
    frame = pd.DataFrame({"operator": operator, "day": day, "session": session})
    ordered = frame.sort_values(["operator", "day", "session"])
    number = ordered.groupby("operator").cumcount() + 1
    return np.asarray(number.reindex(frame.index))


def _laboratory(
    spec: SimulationSpec, sessions: pd.DataFrame, rng: np.random.Generator
) -> dict[str, object]:
    n, day = len(sessions), sessions["day"].to_numpy()
    measured = happens(rng, habit(spec, sessions["center"], "crp_measured"), n)
    lod = habit(spec, sessions["center"], "crp_lod_mg_l")
    low = sessions["crp"].to_numpy() < lod
    pct_done = measured & happens(rng, 0.12, n)
    pct_low = sessions["pct"].to_numpy() < 0.05
    benign = ~sessions["neoplastic"].to_numpy() & happens(rng, 0.8, n)
    since = sessions["days_since_fracture"].to_numpy()
    return {
        "fracture_date": to_dates(np.where(benign, day - since, NEVER)),
        "days_fx_to_proc": keep(since, benign),
        "crp_mg_l": keep(np.where(low, lod, sessions["crp"]), measured),
        "crp_limit": keep(np.where(low, "below", "exact"), measured),
        "crp_date": to_dates(np.where(measured, day - sessions["crp_before"], NEVER)),
        "wbc_10e9_l": keep(sessions["wbc"], measured & happens(rng, 0.95, n)),
        "esr_mm_h": keep(sessions["esr"], measured & happens(rng, 0.4, n)),
        "pct_ng_ml": keep(np.where(pct_low, 0.05, sessions["pct"]), pct_done),
        "pct_limit": keep(np.where(pct_low, "below", "exact"), pct_done),
        "blood_culture": keep(sessions["culture"], happens(rng, 0.9, n)),
    }


def _conduct(sessions: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    n, mri = len(sessions), sessions["mri"].to_numpy()
    finding = np.where(sessions["biopsy"], sessions["biopsy_finding"], "none")
    cement = np.where(sessions["cement_antibiotic"], sessions["which_antibiotic"], "none")

    def mostly(values: npt.ArrayLike, share: float) -> Objects:
        return keep(values, happens(rng, share, n))

    return {
        "technique": sessions["technique"].to_numpy(),
        "guidance": mostly(sessions["guidance"], 0.98),
        "anaesthesia": mostly(sessions["anaesthesia"], 0.98),
        "mri_pre": yes_no(mri, happens(rng, 0.97, n), "unknown"),
        "mri_stir_edema": yes_no(sessions["edema"], mri, "not_done"),
        "biopsy_done": yes_no(sessions["biopsy"]),
        "biopsy_result": finding,
        "antibiotic_iv": mostly(sessions["antibiotic"], 0.95),
        "antibiotic_in_cement": cement,
        "cement_brand": mostly(sessions["brand"], 0.97),
        "viscosity_class": sessions["viscosity"].to_numpy(),
        "time_mix_to_inject_min": mostly(sessions["mix_min"], 0.7),
        "approach": mostly(sessions["approach"], 0.97),
        "duration_min": mostly(sessions["minutes"], 0.9),
        "fluoro_min": mostly(sessions["screening"], 0.85),
        "dose_gy_cm2": mostly(sessions["dose"], 0.75),
        "hypotension": yes_no(sessions["hypotension"]),
        "desaturation": yes_no(sessions["desaturation"]),
        "arrest": yes_no(sessions["arrest"]),
    }


def _imaging(sessions: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    n, done = len(sessions), sessions["ct_done"].to_numpy()
    day = sessions["day"].to_numpy() + sessions["ct_after"].to_numpy()
    watched: Bools = happens(rng, 0.985, n)
    return {
        "venous_leak_fluoro": yes_no(sessions["seen_venous"], watched, "unknown"),
        "azygos_or_ivc_leak_fluoro": yes_no(sessions["azygos_seen"], watched, "unknown"),
        "stopped_on_leak": yes_no(sessions["stopped"]),
        "ct_post_done": yes_no(done),
        "ct_post_date": to_dates(np.where(done, day, NEVER)),
        "ct_post_reason": keep(sessions["ct_reason"], done),
        "chest_imaging_modality": sessions["chest"].to_numpy(),
    }
