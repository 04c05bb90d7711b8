"""Rates of examined rows, weighted so that they stand for all rows of their center."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from vpstats.centers.benchmark import levels_of
from vpstats.centers.reading import Places, place_rows
from vpstats.centers.within import CenterRows, fit_within
from vpstats.models.design import build_design

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpstats.frames import Frame

    Vector = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_LEAST = 0.02
"""Probabilities below this are raised to it, so that no row stands for more than fifty."""


def weighted_rates(
    frame: Frame, examined: Mask, y: Vector, adjust: Sequence[str], center: str
) -> pd.DataFrame:
    """Rate of each center's examined rows, weighted by one over their probability of that.

    Parameters
    ----------
    frame : Frame
        All rows.
    examined : ndarray of bool, shape (m,)
        Rows whose outcome counts.
    y : ndarray, shape (m,)
        Outcome, known where it counts.
    adjust : sequence of str
        Terms that the probability depends on, beside the center.
    center : str
        Column of centers.

    Returns
    -------
    DataFrame
        ``center_id, weighted, weighted_std_error``; the error is clustered by patient and takes
        the probabilities as known, which makes it too large rather than too small. NaN for a center
        without such a row.

    References
    ----------
    Robins JM, Rotnitzky A, Zhao LP. Estimation of regression coefficients when some regressors are
    not always observed. J Am Stat Assoc 1994;89:846-866.
    """
    formula = f"~ {' + '.join(adjust) or '1'}"
    design = build_design(frame.data, formula, response=False, intercept=False)
    places = place_rows(frame, center, design.kept)
    if not len(places.given):
        return pd.DataFrame({"center_id": [], "weighted": [], "weighted_std_error": []})
    X = design.X[np.searchsorted(design.kept, places.given)]
    chosen = examined[places.given].astype(float)
    weight = chosen / np.maximum(_probability(X, chosen, places), _LEAST)
    outcome = np.where(chosen > 0, np.nan_to_num(y[places.given]), 0.0)
    total = places.total(weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = places.total(weight * outcome) / total
    excess = weight * (outcome - np.nan_to_num(rate)[places.center])
    return pd.DataFrame(
        {
            "center_id": places.names,
            "weighted": rate,
            "weighted_std_error": _error(places, excess, total),
        }
    )


def _probability(X: NDArray[np.float64], chosen: Vector, places: Places) -> Vector:
    """Probability of examination given covariates, each center with its own level."""
    spread = X.std(axis=0)
    scaled = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    rows = CenterRows(scaled, chosen, places.center, places.k)
    used = np.ones(places.k, dtype=bool)
    fit = fit_within(rows, used, firth=False)
    if not fit.converged:
        fit = fit_within(rows, used, firth=True)
    shift = scaled @ fit.beta
    levels = levels_of(shift, places.center, places.total(chosen))
    return np.asarray(special.expit(levels[places.center] + shift))


def _error(places: Places, excess: Vector, total: Vector) -> Vector:
    width = places.patients.count
    key = places.center * width + places.patients.codes
    distinct, code = np.unique(key, return_inverse=True)
    squares = np.bincount(code, excess) ** 2
    home = distinct // width
    n = np.bincount(home, minlength=places.k)
    spread = np.bincount(home, squares, places.k)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(spread * n / (n - 1)) / total
