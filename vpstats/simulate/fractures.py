"""New fractures of intact vertebrae after a session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vpstats.simulate.draws import Bools, Floats, linear
from vpstats.simulate.spec import SITES, FractureSpec
from vpstats.simulate.treatment import N_VERTEBRAE, REGIONS

DISC_SUP, DISC_INF = SITES.index("disc_sup"), SITES.index("disc_inf")
_STEPS = np.abs(np.arange(N_VERTEBRAE)[:, None] - np.arange(N_VERTEBRAE)[None, :])
FAR = 99


@dataclass(frozen=True, slots=True)
class Spine:
    """What has happened to T1–L5 of m patients; every array has shape (m, 17).

    Parameters
    ----------
    cemented : bool array
        Vertebrae that hold cement.
    fractured : bool array
        Vertebrae with a new fracture.
    leak_sup, leak_inf : bool array
        Cemented vertebrae with a true leak into the disc above, below.
    """

    cemented: Bools
    fractured: Bools
    leak_sup: Bools
    leak_inf: Bools

    @classmethod
    def untouched(cls, n: int) -> Spine:
        """Give n patients a spine without cement."""
        empty = [np.zeros((n, N_VERTEBRAE), dtype=bool) for _ in range(4)]
        return cls(*empty)

    def rows(self, keep: np.ndarray) -> Spine:
        """Take the spines of some patients (copies)."""
        return Spine(
            self.cemented[keep], self.fractured[keep], self.leak_sup[keep], self.leak_inf[keep]
        )

    def shared_disc_leak(self) -> Bools:
        """Whether cement lies in a disc that each vertebra shares with a cemented neighbour."""
        shared = np.zeros_like(self.cemented)
        shared[:, :-1] |= self.leak_sup[:, 1:]
        shared[:, 1:] |= self.leak_inf[:, :-1]
        return shared

    def distance(self) -> np.ndarray:
        """Segments from each vertebra to the nearest cemented one; FAR where there is none."""
        away = np.where(self.cemented[:, None, :], _STEPS[None, :, :], FAR)
        return np.asarray(away.min(axis=2))


def hazard_log_ratio(spec: FractureSpec, who: pd.DataFrame, spine: Spine) -> Floats:
    """Log hazard ratio of each vertebra, without frailty, shape (m, 17)."""
    names = ("tscore_c", "steroid", "prior_vfx", "neoplastic")
    patient = linear(who, {name: spec.log_hr[name] for name in names})
    region = np.array([spec.region_log_hr[r] for r in REGIONS])
    distance = spine.distance()
    near: Floats = (
        spec.log_hr["distance_1"] * (distance == 1)
        + spec.log_hr["distance_2"] * (distance == 2)
        + spec.log_hr["shared_disc_leak"] * spine.shared_disc_leak()
    )
    total: Floats = patient[:, None] + region[None, :] + near
    return total


def draw_fractures(
    spec: FractureSpec, who: pd.DataFrame, spine: Spine, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw the days from a session to the fracture of each intact vertebra.

    Parameters
    ----------
    spec : FractureSpec
        The truth.
    who : DataFrame
        Latent patients, one row per session.
    spine : Spine
        Spines after the session.
    rng : Generator
        Source of chance.

    Returns
    -------
    days, log_ratio : float array, shape (m, 17)
        Days to fracture (infinite where a vertebra is not at risk), and the log hazard ratio.
    """
    log_ratio = hazard_log_ratio(spec, who, spine)
    hazard = spec.scale * who["frailty"].to_numpy()[:, None] * np.exp(log_ratio)
    days = 365.0 * (rng.exponential(size=hazard.shape) / hazard) ** (1 / spec.shape)
    at_risk = ~(spine.cemented | spine.fractured)
    return np.where(at_risk, np.maximum(np.ceil(days), 1.0), np.inf), log_ratio
