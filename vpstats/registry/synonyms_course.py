"""Words of six languages for the codes of contacts and events; spelled as in `synonyms`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COURSE_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
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
        "imaging_at_visit": {
            "xray": "rx|rtg|rontgen|rendgen|x-ray|x ray|radiografia|radiographie|rontgenbild",
            "ct": "tc|tac|tdm|scanner|msct",
            "mri": "mr|mrt|rm|rmn|irm",
        },
        "event_type": {
            "infection": (
                "infekcija|infezione|infektion|infeccion|discitis|spondylodiscitis"
                "|spondilodiscitis|spondylodiszitis|diszitis|spondilodiscite|spondylodiscite"
                "|infection / discitis|wound infection|surgical site infection|ssi"
                "|infekcija rane|wundinfektion|infezione del sito chirurgico"
                "|infeccion del sitio quirurgico|infection du site operatoire"
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
                "|embolie pulmonaire de ciment|embolie de ciment pulmonaire|cementna embolija"
                "|embolija cementom|palacosembolie"
            ),
            "death": "smrt|exitus|tod|decesso|morte|muerte|deces|died|deceased",
            "reoperation": (
                "reoperacija|reintervento|reintervencion|reintervention|re-operation|re-intervention"
                "|revision surgery|revisionsoperation"
            ),
            "pneumothorax": "pneumotoraks|pneumotorace|neumotorax",
            "thrombotic_pe": (
                "pulmonary thromboembolism|plucna tromboembolija|tromboembolia polmonare"
                "|tromboembolismo pulmonar|tromboembolia pulmonar|lungenthromboembolie"
                "|thromboembolie pulmonaire|thrombotic pe|thrombotic pulmonary embolism"
            ),
            "fat_embolism": (
                "masna embolija|fettembolie|embolia grassosa|embolia adiposa|embolia grasa"
                "|embolie graisseuse|fat embolism"
            ),
            "pe_unspecified": (
                "pulmonary embolism|plucna embolija|lungenembolie|embolia polmonare"
                "|embolia pulmonar|embolie pulmonaire"
            ),
            "neuro_deficit": (
                "neurological deficit|neurologic deficit|neuroloski deficit"
                "|neurologisches defizit|deficit neurologico|deficit neurologique"
            ),
            "cement_removal": (
                "removal of cement|uklanjanje cementa|zemententfernung|rimozione cemento"
                "|rimozione del cemento|retirada de cemento|retrait de ciment|cement removal"
            ),
            "rib_fx": (
                "rib fracture|prijelom rebra|rippenfraktur|frattura costale|fractura costal"
                "|fracture de cote|fracture costale"
            ),
            "hypotension": "hipotenzija|ipotensione|hipotension|hypotonie",
            "nonadjacent_fx": (
                "nonadjacent fracture|non-adjacent fracture|remote fracture|distant fracture"
                "|udaljeni prijelom|entfernte fraktur|frattura a distanza|fractura a distancia"
                "|fracture a distance"
            ),
            "cardiac_perforation": (
                "cardiac perforation|perforacija srca|herzperforation|perforazione cardiaca"
                "|perforacion cardiaca|perforation cardiaque"
            ),
            "cerebral_embolism": (
                "cerebral embolism|cerebralna embolija|hirnembolie|embolia cerebrale"
                "|embolia cerebral|embolie cerebrale"
            ),
            "other": "drugo|ostalo|andere|sonstige|altro|otro|autre",
        },
        "infection_certainty": {
            "proven": (
                "dokazana|dokazano|potvrdena|gesichert|bewiesen|nachgewiesen|provata|confermata"
                "|probada|confirmada|prouvee|confirmee|confirmed|definite"
            ),
            "probable": "vjerojatna|vjerojatno|wahrscheinlich|probabile|likely",
            "possible": "moguca|moguce|moglich|possibile|posible",
        },
        "source": {
            "preexisting": "pre-existing|vorbestehend|preesistente|preexistente|preexistante",
            "procedural": "proceduralna|proceduralno|prozedural|procedurale|procedimental",
            "haematogenous": (
                "hematogenous|hematogena|hematogeno|hamatogen|ematogena|ematogeno|hematogene"
            ),
            "unclear": (
                "nejasno|nejasan|unklar|non chiara|non chiaro|incierta|incierto|incertaine"
            ),
        },
        "infection_treatment": {
            "antibiotic": (
                "antibiotics|antibiotik|antibiotici|antibiotika|antibiose|antibiotico"
                "|antibioticos|antibiotique|antibiotiques|atb|antibiotikum"
            ),
            "debridement": "debridman|debridierung|sbrigliamento|desbridamiento",
            "stabilisation": (
                "stabilization|stabilizacija|stabilisierung|stabilizzazione|estabilizacion"
            ),
        },
        "pce_extent": {
            "peripheral": "periferna|periferno|peripher|periferica|peripherique",
            "central": "centralna|centralno|zentral|centrale",
        },
        "fx_trigger": {
            "fall": "pad|sturz|caduta|caida|chute|fell",
        },
        "detected_by": {
            "xray": "rx|rtg|rontgen|rendgen|x-ray|radiografia|radiographie",
            "ct": "tc|tac|tdm|scanner|msct",
            "mri": "mr|mrt|rm|rmn|irm",
            "clinical": "klinicki|klinisch|clinico|clinique|klinika",
            "autopsy": "obdukcija|autopsie|obduktion|autopsia",
        },
    }
)
"""Field of the visits or events → code → its words, with a bar between them."""
