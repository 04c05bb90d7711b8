"""What hospitals call the columns about a session, its vertebrae and leaks, in six languages."""

from __future__ import annotations

PROCEDURE_NAMES = {
    "procedure_id": """
        hr: br zahvata|broj zahvata|id zahvata|zahvat id|šifra zahvata|broj operacije
        en: procedure id|procedure no|procedure number|session|session id|op id|case no|case number
        en: case id|operation id|surgery id|procedure code
        de: aufnahmenummer|aufnahmenr
        de: fallnummer|fallnr|fall nr|fall id|op nr|op nummer|eingriff nr|eingriffsnummer|op id
        it: id procedura|codice procedura|numero procedura|id intervento|numero intervento
        es: id procedimiento|número de procedimiento|id intervención|código procedimiento
        fr: id procédure|numéro procédure|id intervention|numéro intervention""",
    "operator_id": """
        hr: operater|operator|kirurg
        en: operator|surgeon|operator id|surgeon id|interventionist
        de: operateur|operator|chirurg
        it: operatore|chirurgo
        es: operador|cirujano
        fr: opérateur|chirurgien""",
    "proc_date": """
        hr: datum zahvata|datum operacije|datum vertebroplastike|dat zahvata|datum vp|datum
        hr: datum intervencije|datum op
        en: procedure date|date of procedure|proc date|surgery date|date of surgery|op date|date
        en: operation date|treatment date|date of treatment|vertebroplasty date|intervention date
        en: date of vertebroplasty|session date|date of operation|procedure date time
        en: surgery date time|date time of procedure|date of op
        de: op datum|datum|eingriffsdatum|operationsdatum|datum des eingriffs|datum op|op tag
        de: behandlungsdatum|datum eingriff|interventionsdatum
        it: data procedura|data intervento|data della procedura|data trattamento|data
        es: fecha de procedimiento|fecha intervención|fecha de intervención|fecha cirugía|fecha
        es: fecha tratamiento|fecha del procedimiento|fecha proc
        fr: date intervention|date de l'intervention|date procédure|date de la procédure|date
        fr: date du geste|date d'intervention|date geste|date traitement|date opération""",
    "entry_date": """
        hr: datum unosa
        en: entry date|date of entry|date entered
        de: eingabedatum|erfassungsdatum
        it: data inserimento
        es: fecha de registro
        fr: date de saisie""",
    "indication": """
        hr: indikacija|etiologija|dijagnoza
        en: diagnosis|indication|aetiology|etiology|reason for procedure
        de: indikation|ätiologie|diagnose
        it: indicazione|eziologia|diagnosi
        es: indicación|etiología|diagnóstico
        fr: indication|étiologie|diagnostic""",
    "technique": """
        hr: tehnika|vrsta zahvata|metoda|tip zahvata
        en: surgery|operation|op|surgery type
        en: technique|procedure type|type of procedure|procedure|treatment type
        de: technik|verfahren|methode|eingriffsart|art des eingriffs|op art
        it: tecnica|tipo di procedura|procedura|tipo intervento
        es: técnica|tipo de procedimiento|procedimiento
        fr: geste|acte|type de geste|technique|type de procédure|procédure|type intervention""",
    "guidance": """
        hr: navođenje|vođenje|slikovno vođenje
        en: guidance|imaging guidance|image guidance
        de: führung|bildsteuerung|bildführung
        it: guida|guida imaging
        es: guía|guiado|guía de imagen
        fr: guidage|mode de guidage""",
    "anaesthesia": """
        hr: anestezija|vrsta anestezije
        en: anaesthesia|anesthesia|type of anaesthesia|type of anesthesia|anesthesia type
        de: anästhesie|narkose|anästhesieart
        it: anestesia|tipo di anestesia
        es: anestesia|tipo de anestesia
        fr: anesthésie|type d'anesthésie""",
    "n_levels_declared": """
        hr: broj razina|broj kralježaka|broj tretiranih razina|broj nivoa
        en: number of levels|n levels|no of levels|number of vertebrae|num levels|levels n
        en: number of treated levels|level count
        de: anzahl höhen|anzahl wirbel|anzahl der höhen|anzahl etagen|zahl der wirbel
        it: numero livelli|n livelli|numero vertebre|numero di livelli
        es: número de niveles|n niveles|num niveles|número vértebras
        fr: nombre de niveaux|nb niveaux|n niveaux|nombre vertèbres|nb vertèbres""",
    "fracture_date": """
        hr: datum prijeloma|datum frakture
        en: fracture date|date of fracture
        de: frakturdatum|datum der fraktur|datum fraktur
        it: data frattura|data della frattura
        es: fecha fractura|fecha de fractura|fecha de la fractura
        fr: date fracture|date de la fracture|date de fracture""",
    "days_fx_to_proc": """
        hr: dani od prijeloma|dana od prijeloma|starost prijeloma
        en: days since fracture|days from fracture|fracture age|age of fracture
        en: time since fracture|days fracture to procedure
        de: tage seit fraktur|frakturalter|alter der fraktur
        it: giorni dalla frattura|età della frattura
        es: días desde fractura|días desde la fractura|edad de la fractura
        fr: jours depuis fracture|jours depuis la fracture|âge de la fracture""",
    "crp_mg_l": """
        hr: crp|c reaktivni protein|crp prije|crp preop|crp prije zahvata
        en: crp|c reactive protein|crp preop|baseline crp|crp pre|crp before|preop crp|pre op crp
        de: crp|c reaktives protein|crp präop|crp vor op|crp vorher|crp prä op
        it: pcr|proteina c reattiva|pcr pre|pcr preoperatoria
        es: pcr|proteína c reactiva|pcr previa|pcr preoperatoria
        fr: crp|protéine c réactive|crp préop|crp avant|crp préopératoire""",
    "crp_date": """
        hr: datum crp|crp datum
        en: crp date|date of crp
        de: crp datum|datum crp
        it: data pcr
        es: fecha pcr
        fr: date crp""",
    "wbc_10e9_l": """
        hr: leukociti|broj leukocita|lkc
        en: wbc|leukocytes|white cells|white blood cells|white cell count|white blood cell count|wcc
        de: leukozyten|leukos
        it: leucociti|globuli bianchi|gb
        es: leucocitos
        fr: leucocytes|globules blancs|gb""",
    "esr_mm_h": """
        hr: se|sedimentacija|sedimentacija eritrocita
        en: esr|erythrocyte sedimentation rate|sed rate
        de: bsg|bks|blutsenkung
        it: ves
        es: vsg
        fr: vs|vitesse de sédimentation""",
    "pct_ng_ml": """
        hr: pct|prokalcitonin
        en: procalcitonin
        de: prokalzitonin|procalcitonin
        it: procalcitonina
        es: procalcitonina
        fr: procalcitonine""",
    "blood_culture": """
        hr: hemokultura|hemokulture
        en: blood culture|blood cultures
        de: blutkultur|blutkulturen
        it: emocoltura|emocolture
        es: hemocultivo|hemocultivos
        fr: hémoculture|hémocultures""",
    "mri_pre": """
        hr: mr prije|mr prije zahvata|preoperativni mr
        en: mri pre|mri before|preoperative mri|pre op mri|preop mri|mri preop
        de: mrt vorher|mrt vor op|mrt präop|mrt präoperativ
        it: rm preoperatoria|rm pre
        es: rm previa|rm preoperatoria|rm pre
        fr: irm avant|irm préopératoire|irm préop""",
    "mri_stir_edema": """
        hr: stir edem|edem na stir|edem kosti|edem koštane srži
        en: stir oedema|stir edema|bone marrow oedema|bone marrow edema|oedema on stir|edema on stir
        de: stir ödem|knochenmarködem|ödem im stir
        it: edema stir|edema osseo|edema midollare
        es: edema stir|edema óseo
        fr: oedème stir|oedème osseux""",
    "biopsy_result": """
        hr: nalaz biopsije|rezultat biopsije|biopsija nalaz
        en: biopsy result|biopsy findings|biopsy finding
        de: biopsiebefund|biopsieergebnis
        it: esito biopsia|risultato biopsia|referto biopsia
        es: resultado biopsia|resultado de la biopsia
        fr: résultat biopsie|résultat de la biopsie""",
    "biopsy_done": """
        hr: biopsija|biopsija učinjena
        en: biopsy|biopsy done|biopsy taken|biopsy performed
        de: biopsie|biopsie durchgeführt
        it: biopsia|biopsia eseguita
        es: biopsia|biopsia realizada
        fr: biopsie|biopsie faite|biopsie réalisée""",
    "antibiotic_iv": """
        hr: antibiotik iv|antibiotik|antibiotska profilaksa
        en: iv antibiotic|antibiotic prophylaxis|antibiotics|antibiotic|iv antibiotics
        de: antibiose|antibiotikum|antibiotikaprophylaxe
        it: antibiotico|profilassi antibiotica|antibiotico ev
        es: antibiótico|profilaxis antibiótica
        fr: antibiotique|antibioprophylaxie|antibiotique iv""",
    "antibiotic_in_cement": """
        hr: antibiotik u cementu
        en: antibiotic in cement|cement antibiotic
        de: antibiotikum im zement
        it: antibiotico nel cemento
        es: antibiótico en cemento|antibiótico en el cemento
        fr: antibiotique dans le ciment""",
    "cement_brand": """
        hr: cement|marka cementa|vrsta cementa
        en: cement brand|brand of cement|cement|cement name|cement product
        de: zementmarke|zement|zementprodukt|zementsorte
        it: marca cemento|cemento|tipo di cemento
        es: marca cemento|marca de cemento|cemento|tipo de cemento
        fr: marque ciment|marque du ciment|ciment|type de ciment""",
    "viscosity_class": """
        hr: viskoznost|viskoznost cementa
        en: viscosity|cement viscosity|cement type
        de: viskosität|zementviskosität
        it: viscosità|viscosità cemento
        es: viscosidad|viscosidad del cemento
        fr: viscosité|viscosité du ciment""",
    "time_mix_to_inject_min": """
        hr: vrijeme miješanja|vrijeme od miješanja
        en: mixing time|time from mixing|mix to inject|time from mixing to injection
        de: mischzeit|anmischzeit
        it: tempo di miscelazione
        es: tiempo de mezcla
        fr: temps de mélange""",
    "approach": """
        hr: pristup|pedikularni pristup
        en: approach|pedicle approach|pedicular approach
        de: zugang|zugangsweg
        it: accesso|approccio|via di accesso
        es: abordaje|acceso|vía de abordaje
        fr: abord|voie d'abord""",
    "duration_min": """
        hr: trajanje|trajanje zahvata|trajanje operacije
        en: duration|procedure duration|procedure time|operation time|op time|operating time
        en: duration of procedure|surgery duration
        de: schnitt naht zeit|op dauer|dauer|eingriffsdauer|operationsdauer|op zeit
        it: durata|durata procedura|durata intervento
        es: duración|duración procedimiento|duración intervención
        fr: durée|durée intervention|durée de la procédure""",
    "fluoro_min": """
        hr: skopija|vrijeme skopije|trajanje skopije|dijaskopija|vrijeme dijaskopije
        en: fluoroscopy time|fluoro time|screening time
        de: dl zeit|durchleuchtungszeit|durchleuchtungsdauer
        it: tempo di scopia|tempo fluoroscopia
        es: tiempo de escopia|tiempo de fluoroscopia
        fr: temps de scopie|durée scopie""",
    "dose_gy_cm2": """
        hr: dap|doza|dap doza
        en: dose|dap|dose area product|kap|kerma area product
        de: dfp|dosisflächenprodukt|flächendosis|flächendosisprodukt
        it: dap|prodotto dose area|dose
        es: pda|producto dosis área|dap|dosis
        fr: pds|produit dose surface|dap|dose""",
    "venous_leak_fluoro": """
        hr: venski na skopiji|vensko curenje na skopiji
        en: venous leak fluoroscopy|venous leak on fluoroscopy|intraprocedural venous leak
        de: venenleck dl|venenleck durchleuchtung
        it: fuga venosa in scopia
        es: fuga venosa en escopia
        fr: fuite veineuse en scopie""",
    "azygos_or_ivc_leak_fluoro": """
        hr: azigos na skopiji|azigos|curenje u azigos
        en: azygos|azygos leak|azygos or ivc leak|azygos ivc leak
        de: azygos dl|azygos|azygosleck
        it: fuga azygos
        es: fuga ácigos
        fr: fuite azygos""",
    "stopped_on_leak": """
        hr: prekid zbog curenja|prekinuto zbog curenja
        en: stopped for leak|stopped because of leak
        de: abbruch wegen leck|abbruch wegen leckage
        it: interrotto per fuga
        es: detenido por fuga|interrumpido por fuga
        fr: arrêt pour fuite|arrêt sur fuite""",
    "ct_post_done": """
        hr: ct poslije|ct poslije zahvata|kontrolni ct|ct nakon zahvata
        en: ct after|ct post|post procedure ct|postprocedural ct|post ct|ct postop|postop ct
        de: ct danach|ct nach op|postinterventionelles ct|ct postop|kontroll ct|ct nachher
        it: tc post|tc dopo|tc di controllo
        es: tac post|tac posterior|tc post|tac de control
        fr: tdm post|scanner post|scanner de contrôle|tdm après|scanner après""",
    "ct_post_date": """
        hr: datum ct|ct datum|datum kontrolnog ct
        en: ct date|date of ct|post ct date
        de: ct datum|datum ct
        it: data tc
        es: fecha tac|fecha tc
        fr: date scanner|date tdm""",
    "ct_post_reason": """
        hr: razlog ct|indikacija za ct
        en: ct reason|reason for ct|why ct|ct indication
        de: ct grund|grund für ct|ct indikation
        it: motivo tc|indicazione tc
        es: motivo tac|motivo tc
        fr: motif scanner|motif tdm""",
    "chest_imaging_modality": """
        hr: snimka pluća|snimka toraksa|slikanje pluća
        en: chest imaging|thoracic imaging|lung imaging
        de: thoraxbild|thoraxbildgebung|lungenbildgebung
        it: imaging torace|imaging toracico
        es: imagen tórax|imagen torácica
        fr: imagerie thorax|imagerie thoracique""",
    "hypotension": """
        hr: hipotenzija|pad tlaka
        en: hypotension
        de: blutdruckabfall|hypotonie
        it: ipotensione
        es: hipotensión
        fr: hypotension""",
    "desaturation": """
        hr: desaturacija|pad saturacije
        en: desaturation|oxygen desaturation
        de: entsättigung|sättigungsabfall
        it: desaturazione
        es: desaturación
        fr: désaturation""",
    "arrest": """
        hr: arest|srčani arest
        en: arrest|cardiac arrest
        de: stillstand|herzstillstand|kreislaufstillstand
        it: arresto cardiaco
        es: parada cardíaca|paro cardíaco
        fr: arrêt cardiaque""",
}
"""Field of the procedures → its names, by language."""

