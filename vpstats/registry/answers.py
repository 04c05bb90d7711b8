"""A yes, a no or a kind of missing, where no field of the schema stands behind the cell."""

from __future__ import annotations

from vpstats.registry.cells import Reading
from vpstats.registry.lexicon import read_yes_no
from vpstats.schema_tables import PROCEDURES

_PLAIN = PROCEDURES["hypotension"]
"""A yes/no field whose words mean what they mean anywhere: none of results, none of consent."""


def read_answer(text: str) -> Reading:
    """Read yes, no or a kind of missing, as any yes/no field does that has no words of its own.

    Parameters
    ----------
    text : str
        The cell, or a word of the mapping; any text is safe.

    Returns
    -------
    Reading
        Value None where the text is neither, or a blank by another name.

    Examples
    --------
    >>> [read_answer(text).value for text in ("da", "Nein", "not done", "-", "2020")]
    ['yes', 'no', 'not_done', None, None]
    """
    return read_yes_no(text, _PLAIN)
