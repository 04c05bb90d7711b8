"""Cells that say no: what they say may hold for several vertebrae of a list at once."""

from __future__ import annotations

from collections.abc import Mapping

from vpstats.registry.cells import fold
from vpstats.registry.lexicon import coded, read_yes_no
from vpstats.registry.synonyms import NONE_WORDS
from vpstats.schema_tables import LEVELS

_NEGATIVE = frozenset({"", "no", "none", "absent", "unknown", "not_done", "not_applicable"})


def says_nothing_positive(text: str, codes: Mapping[str, str]) -> bool:
    """Whether a cell says no, none or not known.

    Parameters
    ----------
    text : str
        The cell.
    codes : mapping of str to str
        The mapping's own codes, which come first.

    Examples
    --------
    >>> [says_nothing_positive(t, {"keine": "none"}) for t in ("keine", "ne", "n.p.", "venozno")]
    [True, True, True, False]
    """
    code = coded(text, codes)
    if code is not None:
        return code in _NEGATIVE
    reading = read_yes_no(text, LEVELS["leak_symptomatic"])
    return fold(text) in NONE_WORDS or str(reading.value or "yes") in _NEGATIVE
