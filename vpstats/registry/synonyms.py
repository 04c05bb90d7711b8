"""Words of six languages for the codes of the registry.

Spellings are folded: no case, no accents, no closing punctuation. A word that means two things
is not here, and is left for the mapping to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split("|"))


def lexicon(entries: Mapping[str, str]) -> Mapping[str, str]:
    """Turn codes with their words into words with their code.

    Examples
    --------
    >>> dict(lexicon({"f": "female|frau"}))
    {'female': 'f', 'frau': 'f'}
    """
    return MappingProxyType(
        {word: code for code, words in entries.items() for word in _words(words)}
    )


SYNONYMS: Mapping[str, Mapping[str, str]] = {
    field: lexicon(entries)
    for field, entries in {
        "sex": {
            "f": (
                "z|zensko|zenski|zena|female|weiblich|w|frau|femmina|femminile|mujer|femenino"
                "|femme|feminin|donna|femenina|fem|weibl|zenska|feminina|dame"
            ),
            "m": (
                "musko|muski|muskarac|male|mannlich|mann|maschio|maschile|hombre|masculino"
                "|homme|masculin|uomo|varon|masc|mask|mannl|muska|masculina|herr"
            ),
            "unknown": "u",
        },
        "bmd_site": {
            "spine": (
                "kraljeznica|lumbar|lws|wirbelsaule|lumbalna kraljeznica|ls kraljeznica"
                "|colonna|columna|rachis|rachide|colonna lombare|columna lumbar"
                "|rachis lombaire"
            ),
            "hip": (
                "kuk|hufte|femur|neck|anca|cadera|hanche|femore|collo femorale|femoral neck"
                "|col femoral|cuello femoral|schenkelhals"
            ),
            "wrist": (
                "zapesce|radius|handgelenk|forearm|polso|radio|poignet|muneca|unterarm|avambraccio"
            ),
        },
        "antiosteo_tx": {
            "bisphosphonate": (
                "bisfosfonat|bisfosfonati|bisphosphonat|alendronat|alendronate|ibandronat"
                "|ibandronate|risedronat|risedronate|zoledronat|zoledronate|fosamax|bonviva"
                "|aclasta|bisph|bisphosphonates|bisphosphonate|bisfosfonato|bisfosfonatos"
                "|bifosfonati|alendronato|ibandronato|risedronato|zoledronato"
                "|acido zoledronico|acide zoledronique|acido alendronico|acido risedronico"
                "|acido ibandronico|acide alendronique|acide risedronique|acide ibandronique"
                "|zoledronska kiselina|zoledronsaure|zoledronic acid|alendronska kiselina"
                "|fosavance|actonel|alendor|zometa"
            ),
            "denosumab": "prolia|xgeva",
            "teriparatide": "teriparatid|forsteo|forteo|teriparatida",
            "romosozumab": "romoso|evenity",
            "other": (
                "drugo|ostalo|andere|altro|otro|autre|raloxifen|raloxifene|raloxifeno|evista"
                "|otros|altri"
            ),
        },
        "primary_tumour": {
            "breast": (
                "dojka|mamma|mammakarzinom|brust|c50|mama|mammella|seno|sein|rak dojke"
                "|breast cancer|brustkrebs|cancer du sein|cancer de mama|carcinoma mammario"
                "|ca mammae"
            ),
            "lung": (
                "pluca|lunge|bronchus|c34|polmone|pulmon|poumon|bronchialkarzinom|lung cancer"
                "|rak pluca|lungenkrebs|ca pulmonis"
            ),
            "prostate": "prostata|c61|prostatakarzinom|prostate cancer|rak prostate|ca prostatae",
            "kidney": "bubreg|niere|renal|c64|rene|rinon|rein|nierenzellkarzinom|rcc|rak bubrega",
            "thyroid": "stitnjaca|schilddruse|c73|tiroide|tiroides|thyroide|schilddrusenkarzinom",
            "myeloma": (
                "mijelom|multipli mijelom|plasmozytom|myelom|multiple myeloma|c90|c90.0|c90,0"
                "|mieloma|mieloma multiplo|mieloma multiple|myelome|myelome multiple"
                "|multiples myelom"
            ),
            "other": "drugo|ostalo|andere|altro|otro|autre",
        },
        "anticoag": {
            "asa": (
                "aspirin|acetilsalicilna|ass|andol|cardioaspirina|cardioaspirin|aspirina"
                "|aspirine|acetylsalicylic acid|kardegic|aas"
            ),
            "doac": (
                "noac|rivaroxaban|apixaban|dabigatran|edoxaban|xarelto|eliquis|pradaxa|noak"
                "|doak|dabigatrano|rivaroxabano|edoxabano|nao|lixiana|naco|aod"
            ),
            "vka": (
                "varfarin|warfarin|marivarin|marcumar|phenprocoumon|martefarin|avk|sintrom"
                "|acenocumarol|acenocoumarol|coumadin|warfarina|fluindione|previscan|kumarin"
            ),
            "lmwh": (
                "nmh|enoxaparin|clexane|fragmin|dalteparin|niskomolekularni heparin|hbpm|ebpm"
                "|nadroparin|fraxiparin|fraxiparine|lovenox|enoxaparina"
                "|niedermolekulares heparin|low molecular weight heparin"
            ),
        },
        "smoker": {
            "never": (
                "nikad|nepusac|nie|nichtraucher|mai|nunca|jamais|non-smoker|nonsmoker"
                "|nepusacica|non fumatore|non fumatrice|no fumador|no fumadora|non fumeur"
                "|non-fumeur|non fumeuse|nichtraucherin|never smoker|never smoked|mai fumato"
                "|nunca fumo"
            ),
            "ex": (
                "bivsi|bivsi pusac|former|exraucher|ex-raucher|ex raucher|ex-smoker|ex smoker"
                "|bivsa pusacica|ex fumatore|ex fumatrice|ex-fumatore|exfumador|exfumadora"
                "|ex fumador|ex-fumador|ex fumeur|ex-fumeur|ancien fumeur|ancienne fumeuse"
                "|exraucherin|exsmoker|former smoker|ehemaliger raucher"
                "|quit|quit smoking|past smoker|stopped"
            ),
            "current": (
                "pusac|aktivni|raucher|smoker|aktiv|active|pusacica|fumatore|fumatrice|fumador"
                "|fumadora|fumeur|fumeuse|raucherin|current smoker|current every day smoker"
                "|current some day smoker|every day smoker|some days smoker|heavy tobacco smoker"
                "|light tobacco smoker"
            ),
        },
        "status": {
            "alive": (
                "ziv|ziva|zivi|lebt|lebend|vivo|vivant|living|viva|vivante|en vie|am leben"
                "|vivi|in vita"
            ),
            "dead": (
                "umro|umrla|preminuo|preminula|exitus|mrtav|tot|verstorben|died|deceased|morto"
                "|muerto|decede|morta|muerta|deceduto|deceduta|decesso|fallecido|fallecida"
                "|decedee|mort|gestorben"
            ),
            "lost": (
                "izgubljen|lost to follow-up|ltfu|lost to follow up|verloren"
                "|perso al follow-up|persa al follow-up|perso|persa|perdido|perdida"
                "|perdido de seguimiento|perdu de vue|perdue de vue|nicht erreichbar"
            ),
            "withdrawn": (
                "odustao|povukao pristanak|zuruckgezogen|withdrew|ritirato|ritirata|retirado"
                "|retirada|retire|retiree|odustala"
            ),
        },
        "indication": {
            "osteoporotic": (
                "osteoporoza|osteoporotska|osteoporoticka|osteoporotisch|osteoporose"
                "|osteoporosis|oporotica|osteoporotica|osteoporosi|osteoporotico"
                "|osteoporotique|frattura osteoporotica|fractura osteoporotica|porotska"
                "|porotica|senile osteoporose"
            ),
            "trauma": (
                "traumatski|traumatska|traumatisch|traumatic|traumatica|traumatico|traumatique"
                "|traumatisme|traumatismo"
            ),
            "metastasis": (
                "metastaza|meta|metastaze|metastase|metastatic|metastatisch|metastasi"
                "|metastasen|metastasis osea|metastases|metastatica|metastatico|metastatique"
            ),
            "myeloma": (
                "mijelom|multipli mijelom|plasmozytom|myelom|multiple myeloma|mieloma"
                "|mieloma multiplo|mieloma multiple|myelome|myelome multiple|multiples myelom"
            ),
            "haemangioma": (
                "hemangiom|hamangiom|haemangiom|hemangioma|emangioma|hemangiome|angiome"
                "|wirbelhamangiom"
            ),
            "other": "drugo|ostalo|andere|sonstige|altro|otro|autre",
        },
        "technique": {
            "pvp": (
                "vp|vertebroplastika|vertebroplasty|vertebroplastie|ptvp"
                "|perkutana vertebroplastika|vertebroplastica|vertebroplastia"
                "|vertebroplastica percutanea|vertebroplastia percutanea"
                "|vertebroplastie percutanee|perkutane vertebroplastie"
            ),
            "bkp": (
                "pkp|kp|kifoplastika|balonska kifoplastika|kyphoplasty|kyphoplastie"
                "|balloon kyphoplasty|ballonkyphoplastie|cifoplastica|cifoplastia|cyphoplastie"
                "|cifoplastica con palloncino|cifoplastia con balon|cyphoplastie par ballonnet"
            ),
            "stent": "stentoplastika|vertebral body stenting|vbs|stentoplasty|stenting",
            "other": "drugo|ostalo|andere|sonstige|altro|otro|autre",
        },
        "guidance": {
            "fluoro": (
                "fluoroskopija|fluoroscopy|durchleuchtung|dsa|c-luk|c-arm|c-bogen|bv"
                "|fluoroscopia|scopie|radioscopie|radioscopia|arco a c|arco en c|fluoroscopie"
            ),
            "biplane": "biplanarna|biplan|zweiebenen|biplanare|biplano|biplana|biplan scopie",
            "ct": "msct|tc|tac|tdm|scanner|tomodensitometrie|computertomographie",
            "ct_fluoro": (
                "ct fluoro|ct-fluoro|ct+fluoro|ct fluoroskopija|ct-fluoroscopy|tc fluoro"
                "|tc-fluoro|tc + fluoro|tc+fluoro|fluoro-tc|fluoro tc|ct + fluoro|tac fluoro"
            ),
        },
        "anaesthesia": {
            "local": (
                "lokalna|lokal|la|lokalanasthesie|lokalna anestezija|local anaesthesia|locale"
                "|anestesia locale|anestesia local|anesthesie locale|local anesthesia|ortlich"
            ),
            "sedation": (
                "sedacija|analgosedacija|sedierung|analgosedierung|sedazione|sedacion"
                "|analgosedazione|sedoanalgesia|sedierung + la|mac|monitored anesthesia care"
                "|conscious sedation|moderate sedation"
            ),
            "general": (
                "opca|ota|vollnarkose|narkose|ga|ita|opca anestezija|allgemein|generale"
                "|anestesia generale|anestesia general|anesthesie generale|general anaesthesia"
                "|general anesthesia|allgemeinanasthesie|itn"
            ),
        },
        "viscosity_class": {
            "low": (
                "niska|niedrig|bassa|baja|basse|niedrigviskos|bassa viscosita|baja viscosidad"
                "|basse viscosite|faible|low viscosity"
            ),
            "medium": (
                "srednja|mittel|media|moyenne|intermediate|media viscosita|media viscosidad"
                "|moyenne viscosite|medio|mittelviskos|medium viscosity"
            ),
            "high": (
                "visoka|hoch|alta|haute|alta viscosita|alta viscosidad|haute viscosite"
                "|hochviskos|elevata|high viscosity"
            ),
        },
        "vascularity": {
            "low": "slaba|niska|niedrig|gering|bassa|baja|faible|scarsa|basse",
            "moderate": "umjerena|srednja|massig|mittel|moderata|moderada|moderee|media|moyenne",
            "high": "jaka|visoka|hoch|stark|alta|elevata|forte|haute|elevee",
        },
        "approach": {
            "uni": (
                "unilateral|unipedicular|unilateralno|unipedikularno|unilateralni|jednostrano"
                "|unipedikular|einseitig|monolaterale|monopeduncolare|unipeduncolare"
                "|unilaterale|unipediculaire|unipedicolare|monopedicolare"
            ),
            "bi": (
                "bilateral|bipedicular|bilateralno|bipedikularno|obostrano|beidseitig"
                "|bipedikular|bilaterale|bipeduncolare|bipedicolare|bipediculaire|beidseits"
                "|bds"
            ),
            "mixed": "mjesovito|gemischt|kombinirano|misto|mixto|mixte",
        },
        "fracture_type": {
            "wedge": (
                "klinasti|klinasta|keil|keilfraktur|klin|cuneiforme|a cuneo|cuneo|en coin"
                "|en cuna|cuna|wedge fracture"
            ),
            "biconcave": (
                "bikonkavni|bikonkavna|bikonkav|biconcava|biconcavo|bikonkave fraktur|fischwirbel"
            ),
            "crush": "vertebra plana|plana|crush fracture",
            "burst": (
                "rasprskavajuci|burst fracture|berst|berstungsfraktur|prasak|scoppio"
                "|da scoppio|estallido|por estallido|eclatement|berstungsbruch"
            ),
        },
        "biopsy_result": {
            "negative": (
                "neg|uredan|uredno|negativna|negativan|negativo|negativa|negatif|negative|negativ"
            ),
            "tumour": "tumor|maligno|malignom|malignant|tumore|tumeur|maligne|neoplasia|neoplasie",
            "infection": "infekcija|infekt|infektion|upala|infezione|infeccion",
        },
        "blood_culture": {
            "negative": (
                "neg|negativna|negativ|sterilna|steril|negativa|negativo|negatif|sterile|esteril"
            ),
            "positive": "pos|poz|pozitivna|positiv|positiva|positivo|positif|positive",
        },
        "visit_type": {
            "discharge": (
                "otpust|entlassung|dimissione|alta|alta hospitalaria|sortie|hospital discharge"
            ),
            "month_3": (
                "3 mj|3 mjeseca|3 monate|3 months|3m|month 3|3 mesi|3 meses|3 mois|3 mo"
                "|3-month|3 month|m3|mois 3|mes 3|mese 3"
            ),
            "month_6": (
                "6 mj|6 mjeseci|6 monate|6 months|6m|month 6|6 mesi|6 meses|6 mois|6 mo"
                "|6-month|6 month|m6|mois 6|mes 6|mese 6"
            ),
            "month_12": (
                "12 mj|12 mjeseci|12 monate|12 months|12m|month 12|12 mesi|12 meses|12 mois"
                "|12 mo|12-month|12 month|m12|mois 12|mes 12|mese 12|1 anno|1 ano|1 an|1 jahr"
                "|1 year"
            ),
            "annual": "godisnja|jahrlich|yearly|annuale|anual|annuel|annuelle",
            "week_2_4": (
                "2-4 tj|2-4 tjedna|2-4 wochen|2-4 weeks|week 2-4|2-4 settimane|2-4 semanas"
                "|2-4 semaines|2-4 wk"
            ),
            "unscheduled": (
                "izvanredni|izvanredna|hitno|ungeplant|ausserplanmassig|non programmata"
                "|no programada|non programmee|non programme|non programmato|no programado"
            ),
        },
        "chest_imaging_modality": {
            "xray": (
                "rtg|rontgen|x-ray|rendgen|rx|rx torace|rx torax|radiographie|radiografia"
                "|rontgenthorax"
            ),
            "ct_full": (
                "ct toraksa|ct thorax|thorax-ct|ct prsista|tc torace|tac torax|tdm thorax"
                "|scanner thoracique|chest ct|thorax ct"
            ),
            "ct_partial": "tc parziale|tac parcial|tdm partielle",
        },
        "imaging_at_visit": {
            "xray": "rx|rtg|rontgen|rendgen|x-ray|x ray|radiografia|radiographie|rontgenbild",
            "ct": "tc|tac|tdm|scanner|msct",
            "mri": "mr|mrt|rm|rmn|irm",
        },
        "event_type": {
            "infection": (
                "infekcija|infezione|infektion|infeccion|discitis|spondylodiscitis|spondilodiscitis"
                "|spondylodiszitis|diszitis|spondilodiscite|spondylodiscite|infection / discitis"
            ),
            "adjacent_fx": (
                "adjacent fracture|susjedni prijelom|anschlussfraktur|frattura adiacente"
                "|fractura adyacente|fracture adjacente|adjacent level fracture"
                "|adjacent vertebral fracture|new adjacent fracture"
            ),
            "pce": (
                "cement pe|cement embolism|cement embolus|cement pulmonary embolism"
                "|pulmonary cement embolism|zementembolie|pulmonale zementembolie"
                "|plucna embolija cementom|embolia di cemento|embolia polmonare da cemento"
                "|embolia de cemento|embolia pulmonar por cemento|embolie de ciment"
                "|embolie pulmonaire de ciment"
            ),
            "death": "smrt|exitus|tod|decesso|morte|muerte|deces|died|deceased",
            "reoperation": (
                "reoperacija|reintervento|reintervencion|reintervention|re-operation|re-intervention"
                "|revision surgery|revisionsoperation"
            ),
            "pneumothorax": "pneumotoraks|pneumotorace|neumotorax",
        },
        "detected_by": {
            "xray": "rx|rtg|rontgen|rendgen|x-ray|radiografia|radiographie",
            "ct": "tc|tac|tdm|scanner|msct",
            "mri": "mr|mrt|rm|rmn|irm",
            "clinical": "klinicki|klinisch|clinico|clinique|klinika",
            "autopsy": "obdukcija|autopsie|obduktion|autopsia",
        },
    }.items()
}
"""Field → folded spelling → code, beside the mapping's own codes."""

