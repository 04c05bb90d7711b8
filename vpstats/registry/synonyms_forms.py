"""Words of electronic forms, folded: ticks, how far a form was filled in, and consent."""

from __future__ import annotations

from collections.abc import Mapping

from vpstats.registry.synonyms import lexicon

_TICKED = (
    "checked|ticked|selected|ausgewahlt|angekreuzt|gewahlt|markiert|aktiviert|angehakt|coche|cochee"
    "|selectionne|selectionnee|marcado|marcada|seleccionado|seleccionada|selezionato|selezionata"
    "|spuntato|spuntata|barrato|barrata|oznaceno|odabrano|zaznaczone|zaznaczony|wybrane|aangevinkt"
    "|geselecteerd|assinalado|selecionado|zaskrtnuto|zaskrtnute|izbrano|kivalasztva|isaretli"
)
_NEGATIONS = ("not", "nicht", "non", "no", "nije", "nie", "niet", "nao", "ne", "nem", "pas")

BOX_WORDS: Mapping[str, str] = lexicon(
    {
        "yes": _TICKED,
        "no": "|".join(
            (
                "unchecked|unticked|unselected|deselected|abgewahlt|neoznaceno|neodabrano"
                "|niezaznaczone|niezaznaczony|niewybrane|decoche|decochee|desmarcado|deselezionato"
                "|nezaskrtnuto|nezaskrtnute|uitgevinkt|isaretli degil|nincs kivalasztva",
                *(f"{no} {word}" for no in _NEGATIONS for word in _TICKED.split("|")),
            )
        ),
    }
)
"""What a box says beside the words of yes and no, as label exports in other languages write it."""

FORM_WORDS: Mapping[str, str] = lexicon(
    {
        "done": (
            "1|2|1.0|2.0|complete|unverified|vollstandig|abgeschlossen|komplett|fertig|completo"
            "|completa|completado|completada|completato|completata|complet|terminee|termine"
            "|potpuno|dovrseno|zavrseno|ispunjeno|ungepruft|nicht uberpruft|nicht verifiziert"
            "|nicht gepruft|unbestatigt|non verificato|non verificata|no verificado|sin verificar"
            "|non verifie|non verifiee|neprovjereno|nepotvrdeno|volledig|kompletne|kompletni"
        ),
        "open": (
            "0|0.0|incomplete|unvollstandig|nicht abgeschlossen|nicht vollstandig|unfertig"
            "|incompleto|incompleta|non completo|no completado|incomplet|incompletee|non complet"
            "|nepotpuno|nedovrseno|nezavrseno|onvolledig|niekompletne|nekompletni"
        ),
    }
)
"""How far a form was filled in: at least saved as unverified, or still open."""

CONSENT_WORDS: Mapping[str, str] = lexicon(
    {
        "no": (
            "refused|declined|withdrawn|revoked|opted out|opt-out|optout|verweigert|abgelehnt"
            "|widerrufen|widerspruch|nicht erteilt|zuruckgezogen|odbio|odbila|odbijeno|odbija"
            "|opozvano|opozvan|povucen|povuceno|uskraceno|rifiutato|rifiutata|rifiuta|negato"
            "|revocato|revocata|ritirato|rechazado|rechazada|rechaza|denegado|revocado|retirado"
            "|refuse|refusee|refus|revoque|retire"
        ),
        "yes": (
            "given|consented|agreed|granted|erteilt|zugestimmt|eingewilligt|einwilligung erteilt"
            "|pristao|pristala|suglasan|suglasna|dato|prestato|acconsente|otorgado|acepta"
            "|aceptado|donne|accorde|accepte|consenti"
        ),
    }
)
"""What is said of a consent beside yes and no."""
