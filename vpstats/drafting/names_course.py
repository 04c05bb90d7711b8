"""What hospitals call the columns about contacts and events, in six languages."""

from __future__ import annotations

VISIT_NAMES = {
    "visit_id": """
        hr: br kontrole|broj kontrole|id kontrole|kontrola id|id pregleda|broj pregleda
        en: visit id|visit no|visit number|follow up id|contact id|fu id
        de: kontaktnr|kontakt nr|visite nr|kontrollnummer|besuch nr|kontakt id|visiten id
        it: id visita|numero visita|numero controllo
        es: id visita|número visita|num visita
        fr: id visite|numéro visite|no visite""",
    "visit_date": """
        hr: datum kontrole|datum pregleda|datum|datum kontakta
        en: visit date|date of visit|follow up date|fu date|date of follow up|date|contact date
        en: assessment date|control date|examination date
        de: datum|kontrolldatum|datum der kontrolle|besuchsdatum|visitendatum|kontaktdatum
        de: untersuchungsdatum|datum kontrolle
        it: data visita|data controllo|data follow up|data|data della visita
        es: fecha visita|fecha de visita|fecha control|fecha|fecha revisión|fecha de la visita
        fr: date visite|date de visite|date de la visite|date contrôle|date consultation|date
        fr: date suivi""",
    "visit_type": """
        hr: vrsta|vrsta kontrole|tip kontrole|kontrola|vrsta pregleda
        en: visit type|type of visit|visit|timepoint|time point|visit name|type
        de: art|kontaktart|visite|zeitpunkt|art der kontrolle|besuchsart|kontrolle
        it: tipo visita|tipo di visita|controllo|tipo
        es: tipo visita|tipo de visita|tipo|visita|control
        fr: type visite|type de visite|visite|type""",
    "imaging_at_visit": """
        hr: snimanje|slikovna obrada|slikovna pretraga
        hr: snimanje na kontroli
        en: imaging|imaging at visit|imaging done|spine imaging|follow up imaging
        de: bildgebung|bildgebung kontrolle
        it: imaging|imaging al controllo
        it: imaging controllo|esame radiologico
        es: imagen|prueba de imagen|imagen en la visita
        fr: imagerie|imagerie de contrôle|imagerie à la visite""",
    "vas_0_10": """
        hr: vas|vas bol|bol vas|bol|nrs|vas skor
        en: vas|pain|pain vas|vas pain|nrs|pain score|nrs pain|pain nrs|vas score|pain 0 10
        de: vas|nrs|schmerz|schmerz vas|schmerzskala|vas schmerz|nrs schmerz
        it: vas|dolore|vas dolore|nrs|dolore vas
        es: eva|vas|dolor|eva dolor|dolor eva|nrs
        fr: eva|douleur|eva douleur|douleur eva|vas|evn""",
    "odi_pct": """
        en: odi|oswestry|oswestry disability index|oswestry index|odi score|oswestry score
        it: indice oswestry
        es: índice oswestry|indice de oswestry
        fr: indice d'oswestry""",
    "eq5d_index": "en: eq5d|eq 5d|eq5d index|eq 5d index|eq 5d 5l|eq5d5l|eq 5d 5l index|eq 5d 3l",
    "comi": "en: comi|comi score|comi index|core outcome measures index\nhr: comi zbroj",
}
"""Field of the visits → its names, by language."""

