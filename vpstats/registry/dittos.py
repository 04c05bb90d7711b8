"""Signs and words by which typists say that a cell holds what the one above it does."""

from __future__ import annotations

import re

from vpstats.registry.cells import fold, simplify

_QUOTE = r"(?:[\"“”„‟«»〃″]|''|´´|``|,,|‚‚|‘‘|’’|\|\||<<|>>)[-_. ]*"
_SIGN = re.compile(rf"[-_. ]*(?:{_QUOTE}){{1,2}}|-+ ?//+ ?-+|[↓⇓]+")
_LISTED = (
    "ditto|dito|dtto|idem|isto|same|same as above|as above|see above|ebenso|desgleichen|"
    "gleichfalls|wie oben|siehe oben|lo mismo|como arriba|como acima|o mesmo|come sopra|"
    "même|comme ci-dessus|ci-dessus|voir ci-dessus|jak wyżej|to samo|totéž|viz výše|jako výše|"
    "to isté|kao gore|kao iznad|zie boven|als boven|mint fent|ca mai sus|samma|se ovan|aynı|"
    "yukarıdaki gibi|как выше|то же|см. выше"
)
_WORDS = frozenset(map(fold, _LISTED.split("|")))
_SHORT = frozenset(
    {"do.", "dto.", "id.", "jw.", "j.w.", "j. w.", "s.o.", "s. o.", "w.o.", "w. o.", "c.s."}
)
"""Abbreviations as they are typed: in capitals, such letters are somebody's initials."""


def says_as_above(text: str, *, short: bool = False) -> bool:
    """Whether a cell says that it holds what the one above it does.

    Parameters
    ----------
    text : str
        The cell; any text is safe.
    short : bool
        Whether abbreviations count, which may be initials or words of another meaning.

    Returns
    -------
    bool
        False for a blank cell.

    Examples
    --------
    >>> [says_as_above(text) for text in ('"', '-"-', "Ídem", "dtto", "J.W.", "")]
    [True, True, True, True, False, False]
    >>> says_as_above("j.w."), says_as_above("j.w.", short=True)
    (False, True)
    """
    plain = simplify(text).strip()
    if short and plain in _SHORT:
        return True
    return _SIGN.fullmatch(plain) is not None or fold(plain) in _WORDS
