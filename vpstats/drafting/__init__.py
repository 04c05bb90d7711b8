"""Drafts of registry.toml: what the columns of an unknown export may be, for a person to confirm.

`draft_mapping` opens exports with the registry's own readers, looks at every column (`profiles`),
compares its header (`headers`) with names in six languages (`likeness`) and its cells with what
each field allows (`fitting`), gives columns to fields one to one (`matching`), tables to rows
(`tables`), and writes a commented file (`writing`) in which what is doubtful is not applied.
"""

from __future__ import annotations

from vpstats.drafting.draft import MappingDraft, Proposal, draft_mapping

__all__ = ["MappingDraft", "Proposal", "draft_mapping"]
