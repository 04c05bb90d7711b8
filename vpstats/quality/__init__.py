"""How good the data are, center by center, before any outcome is looked at.

Completeness with the kinds of missing kept apart, validity, timeliness, case ascertainment,
imaging coverage, follow-up, what is missing together and who is missing. `quality_report` makes a
`QualityResult`, whose ledger passes the disclosure gate like any other.
"""

from __future__ import annotations

from vpstats.quality.report import quality_report
from vpstats.quality.result import QualityResult
from vpstats.registry.quality_map import HospitalCount, QualityMap

__all__ = ["HospitalCount", "QualityMap", "QualityResult", "quality_report"]
