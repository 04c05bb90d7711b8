"""What hospitals call the columns about vertebrae and leaks, in six languages."""

from __future__ import annotations

LEVEL_NAMES = {
    "level": """
        hr: razina|kralježak|nivo|razine|tretirani kralješci|tretirani kralježak|kralješci
        hr: operirana razina|operirani kralježak|tretirana razina
        en: level|vertebra|treated level|treated levels|vertebrae|levels|vertebral level
        en: levels treated|treated vertebra|treated vertebrae
        en: level of fracture|fractured level|fractured vertebra
        de: höhe|höhen|wirbel|wirbelkörper|etage|behandelte höhe|behandelte wirbel|wirbelhöhe
        de: behandelter wirbel|behandelte höhen
        de: operierte höhe|op höhe|versorgte höhe
        it: livello|livelli|vertebra|vertebre|livello trattato|livelli trattati|vertebra trattata
        es: nivel|niveles|vértebra|vértebras|nivel tratado|niveles tratados
        es: nivel iq|nivel intervenido|niveles intervenidos
        fr: niveau|niveaux|vertèbre|vertèbres|niveau traité|niveaux traités
        fr: étage|étages|niveau opéré""",
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
        de: of klassifikation|of typ|of klasse|of grad
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
        hr: ml cementa
        en: cement volume|cement|volume of cement|cement amount|cement injected|pmma volume
        en: filler volume|filler|bone cement|amount of cement|cement vol|injected cement
        en: ml cement|cc cement|cement cc
        de: zement|zementmenge|zementvolumen|pmma menge
        de: ml zement
        it: cemento|volume cemento|volume di cemento|quantità di cemento|quantità cemento
        it: q ta cemento|qtà cemento|ml cemento
        es: cemento|volumen cemento|volumen de cemento|cantidad de cemento
        es: ml cemento|cc cemento
        fr: volume de ciment injecté|ciment injecté
        fr: ciment|volume ciment|volume de ciment|quantité de ciment
        fr: ml ciment|qté ciment""",
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
    "|bandscheibe oben|obere bandscheibe|disco superiore|disco superior|disque supérieur"
    "|disc cranial|bandscheibe kranial|disk kranijalno|disco craniale|disco craneal|disque cranial",
    "disc_inf": "disc inf|donji disk|disk donji|disc inferior|inferior disc|disc below"
    "|bandscheibe unten|untere bandscheibe|disco inferiore|disco inferior|disque inférieur"
    "|disc caudal|bandscheibe kaudal|disk kaudalno|disco caudale|disco caudal|disque caudal",
    "paravertebral_soft": "paravertebral soft|paravertebralno|paravertebral|meka tkiva"
    "|soft tissue|weichteile|weichteil|tessuti molli|partes blandas|tejidos blandos|tissus mous"
    "|paravertebrale|paravertébral",
    "venous": "venous|venozno|vensko|venös|venoso|venosa|veineux|veineuse|vene|venski",
    "needle_track": "needle track|kanal igle|stichkanal|tragitto ago|trayecto aguja"
    "|trajet aiguille|needle tract",
    "remote": "remote|udaljeno|fern|a distanza|a distancia|à distance",
}
"""Leak site → its names; with a word for a leak and one for the modality they name a column."""
