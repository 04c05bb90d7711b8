"""Fracture of intact vertebrae: neighbours of treated ones and those farther away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.cohorts.covariates import REGIONS, labels_for, procedure_table
from vpstats.cohorts.episodes import SAME_DAY, episodes
from vpstats.errors import UsageError
from vpstats.frames import Frame, start_frame
from vpstats.registry.spine import index, region
from vpstats.schema import SET_SEPARATOR
from vpstats.schema_tables import VERTEBRAE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpstats.registry import Registry

FRACTURES = ("adjacent_fx", "nonadjacent_fx")
"""Event types that are a fracture of a vertebra that was intact."""

AT_RISK = tuple(v for v in VERTEBRAE if index("T1") <= index(v) <= index("L5"))
"""Vertebrae followed for fracture: T1 to L5."""

_N = len(VERTEBRAE)


@dataclass(frozen=True)
class _Spines:
    """Per episode (row) and vertebra (column): what is known at the procedure.

    `cemented` is True where cement was put at or before it; `disc_sup` and `disc_inf` are 1, 0 or
    NaN for a leak into the disc above or below that vertebra; `fracture_day` is the day of the
    vertebra's first recorded fracture (NaT for none).
    """

    cemented: NDArray[np.bool_]
    disc_sup: NDArray[np.float64]
    disc_inf: NDArray[np.float64]
    fracture_day: NDArray[np.datetime64]


def adjacent_fracture(
    registry: Registry, distance: str = "neighbours", modality: str = "ct"
) -> Frame:
    """Intact vertebrae followed from a procedure to their own fracture, death competing.

    The unit is the vertebra because the exposure is one of the vertebra: a leak into the disc
    that it shares with a treated one. Cemented vertebrae and those with a recorded fracture are
    not at risk; a later procedure censors and opens a new episode with the new neighbours. For a
    vertebra above a treated one the shared disc is that one's upper disc; below, its lower disc;
    between two treated ones, both.

    Parameters
    ----------
    registry : Registry
    distance : {"neighbours", "all"}
        Vertebrae next to a treated one, or every vertebra from T1 to L5.
    modality : {"ct", "fluoro"}
        Imaging that assessed the disc leak. Neighbours whose shared disc it did not assess have
        a missing exposure.

    Returns
    -------
    Frame
        Unit "vertebra", cluster "patient_id"; `event` is 0, 1 (fracture) or 2 (death); `days`
        to the day of detection; `disc_leak` yes/no/missing; `neighbour_side` "below", "above" or
        "both" says where the treated vertebra lies; `distance` "1", "2" or "3+".

    Raises
    ------
    UsageError
        If an option is not allowed.

    References
    ----------
    Nieuwenhuijse MJ, et al. New vertebral fractures after percutaneous vertebroplasty for painful
    osteoporotic vertebral compression fractures. Radiology 2013;266:862-870.
    """
    if distance not in ("neighbours", "all") or modality not in ("ct", "fluoro"):
        raise UsageError("distance is 'neighbours' or 'all'; modality is 'ct' or 'fluoro'.")
    sessions = episodes(registry, procedure_table(registry))
    sessions = sessions.sort_values(["patient_id", "proc_date", "procedure_id"], kind="stable")
    sessions = sessions.reset_index(drop=True)
    frame = _at_risk(_vertebrae(sessions, _spines(registry, sessions, modality)))
    if distance == "neighbours":
        frame = frame.keep(frame.data["steps"] == 1, "next to a treated vertebra")
    return _timed(frame, _described(frame.data, sessions))


def _spines(registry: Registry, sessions: pd.DataFrame, modality: str) -> _Spines:
    row = pd.Series(np.arange(len(sessions)), index=sessions["procedure_id"])
    levels = registry.levels[registry.levels["procedure_id"].isin(row.index)]
    at = row.loc[levels["procedure_id"]].to_numpy()
    column = levels["level"].astype(str).map({v: i for i, v in enumerate(VERTEBRAE)}).to_numpy()
    cemented = np.zeros((len(sessions), _N), dtype=bool)
    cemented[at, column] = True
    patient = pd.factorize(sessions["patient_id"])[0]
    return _Spines(
        _carry(cemented.astype(float), patient) > 0,
        _carry(
            _disc_states(registry, levels, at, column, len(sessions), "disc_sup", modality), patient
        ),
        _carry(
            _disc_states(registry, levels, at, column, len(sessions), "disc_inf", modality), patient
        ),
        _fracture_days(registry, sessions),
    )


def _disc_states(
    registry: Registry,
    levels: pd.DataFrame,
    at: NDArray[np.int64],
    column: NDArray[np.int64],
    n: int,
    site: str,
    modality: str,
) -> NDArray[np.float64]:
    leaks = registry.leaks
    rows = leaks[(leaks["site"] == site) & (leaks["modality"] == modality)]
    state = rows.set_index("level_id")["state"].astype(object)
    number = levels["level_id"].map(state.map({"present": 1.0, "absent": 0.0}).astype(float))
    out = np.full((n, _N), np.nan)
    out[at, column] = number.to_numpy(float)
    return out


def _carry(values: NDArray[np.float64], patient: NDArray[np.int64]) -> NDArray[np.float64]:
    """Running maximum over a patient's sessions; what was never recorded stays NaN."""
    frame = pd.DataFrame(values)
    running = frame.groupby(patient, sort=False).cummax()
    carried = running.groupby(patient, sort=False).ffill()
    return np.asarray(carried.to_numpy(float))


