"""What hospitals call the columns about a person, in six languages.

One line a language: ``hr`` Croatian, ``en`` English, ``de`` German, ``it`` Italian, ``es`` Spanish,
``fr`` French. Case, accents and punctuation do not matter. A name that can mean two fields stands
at both; the cells then decide, or nobody.
"""

from __future__ import annotations

PATIENT_NAMES = {
    "patient_id": """
        hr: id bolesnika|id pacijenta|broj bolesnika|broj pacijenta|šifra bolesnika|bolesnik
        hr: šifra pacijenta|mbo|matični broj|pacijent id|bolesnik id|pacijent|br bolesnika
        hr: mat broj|broj kartona|karton
        hr: broj povijesti|broj povijesti bolesti|br povijesti|br povijesti bolesti
        en: patient id|patient no|patient number|patient nr|patient|study id|subject id|record id
        en: mrn|pat id|patid|pid|subject|patient code|medical record number|study no|study number
        en: hospital no|hosp no|hospital number|hospital id|chart no|chart number|patient identifier
        en: subject no|subject number|record no|record number|participant id|pt id|pt no|pt number
        en: uhid|ur number|ur no|nhs number|nhs no|chi number|chi no|file number|file no|folder no
        en: unit number|case notes number|registration number|med rec no
        de: pid nr|patienten nr|aktenzeichen
        de: patientennr|patientennummer|patienten id|patient nr|pat nr|patnr|patientenid|patient
        de: patientenkennung|patienten nr
        it: id paziente|codice paziente|numero paziente|paziente|cod paziente|n paziente|cod pz
        it: numero cartella|cartella clinica|n cartella|id pz
        it: id assistito|codice assistito
        es: id paciente|número de paciente|código paciente|nº paciente|paciente|num paciente|nhc
        es: código de paciente|cod paciente|numero de historia|historia clinica|nº historia
        es: número de historia clínica|nº historia clínica|num historia|n historia clínica
        es: nº hc|n historia|hc
        fr: id patient|numéro patient|n° patient|num patient|identifiant patient|ipp|no patient
        fr: code patient|identifiant|nº dossier|n° dossier|no dossier|numéro de dossier|dossier
        fr: numéro dossier|nip""",
    "birth_date": """
        hr: datum rođenja|dat rođ|datum rođ|dat rođenja|rođen|rođena
        en: date of birth|dob|birth date|birthdate|birthday|born|birth
        de: geburtsdatum|geb datum|gebdat|geb dat|geburtstag|geboren|geb
        it: data di nascita|data nascita|nascita|nato il
        it: data nasc|dt nascita
        es: fecha de nacimiento|f nacimiento|fec nac|fecha nac|nacimiento|fnac
        es: f nacim|fecha nacim|f nac
        fr: date de naissance|ddn|né le|naissance
        fr: date naiss""",
    "birth_year": """
        hr: godina rođenja|god rođenja|god rođ|godište
        en: year of birth|birth year|yob|year born|born
        de: geburtsjahr|geb jahr|jahrgang
        it: anno di nascita
        es: año de nacimiento|año nac
        fr: année de naissance""",
    "sex": """
        hr: spol
        hr: m ž|ž m
        en: sex|gender|female|male
        en: m f|f m
        de: geschlecht|geschl
        de: m w|w m
        it: sesso|genere
        es: sexo|género
        fr: sexe|genre""",
    "height_cm": """
        hr: visina|tjelesna visina|tj visina|tv
        en: height|body height|ht|stature|patient height
        de: größe|körpergröße
        it: altezza|statura
        es: talla|altura|estatura
        fr: taille|taille patient""",
    "weight_kg": """
        hr: težina|tjelesna težina|masa|tjelesna masa|tj težina|tt|tm
        en: weight|body weight|wt|bw|patient weight
        en: body mass
        de: gewicht|körpergewicht
        de: gew
        it: peso|peso corporeo
        es: peso|peso corporal
        fr: poids""",
    "bmi": """
        hr: bmi|itm|indeks tjelesne mase
        en: bmi|body mass index
        de: bmi|körpermasseindex
        it: imc|indice di massa corporea
        es: imc|índice de masa corporal
        fr: imc|indice de masse corporelle""",
    "osteoporosis_dx": """
        hr: osteoporoza|dijagnoza osteoporoze|dg osteoporoze
        en: osteoporosis|osteoporosis diagnosis|known osteoporosis
        de: osteoporose|osteoporose bekannt|bekannte osteoporose
        it: osteoporosi|osteoporosi nota
        es: osteoporosis|osteoporosis conocida
        fr: ostéoporose|ostéoporose connue""",
    "bmd_tscore": """
        hr: t skor|t zbroj|t vrijednost|dxa t skor
        en: t score|tscore|bmd t score|dxa t score|dexa t score|tscore dxa
        de: t wert|dxa t wert|t score knochendichte
        it: punteggio t|t score moc|moc t score
        es: puntuación t|dmo t score|t score dmo
        fr: score t|t score dmo""",
    "bmd_site": """
        hr: dxa mjesto|mjesto dxa|mjesto mjerenja dxa|regija dxa
        en: bmd site|dxa site|site of dxa|bmd region|dexa site
        de: dxa ort|messort dxa|dxa region|dxa messort
        it: sede moc|sede dxa|sede densitometria
        es: sitio dxa|localización dxa|zona dxa|sitio dmo
        fr: site dmo|site dxa|site densitométrie""",
    "ct_hu": """
        hr: hu|ct hu|hounsfield|gustoća hu
        en: hounsfield units|ct attenuation|trabecular attenuation|hu ct|hounsfield
        de: hu|hounsfield einheiten|ct dichte
        it: unità hounsfield|uh|hu
        es: unidades hounsfield|uh|hu
        fr: uh|unités hounsfield|densité hu""",
    "prior_vfx_n": """
        hr: raniji prijelomi|broj ranijih prijeloma|prethodni prijelomi|stari prijelomi
        en: prior fractures|previous fractures|number of prior fractures|prevalent fractures
        en: prior vertebral fractures|previous vertebral fractures|no of prior fractures
        de: frühere frakturen|vorbestehende frakturen|alte frakturen|vorfrakturen
        it: fratture pregresse|fratture precedenti|numero fratture pregresse
        es: fracturas previas|número de fracturas previas|fracturas anteriores
        fr: tassements antérieurs|tassements anciens
        fr: fractures antérieures|nombre de fractures antérieures|fractures anciennes""",
    "antiosteo_tx": """
        hr: lijek za kost|lijek za osteoporozu|terapija osteoporoze|antiosteoporotska terapija
        en: osteoporosis treatment|antiosteoporotic treatment|osteoporosis drug
        en: osteoporosis medication|anti osteoporotic drug|bone drug
        de: osteoporosetherapie|antiosteoporotische therapie|osteoporosemedikation
        it: terapia osteoporosi|farmaco osteoporosi|terapia antiosteoporotica
        es: tratamiento osteoporosis|tratamiento de la osteoporosis|fármaco osteoporosis
        fr: traitement ostéoporose|traitement de l'ostéoporose|traitement antiostéoporotique""",
    "antiosteo_start": """
        hr: lijek od|terapija osteoporoze od|početak terapije osteoporoze
        en: start of osteoporosis treatment|osteoporosis treatment start
        de: beginn osteoporosetherapie|osteoporosetherapie seit
        it: inizio terapia osteoporosi
        es: inicio tratamiento osteoporosis
        fr: début traitement ostéoporose""",
    "steroid_chronic": """
        hr: kortikosteroidi|kronični kortikosteroidi|steroidi|kortikosteroidna terapija
        en: steroids|chronic steroids|steroid use|corticosteroids|glucocorticoids
        de: kortison|kortikosteroide|steroide|steroidtherapie|glukokortikoide|cortison
        it: steroidi|corticosteroidi|cortisone|steroidi cronici
        es: corticoides|esteroides|corticoterapia|corticosteroides
        fr: corticoïdes|corticothérapie|corticostéroïdes|cortisone|corticothérapie au long cours""",
    "malignancy_hist": """
        hr: maligna bolest|malignom|malignitet|zloćudna bolest|tumor u anamnezi
        en: malignancy|history of malignancy|cancer|history of cancer|known malignancy
        de: malignom|malignom in der anamnese|tumorerkrankung|tumoranamnese
        it: neoplasia|storia di neoplasia|anamnesi oncologica
        es: neoplasia|antecedente de neoplasia|antecedentes oncológicos
        fr: cancer|antécédent de cancer|néoplasie""",
    "primary_tumour": """
        hr: primarni tumor|sijelo tumora|primarno sijelo
        en: primary tumour|primary tumor|primary site|primary cancer|primary
        de: primärtumor|primarius
        it: tumore primitivo|tumore primario
        es: tumor primario|primario
        fr: tumeur primitive|tumeur primaire|cancer primitif""",
    "immunocompromised": """
        hr: imunokompromitiran|imunokompromitiranost|imunosupresija
        en: immunocompromised|immunosuppression|immunosuppressed
        de: immunsupprimiert|immunsuppression
        it: immunodepresso|immunodepressione|immunosoppressione
        es: inmunodeprimido|inmunosupresión|inmunodepresión
        fr: immunodéprimé|immunodépression|immunosuppression""",
    "immuno_reasons": """
        hr: imuno razlog|razlog imunosupresije|uzrok imunosupresije
        en: immune reasons|reason for immunosuppression|cause of immunosuppression
        de: grund der immunsuppression|immunsuppression grund|immunsuppression durch
        it: causa immunosoppressione|motivo immunodepressione
        es: causa inmunosupresión|motivo inmunodepresión
        fr: cause immunodépression|cause de l'immunodépression""",
    "diabetes": """
        hr: dijabetes|šećerna bolest|dijabetes melitus
        en: diabetes|diabetes mellitus|dm
        de: diabetes|diabetes mellitus|zuckerkrankheit|diabetes mell
        it: diabete|diabete mellito
        es: diabetes
        fr: diabète""",
    "ckd": """
        hr: kbb|kronična bubrežna bolest|bubrežna insuficijencija|kbz
        en: ckd|chronic kidney disease|renal insufficiency|renal failure|chronic renal failure
        de: cni|niereninsuffizienz|chronische niereninsuffizienz
        it: irc|insufficienza renale|insufficienza renale cronica|mrc
        es: erc|insuficiencia renal|enfermedad renal crónica|irc
        fr: irc|insuffisance rénale|insuffisance rénale chronique""",
    "copd": "hr: kopb\nen: copd\nde: copd\nit: bpco\nes: epoc\nfr: bpco",
    "chf": """
        hr: zatajenje srca|srčano zatajenje|zatajivanje srca
        en: chf|heart failure|congestive heart failure
        de: herzinsuffizienz
        it: scompenso cardiaco|insufficienza cardiaca
        es: insuficiencia cardíaca|icc
        fr: insuffisance cardiaque""",
    "liver_disease": """
        hr: bolest jetre|jetrena bolest
        en: liver disease|chronic liver disease|hepatopathy
        de: lebererkrankung
        it: epatopatia|malattia epatica
        es: hepatopatía|enfermedad hepática
        fr: hépatopathie|maladie du foie|maladie hépatique""",
    "asa": """
        hr: asa|asa status|asa klasa|asa skor
        en: asa class|asa score|asa grade|asa physical status
        en: asa rating|asa ps
        de: asa klasse|asa klassifikation
        it: classe asa
        es: clase asa
        fr: classe asa|score asa""",
    "charlson": """
        hr: charlson indeks|charlsonov indeks
        en: charlson|cci|charlson index|charlson comorbidity index|charlson score
        it: indice di charlson
        es: índice de charlson
        fr: indice de charlson|score de charlson""",
    "mfi5": "en: mfi5|mfi 5|5 item frailty index|five item frailty index",
    "anticoag": """
        hr: antikoagulacija|antikoagulansi|antikoagulantna terapija|antikoagulant
        en: anticoagulation|anticoagulant|anticoagulants
        de: antikoagulation|antikoagulanzien|blutverdünner
        it: anticoagulanti|terapia anticoagulante
        es: anticoagulación|anticoagulante|anticoagulantes
        fr: anticoagulant|anticoagulants|anticoagulation""",
    "smoker": """
        hr: pušenje|pušač|pušački status
        en: smoker|smoking|smoking status|tobacco|tobacco use|smoking history
        de: rauchen|raucher|raucherstatus|nikotin
        it: fumo|fumatore|abitudine al fumo|tabagismo
        es: fumador|tabaquismo|tabaco
        fr: tabac|fumeur|tabagisme""",
    "consent_research": """
        hr: pristanak|suglasnost|pristanak za istraživanje
        en: consent|research consent|consent to research
        de: einwilligung|einverständnis|einwilligung forschung|forschungseinwilligung
        it: consenso|consenso ricerca
        es: consentimiento|consentimiento investigación
        fr: consentement|consentement recherche""",
    "optout_date": """
        hr: datum odustanka|datum povlačenja|povlačenje pristanka
        en: opt out date|opt out|withdrawal date|date of withdrawal|date opted out
        de: widerruf am|widerruf|widerrufsdatum|datum widerruf
        it: data revoca|data ritiro consenso
        es: fecha de retirada|fecha revocación
        fr: date de retrait|date opposition""",
    "status": """
        hr: status|vitalni status|status bolesnika
        en: vital status|status|survival status
        de: status|vitalstatus
        it: stato|stato vitale|stato in vita
        es: estado|estado vital
        fr: statut|statut vital|état vital""",
    "last_contact_date": """
        hr: zadnji kontakt|posljednji kontakt|datum zadnjeg kontakta|datum posljednjeg kontakta
        hr: zadnja kontrola|posljednja kontrola|datum zadnje kontrole
        en: last visit|last visit date
        en: last contact|last contact date|date of last contact|last seen|last follow up
        en: last follow up date|date last seen|date of last follow up|last fu date
        de: letzte kontrolle|datum letzte kontrolle
        de: letzter kontakt|datum letzter kontakt|letztes follow up|zuletzt gesehen
        it: ultimo controllo|data ultimo controllo
        it: ultimo contatto|data ultimo contatto|ultimo follow up|data ultimo follow up
        es: último control|fecha último control|última visita|fecha última visita
        es: último contacto|fecha último contacto|último seguimiento|fecha de último seguimiento
        fr: dernier suivi|date dernier suivi|dernière visite
        fr: dernier contact|date de dernier contact|date dernières nouvelles|ddn""",
    "death_date": """
        hr: datum smrti|smrt
        en: death date|date of death|died|dod|death
        de: todesdatum|sterbedatum|verstorben am|tod
        it: data decesso|data di morte|decesso
        es: fecha de muerte|fecha de fallecimiento|fecha exitus|fallecimiento|fecha defunción
        es: f exitus|exitus
        fr: date de décès|date du décès|décès""",
    "death_cause": """
        hr: uzrok smrti
        en: cause of death|death cause
        de: todesursache
        it: causa di morte|causa decesso
        es: causa de muerte|causa de la muerte
        fr: cause du décès|cause de décès""",
    "age_at_proc": """
        hr: dob|životna dob|dob bolesnika|starost|dob kod zahvata|dob pri zahvatu
        en: age|age at procedure|age at surgery|patient age|age at treatment|age at op
        de: alter|alter bei op|lebensalter|patientenalter|alter bei eingriff
        it: età|età alla procedura|età paziente
        es: edad|edad al procedimiento|edad en la intervención
        fr: âge|âge à l'intervention|âge patient""",
}
"""Field of the patients → its names, by language."""