EVENT_NAMES = {
    "event_id": """
        hr: br događaja|broj događaja|id događaja
        en: event id|event no|event number|complication id|ae id|adverse event id
        de: ereignisnr|ereignis nr|ereignis id|komplikation nr
        it: id evento|numero evento
        es: id evento|número evento
        fr: id événement|numéro événement""",
    "event_type": """
        hr: događaj|vrsta događaja|tip događaja|komplikacija|komplikacije|vrsta komplikacije
        hr: vrsta komplik|postoperativna komplikacija
        en: event|event type|type of event|complication|complications|complication type
        en: adverse event|ae|type of complication|adverse event type
        de: ereignis|ereignisart|komplikation|komplikationen|art des ereignisses|ereignistyp
        de: art der komplikation
        it: evento|tipo evento|tipo di evento|complicanza|complicanze|tipo complicanza
        es: evento|tipo de evento|complicación|tipo evento|tipo de complicación|complicaciones
        fr: événement|type événement|complication|type de complication|type d'événement""",
    "event_date": """
        hr: datum|datum događaja|datum komplikacije|datum infekcije|datum novog prijeloma
        en: date|event date|date of event|complication date|date of complication|onset date
        en: date of onset|found on|infection date|date of infection|new fracture date
        de: datum|ereignisdatum|datum des ereignisses|komplikationsdatum|datum ereignis
        de: infektionsdatum|datum der infektion
        it: data|data evento|data complicanza|data dell'evento|data infezione
        es: fecha|fecha evento|fecha del evento|fecha complicación|fecha de la complicación
        es: fecha infección|fecha de infección
        fr: date|date événement|date de l'événement|date complication|date infection
        fr: date de l'infection""",
    "event_left_date": """
        hr: zadnji uredan|zadnji negativan|posljednji negativan nalaz
        en: last negative|last negative date|last event free
        de: zuletzt negativ|letzter negativer befund|zuletzt unauffällig
        it: ultimo negativo|ultimo controllo negativo
        es: último negativo|último control negativo
        fr: dernier négatif|dernier examen négatif""",
    "event_right_date": """
        hr: prvi pozitivan|prvi pozitivan nalaz
        en: first positive|first positive date
        de: zuerst positiv|erster positiver befund|erstmals positiv
        it: primo positivo
        es: primer positivo
        fr: premier positif|premier examen positif""",
    "infection_certainty": """
        hr: sigurnost|sigurnost infekcije|sigurnost dijagnoze
        en: certainty|infection certainty|diagnostic certainty|certainty of infection
        de: sicherheit|diagnosesicherheit|sicherheit der infektion
        it: certezza|certezza infezione|certezza diagnostica
        es: certeza|certeza infección|certeza diagnóstica
        fr: certitude|certitude infection|certitude diagnostique""",
    "organism": """
        hr: uzročnik|mikroorganizam|izolat
        en: organism|pathogen|microorganism|isolate
        de: erreger|keim|mikroorganismus|erregernachweis
        it: germe|microrganismo|patogeno
        es: germen|microorganismo|patógeno
        fr: germe|micro organisme|agent pathogène""",
    "source": """
        hr: izvor|izvor infekcije|porijeklo infekcije
        en: source|source of infection|infection source
        de: quelle|infektionsquelle|quelle der infektion
        it: fonte|fonte infezione|origine infezione
        es: fuente|fuente de infección|origen infección
        fr: source|source infection|origine infection""",
    "infection_crp_mg_l": """
        hr: crp|crp kod infekcije
        hr: crp pri infekciji|crp u infekciji
        en: crp|infection crp|crp at infection|crp at event
        de: crp|crp bei infektion|crp infektion
        it: pcr|pcr infezione
        es: pcr|pcr infección
        fr: crp|crp infection""",
    "infection_treatment": """
        hr: liječenje|liječenje infekcije|terapija infekcije
        hr: th infekcije
        en: treatment|infection treatment|treatment of infection
        de: therapie|behandlung|therapie der infektion|infektionstherapie
        it: trattamento|terapia infezione
        es: tratamiento|tratamiento infección
        fr: traitement|traitement infection""",
    "event_levels": """
        hr: kralješci|razina|kralježak|zahvaćeni kralješci|razine
        hr: razina novog prijeloma|razina prijeloma
        en: level|levels|vertebra|vertebrae|affected level|fracture level|new fracture level
        de: wirbel|höhe|höhen|betroffener wirbel|betroffene wirbel|frakturhöhe
        it: livello|vertebra|livello frattura|vertebre|livelli
        es: nivel|vértebra|nivel fractura|niveles|vértebras
        fr: niveau|vertèbre|niveau fracture|niveaux""",
    "fx_symptomatic": """
        hr: simptomatski prijelom
        hr: simptomatska
        en: symptomatic fracture|fracture symptomatic
        de: symptomatische fraktur|fraktur symptomatisch
        it: frattura sintomatica
        es: fractura sintomática
        fr: fracture symptomatique""",
    "fx_trigger": """
        hr: povod|povod prijeloma
        en: trigger|fracture trigger|cause of fracture
        de: auslöser|anlass|frakturauslöser|frakturursache
        it: causa scatenante|causa frattura
        es: desencadenante|causa fractura
        fr: facteur déclenchant|cause fracture""",
    "pce_symptomatic": """
        hr: embolija simptomi|simptomatska embolija
        hr: simptomatska
        en: symptomatic embolism|embolism symptoms|embolism symptomatic
        de: embolie symptome|symptomatische embolie|embolie symptomatisch
        it: embolia sintomatica
        es: embolia sintomática
        fr: embolie symptomatique""",
    "pce_extent": """
        hr: embolija opseg|opseg embolije
        en: embolism extent|extent of embolism
        de: embolie ausmaß|ausmaß der embolie|embolieausmaß
        it: estensione embolia
        es: extensión embolia
        fr: étendue embolie|étendue de l'embolie""",
    "detected_by": """
        hr: otkriveno|način otkrivanja|otkriveno na
        hr: otkriveno na pretrazi|nađeno na
        en: detected by|how found|how detected|diagnosed by|found by|method of detection
        de: entdeckt durch|diagnostiziert durch|entdeckt
        it: rilevato da|diagnosticato con
        es: detectado por|diagnosticado por
        fr: détecté par|découvert par|mode de découverte""",
    "severity_cirse": """
        hr: cirse|cirse stupanj
        en: cirse grade|cirse classification|cirse score
        de: cirse grad|cirse klassifikation
        it: grado cirse
        es: grado cirse|clasificación cirse
        fr: grade cirse""",
    "sir_ae": "en: sir ae|sir grade|sir adverse event|sir classification",
}
"""Field of the events → its names, by language."""

