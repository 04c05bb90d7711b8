"""What hospitals call the columns about a session, in six languages."""

from __future__ import annotations

PROCEDURE_NAMES = {
    "procedure_id": """
        hr: br zahvata|broj zahvata|id zahvata|zahvat id|šifra zahvata|broj operacije
        hr: broj povijesti|broj povijesti bolesti|br povijesti|br povijesti bolesti
        en: procedure id|procedure no|procedure number|session|session id|op id|case no|case number
        en: case id|operation id|surgery id|procedure code
        en: encounter id|encounter no|encounter number|csn|admission id|admission number
        de: aufnahmenummer|aufnahmenr
        de: fallnummer|fallnr|fall nr|fall id|op nr|op nummer|eingriff nr|eingriffsnummer|op id
        it: id procedura|codice procedura|numero procedura|id intervento|numero intervento
        it: nosologico|numero nosologico|n nosologico
        es: id procedimiento|número de procedimiento|id intervención|código procedimiento
        es: episodio|id episodio|número episodio|nº episodio|n episodio
        fr: id procédure|numéro procédure|id intervention|numéro intervention
        fr: numéro de séjour|numéro séjour|n° séjour|no séjour|id séjour|iep""",
    "operator_id": """
        hr: operater|operator|kirurg
        en: operator|surgeon|operator id|surgeon id|interventionist
        en: primary surgeon|lead surgeon|main surgeon|primary operator|main operator
        de: operateur|operator|chirurg
        de: hauptoperateur|erstoperateur
        it: operatore|chirurgo
        it: primo operatore
        es: operador|cirujano
        es: cirujano principal|operador principal
        fr: opérateur|chirurgien
        fr: opérateur principal|chirurgien principal""",
    "proc_date": """
        hr: datum zahvata|datum operacije|datum vertebroplastike|dat zahvata|datum vp|datum
        hr: datum intervencije|datum op
        en: procedure date|date of procedure|proc date|surgery date|date of surgery|op date|date
        en: operation date|treatment date|date of treatment|vertebroplasty date|intervention date
        en: date of vertebroplasty|session date|date of operation|procedure date time
        en: surgery date time|date time of procedure|date of op
        en: dop|dos|date of service
        de: op datum|datum|eingriffsdatum|operationsdatum|datum des eingriffs|datum op|op tag
        de: behandlungsdatum|datum eingriff|interventionsdatum
        de: op am|op vom|datum der op|datum der operation
        it: data procedura|data intervento|data della procedura|data trattamento|data
        es: fecha de procedimiento|fecha intervención|fecha de intervención|fecha cirugía|fecha
        es: fecha tratamiento|fecha del procedimiento|fecha proc
        es: fecha iq|fecha de iq|fecha qx|fecha cx|f iq|f intervención|f cirugía|f proc
        fr: date intervention|date de l'intervention|date procédure|date de la procédure|date
        fr: date du geste|date d'intervention|date geste|date traitement|date opération
        fr: date acte|date de l'acte|date bloc|date op|date chirurgie""",
    "entry_date": """
        hr: datum unosa
        en: entry date|date of entry|date entered
        de: eingabedatum|erfassungsdatum
        it: data inserimento
        es: fecha de registro
        fr: date de saisie""",
    "indication": """
        hr: indikacija|etiologija|dijagnoza
        hr: dg|glavna dijagnoza|etiologija prijeloma
        en: diagnosis|indication|aetiology|etiology|reason for procedure
        en: dx|primary diagnosis|principal diagnosis
        de: indikation|ätiologie|diagnose
        de: diagn|hauptdiagnose
        it: indicazione|eziologia|diagnosi
        it: diagnosi principale
        es: indicación|etiología|diagnóstico
        es: dx|diagnóstico principal|dx principal
        fr: indication|étiologie|diagnostic
        fr: diagnostic principal""",
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
        de: bildgebende führung
        it: guida|guida imaging
        es: guía|guiado|guía de imagen
        fr: guidage|mode de guidage
        fr: guidage image|guidage imagerie""",
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
        hr: leuko|leuk
        en: wbc|leukocytes|white cells|white blood cells|white cell count|white blood cell count|wcc
        en: leukocyte count|leucocytes
        de: leukozyten|leukos
        de: leuko|leukocyten|leukozytenzahl
        it: leucociti|globuli bianchi|gb
        es: leucocitos
        es: leucos|recuento leucocitos
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
        en: abx|abx given|abx prophylaxis|prophylactic antibiotic|prophylactic antibiotics
        de: antibiose|antibiotikum|antibiotikaprophylaxe
        de: ab prophylaxe|perioperative antibiose|antibiotikagabe
        it: antibiotico|profilassi antibiotica|antibiotico ev
        it: profilassi atb|atb|atb profilassi
        es: antibiótico|profilaxis antibiótica
        es: atb|profilaxis atb|atb profiláctico
        fr: antibiotique|antibioprophylaxie|antibiotique iv
        fr: atb prophylaxie""",
    "antibiotic_in_cement": """
        hr: antibiotik u cementu
        en: antibiotic in cement|cement antibiotic
        de: antibiotikum im zement
        it: antibiotico nel cemento
        es: antibiótico en cemento|antibiótico en el cemento
        fr: antibiotique dans le ciment""",
    "cement_brand": """
        hr: cement|marka cementa|vrsta cementa|proizvođač cementa|naziv cementa
        en: cement brand|brand of cement|cement|cement name|cement product|cement manufacturer
        de: zementmarke|zement|zementprodukt|zementsorte|zementhersteller|zementpräparat
        it: marca cemento|cemento|tipo di cemento|produttore cemento|nome cemento
        es: marca cemento|marca de cemento|cemento|tipo de cemento|fabricante del cemento
        fr: marque ciment|marque du ciment|ciment|type de ciment|nom du ciment
        fr: fabricant du ciment""",
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
        it: durata op
        es: duración|duración procedimiento|duración intervención
        fr: durée|durée intervention|durée de la procédure
        fr: durée op""",
    "fluoro_min": """
        hr: skopija|vrijeme skopije|trajanje skopije|dijaskopija|vrijeme dijaskopije
        hr: vrijeme prosvjetljavanja
        en: fluoroscopy time|fluoro time|screening time
        de: dl zeit|durchleuchtungszeit|durchleuchtungsdauer
        de: bv zeit|bildwandlerzeit
        it: tempo di scopia|tempo fluoroscopia
        it: tempo scopia
        es: tiempo de escopia|tiempo de fluoroscopia
        es: tiempo escopia
        fr: temps de scopie|durée scopie
        fr: temps scopie|temps de fluoroscopie""",
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
