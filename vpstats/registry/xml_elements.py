"""Elements of an XML part, found in one pass however damaged the part is."""

from __future__ import annotations

import re


def element(name: str) -> re.Pattern[bytes]:
    r"""Pattern of an element that does not hold another of its name.

    It looks at each byte a fixed number of times: an element that is never closed ends where the
    next of its name begins, so that a part of nothing but openings takes no longer than another.

    Parameters
    ----------
    name : str
        Without its prefix; any prefix fits.

    Returns
    -------
    Pattern
        Group 1 is what the element holds; None where it closes itself.

    Examples
    --------
    >>> [found[1] for found in element("si").finditer(b"<si><t>a</t></si><x:si/><si>b<si>c</si>")]
    [b'<t>a</t>', None, b'c']
    """
    tag = rf"(?:\w+:)?{name}(?=[\s/>])"
    held = rf"(?:[^<]++|<(?!/?{tag}))*+"
    return re.compile(rf"<{tag}[^<>]*?(?:/>|>({held})</{tag}\s*>)".encode())
