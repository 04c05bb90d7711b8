"""Does a model predict: discrimination, calibration and use, corrected for optimism.

`measures` holds the numbers of yes/no outcomes, `horizon` those of a time horizon under censoring
and competing events, `problems` how a model is fitted again, `resampling` the bootstrap over
patients and the centers left out, `validate` the call.
"""

from __future__ import annotations

from vpstats.models.validation.result import Validation
from vpstats.models.validation.validate import validate

__all__ = ["Validation", "validate"]