CENTER_NAMES = """
    hr: ustanova|bolnica|centar|klinika|zdravstvena ustanova
    en: center|centre|hospital|clinic|institution|center id|site id|center name|study site|site
    de: klinik|zentrum|krankenhaus|einrichtung|standort|klinikum
    it: centro|ospedale|struttura
    es: centro|hospital|clínica
    fr: centre|hôpital|établissement|clinique"""
"""Names of the column that says where a row comes from."""

PERSONAL_NAMES = """
    hr: ime|prezime|ime i prezime|ime bolesnika|prezime bolesnika|oib|jmbg|adresa|telefon|mobitel
    hr: ime pacijenta|prezime pacijenta|mjesto stanovanja|ulica|prezime ime|prezime i ime
    en: name|first name|last name|surname|full name|patient name|ssn|address|phone|email|e mail
    en: given name|family name|initials|postcode|zip code|insurance number|telephone|postal code
    en: last name first name|mobile|street|next of kin|social security number
    de: vorname|nachname|familienname|patientenname|versichertennummer|adresse|plz|wohnort|initialen
    de: name vorname|nachname vorname|geburtsname
    it: nome|cognome|codice fiscale|indirizzo|telefono|iniziali|tessera sanitaria|cognome nome
    it: cognome e nome|nome e cognome|cod fiscale|cod fisc
    es: nombre|apellido|apellidos|nombre y apellidos|dni|nif|dirección|teléfono|iniciales
    es: apellidos nombre|apellidos y nombre|primer apellido|segundo apellido
    fr: nom|prénom|nom prénom|nss|numéro de sécurité sociale|téléphone|initiales|code postal
    fr: nom usage|nom d'usage|nom usuel|nom de naissance|nom et prénom|adresse"""
"""Names of columns that name a person: they have no place in the registry."""