LEAK_ROW_NAMES = {
    "modality": "en: modality|imaging modality\nhr: modalitet\nde: modalität\nfr: modalité",
    "site": """
        hr: mjesto curenja
        en: leak site|site|leakage site
        de: lokalisation|leckort
        it: sede fuga
        es: sitio fuga
        fr: site fuite""",
    "state": "en: state|leak state|finding\nhr: nalaz\nde: befund\nfr: constat",
}
"""Field of the long table of leaks → its names, by language."""

TABLE_WORDS = {
    "treatment": """
        patients|procedures|levels|patient|procedure|level|bolesnici|pacijenti|zahvati|razine|zahvat
        operacije|kralješci|patienten|eingriffe|eingriff|höhen|operationen|op|pazienti|procedure
        interventi|livelli|pacientes|procedimientos|intervenciones|niveles|procédures|interventions
        niveaux|baseline|sessions|treatment|surgery|base|demographics|vertebroplasty""",
    "visits": """
        visits|visit|follow up|followup|kontrole|kontrola|pregledi|verlauf|nachsorge|kontrollen
        visite|controlli|visitas|revisiones|seguimiento|suivi|visites|fu|contacts|kontakte""",
    "events": """
        events|event|complications|complication|adverse events|događaji|dogadaji|komplikacije
        ereignisse|ereignis|komplikationen|eventi|complicanze|eventos|complicaciones|evenements
        événements|ae""",
}
"""Family of tables → words in names of files, sheets and forms."""
