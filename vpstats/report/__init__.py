"""Released cells become a folder that a clinician can read and an archive can check.

`study.write_study` puts it together: `sections` says what is said, in which order; `words` and
`methods` write sentences from the plan; `page` turns sections into HTML, figures and tables;
`internal` masks the cleaning log; `manifest` hashes inputs and outputs; `writing` makes the folder
appear whole or not at all. Only what `vpstats.disclosure.release` returned is accepted.
"""

from __future__ import annotations

from vpstats.report.manifest import Provenance, collect_provenance
from vpstats.report.study import RegistrySummary, write_study

__all__ = ["Provenance", "RegistrySummary", "collect_provenance", "write_study"]
