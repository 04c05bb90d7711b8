"""Words by which a row says that it holds a total, a count or a mean, in several languages."""

from __future__ import annotations

import re

from vpstats.registry.cells import fold

_WORDS = (
    "grand total|subtotal|sub-total|totals|total general|total|totale|totali|sum|summe|gesamtsumme|"
    "zwischensumme|gesamt|insgesamt|sveukupno|ukupno|zbroj|suma total|suma|somme|mean|median|"
    "average|mittelwert|durchschnitt|prosjek|medijan|mediana|promedio|moyenne|"
    "celkem|celkom|prumer|razem|lacznie|ogolem|srednia|totaal|gemiddelde|summa|totalt|medelvarde|"
    "soma|media|osszesen|atlag|toplam|ortalama|ukupan broj|skupaj|povprecje"
)
_COUNTS = "anzahl|nombre|liczba|pocet|antal|aantal|count"
_TOTAL = re.compile(rf"(?:{_WORDS})(?: ?[(\[]?n[)\]]?)?[ :=(\[]{{0,3}}[0-9]{{0,9}}[)\]]?(?: ?%)?")
_COUNTED = re.compile(
    rf"(?:(?:{_WORDS}|{_COUNTS}|numero|number|broj|srednja)"
    rf"(?: [^\W\d_]+){{1,2}}|{_COUNTS})[ :=]*[0-9]{{0,9}}"
)
"""What is counted, in words: ``Totale pazienti``, ``Anzahl: 60``."""
_STATISTICS = frozenset(
    (
        f"{_WORDS}|{_COUNTS}".replace(" ", "|") + "|n|nr|valid|numero|number|broj|freq|"
        "min|minimum|minimo|max|maximum|maximo|massimo|range|raspon|spannweite|rango|"
        "avg|ave|mittel|mw|mdn|mediane|medio|moy|average|arithmetic|aritmeticka|sredina|srednja|"
        "vrijednost|valor|valore|wert|value|sd|se|sem|std|stdev|stddev|dev|deviation|standard|"
        "error|stabw|sa|standardabweichung|standardna|devijacija|ecart|type|ds|dp|desv|est|"
        "desviacion|desvio|estandar|tipica|padrao|deviazione|szoras|odchylenie|standardowe|"
        "smerodatna|odchylka|standardavvikelse|standaardafwijking|varianz|variance|var|iqr|q1|q3|"
        "p25|p50|p75|quartile|quartil|percentile|ci|σ|μ|µ|ø|∑|x\u0304|%"
    ).split("|")
)
"""Words of a label such as ``Mean (SD)``, of which it consists; some are initials elsewhere."""
_PARTS = re.compile(r"[^\W_]\u0304|[^\W_]+|%|∑")


def says_total(text: str) -> bool:
    """Whether a cell is a word for a total or a mean, wherever it stands.

    Examples
    --------
    >>> says_total("Ukupno (n=2)"), says_total("Total hip")
    (True, False)
    """
    return _TOTAL.fullmatch(fold(text)) is not None


def says_counted(text: str) -> bool:
    """Whether a cell says what is counted.

    Examples
    --------
    >>> says_counted("Totale pazienti"), says_counted("SD")
    (True, False)
    """
    return _COUNTED.fullmatch(fold(text)) is not None


def names_statistic(text: str) -> bool:
    """Whether a cell is made of words and signs for statistics; numbers may stand beside them.

    Examples
    --------
    >>> [names_statistic(t) for t in ("Mean ± SD", "n = 12", "x̄", "Std. Dev.", "SD-7b", "12")]
    [True, True, True, True, False, False]
    """
    parts = [part.casefold() for part in _PARTS.findall(text)]
    words = [fold(part) if part not in _STATISTICS else part for part in parts]
    named = [word for word in words if not word.isdigit()]
    return bool(named) and all(word in _STATISTICS for word in named)


_ROWS = (
    "rows?|records?|zeilen?|datensatze?|filas?|registros?|lignes?|enregistrements?|righe|riga|"
    "linhas?|rader|rad|raekker?|rijen|rij|redaka?|redova?|redova|redak|red|vrstic[aei]?|"
    "wierszy|wiersze|wiersz|radku|radky|radek|riadkov|riadky|riadok|sor|satir"
)
_ROW_COUNT = re.compile(
    rf"\(?[0-9]+ (?:{_ROWS})(?: [^\W\d_]+){{0,2}}\.?\)?(?: ?\([0-9.,]+ s(?:ec)?\))?\.?"
)


def counts_rows(text: str) -> bool:
    """Whether a line is that of a database which says how many rows it gave.

    Examples
    --------
    >>> [counts_rows(t) for t in ("(72 rows affected)", "(1 row)", "72 rows selected.", "72 L1")]
    [True, True, True, False]
    """
    return _ROW_COUNT.fullmatch(fold(text)) is not None


def may_say_total(joined: str) -> bool:
    """Whether any of many spellings, joined and in small letters, may be a word for a total."""
    return any(word in joined for word in _WORDS.split("|"))
