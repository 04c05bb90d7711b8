"""The six canonical tables of a vertebroplasty registry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vpstats.schema import (
    Column,
    Table,
    category,
    date,
    number,
    text,
    yes_no,
)

VERTEBRAE: tuple[str, ...] = (
    *(f"C{i}" for i in range(1, 8)),
    *(f"T{i}" for i in range(1, 13)),
    *(f"L{i}" for i in range(1, 6)),
    "S1",
)
"""Vertebrae from head to foot; C1 has index 1 and S1 index 25."""

LEAK_SITES: Mapping[str, str] = MappingProxyType(
    {
        "epidural": "into the spinal canal",
        "foraminal": "into the neural foramen",
        "disc_sup": "into the disc above",
        "disc_inf": "into the disc below",
        "paravertebral_soft": "into paravertebral soft tissue",
        "venous": "into paravertebral veins",
        "needle_track": "along the needle track",
        "remote": "remote: beyond the spine",
        "any": "any leak, where the export does not name the site",
    }
)
MODALITIES: Mapping[str, str] = MappingProxyType(
    {"fluoro": "fluoroscopy during the procedure", "ct": "CT after the procedure"}
)

EVENT_TYPES = (
    "infection",
    "adjacent_fx",
    "nonadjacent_fx",
    "refracture_same",
    "pce",
    "thrombotic_pe",
    "fat_embolism",
    "pe_unspecified",
    "neuro_deficit",
    "cement_removal",
    "reoperation",
    "rib_fx",
    "pneumothorax",
    "hypotension",
    "cardiac_perforation",
    "cerebral_embolism",
    "pain_fever",
    "death",
    "lost",
    "other",
)


def leak_field(site: str, modality: str) -> str:
    """Name of the wide column that an export may hold for one site and modality.

    Examples
    --------
    >>> leak_field("disc_sup", "ct")
    'leak_disc_sup_ct'
    """
    return f"leak_{site}_{modality}"


LEAK_FIELDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {leak_field(s, m): (s, m) for m in MODALITIES for s in LEAK_SITES}
)
"""Wide column → (site, modality); a mapping may use these under the levels table."""

_LIMITS = {
    "exact": "as measured",
    "below": "below the limit given",
    "above": "above the limit given",
}

PATIENTS = Table(
    "patients",
    "person",
    ("patient_id",),
    (
        text("patient_id", "Pseudonym, unique in the registry.", "identifier", required=True),
        Column(
            "center_id", "string", "Center that reported the patient.", role="key", required=True
        ),
        date("birth_date", "Date of birth, where the full date is known.", "birth"),
        number("birth_year", "year", "Year of birth.", (1880, 2015), integer=True, role="birth"),
        category("sex", {"f": "female", "m": "male", "unknown": "not known"}, "Sex."),
        number("height_cm", "cm", "Height.", (120, 210), (140, 200)),
        number("weight_kg", "kg", "Weight.", (30, 200), (40, 130)),
        number(
            "bmi",
            "kg/m²",
            "Body mass index, recomputed where height and weight are known.",
            (12, 60),
            (16, 45),
        ),
        yes_no("osteoporosis_dx", "Diagnosis of osteoporosis."),
        number("bmd_tscore", "SD", "Bone density T-score.", (-7, 5), (-5, 2)),
        category("bmd_site", ("spine", "hip", "wrist"), "Where bone density was measured."),
        number("ct_hu", "HU", "Trabecular attenuation on CT.", (-50, 400), (20, 200)),
        number(
            "prior_vfx_n",
            "fractures",
            "Vertebral fractures before the first procedure.",
            (0, 17),
            (0, 10),
            integer=True,
        ),
        category(
            "antiosteo_tx",
            ("none", "bisphosphonate", "denosumab", "teriparatide", "romosozumab", "other"),
            "Treatment of osteoporosis.",
        ),
        date("antiosteo_start", "Start of that treatment."),
        yes_no("steroid_chronic", "Systemic steroids of 5 mg or more for 3 months or more."),
        yes_no("malignancy_hist", "History of malignancy."),
        category(
            "primary_tumour",
            ("breast", "lung", "prostate", "kidney", "thyroid", "myeloma", "other"),
            "Primary tumour.",
        ),
        yes_no("immunocompromised", "Immunocompromised at the first procedure."),
        category(
            "immuno_reasons",
            ("chemo", "steroid", "transplant", "hiv", "neutropenia", "biologics"),
            "Why immunocompromised.",
            kind="set",
        ),
        yes_no("diabetes", "Diabetes mellitus."),
        yes_no("ckd", "Chronic kidney disease."),
        yes_no("copd", "Chronic obstructive pulmonary disease."),
        yes_no("chf", "Chronic heart failure."),
        yes_no("liver_disease", "Chronic liver disease."),
        category("asa", ("1", "2", "3", "4", "5"), "ASA physical status.", ordered=True),
        number("charlson", "points", "Charlson comorbidity index.", (0, 37), (0, 15), integer=True),
        number("mfi5", "points", "Modified five-item frailty index.", (0, 5), integer=True),
        category("anticoag", ("none", "asa", "doac", "vka", "lmwh"), "Anticoagulation."),
        category("smoker", ("never", "ex", "current"), "Smoking."),
        yes_no("consent_research", "Consent to research use."),
        date("optout_date", "Day on which the patient opted out."),
        category("status", ("alive", "dead", "lost", "withdrawn"), "Vital status at last contact."),
        date("last_contact_date", "Last day on which the patient's state was known."),
        date("death_date", "Date of death."),
        text("death_cause", "Cause of death, as written.", "free_text"),
    ),
)

PROCEDURES = Table(
    "procedures",
    "session",
    ("procedure_id",),
    (
        text("procedure_id", "Session, unique in the registry.", "identifier", required=True),
        text("patient_id", "Patient treated.", "identifier", required=True),
        Column("center_id", "string", "Center of the session.", role="key", required=True),
        text("operator_id", "Operator, pseudonymised.", "identifier"),
        date("proc_date", "Date of the procedure.", required=True),
        date("entry_date", "Day on which the session was entered into the registry."),
        number("age_at_proc", "years", "Age at the procedure.", (18, 105), (40, 95)),
        category(
            "indication",
            ("osteoporotic", "trauma", "metastasis", "myeloma", "haemangioma", "other"),
            "Why the vertebrae were treated.",
        ),
        category("technique", ("pvp", "bkp", "stent", "rf_ablation_pvp", "other"), "Technique."),
        category("guidance", ("fluoro", "biplane", "ct", "ct_fluoro"), "Imaging guidance."),
        category("anaesthesia", ("local", "sedation", "general"), "Anaesthesia."),
        number(
            "n_levels_declared",
            "levels",
            "Number of treated levels as declared.",
            (1, 10),
            (1, 5),
            integer=True,
        ),
        date("fracture_date", "Date of the fracture treated."),
        number("days_fx_to_proc", "days", "Days from fracture to procedure.", (0, 1500), (0, 365)),
        number("crp_mg_l", "mg/L", "C-reactive protein before the procedure.", (0, 600), (0, 200)),
        category("crp_limit", _LIMITS, "Whether the CRP is a limit."),
        date("crp_date", "Date of the CRP."),
        number("wbc_10e9_l", "10⁹/L", "White cells before the procedure.", (0.1, 200), (1, 40)),
        number("esr_mm_h", "mm/h", "Erythrocyte sedimentation rate.", (0, 150), (0, 120)),
        number("pct_ng_ml", "ng/mL", "Procalcitonin.", (0, 100), (0, 10)),
        category("pct_limit", _LIMITS, "Whether the procalcitonin is a limit."),
        category("blood_culture", ("none", "negative", "positive"), "Blood culture."),
        yes_no("mri_pre", "MRI before the procedure."),
        yes_no("mri_stir_edema", "Oedema on STIR."),
        category("biopsy_result", ("none", "negative", "tumour", "infection"), "Biopsy result."),
        yes_no("biopsy_done", "Biopsy taken."),
        category("antibiotic_iv", ("none", "cefazolin", "other"), "Intravenous prophylaxis."),
        category(
            "antibiotic_in_cement",
            ("none", "tobramycin", "gentamicin"),
            "Antibiotic in the cement.",
        ),
        text("cement_brand", "Cement brand, as written."),
        category(
            "viscosity_class", ("low", "medium", "high", "unknown"), "Viscosity of the cement."
        ),
        number("time_mix_to_inject_min", "min", "From mixing to injection.", (0, 30), (2, 15)),
        category("approach", ("uni", "bi", "mixed"), "One or both pedicles."),
        number("duration_min", "min", "Duration.", (5, 300), (10, 180)),
        number("fluoro_min", "min", "Fluoroscopy time.", (0, 60), (0.5, 40)),
        number("dose_gy_cm2", "Gy·cm²", "Dose–area product.", (0, 1000), (0.5, 400)),
        yes_no("venous_leak_fluoro", "Venous leak seen during the procedure."),
        yes_no(
            "azygos_or_ivc_leak_fluoro",
            "Cement in the azygos or caval vein, recorded before any CT.",
        ),
        yes_no("stopped_on_leak", "Injection stopped because of a leak."),
        yes_no("ct_post_done", "CT after the procedure."),
        date("ct_post_date", "Date of that CT."),
        category("ct_post_reason", ("routine", "suspicion", "other"), "Why the CT was made."),
        category(
            "chest_imaging_modality",
            ("none", "xray", "ct_partial", "ct_full"),
            "Chest imaging that could have seen an embolism.",
        ),
        number(
            "operator_case_no",
            "procedures",
            "Operator's running number in the registry.",
            (1, 100000),
            integer=True,
            role="derived",
        ),
        yes_no("hypotension", "Hypotension during the procedure."),
        yes_no("desaturation", "Oxygen desaturation during the procedure."),
        yes_no("arrest", "Cardiac arrest during the procedure."),
    ),
)

LEVELS = Table(
    "levels",
    "treated vertebra in one session",
    ("level_id",),
    (
        text("level_id", "Treated level, unique in the registry.", "identifier", required=True),
        text("procedure_id", "Session.", "identifier", required=True),
        category("level", VERTEBRAE, "Vertebra.", required=True, ordered=True),
        category(
            "fracture_type",
            ("wedge", "biconcave", "crush", "burst", "none"),
            "Fracture type; none where a tumour was treated.",
        ),
        category("of_class", ("1", "2", "3", "4", "5"), "OF classification.", ordered=True),
        category("genant", ("0", "1", "2", "3"), "Genant grade.", ordered=True),
        category("ao_type", ("A0", "A1", "A2", "A3", "A4"), "AO spine type.", ordered=True),
        number("height_loss_pct", "%", "Height lost.", (0, 100), (0, 90)),
        number("kyphosis_deg_pre", "degrees", "Local kyphosis before.", (-30, 70), (-20, 50)),
        number("kyphosis_deg_post", "degrees", "Local kyphosis after.", (-30, 70), (-20, 50)),
        yes_no("cortical_breach", "Breach of the cortex on imaging before the procedure."),
        yes_no("posterior_wall_breach", "Breach of the posterior wall before the procedure."),
        yes_no("endplate_breach_sup", "Breach of the upper end plate before the procedure."),
        yes_no("endplate_breach_inf", "Breach of the lower end plate before the procedure."),
        yes_no("epidural_mass", "Epidural soft-tissue mass (neoplastic levels only)."),
        yes_no("soft_tissue_mass", "Paravertebral soft-tissue mass (neoplastic levels only)."),
        category(
            "vascularity", ("low", "moderate", "high", "unknown"), "Vascularity.", ordered=False
        ),
        yes_no("intravertebral_cleft", "Intravertebral cleft."),
        number("vb_volume_ml", "mL", "Volume of the vertebral body.", (5, 60), (10, 45)),
        number("cement_ml", "mL", "Cement injected into this vertebra.", (0, 15), (1, 8)),
        number(
            "fill_fraction",
            "1",
            "Cement volume over vertebral volume.",
            (0, 1),
            (0.05, 0.6),
            role="derived",
        ),
        yes_no("yeom_b", "Leak along the basivertebral vein (Yeom type B) on CT."),
        yes_no("yeom_s", "Leak along a segmental vein (Yeom type S) on CT."),
        yes_no("yeom_c", "Leak through a cortical defect (Yeom type C) on CT."),
        yes_no("leak_symptomatic", "A leak at this level caused symptoms."),
        category(
            "leak_intervention",
            ("none", "steroid", "decompression", "removal", "vascular"),
            "Intervention because of the leak.",
        ),
    ),
)

LEAKS = Table(
    "leaks",
    "treated level, imaging modality and leak site",
    ("level_id", "modality", "site"),
    (
        text("level_id", "Treated level.", "identifier", required=True),
        category("modality", MODALITIES, "Imaging that assessed the site.", required=True),
        category("site", LEAK_SITES, "Where cement would be.", required=True),
        category(
            "state",
            {
                "present": "cement seen",
                "absent": "looked for and not seen",
                "not_assessed": "not looked at with this modality",
            },
            "What was seen.",
            required=True,
        ),
    ),
)

VISITS = Table(
    "visits",
    "contact after the procedure",
    ("visit_id",),
    (
        text("visit_id", "Contact, unique in the registry.", "identifier", required=True),
        text("patient_id", "Patient.", "identifier", required=True),
        date("visit_date", "Date of the contact.", required=True),
        category(
            "visit_type",
            ("discharge", "week_2_4", "month_3", "month_6", "month_12", "annual", "unscheduled"),
            "Scheduled contact, or unscheduled because of symptoms.",
        ),
        category(
            "imaging_at_visit",
            ("none", "xray", "ct", "mri"),
            "Spinal imaging at the contact.",
            kind="set",
        ),
        number("vas_0_10", "points", "Pain, 0 to 10.", (0, 10)),
        number("odi_pct", "%", "Oswestry disability index.", (0, 100)),
        number("eq5d_index", "1", "EQ-5D index.", (-0.6, 1)),
        number("comi", "points", "Core outcome measures index.", (0, 10)),
    ),
)

EVENTS = Table(
    "events",
    "event after or at the procedure",
    ("event_id",),
    (
        text("event_id", "Event, unique in the registry.", "identifier", required=True),
        text("patient_id", "Patient.", "identifier", required=True),
        text("procedure_id", "Session that it is attributed to.", "identifier"),
        category("event_type", EVENT_TYPES, "Kind of event.", required=True),
        date("event_date", "Day on which the event was found."),
        date("event_left_date", "Last contact at which it was absent."),
        date("event_right_date", "First contact at which it was present."),
        category(
            "infection_certainty", ("proven", "probable", "possible"), "Certainty of an infection."
        ),
        text("organism", "Organism, as written."),
        category(
            "source",
            ("preexisting", "procedural", "haematogenous", "unclear"),
            "Adjudicated source of an infection.",
        ),
        number("infection_crp_mg_l", "mg/L", "CRP at the infection.", (0, 600)),
        category(
            "infection_treatment",
            ("antibiotic", "debridement", "stabilisation"),
            "Treatment of the infection.",
        ),
        category("event_levels", VERTEBRAE, "Vertebrae involved.", kind="set"),
        yes_no("fx_symptomatic", "Whether the fracture was symptomatic."),
        category("fx_trigger", ("fall", "none"), "What set off the fracture."),
        yes_no("pce_symptomatic", "Whether the embolism was symptomatic."),
        category("pce_extent", ("peripheral", "central"), "Extent of the embolism."),
        category(
            "detected_by", ("clinical", "xray", "ct", "mri", "autopsy"), "How the event was found."
        ),
        category("severity_cirse", ("1", "2", "3", "4", "5", "6"), "CIRSE grade.", ordered=True),
        category("sir_ae", ("1", "2", "3", "4", "5"), "SIR adverse event scale.", ordered=True),
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {t.name: t for t in (PATIENTS, PROCEDURES, LEVELS, LEAKS, VISITS, EVENTS)}
)
"""Canonical tables by name, in the order in which they are read."""
