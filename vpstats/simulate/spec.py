"""The truth of a synthetic registry: every coefficient, hazard, frailty and habit, in one object.

All `log_*` values are natural logarithms of odds ratios or hazard ratios. Leakage is marginal: the
odds ratios hold for levels drawn at random, and levels of one patient share chance (a Gaussian
copula), so that a logistic model with cluster-robust errors recovers the coefficients as they
stand here. Fractures are conditional: hazard ratios hold given the patient's gamma frailty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from math import log
from types import MappingProxyType

from vpstats.errors import UsageError
from vpstats.schema_tables import LEAK_SITES, VERTEBRAE
from vpstats.simulate.centers import DEMO_CENTERS, CenterSpec

TREATABLE: tuple[str, ...] = VERTEBRAE[7:24]
"""T1 to L5: the vertebrae that are treated and that may fracture."""

SITES: tuple[str, ...] = tuple(site for site in LEAK_SITES if site != "any")
"""The named leak sites, in the order of the schema."""


@dataclass(frozen=True, slots=True)
class LeakSpec:
    """Leaks: whether there is any, where it is, and what each modality sees of it.

    Parameters
    ----------
    intercept : float
        Log odds of any leak at the reference: 4.3 mL, no breach, 100 procedures of experience.
    log_or : mapping of str to float
        Coefficients of any leak, by column of the latent levels.
    patient_correlation : float
        Correlation of the levels of one patient on the latent normal scale.
    site_odds : mapping of str to float
        Log odds of each site, given that there is a leak.
    site_log_or : mapping of str to mapping
        Site to the effects of covariates on that site, given that there is a leak.
    fluoro_sensitivity : mapping of str to float
        Share of true leaks at a site that fluoroscopy shows.
    fluoro_specificity : float
        Share of leak-free sites that fluoroscopy calls free.
    not_assessed_fluoro : float
        Share of levels without a record of fluoroscopy.
    ct_kept : float
        Share of sessions in which the center's CT policy is carried out.
    stop_ml : float
        Cement that is left out when the injection stops because of a leak that was seen.
    symptomatic : mapping of str to float
        Probability of symptoms by site of a true leak.
    """

    intercept: float = 0.85
    log_or: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "cement_ml_c": 0.30,
                "neoplastic": log(1.10),
                "cortical_breach": log(2.5),
                "intravertebral_cleft": log(1.3),
                "height_loss_10pct_c": 0.08,
                "high_viscosity": log(0.40),
                "bkp": log(0.35),
                "log2_experience_c": -0.08,
            }
        )
    )
    patient_correlation: float = 0.25
    site_odds: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "epidural": -1.45,
                "foraminal": -3.0,
                "disc_sup": -1.60,
                "disc_inf": -1.80,
                "paravertebral_soft": -2.2,
                "venous": 0.45,
                "needle_track": -3.2,
                "remote": -5.0,
            }
        )
    )
    site_log_or: Mapping[str, Mapping[str, float]] = field(
        default_factory=lambda: MappingProxyType(
            {
                "epidural": MappingProxyType(
                    {"posterior_wall_breach": 1.2, "upper_thoracic": 0.7, "epidural_mass": 0.9}
                ),
                "foraminal": MappingProxyType({"posterior_wall_breach": 0.6}),
                "disc_sup": MappingProxyType(
                    {"endplate_breach_sup": 1.6, "intravertebral_cleft": 0.5}
                ),
                "disc_inf": MappingProxyType(
                    {"endplate_breach_inf": 1.6, "intravertebral_cleft": 0.5}
                ),
                "paravertebral_soft": MappingProxyType({"cortical_breach": 0.9}),
                "venous": MappingProxyType({"high_vascularity": 0.8, "intravertebral_cleft": -0.7}),
                "needle_track": MappingProxyType({"biopsy": 0.7}),
                "remote": MappingProxyType({}),
            }
        )
    )
    fluoro_sensitivity: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "epidural": 0.25,
                "foraminal": 0.20,
                "disc_sup": 0.45,
                "disc_inf": 0.45,
                "paravertebral_soft": 0.45,
                "venous": 0.32,
                "needle_track": 0.50,
                "remote": 0.30,
            }
        )
    )
    fluoro_specificity: float = 0.995
    not_assessed_fluoro: float = 0.03
    ct_kept: float = 0.93
    stop_ml: float = 0.4
    symptomatic: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({"epidural": 0.02, "foraminal": 0.05})
    )


@dataclass(frozen=True, slots=True)
class EmbolismSpec:
    """Pulmonary cement embolism and other embolism, per session.

    Parameters
    ----------
    azygos_odds : float
        Log odds that a session with a venous leak has cement in the azygos or caval vein.
    azygos_seen : float
        Share of those that the operator notices, where fluoroscopy shows a venous leak at all.
    intercept : float
        Log odds of cement embolism at the reference.
    log_or : mapping of str to float
        Coefficients, by column of the latent sessions.
    symptomatic : float
        Share of cement emboli with symptoms.
    seen_by : mapping of str to float
        Share of silent cement emboli that each kind of chest imaging shows.
    thrombotic, fat, unspecified : float
        Probability per session of the other kinds.
    """

    azygos_odds: float = -2.9
    azygos_seen: float = 0.85
    intercept: float = -3.35
    log_or: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "azygos": log(20.0),
                "three_levels": log(2.4),
                "any_thoracic": log(1.8),
                "bkp": log(0.3),
                "venous": log(2.0),
            }
        )
    )
    symptomatic: float = 0.06
    seen_by: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {"none": 0.0, "xray": 0.15, "ct_partial": 0.6, "ct_full": 1.0}
        )
    )
    thrombotic: float = 0.004
    fat: float = 0.0004
    unspecified: float = 0.0008


@dataclass(frozen=True, slots=True)
class InfectionSpec:
    """Infection of a treated site: piecewise-constant hazard after each session.

    Parameters
    ----------
    cuts : tuple of int
        Days at which the hazard changes.
    yearly : tuple of float
        Hazard per year in each piece, at the reference.
    preexisting : float
        Probability at the reference that the site is infected before the procedure.
    log_hr : mapping of str to float
        Coefficients, by column of the latent sessions; also for pre-existing infection.
    found_after : float
        Mean days from onset to the visit that finds it.
    """

    cuts: tuple[int, int] = (60, 365)
    yearly: tuple[float, float, float] = (0.0180, 0.0006, 0.0004)
    preexisting: float = 0.0007
    log_hr: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "log2_crp_c": 0.35,
                "immunocompromised": log(2.5),
                "diabetes": log(1.8),
                "cement_antibiotic": log(0.6),
            }
        )
    )
    found_after: float = 6.0


@dataclass(frozen=True, slots=True)
class FractureSpec:
    """New fractures of intact vertebrae: Weibull hazard since the session, gamma frailty.

    ``S(t) = exp(-z * scale * exp(lp) * (t/365) ** shape)`` for patient frailty z of mean 1.

    Parameters
    ----------
    scale : float
        Cumulative hazard of one year for a remote mid-lumbar vertebra at T-score −2.5.
    shape : float
        Weibull shape; below 1 puts half of two years' fractures or more into the first.
    frailty_variance : float
        Variance of the patients' gamma frailty.
    log_hr : mapping of str to float
        Coefficients of `distance_1`, `distance_2`, `shared_disc_leak`, `tscore_c`, `steroid`,
        `prior_vfx`, `neoplastic`.
    region_log_hr : mapping of str to float
        Effect of the vertebra's region.
    symptomatic : float
        Share that hurts and so leads to an unscheduled visit.
    found_after : float
        Mean days from a painful fracture to that visit.
    retreated : float
        Share of painful fractures that are treated in a further session.
    refracture : float
        Probability that a treated vertebra loses height again within two years.
    """

    scale: float = 0.0052
    shape: float = 0.72
    frailty_variance: float = 0.6
    log_hr: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "distance_1": log(2.6),
                "distance_2": log(1.5),
                "shared_disc_leak": log(2.3),
                "tscore_c": log(0.65),
                "steroid": log(1.5),
                "prior_vfx": log(1.2),
                "neoplastic": log(0.8),
            }
        )
    )
    region_log_hr: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "upper_thoracic": -1.3,
                "mid_thoracic": -0.3,
                "tl_junction": 0.5,
                "lumbar": 0.0,
            }
        )
    )
    symptomatic: float = 0.6
    found_after: float = 14.0
    retreated: float = 0.4
    refracture: float = 0.01


@dataclass(frozen=True, slots=True)
class FollowUpSpec:
    """Death, loss, visits and opt-outs.

    Parameters
    ----------
    death_yearly : float
        Hazard of death per year at age 74 without a tumour.
    death_log_hr : mapping of str to float
        Coefficients of `age_c` (years from 74), `metastasis`, `myeloma`, `chf`.
    lost_yearly : float
        Hazard of loss to follow-up.
    withdrawn : float
        Share of the lost who withdrew.
    optout : float
        Share of patients who opted out of research.
    schedule : mapping of str to tuple of int
        Visit type to its days after the first session.
    imaging : mapping of str to float
        Visit type to the share of visits with spinal imaging.
    """

    death_yearly: float = 0.062
    death_log_hr: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {"age_c": 0.06, "metastasis": log(5.0), "myeloma": log(2.2), "chf": log(1.6)}
        )
    )
    lost_yearly: float = 0.06
    withdrawn: float = 0.04
    optout: float = 0.015
    schedule: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: MappingProxyType(
            {
                "discharge": (2,),
                "week_2_4": (21,),
                "month_3": (91,),
                "month_6": (182,),
                "month_12": (365,),
                "annual": (730, 1095, 1460, 1825),
            }
        )
    )
    imaging: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "discharge": 0.3,
                "week_2_4": 0.5,
                "month_3": 0.7,
                "month_6": 0.6,
                "month_12": 0.8,
                "annual": 0.7,
                "unscheduled": 1.0,
            }
        )
    )


@dataclass(frozen=True, slots=True)
class SimulationSpec:
    """Everything that a synthetic registry is made from.

    Parameters
    ----------
    n_procedures : int
        Expected number of sessions; the exact number depends on fractures that are treated.
    start, data_cut : date
        First day of sessions and day of the exports.
    centers : tuple of CenterSpec
        The network; shares are normalised.
    leaks, embolism, infection, fractures, follow_up : spec objects
        The truth of each outcome.
    levels_per_session : tuple of float
        Probability of 1, 2, … levels in a first session.
    staged : float
        Share of patients with a second, planned session.
    max_sessions : int
        Sessions per patient at most.
    missing_bmd_slope : float
        Log odds per T-score of bone density being measured: negative, so that frail patients are
        scanned more often (missing not at random).

    Raises
    ------
    UsageError
        If there are no centers or procedures, or the dates are in the wrong order.

    Examples
    --------
    >>> SimulationSpec(n_procedures=200).leaks.fluoro_sensitivity["venous"]
    0.32
    """

    n_procedures: int = 3000
    start: date = date(2017, 1, 2)
    data_cut: date = date(2025, 12, 31)
    centers: tuple[CenterSpec, ...] = DEMO_CENTERS
    leaks: LeakSpec = field(default_factory=LeakSpec)
    embolism: EmbolismSpec = field(default_factory=EmbolismSpec)
    infection: InfectionSpec = field(default_factory=InfectionSpec)
    fractures: FractureSpec = field(default_factory=FractureSpec)
    follow_up: FollowUpSpec = field(default_factory=FollowUpSpec)
    levels_per_session: tuple[float, ...] = (0.60, 0.25, 0.10, 0.035, 0.015)
    staged: float = 0.06
    max_sessions: int = 3
    missing_bmd_slope: float = -0.35

    def __post_init__(self) -> None:
        if self.n_procedures < 1 or not self.centers:
            raise UsageError("a simulation needs at least one procedure and one center.")
        if self.start >= self.data_cut:
            raise UsageError("the first day of sessions must come before the data cut.")
        if self.max_sessions < 1:
            raise UsageError("max_sessions must be at least 1.")
