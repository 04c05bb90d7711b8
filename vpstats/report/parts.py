"""What a report is made of: sections with their tables, figures and sentences.

They hold words, tables and figures made from released cells alone; how they look is the business
of `vpstats.report.page`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from vpstats import tables
from vpstats.disclosure import Released
from vpstats.report.words import Facts, labels_of
from vpstats.study import StudyPlan

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Parameters
    ----------
    name : str
        File name without its ending, unique in the report.
    title, caption : str
        What stands below it.
    description : str
        What it shows, for those who cannot see it.
    draw : callable
        Makes the matplotlib figure.
    """

    name: str
    title: str
    caption: str
    description: str
    draw: Callable[[], Figure]

    @property
    def key(self) -> str:
        """Name within the page, where a table may be called like its figure."""
        return f"figure-{self.name}"


@dataclass(frozen=True)
class Listing:
    """A table of the report.

    Parameters
    ----------
    name : str
        File name without its ending, unique in the report.
    table : TableModel
        Its strings.
    """

    name: str
    table: tables.TableModel

    @property
    def key(self) -> str:
        """Name within the page."""
        return f"table-{self.name}"


@dataclass(frozen=True)
class Pointer:
    """A line of the summary that leads to a section."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Section:
    """One section of the report; what is empty is not printed.

    Parameters
    ----------
    id, title : str
        Anchor and heading.
    ask : str
        The question in words.
    lead : tuple of str
        Paragraphs that open the section.
    facts : tuple of (term, text)
        What was asked, in a list.
    findings, refusals, caveats : tuple of str
        Sentences with their released numbers.
    summary : tuple of Pointer
        Lines that lead to other sections.
    blocks : tuple of Picture or Listing
        Tables and figures.
    anchor : str
        Key of the block that the caveats stand below.
    paragraphs : tuple of (heading, texts)
        What closes the section.
    items : tuple of str
        Sentences in a plain list.
    terms : tuple of (term, text)
        A glossary.
    """

    id: str
    title: str
    ask: str = ""
    lead: tuple[str, ...] = ()
    facts: Facts = ()
    findings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    summary: tuple[Pointer, ...] = ()
    blocks: tuple[Picture | Listing, ...] = ()
    anchor: str = ""
    caveats: tuple[str, ...] = ()
    paragraphs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    items: tuple[str, ...] = ()
    terms: Facts = ()


@dataclass(frozen=True)
class Edition:
    """What one edition of the report, public or internal, is written from.

    Parameters
    ----------
    plan : StudyPlan
    released : Released
        The only source of numbers.
    """

    plan: StudyPlan
    released: Released
    labels: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", labels_of(self.released.cells))

    @property
    def internal(self) -> bool:
        """Whether this edition must stay in the institution."""
        return bool(self.released.policy.audience == "internal")

    @property
    def mark(self) -> str:
        """What stands for a withheld number."""
        return self.released.mark

    def has(self, analysis: str, **where: str) -> bool:
        """Whether the release holds any such cell."""
        return bool(len(self.cells(analysis, **where)))

    def cells(self, analysis: str, **where: str) -> pd.DataFrame:
        """Released cells of one analysis."""
        return self.released.select(analysis=analysis, **where)

    def said(self, analysis: str, role: str) -> tuple[str, ...]:
        """Sentences of one role about one question, each once."""
        notes = (n for n in self.released.notes if (n.analysis, n.role) == (analysis, role))
        return tuple(dict.fromkeys(tidied(n.text) for n in notes))


_NEARLY_ALL = re.compile(r"about ([\d,]*\d) of ((?:about )?)([\d,]*\d)\b(?= \w+ had every value)")
_WITHHELD_RISKS = re.compile(
    r"standardised risk (?:about )?\S+ % \(([^()]+)\) against (?:about )?\S+ % \(([^()]+)\), "
    r"a difference of withheld percentage points\."
)
_WITHHELD_LIMITS = re.compile(r"\bwithheld( ?%)?( [^.;()]*)? \([^()]*withheld to withheld\)")

_WITHHELD_RATIO = re.compile(
    r"observed against withheld expected: observed over expected is withheld"
)
_SHARE_WITHHELD = "(the share examined is withheld)"


def tidied(sentence: str) -> str:
    """Say once that an estimate is withheld, not for each of its limits again.

    Parameters
    ----------
    sentence : str
        A rendered sentence of a release.

    Examples
    --------
    >>> tidied("Odds ratio withheld (95 % interval withheld to withheld).")
    'Odds ratio withheld.'
    >>> tidied("Incidence: withheld % (withheld to withheld).")
    'Incidence: withheld.'
    >>> tidied("17 observed against withheld expected: observed over expected is withheld (95 % "
    ...        "interval withheld to withheld).")
    '17 observed; the number expected is withheld.'
    >>> tidied("The flag survives (withheld % of its rows were examined).")
    'The flag survives (the share examined is withheld).'
    >>> tidied("Sex: standardised risk 5.0 % (male) against withheld % (female), a difference of "
    ...        "withheld percentage points (95 % interval withheld to withheld).")
    'Sex: the difference of the standardised risks, male against female, is withheld.'
    >>> tidied("Adjusted: about 2,210 of 2,209 levels had every value that the model needs.")
    'Adjusted: nearly all of 2,209 levels had every value that the model needs.'
    """
    said = _WITHHELD_LIMITS.sub(r"withheld\2", sentence)
    said = _WITHHELD_RATIO.sub("observed; the number expected is withheld", said)
    said = said.replace("(withheld % of its rows were examined)", _SHARE_WITHHELD)
    said = _WITHHELD_RISKS.sub(r"the difference of the standardised risks, \1 against \2, is "
                               "withheld.", said)  # fmt: skip
    return _NEARLY_ALL.sub(_nearly_all, said)


def _nearly_all(found: re.Match[str]) -> str:
    """A rounded number of rows that is not below the number of all."""
    kept, whole = (float(found[i].replace(",", "")) for i in (1, 3))
    return f"nearly all of {found[2]}{found[3]}" if kept >= whole else found[0]


def merged(caveats: tuple[str, ...]) -> tuple[str, ...]:
    """Say once what is said of several models.

    Parameters
    ----------
    caveats : tuple of str
        Sentences, some with the model in front and a colon.

    Examples
    --------
    >>> merged(("Crude: Few events.", "Adjusted: Few events.", "Numbers are small."))
    ('Crude; adjusted: Few events.', 'Numbers are small.')
    """
    heads: dict[str, list[str]] = {}
    for sentence in caveats:
        head, colon, tail = sentence.partition(": ")
        known = heads.setdefault(tail if colon else sentence, [])
        if (head if colon else "") not in known:  # models of one heading may say the same
            known.append(head if colon else "")
    return tuple(
        f"{'; '.join([found[0], *(h[:1].lower() + h[1:] for h in found[1:])])}: {tail}"
        if any(found)
        else tail
        for tail, found in heads.items()
    )