LEVEL_NAMES = {
    "level": """
        hr: razina|kralježak|nivo|razine|tretirani kralješci|tretirani kralježak|kralješci
        en: level|vertebra|treated level|treated levels|vertebrae|levels|vertebral level
        en: levels treated|treated vertebra|treated vertebrae
        de: höhe|höhen|wirbel|wirbelkörper|etage|behandelte höhe|behandelte wirbel|wirbelhöhe
        de: behandelter wirbel|behandelte höhen
        it: livello|livelli|vertebra|vertebre|livello trattato|livelli trattati|vertebra trattata
        es: nivel|niveles|vértebra|vértebras|nivel tratado|niveles tratados
        fr: niveau|niveaux|vertèbre|vertèbres|niveau traité|niveaux traités""",
    "fracture_type": """
        hr: tip prijeloma|vrsta prijeloma|oblik prijeloma|tip frakture
        en: fracture type|type of fracture|fracture morphology
        de: frakturtyp|frakturform|art der fraktur
        it: tipo frattura|tipo di frattura
        es: tipo fractura|tipo de fractura
        fr: type fracture|type de fracture""",
    "of_class": """
        hr: of|of klasa|of klasifikacija
        en: of class|of classification|of type|of grade
        de: of klassifikation|of typ
        it: classificazione of
        es: clasificación of
        fr: classification of""",
    "genant": """
        hr: genant|genant stupanj|genant klasifikacija
        en: genant grade|genant score|genant classification
        de: genant grad|genant klassifikation
        it: grado genant|grado di genant
        es: grado genant|grado de genant
        fr: grade genant|grade de genant""",
    "ao_type": """
        hr: ao|ao tip|ao klasifikacija
        en: ao type|ao classification|ao spine|ao class
        de: ao klassifikation|ao typ
        it: tipo ao
        es: tipo ao
        fr: type ao""",
    "height_loss_pct": """
        hr: gubitak visine|smanjenje visine|gubitak visine trupa
        en: height loss|vertebral height loss|loss of height|loss of vertebral height
        de: höhenverlust|höhenminderung
        it: perdita di altezza|riduzione altezza
        es: pérdida de altura
        fr: perte de hauteur""",
    "kyphosis_deg_pre": """
        hr: kifoza prije|kut kifoze prije|kifoza preop
        en: kyphosis pre|kyphosis before|preop kyphosis|kyphosis angle pre|kyphosis preop
        de: kyphose vorher|kyphose vor op|kyphosewinkel vor op|kyphose präop
        it: cifosi pre|cifosi prima|cifosi preop
        es: cifosis pre|cifosis previa
        fr: cyphose avant|cyphose préop""",
    "kyphosis_deg_post": """
        hr: kifoza poslije|kut kifoze poslije|kifoza postop
        en: kyphosis post|kyphosis after|postop kyphosis|kyphosis angle post|kyphosis postop
        de: kyphose nachher|kyphose nach op|kyphosewinkel nach op|kyphose postop
        it: cifosi post|cifosi dopo|cifosi postop
        es: cifosis post|cifosis posterior
        fr: cyphose après|cyphose postop""",
    "cortical_breach": """
        hr: defekt kortikalisa|prekid kortikalisa|lezija kortikalisa
        en: cortical breach|cortical defect|cortical disruption|cortical destruction
        de: kortikalis|kortikalisdefekt|kortikalisunterbrechung|kortikalisdestruktion
        it: breccia corticale|interruzione corticale
        es: defecto cortical|rotura cortical
        fr: rupture corticale|brèche corticale""",
    "posterior_wall_breach": """
        hr: stražnji zid|defekt stražnjeg zida|prekid stražnjeg zida
        en: posterior wall|posterior wall defect|posterior wall involvement
        de: hinterkante|hinterkantenbeteiligung|hinterwand|hinterkantendefekt
        it: muro posteriore|parete posteriore|interruzione muro posteriore
        es: muro posterior|pared posterior|rotura muro posterior
        fr: mur postérieur|atteinte mur postérieur|rupture mur postérieur""",
    "endplate_breach_sup": """
        hr: gornja ploha|gornja pokrovna ploha|defekt gornje plohe
        en: superior endplate|upper endplate|superior end plate|superior endplate breach
        de: deckplatte|obere endplatte|deckplattendefekt
        it: limitante superiore|piatto superiore
        es: platillo superior
        fr: plateau supérieur""",
    "endplate_breach_inf": """
        hr: donja ploha|donja pokrovna ploha|defekt donje plohe
        en: inferior endplate|lower endplate|inferior end plate|inferior endplate breach
        de: grundplatte|untere endplatte|grundplattendefekt|bodenplatte
        it: limitante inferiore|piatto inferiore
        es: platillo inferior
        fr: plateau inférieur""",
    "epidural_mass": """
        hr: epiduralna masa
        en: epidural mass|epidural tumour|epidural tumor
        de: epiduralmasse|epidurale masse|epiduraler tumor
        it: massa epidurale
        es: masa epidural
        fr: masse épidurale""",
    "soft_tissue_mass": """
        hr: mekotkivna masa|paravertebralna masa
        en: soft tissue mass|paravertebral mass|paraspinal mass
        de: weichteilmasse|paravertebrale masse|weichteiltumor
        it: massa dei tessuti molli|massa paravertebrale
        es: masa de partes blandas|masa paravertebral
        fr: masse des tissus mous|masse paravertébrale""",
    "vascularity": """
        hr: vaskularnost|prokrvljenost|vaskularizacija
        en: vascularity|vascularization
        de: vaskularität|vaskularisation
        it: vascolarizzazione|vascolarità
        es: vascularidad|vascularización
        fr: vascularisation|vascularité""",
    "intravertebral_cleft": """
        hr: pukotina|intravertebralna pukotina
        en: cleft|intravertebral cleft|vacuum cleft
        de: spalt|intravertebraler spalt|cleft
        it: cleft intravertebrale|fessura intravertebrale
        es: cleft intravertebral|hendidura intravertebral
        fr: fente intravertébrale|cleft""",
    "vb_volume_ml": """
        hr: volumen trupa|volumen kralješka|volumen trupa kralješka
        en: vertebral volume|vertebral body volume|body volume|vb volume|body
        de: wk volumen|wirbelvolumen|wirbelkörpervolumen
        it: volume vertebrale|volume vertebra|volume corpo vertebrale
        es: volumen vertebral|volumen del cuerpo vertebral
        fr: volume vertébral|volume vertèbre""",
    "cement_ml": """
        hr: cement|količina cementa|volumen cementa|cement količina
        en: cement volume|cement|volume of cement|cement amount|cement injected|pmma volume
        en: filler volume|filler|bone cement|amount of cement|cement vol|injected cement
        de: zement|zementmenge|zementvolumen|pmma menge
        it: cemento|volume cemento|volume di cemento|quantità di cemento|quantità cemento
        es: cemento|volumen cemento|volumen de cemento|cantidad de cemento
        fr: volume de ciment injecté|ciment injecté
        fr: ciment|volume ciment|volume de ciment|quantité de ciment""",
    "fill_fraction": "en: fill fraction|filling fraction\nde: füllgrad\nhr: udio punjenja",
    "yeom": "en: yeom|yeom type|yeom class\nde: yeom typ\nhr: yeom tip\nit: tipo yeom",
    "leak_symptomatic": """
        hr: curenje simptomi|simptomatsko curenje
        en: symptomatic leak|leak symptoms|symptomatic leakage
        de: leck symptome|symptomatisches leck|symptomatische leckage
        it: fuga sintomatica
        es: fuga sintomática
        fr: fuite symptomatique""",
    "leak_intervention": """
        hr: curenje postupak|postupak zbog curenja
        en: intervention for leak|leak treatment
        de: leck maßnahme|maßnahme wegen leck
        it: intervento per fuga
        es: intervención por fuga
        fr: intervention pour fuite""",
}
"""Field of the levels → its names, by language."""

