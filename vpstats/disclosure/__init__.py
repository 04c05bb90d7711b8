"""The gate that every number passes on its way to the public.

`release` turns a ledger into a `Released`, and nothing else can make one. It hides small counts
and small complements, then whatever would give them away: an attacker who knows every released
number, every mark and every linear relation between the cells must be left with as many candidates
for a hidden count as the mark itself leaves. Curves are put on a coarse grid, sentences are
rendered from what was released.

The parts, from the ground up: `policy` (the rules and their words), `system` (cells, relations and
what an attacker may assume of each), `secondary` (what has to be hidden besides), `cells`,
`relations`, `given` and `populations` (from ledger to system), `derived` and `bands` (estimates),
`grid` and `curves`, `texts`, `gate`.

References
----------
Hundepool A, Domingo-Ferrer J, Franconi L, Giessing S, Schulte Nordholt E, Spicer K, de Wolf P-P.
Statistical Disclosure Control. Wiley, 2012.
"""

from __future__ import annotations

from vpstats.disclosure.gate import Released, release
from vpstats.disclosure.given import Relation, Rests
from vpstats.disclosure.policy import ReleasePolicy, policy_text

__all__ = ["Relation", "ReleasePolicy", "Released", "Rests", "policy_text", "release"]
