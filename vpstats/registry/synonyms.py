"""Words of six languages for the codes of the registry.

Spellings are folded: no case, no accents, no closing punctuation. A word that means two things
is not here, and is left for the mapping to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from vpstats.registry.synonyms_course import COURSE_WORDS


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
        "immuno_reasons": {
            "chemo": (
                "chemotherapy|kemoterapija|chemotherapie|chemioterapia|quimioterapia|chimiotherapie"
            ),
            "steroid": (
                "steroids|corticosteroids|steroidi|kortikosteroidi|steroide|kortikosteroide"
                "|kortison|corticosteroidi|cortisone|corticoides|esteroides|corticotherapie"
            ),
            "transplant": (
                "transplantation|transplantacija|transplantiert|trapianto|trasplante|greffe"
            ),
            "hiv": "vih|aids|hiv/aids",
            "neutropenia": "neutropenija|neutropenie|neutropenic",
            "biologics": (
                "biologic|bioloska terapija|biologika|biologici|biologicos|biotherapie|anti-tnf"
                "|anti tnf"
            ),
        },
        "anticoag": {
            "asa": (
                "aspirin|acetilsalicilna|ass|andol|cardioaspirina|cardioaspirin|aspirina"
                "|aspirine|acetylsalicylic acid|kardegic|aas|ask"
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
                "|exraucherin|exsmoker|former smoker|ehemaliger raucher|quit|quit smoking"
                "|past smoker|stopped|sevre|sevree|tabac sevre|tabagisme sevre|ex fumeuse"
                "|previous smoker|fruher"
            ),
            "current": (
                "pusac|aktivni|raucher|smoker|aktiv|active|pusacica|fumatore|fumatrice|fumador"
                "|fumadora|fumeur|fumeuse|raucherin|current smoker|current every day smoker"
                "|current some day smoker|every day smoker|some days smoker"
                "|heavy tobacco smoker|light tobacco smoker|actif|tabagisme actif|aktuell"
            ),
        },
        "status": {
            "alive": (
                "ziv|ziva|zivi|lebt|lebend|vivo|vivant|living|viva|vivante|en vie|am leben"
                "|vivi|in vita"
            ),
            "dead": (
                "umro|umrla|preminuo|preminula|exitus|mrtav|tot|verstorben|died|deceased|morto"
                "|muerto|fallecio|finado|finada|defuncion|decede|morta|muerta|deceduto|deceduta|decesso|fallecido|fallecida"
                "|decedee|mort|gestorben|expired"
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
                "|osteoporosis|oporotica|osteoporotica|osteoporosi|osteoporotico|osteoporotique"
                "|frattura osteoporotica|fractura osteoporotica|porotska|porotica"
                "|senile osteoporose|ovcf|osteoporotic fracture|osteoporotic vcf"
                "|osteoporotic vertebral fracture|osteoporotic compression fracture"
                "|osteoporotic vertebral compression fracture|osteoporosefraktur"
                "|osteoporotische fraktur|osteoporoticki prijelom"
                "|frattura vertebrale osteoporotica|fractura vertebral osteoporotica"
                "|fracture osteoporotique|fracture vertebrale osteoporotique"
                "|tassement osteoporotique"
            ),
            "trauma": (
                "traumatski|traumatska|traumatisch|traumatic|traumatica|traumatico|traumatique"
                "|traumatisme|traumatismo|traumatic fracture|traumatska fraktura"
                "|traumatski prijelom|traumatische fraktur|frattura traumatica"
                "|fractura traumatica|fracture traumatique"
            ),
            "metastasis": (
                "metastaza|meta|metastaze|metastase|metastatic|metastatisch|metastasi"
                "|metastasen|metastasis osea|metastases|metastatica|metastatico|metastatique"
                "|mts|mets|bone metastasis|bone metastases|spinal metastasis|spinal metastases"
                "|vertebral metastasis|vertebral metastases|knochenmetastase|knochenmetastasen"
                "|wirbelmetastase|wirbelmetastasen|metastasi ossea|metastasi ossee"
                "|metastasi vertebrale|metastasi vertebrali|metastasis vertebral"
                "|metastasis oseas|metastase osseuse|metastases osseuses|metastase vertebrale"
                "|metastaza kraljeska|kostane metastaze"
            ),
            "myeloma": (
                "mijelom|multipli mijelom|plasmozytom|myelom|multiple myeloma|mieloma"
                "|mieloma multiplo|mieloma multiple|myelome|myelome multiple|multiples myelom"
                "|plasmacytoma|plazmocitom|plasmocitoma"
            ),
            "haemangioma": (
                "hemangiom|hamangiom|haemangiom|hemangioma|emangioma|hemangiome|angiome"
                "|wirbelhamangiom|vertebral hemangioma|vertebral haemangioma"
                "|aggressive hemangioma|aggressive haemangioma|hemangiom kraljeska"
                "|angioma vertebrale|angioma vertebral|angiome vertebral"
            ),
            "other": "drugo|ostalo|andere|sonstige|altro|otro|autre",
        },
        "technique": {
            "pvp": (
                "vp|vertebroplastika|vertebroplasty|vertebroplastie|ptvp"
                "|perkutana vertebroplastika|vertebroplastica|vertebroplastia"
                "|vertebroplastica percutanea|vertebroplastia percutanea"
                "|vertebroplastie percutanee|perkutane vertebroplastie|vertebroplastik"
                "|percutaneous vertebroplasty"
            ),
            "bkp": (
                "pkp|kp|kifoplastika|balonska kifoplastika|kyphoplasty|kyphoplastie"
                "|balloon kyphoplasty|ballonkyphoplastie|cifoplastica|cifoplastia|cyphoplastie"
                "|cifoplastica con palloncino|cifoplastia con balon|cyphoplastie par ballonnet"
                "|kyphoplastik|ballonkyphoplastik|ballon-kyphoplastie|percutaneous kyphoplasty"
                "|balloon assisted kyphoplasty|balon kifoplastika|cifoplastica con palloncini"
                "|cyphoplastie par ballon"
            ),
            "stent": (
                "stentoplastika|vertebral body stenting|vbs|stentoplasty|stenting"
                "|vertebral body stent|vertebral stenting|body stenting|stentoplastie"
                "|stentoplastica|stentoplastia|wirbelkorperstent"
            ),
            "other": "drugo|ostalo|andere|sonstige|altro|otro|autre",
            "rf_ablation_pvp": (
                "rfa + pvp|rfa+pvp|rfa + vp|rfa+vp|radiofrequency ablation and vertebroplasty"
                "|radiofrekventna ablacija i vertebroplastika"
                "|radiofrequenzablation und vertebroplastie"
            ),
        },
        "guidance": {
            "fluoro": (
                "fluoroskopija|fluoroscopy|durchleuchtung|dsa|c-luk|c-arm|c-bogen|bv"
                "|fluoroscopia|scopie|radioscopie|radioscopia|arco a c|arco en c|fluoroscopie"
                "|fluoroskopie|fluoroscopic|fluoroscopy guidance|skopija|rtg skopija"
                "|dijaskopija|bildwandler|bildverstarker|c arm|c bogen"
                "|amplificatore di brillanza|escopia|ampli de brillance"
                "|amplificateur de brillance|arceau"
            ),
            "biplane": (
                "biplanarna|biplan|zweiebenen|biplanare|biplano|biplana|biplan scopie|biplanar"
                "|biplane fluoroscopy|biplane angiography|biplanarno"
            ),
            "ct": (
                "msct|tc|tac|tdm|scanner|tomodensitometrie|computertomographie|ct guided"
                "|ct-guided|ct gesteuert|ct-gesteuert|ct vodeno|tc guidata|tc-guidata"
                "|guiado por tac|sous scanner"
            ),
            "ct_fluoro": (
                "ct fluoro|ct-fluoro|ct+fluoro|ct fluoroskopija|ct-fluoroscopy|tc fluoro"
                "|tc-fluoro|tc + fluoro|tc+fluoro|fluoro-tc|fluoro tc|ct + fluoro|tac fluoro"
                "|ct + fluoroscopy|ct + scopie|scanner + scopie|tac + escopia|tc + escopia"
                "|ct + skopija|ct + durchleuchtung|ct-fluoroskopie|ct fluoroscopy"
            ),
        },
        "anaesthesia": {
            "local": (
                "lokalna|lokal|la|lokalanasthesie|lokalna anestezija|local anaesthesia|locale"
                "|anestesia locale|anestesia local|anesthesie locale|local anesthesia|ortlich"
                "|al|infiltrativna|lokalno|infiltrationsanasthesie|local infiltration"
            ),
            "sedation": (
                "sedacija|analgosedacija|sedierung|analgosedierung|sedazione|sedacion"
                "|analgosedazione|sedoanalgesia|sedierung + la|mac|monitored anesthesia care"
                "|conscious sedation|moderate sedation|analgosedation|sedation + la"
                "|la + sedierung|local + sedation|local with sedation|lokalna + sedacija"
                "|locale + sedazione|local + sedacion|al + sedation|deep sedation"
                "|sedazione cosciente|sedacion consciente|sedation consciente"
            ),
            "general": (
                "opca|ota|vollnarkose|narkose|ga|ita|opca anestezija|allgemein|generale"
                "|anestesia generale|anestesia general|anesthesie generale|general anaesthesia"
                "|general anesthesia|allgemeinanasthesie|itn|ag|tiva|oeta|endotrahealna"
                "|opca endotrahealna anestezija|intubationsnarkose"
            ),
        },
        "antibiotic_iv": {
            "cefazolin": (
                "kefzol|ancef|cefazolina|cefazoline|cephazolin|cefamezin|cefacidal|basocef"
            ),
            "other": (
                "vancomycin|vankomicin|vancomicina|vancomycine|clindamycin|klindamicin"
                "|clindamicina|clindamycine|cefuroxim|cefuroxime|cefuroksim|cefuroxima"
                "|ceftriaxon|ceftriaxone|ceftriakson|ceftriaxona|augmentin|co-amoxiclav"
                "|amoxiclav|teicoplanin|teikoplanin|teicoplanina|teicoplanine|gentamicin"
                "|gentamicina|gentamicine|ciprofloxacin|ampicillin/sulbactam|unacid|drugo"
                "|ostalo|andere|sonstige|altro|otro|autre|drugi|anderes|other antibiotic"
            ),
        },
        "antibiotic_in_cement": {
            "tobramycin": "tobramicin|tobramicina|tobramycine|tobra",
            "gentamicin": "gentamicina|gentamicine|gentamycin|gentamycine|genta",
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
            "tumour": (
                "tumor|maligno|malignom|malignant|tumore|tumeur|maligne|neoplasia|neoplasie"
                "|maligna|maligni|bosartig|tumorale|tumoral|metastaza|metastase|metastasi"
                "|metastasis|metastases"
            ),
            "infection": (
                "infekcija|infekt|infektion|upala|infezione|infeccion|infeccioso|infektios"
                "|infectieux"
            ),
        },
        "blood_culture": {
            "negative": (
                "neg|negativna|negativ|sterilna|steril|negativa|negativo|negatif|sterile|esteril"
            ),
            "positive": "pos|poz|pozitivna|positiv|positiva|positivo|positif|positive",
        },
        "ct_post_reason": {
            "routine": (
                "rutina|rutinski|rutinsko|routinemassig|routinario|rutinario|de routine"
                "|systematique|protocol|protokol|protokoll|protocollo|protocolo"
            ),
            "suspicion": (
                "sumnja|klinicka sumnja|verdacht|sospetto|sospetto clinico|sospecha"
                "|sospecha clinica|suspicion clinique|suspected|clinical suspicion"
            ),
            "other": "drugo|ostalo|andere|sonstige|altro|otro|autre",
        },
        "chest_imaging_modality": {
            "xray": (
                "rtg|rontgen|x-ray|rendgen|rx|rx torace|rx torax|radiographie|radiografia"
                "|rontgenthorax|cxr|chest x-ray|chest xray|rtg pluca|rtg toraksa|thorax rontgen"
                "|rontgen thorax|rx de torax|radiografia de torax|radiografia del torace"
                "|radio thorax|radio de thorax|radiographie thoracique"
            ),
            "ct_full": (
                "ct toraksa|ct thorax|thorax-ct|ct prsista|tc torace|tac torax|tdm thorax"
                "|scanner thoracique|chest ct|thorax ct|ct pluca|tac de torax|tc de torax"
                "|tc del torace|tdm thoracique|full ct|ct puni|ct full"
            ),
            "ct_partial": (
                "tc parziale|tac parcial|tdm partielle|partial ct|ct partiell|ct djelomicni"
                "|ct partial"
            ),
        },
        "leak_intervention": {
            "steroid": (
                "steroids|steroidi|kortikosteroidi|steroide|kortison|cortisone|corticosteroids"
                "|corticoides"
            ),
            "decompression": (
                "dekompresija|dekompression|decompressione|descompresion|laminectomy"
                "|laminektomija|laminektomie|laminectomia|laminectomie"
            ),
            "removal": (
                "cement removal|uklanjanje cementa|zemententfernung|rimozione|rimozione cemento"
                "|retirada de cemento|retrait de ciment|uklanjanje"
            ),
            "vascular": "vaskularna|vascolare|vasculaire",
        },
        **COURSE_WORDS,
    }.items()
}
"""Field → folded spelling → code, beside the mapping's own codes."""