LEAK_WORDS = """
    hr: curenje|istjecanje|leak|curenje cementa|istjecanje cementa|ekstravazacija
    en: leak|leakage|cement leak|cement leakage|leaks|extravasation|cement extravasation
    de: leck|leckage|zementleckage|zementaustritt|zementleck
    it: fuga|stravaso|fuga di cemento|fuga cemento
    es: fuga|fuga de cemento|fuga cemento
    fr: fuite|fuite de ciment|fuite ciment|extravasation de ciment"""

SITES_WORD = "mjesto|mjesta|site|sites|ort|orte|sede|sedi|sitio|sitios|lokalisation|localisation"

MODALITY_WORDS = {
    "fluoro": "skopija|skopiji|fluoro|fluoroscopy|fluoroskopija|dl|durchleuchtung|scopia|escopia"
    "|scopie|fluoroscopia|fluoroscopie|rtg skopija|na skopiji|on fluoroscopy",
    "ct": "ct|na ct|na ct u|tc|tac|tdm|scanner|on ct|im ct|msct",
}

SITE_NAMES = {
    "epidural": "epidural|epiduralno|epidurale|epiduralna",
    "foraminal": "foraminal|foraminalno|foraminale|foramen",
    "disc_sup": "disc sup|gornji disk|disk gornji|disc superior|superior disc|disc above"
    "|bandscheibe oben|obere bandscheibe|disco superiore|disco superior|disque supérieur",
    "disc_inf": "disc inf|donji disk|disk donji|disc inferior|inferior disc|disc below"
    "|bandscheibe unten|untere bandscheibe|disco inferiore|disco inferior|disque inférieur",
    "paravertebral_soft": "paravertebral soft|paravertebralno|paravertebral|meka tkiva"
    "|soft tissue|weichteile|weichteil|tessuti molli|partes blandas|tejidos blandos|tissus mous"
    "|paravertebrale|paravertébral",
    "venous": "venous|venozno|vensko|venös|venoso|venosa|veineux|veineuse|vene|venski",
    "needle_track": "needle track|kanal igle|stichkanal|tragitto ago|trayecto aguja"
    "|trajet aiguille|needle tract",
    "remote": "remote|udaljeno|fern|a distanza|a distancia|à distance",
}
"""Leak site → its names; with a word for a leak and one for the modality they name a column."""
