"""Multiple imputation by chained equations, with the outcome in the model and patients as units."""

from vpstats.models.imputation.impute import impute
from vpstats.models.imputation.tipping import TippingPoint, tipping_point
from vpstats.models.imputation.traces import ImputationTraces

__all__ = ["ImputationTraces", "TippingPoint", "impute", "tipping_point"]