NONE_WORDS = frozenset(
    _words(
        "none|nema|ne|no|nein|bez|keine|kein|nijedan|nista|nessuno|nessuna|ninguno|ninguna|aucun|"
        "aucune|nije|nikakva|0|absent|absence|assente|ausente|no leak|no leakage|nema curenja|"
        "bez curenja|kein leck|keine leckage|kein austritt|nessun leakage|sin fuga|pas de fuite"
    )
)
SITE_WORDS = lexicon(
    {
        "epidural": (
            "epiduralno|epiduralni|epid|spinalni kanal|kanal|canal|spinal canal|spinalkanal"
            "|epidurale|epidural|epidurales|canale|canale spinale"
        ),
        "foraminal": "foraminalno|foramen|neuroforamen|neural foramen|foraminale",
        "disc_sup": (
            "gornji disk|disk gore|disc above|superior disc|disc superior|bandscheibe oben"
            "|obere bandscheibe|disco superiore|disco superior|disque superieur|disco sup"
            "|disque sup"
        ),
        "disc_inf": (
            "donji disk|disk dolje|disc below|inferior disc|disc inferior|bandscheibe unten"
            "|untere bandscheibe|disco inferiore|disco inferior|disque inferieur|disco inf"
            "|disque inf"
        ),
        "paravertebral_soft": (
            "paravertebralno|paravertebral|meka tkiva|mekotkivno|weichteile"
            "|paravertebral soft tissue|soft tissue|paravertebrale|tessuti molli"
            "|tejidos blandos|tissus mous"
        ),
        "venous": (
            "venozno|vene|vena|venos|vein|veins|paravertebralne vene|venoso|venosa|veneux"
            "|veineux|veineuse|venose|venosi|venen"
        ),
        "needle_track": (
            "kanal igle|trakt igle|stichkanal|needle track|needle tract|tragitto dell'ago"
            "|trayecto de la aguja|trajet de l'aiguille"
        ),
        "remote": "udaljeno|fern|distant|a distanza|a distancia|a distance|distante",
    }
)
"""Folded spelling → leak site; a disc without its side is not here, because it names none."""

_TUMOUR = re.compile(r"c ?([0-9]{2})(?:[.,]?[0-9xX]{1,2})?")
_TUMOURS = {50: "breast", 34: "lung", 61: "prostate", 64: "kidney", 73: "thyroid"}
_SECONDARY = range(77, 81)  # metastases and unknown primaries: the tumour itself is not named


def tumour_code(plain: str) -> str | None:
    """Primary tumour of a code of ICD-10; a code of metastases (C77 to C80) names none.

    Examples
    --------
    >>> [tumour_code(code) for code in ("c50.9", "c90.0", "c18.2", "c79.5")]
    ['breast', 'myeloma', 'other', None]
    """
    match = _TUMOUR.fullmatch(plain)
    if match is None or int(match[1]) in _SECONDARY or int(match[1]) > 97:
        return None
    if int(match[1]) == 90:
        return "myeloma" if plain in ("c90", "c90.0", "c90,0", "c900") else None
    return _TUMOURS.get(int(match[1]), "other")