def _fracture_days(registry: Registry, sessions: pd.DataFrame) -> NDArray[np.datetime64]:
    """Earliest recorded fracture of each vertebra of the session's patient."""
    events = registry.events[registry.events["event_type"].isin(FRACTURES)]
    named = events.dropna(subset=["event_levels", "event_date"])
    rows = named.assign(level=named["event_levels"].str.split(SET_SEPARATOR)).explode("level")
    first = rows.groupby(["patient_id", "level"])["event_date"].min().unstack("level")
    table = first.reindex(index=sessions["patient_id"], columns=list(VERTEBRAE))
    return np.asarray(table.to_numpy("datetime64[ns]"))


def _distance(cemented: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance in vertebrae to the nearest cemented one; infinite where there is none."""
    place = np.arange(_N, dtype=float)
    far = np.where(cemented, place, -np.inf)
    above = place - np.maximum.accumulate(far, axis=1)
    near = np.where(cemented, place, np.inf)[:, ::-1]
    below = np.minimum.accumulate(near, axis=1)[:, ::-1] - place
    return np.asarray(np.minimum(above, below))


def _shared_disc(spines: _Spines) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Leak into the shared disc (1, 0, NaN) and on which side the treated vertebra lies."""
    n = len(spines.cemented)
    pad_flag = np.zeros((n, 1), dtype=bool)
    pad = np.full((n, 1), np.nan)
    treated_below = np.hstack([spines.cemented[:, 1:], pad_flag])
    treated_above = np.hstack([pad_flag, spines.cemented[:, :-1]])
    # a vertebra above a treated one shares that one's upper disc, and conversely
    from_below = np.where(treated_below, np.hstack([spines.disc_sup[:, 1:], pad]), 0.0)
    from_above = np.where(treated_above, np.hstack([pad, spines.disc_inf[:, :-1]]), 0.0)
    either = (from_below == 1) | (from_above == 1)
    leak = np.where(either, 1.0, from_below + from_above)
    side = np.select(
        [treated_below & treated_above, treated_below, treated_above],
        ["both", "below", "above"],
        default="none",
    )
    return leak, side


def _vertebrae(sessions: pd.DataFrame, spines: _Spines) -> pd.DataFrame:
    """Every vertebra after every session, with what decides whether it is followed.

    `session` and `place` say which it is. There are seventeen times as many rows as sessions, so
    that everything else about a session is joined to the rows that are kept; patients are numbers.
    """
    first, last = index(AT_RISK[0]) - 1, index(AT_RISK[-1])
    leak, side = _shared_disc(spines)
    window = slice(first, last)
    session = np.repeat(np.arange(len(sessions)), len(AT_RISK))
    return pd.DataFrame(
        {
            "session": session,
            "patient_id": pd.factorize(sessions["patient_id"])[0][session],
            "place": np.tile(np.arange(len(AT_RISK)), len(sessions)),
            "proc_date": sessions["proc_date"].to_numpy()[session],
            "end_date": sessions["end_date"].to_numpy()[session],
            "cemented": spines.cemented[:, window].ravel(),
            "fracture_day": spines.fracture_day[:, window].ravel(),
            "steps": _distance(spines.cemented)[:, window].ravel(),
            "leak": leak[:, window].ravel(),
            "side": side[:, window].ravel(),
        }
    )


def _described(rows: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """What is known of each vertebra: its session, itself and its treated neighbour."""
    place = rows["place"].to_numpy()
    regions = np.array([region(v) for v in AT_RISK], dtype=object)
    data = sessions.drop(columns=["region", "level"], errors="ignore")
    return (
        data.iloc[rows["session"].to_numpy()]
        .set_axis(rows.index)
        .assign(
            level=pd.Categorical(np.array(AT_RISK)[place], categories=_FROM_L1),
            region=pd.Categorical(regions[place], categories=list(REGIONS)),
            disc_leak=_words(rows["leak"].to_numpy()),
            neighbour_side=pd.Categorical(
                rows["side"], categories=["below", "above", "both", "none"]
            ),
            distance=pd.Categorical(
                np.select([rows["steps"] == 1, rows["steps"] == 2], ["1", "2"], default="3+"),
                categories=["3+", "2", "1"],
            ),
        )
    )


_FROM_L1 = ["L1", *(v for v in AT_RISK if v != "L1")]
"""Vertebrae from head to foot, after the one at the junction that others are compared with."""


def _words(leak: NDArray[np.float64]) -> pd.Categorical:
    words = np.select([leak == 1, leak == 0], ["yes", "no"], default="").astype(object)
    words[words == ""] = None
    return pd.Categorical(words, categories=["no", "yes"])


def _at_risk(data: pd.DataFrame) -> Frame:
    frame = start_frame(
        data,
        "vertebrae T1 to L5 after each procedure",
        unit="vertebra",
        cluster="patient_id",
        name="adjacent_fracture",
        causes={1: "fracture", 2: "death before fracture"},
    )
    located = np.isfinite(data["steps"])
    frame = frame.keep(located, "treated vertebrae of the session known")
    frame = frame.keep(~frame.data["cemented"].astype(bool), "not cemented")
    old = frame.data["fracture_day"] <= frame.data["proc_date"]
    frame = frame.keep(~old, "no recorded fracture before")
    followed = frame.data["end_date"].notna() & (frame.data["end_date"] >= frame.data["proc_date"])
    return frame.keep(followed, "followed after the procedure")


def _timed(frame: Frame, data: pd.DataFrame) -> Frame:
    day = frame.data["fracture_day"]
    broke = day.notna() & (day <= data["end_date"])
    stop = data["end_date"].where(~broke, day)
    days = (stop - data["proc_date"]).dt.days.astype(float)
    event = np.where(broke, 1, np.where(data["died"] > 0, 2, 0))
    return Frame(
        data.assign(days=days.where(days != 0, SAME_DAY), event=event),
        unit="vertebra",
        cluster="patient_id",
        outcome="event",
        duration="days",
        causes=frame.causes,
        name=frame.name,
        flow=frame.flow,
        labels=labels_for(data),
    )