NONE_WORDS = frozenset(
    _words(
        "none|nema|ne|no|nein|bez|keine|kein|nijedan|nista|nessuno|nessuna|ninguno|ninguna|aucun|"
        "aucune|nije|nikakva|0|absent|absence|assente|ausente|no leak|no leakage|nema curenja|"
        "bez curenja|kein leck|keine leckage|kein austritt|nessun leakage|sin fuga|pas de fuite|"
        "none of these|none of the above|none of them|keine davon|keines davon|nichts davon|"
        "nessuna di queste|nessuno di questi|ninguna de estas|ninguno de estos|aucun de ces|"
        "nijedno od navedenog|nista od navedenog|aucune de ces reponses|aucune d'entre elles|"
        "nenhum|nenhuma|zadne|zaden|zadny|geen|geen van deze|ingen|inga|nic z toho"
    )
)
SITE_WORDS = lexicon(
    {
        "epidural": (
            "epiduralno|epiduralni|epid|spinalni kanal|kanal|canal|spinal canal|spinalkanal"
            "|epidurale|epidural|epidurales|canale|canale spinale"
            "|intraspinal|intraspinale|intrakanalno|wirbelkanal|canale vertebrale|canal vertebral"
            "|canal rachidien|canal raquideo"
        ),
        "foraminal": "foraminalno|foramen|neuroforamen|neural foramen|foraminale"
        "|neuroforaminal|neuroforamina",
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
            "|veineux|veineuse|venose|venosi|venen|vensko|venski|paravertebral veins"
            "|paravertebrale venen|vene paravertebrali|venas paravertebrales|veines paravertebrales"
        ),
        "needle_track": (
            "kanal igle|trakt igle|stichkanal|needle track|needle tract|tragitto dell'ago"
            "|trayecto de la aguja|trajet de l'aiguille"
            "|tragitto ago|trayecto aguja|trajet aiguille|put igle"
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
