"""Which raw column of each dialect holds which canonical field."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vpstats.schema_tables import TABLES
from vpstats.simulate.spec import SITES

Columns = Mapping[str, str]
"""Canonical field → raw column."""

MAX_LEVELS = 5
"""Levels of a session that a row per session has room for."""

NOT_EXPORTED = frozenset(
    {
        "center_id",
        "entry_date",
        "crp_limit",
        "pct_limit",
        "fill_fraction",
        "operator_case_no",
        "level_id",
        "yeom_b",
        "yeom_s",
        "yeom_c",
        "sir_ae",
        "age_at_proc",
        "birth_year",
        "days_fx_to_proc",
    }
)
"""Fields that no export holds as they stand: derived, or written in another way."""


def _columns(text: str) -> Columns:
    pairs = (pair.split("=") for pair in text.replace("\n", " ").split())
    return MappingProxyType({p[0]: p[1] for p in pairs})


HR_PATIENT = _columns(
    """
    patient_id=id_bolesnika birth_date=datum_rođenja sex=spol height_cm=visina_cm
    weight_kg=težina_kg bmi=bmi osteoporosis_dx=osteoporoza bmd_tscore=t_score
    bmd_site=dxa_mjesto ct_hu=hu prior_vfx_n=raniji_prijelomi antiosteo_tx=lijek_za_kost
    antiosteo_start=lijek_od steroid_chronic=kortikosteroidi malignancy_hist=maligna_bolest
    primary_tumour=primarni_tumor immunocompromised=imunokompromitiran immuno_reasons=imuno_razlog
    diabetes=dijabetes ckd=kbb copd=kopb chf=zatajenje_srca liver_disease=bolest_jetre asa=asa
    charlson=charlson mfi5=mfi5 anticoag=antikoagulacija smoker=pušenje consent_research=pristanak
    optout_date=datum_odustanka status=status last_contact_date=zadnji_kontakt
    death_date=datum_smrti death_cause=uzrok_smrti
    """
)
HR_PROCEDURE = _columns(
    """
    procedure_id=br_zahvata operator_id=operater proc_date=datum_zahvata indication=indikacija
    technique=tehnika guidance=navođenje anaesthesia=anestezija n_levels_declared=broj_razina
    fracture_date=datum_prijeloma crp_mg_l=crp crp_date=datum_crp wbc_10e9_l=leukociti
    esr_mm_h=se pct_ng_ml=pct blood_culture=hemokultura mri_pre=mr_prije
    mri_stir_edema=stir_edem biopsy_result=nalaz_biopsije biopsy_done=biopsija
    antibiotic_iv=antibiotik_iv antibiotic_in_cement=antibiotik_u_cementu cement_brand=cement
    viscosity_class=viskoznost time_mix_to_inject_min=vrijeme_miješanja approach=pristup
    duration_min=trajanje_min fluoro_min=skopija_min dose_gy_cm2=dap_gycm2
    venous_leak_fluoro=venski_na_skopiji azygos_or_ivc_leak_fluoro=azigos_na_skopiji
    stopped_on_leak=prekid_zbog_curenja ct_post_done=ct_poslije ct_post_date=datum_ct
    ct_post_reason=razlog_ct chest_imaging_modality=snimka_pluća hypotension=hipotenzija
    desaturation=desaturacija arrest=arest
    """
)
HR_LEVEL = _columns(
    """
    level=razina fracture_type=tip_prijeloma of_class=of genant=genant ao_type=ao
    height_loss_pct=gubitak_visine kyphosis_deg_pre=kifoza_prije
    kyphosis_deg_post=kifoza_poslije cortical_breach=defekt_kortikalisa
    posterior_wall_breach=stražnji_zid endplate_breach_sup=gornja_ploha
    endplate_breach_inf=donja_ploha epidural_mass=epiduralna_masa
    soft_tissue_mass=mekotkivna_masa vascularity=vaskularnost intravertebral_cleft=pukotina
    vb_volume_ml=volumen_trupa cement_ml=cement_ml leak_sites_fluoro=curenje_skopija
    leak_sites_ct=curenje_ct yeom=yeom leak_symptomatic=curenje_simptomi
    leak_intervention=curenje_postupak
    """
)
HR_VISIT = _columns(
    """
    visit_id=br_kontrole patient_id=id_bolesnika visit_date=datum visit_type=vrsta
    imaging_at_visit=snimanje vas_0_10=vas odi_pct=odi eq5d_index=eq5d comi=comi
    """
)
HR_EVENT = _columns(
    """
    event_id=br_događaja patient_id=id_bolesnika procedure_id=br_zahvata event_type=događaj
    event_date=datum event_left_date=zadnji_uredan event_right_date=prvi_pozitivan
    infection_certainty=sigurnost organism=uzročnik source=izvor infection_crp_mg_l=crp
    infection_treatment=liječenje event_levels=kralješci fx_symptomatic=simptomatski
    fx_trigger=povod pce_symptomatic=embolija_simptomi pce_extent=embolija_opseg
    detected_by=otkriveno severity_cirse=cirse
    """
)

DE_PATIENT = _columns(
    """
    patient_id=Patientennr sex=Geschlecht height_cm=Größe_cm weight_kg=Gewicht_kg
    osteoporosis_dx=Osteoporose bmd_tscore=T_Score prior_vfx_n=frühere_Frakturen
    antiosteo_tx=Osteoporosetherapie steroid_chronic=Kortison malignancy_hist=Malignom
    primary_tumour=Primärtumor immunocompromised=immunsupprimiert diabetes=Diabetes ckd=CNI
    copd=COPD chf=Herzinsuffizienz asa=ASA smoker=Rauchen consent_research=Einwilligung
    optout_date=Widerruf_am status=Status last_contact_date=letzter_Kontakt death_date=Todesdatum
    """
)
DE_PROCEDURE = _columns(
    """
    procedure_id=Fallnummer operator_id=Operateur proc_date=OP_Datum age_at_proc=Alter
    indication=Indikation technique=Technik guidance=Führung anaesthesia=Anästhesie
    n_levels_declared=Anzahl_Höhen days_fx_to_proc=Tage_seit_Fraktur crp_mg_l=CRP
    crp_date=CRP_Datum wbc_10e9_l=Leukozyten mri_pre=MRT_vorher mri_stir_edema=STIR_Ödem
    biopsy_done=Biopsie biopsy_result=Biopsiebefund antibiotic_iv=Antibiose
    cement_brand=Zementmarke viscosity_class=Viskosität time_mix_to_inject_min=Mischzeit_min
    approach=Zugang duration_min=OP_Dauer fluoro_min=DL_Zeit dose_gy_cm2=DFP_Gycm2
    venous_leak_fluoro=Venenleck_DL azygos_or_ivc_leak_fluoro=Azygos_DL
    stopped_on_leak=Abbruch_wegen_Leck ct_post_done=CT_danach ct_post_date=CT_Datum
    ct_post_reason=CT_Grund chest_imaging_modality=Thoraxbild hypotension=Blutdruckabfall
    desaturation=Entsättigung arrest=Stillstand
    """
)
DE_LEVEL = _columns(
    """
    cement_ml=Zement vb_volume_ml=WK_Volumen fracture_type=Frakturtyp of_class=OF
    height_loss_pct=Höhenverlust cortical_breach=Kortikalis posterior_wall_breach=Hinterkante
    endplate_breach_sup=Deckplatte endplate_breach_inf=Grundplatte epidural_mass=Epiduralmasse
    intravertebral_cleft=Spalt leak_sites_fluoro=Leck_DL leak_sites_ct=Leck_CT yeom=Yeom
    leak_symptomatic=Leck_Symptome
    """
)
DE_LEVELS_COLUMN = "Höhen"
DE_VISIT = _columns(
    """
    visit_id=Kontaktnr patient_id=Patientennr visit_date=Datum visit_type=Art
    imaging_at_visit=Bildgebung vas_0_10=VAS odi_pct=ODI
    """
)
DE_EVENT = _columns(
    """
    event_id=Ereignisnr patient_id=Patientennr procedure_id=Fallnummer event_type=Ereignis
    event_date=Datum event_left_date=zuletzt_negativ event_right_date=zuerst_positiv
    infection_certainty=Sicherheit organism=Erreger source=Quelle infection_crp_mg_l=CRP
    infection_treatment=Therapie event_levels=Wirbel fx_symptomatic=symptomatisch
    fx_trigger=Auslöser pce_symptomatic=Embolie_Symptome pce_extent=Embolie_Ausmaß
    detected_by=entdeckt_durch
    """
)


def _english(table: str, *, without: frozenset[str], plus: Columns) -> Columns:
    """Column heads of the workbook: the field in words."""
    kept = {
        field: field.replace("_", " ").capitalize()
        for field in TABLES[table].names
        if field not in without
    }
    return kept | dict(plus)


EXCEL_PATIENT = _english(
    "patients",
    without=NOT_EXPORTED | {"birth_date", "death_cause"},
    plus={"birth_year": "Birth year"},
)
EXCEL_PROCEDURE = _english(
    "procedures",
    without=NOT_EXPORTED | {"fracture_date", "crp_mg_l"},
    plus={
        "age_at_proc": "Age",
        "days_fx_to_proc": "Days since fracture",
        "crp_mg_l": "CRP (mg/dL)",
    },
)
EXCEL_LEVEL = _english(
    "levels",
    without=NOT_EXPORTED | {"level", "cement_ml", "vb_volume_ml"},
    plus={
        "leak_any_fluoro": "Leak fluoroscopy",
        "leak_sites_fluoro": "Leak sites fluoroscopy",
        "leak_any_ct": "Leak CT",
        "leak_sites_ct": "Leak sites CT",
        "yeom": "Yeom",
    },
)
EXCEL_BY_POSITION = {"cement_ml": "Cement mL", "vb_volume_ml": "Body mL"}
EXCEL_LEVELS_COLUMN = "Level"
EXCEL_VISIT = _english("visits", without=NOT_EXPORTED, plus={})
EXCEL_EVENT = _english(
    "events",
    without=NOT_EXPORTED | {"infection_crp_mg_l"},
    plus={"infection_crp_mg_l": "Infection CRP (mg/dL)"},
)


def _redcap(table: str, *, without: frozenset[str] = frozenset(), plus: Columns) -> Columns:
    left_out = NOT_EXPORTED | without | {"patient_id"}
    return {f: f for f in TABLES[table].names if f not in left_out} | dict(plus)


REDCAP_PATIENT = _redcap("patients", without=frozenset({"death_cause"}), plus={})
REDCAP_PROCEDURE = _redcap("procedures", plus={"procedure_id": "procedure_id"})
REDCAP_LEVEL = _redcap(
    "levels",
    plus={
        "procedure_id": "level_procedure_id",
        **{f"leak_{s}_{m}": f"leak_{s}_{m}" for m in ("fluoro", "ct") for s in SITES},
        "yeom_b": "yeom_b",
        "yeom_s": "yeom_s",
        "yeom_c": "yeom_c",
    },
)
REDCAP_VISIT = _redcap("visits", plus={"visit_id": "visit_id"})
REDCAP_EVENT = _redcap("events", plus={"procedure_id": "event_procedure_id"})
REDCAP_CHECKBOXES = {
    "immuno_reasons": ("chemo", "steroid", "transplant", "hiv", "neutropenia", "biologics"),
    "imaging_at_visit": ("none", "xray", "ct", "mri"),
}
"""Fields that REDCap exports as one column per choice, and their choices."""

CENTER_WORDS: Mapping[str, Mapping[str, str]] = {
    "hr": {
        "C01": "KB Sjever",
        "C02": "OB Otok",
        "C03": "KB Istok",
    },
    "redcap": {"C04": "harbour_university", "C05": "valley_general", "C06": "hill_clinic"},
    "excel": {"C07": "Lakeside", "C08": "Riverside", "C09": "Meadow"},
    "de": {"C10": "Nordklinik", "C11": "Seeklinik", "C12": "Talklinik"},
}
"""What stands for each center in its export; the places are invented."""

CENTER_COLUMNS = {
    "hr": "ustanova",
    "redcap": "redcap_data_access_group",
    "excel": "Hospital",
    "de": "Klinik",
}
"""The column that names the center, in every file of a dialect."""

RENAMED = {"C01": "Klinička bolnica Sjever"}
"""A second name of a center, after it was renamed; the mapping knows both."""
