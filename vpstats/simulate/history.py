"""The true course: sessions, leaks and fractures, round after round of treatment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vpstats.simulate.draws import NEVER, Bools, Floats, Ints, happens, weekday
from vpstats.simulate.fractures import DISC_INF, DISC_SUP, Spine, draw_fractures
from vpstats.simulate.leaks import LeakStates, draw_leaks
from vpstats.simulate.spec import SITES, TREATABLE, SimulationSpec
from vpstats.simulate.treatment import (
    N_VERTEBRAE,
    choose_levels,
    count_levels,
    draw_levels,
    draw_sessions,
)

Streams = dict[str, np.random.Generator]

YEOM = ("B", "S", "C")


@dataclass(frozen=True, slots=True)
class History:
    """What is true of a registry, before anyone records it.

    Parameters
    ----------
    patients, sessions, levels : DataFrame
        Latent rows; `session` and `patient` are positions in the tables above.
    vertebrae : DataFrame
        One row per session and intact vertebra at risk: `session`, `patient`, `vertebra`,
        `distance`, `shared_disc_leak`, `log_ratio`, `exit` (days at risk), `fractured`.
    fractures : DataFrame
        One row per new fracture: `session`, `patient`, `vertebra`, `day`, `painful`, `found_day`
        (of the visit that pain leads to; NEVER if it does not hurt).
    """

    patients: pd.DataFrame
    sessions: pd.DataFrame
    levels: pd.DataFrame
    vertebrae: pd.DataFrame
    fractures: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Round:
    sessions: pd.DataFrame
    levels: pd.DataFrame
    vertebrae: pd.DataFrame
    fractures: pd.DataFrame
    next_day: Ints
    next_wanted: Bools


def draw_history(spec: SimulationSpec, patients: pd.DataFrame, rng: Streams) -> History:
    """Treat, observe and treat again, up to the spec's number of sessions.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    patients : DataFrame
        Latent patients with their course.
    rng : dict of str to Generator
        Sources of chance by part.

    Returns
    -------
    History
    """
    spine = Spine.untouched(len(patients))
    who, day = np.arange(len(patients)), patients["index_day"].to_numpy()
    wanted = np.zeros((len(who), N_VERTEBRAE), dtype=bool)
    rounds: list[_Round] = []
    for number in range(spec.max_sessions):
        first = sum(len(r.sessions) for r in rounds)
        done = _one_round(spec, patients.iloc[who], day, wanted, spine, number, first, rng)
        rounds.append(done)
        again = done.next_day < NEVER
        if not again.any():
            break
        who, day, wanted = who[again], done.next_day[again], done.next_wanted[again]
        spine = spine.rows(again)
    return _join(patients, rounds)


def _one_round(
    spec: SimulationSpec,
    who: pd.DataFrame,
    day: Ints,
    wanted: Bools,
    spine: Spine,
    number: int,
    first: int,
    rng: Streams,
) -> _Round:
    draw = rng["treatment"]
    sessions = draw_sessions(spec, who, day, number, draw)
    count = count_levels(spec, draw, wanted, number)
    chosen = choose_levels(draw, count, spine.cemented | spine.fractured & ~wanted, wanted)
    levels = draw_levels(sessions, chosen, who, draw)
    leaks = draw_leaks(spec, levels, who["leak_normal"].to_numpy()[levels["row"]], rng["leaks"])
    _write_leaks(levels, leaks, spec)
    _mark(spine, levels, leaks)
    days, log_ratio = draw_fractures(spec.fractures, who, spine, rng["fractures"])
    return _observe(spec, who, sessions, levels, spine, days, log_ratio, first, rng)


def _write_leaks(levels: pd.DataFrame, leaks: LeakStates, spec: SimulationSpec) -> None:
    levels["leak_probability"] = leaks.probability
    for i, site in enumerate(SITES):
        levels[f"true_{site}"] = leaks.true[:, i]
        levels[f"fluoro_{site}"] = leaks.fluoro[:, i]
    levels["true_any"], levels["fluoro_any"] = leaks.true.any(axis=1), leaks.fluoro.any(axis=1)
    for i, kind in enumerate(YEOM):
        levels[f"yeom_{kind.lower()}"] = leaks.yeom[:, i]
    levels["symptomatic"] = leaks.symptomatic
    short = np.where(levels["true_any"] & levels["fluoro_any"], spec.leaks.stop_ml, 0.0)
    levels["cement_ml"] = np.round(np.maximum(levels["planned_ml"] - short, 0.8), 1)


def _mark(spine: Spine, levels: pd.DataFrame, leaks: LeakStates) -> None:
    place = (levels["row"].to_numpy(), levels["vertebra"].to_numpy())
    spine.cemented[place] = True
    spine.leak_sup[place] |= leaks.true[:, DISC_SUP]
    spine.leak_inf[place] |= leaks.true[:, DISC_INF]


def _observe(
    spec: SimulationSpec,
    who: pd.DataFrame,
    sessions: pd.DataFrame,
    levels: pd.DataFrame,
    spine: Spine,
    days: Floats,
    log_ratio: Floats,
    first: int,
    rng: Streams,
) -> _Round:
    draw = rng["fractures"]
    day, end = sessions["day"].to_numpy(), who["end_day"].to_numpy()
    onset = np.where(np.isfinite(days), day[:, None] + days, NEVER)
    painful = draw.random(onset.shape) < spec.fractures.symptomatic
    waiting = 1 + draw.exponential(spec.fractures.found_after, onset.shape)
    found = np.where(painful & (onset < NEVER), np.ceil(onset + waiting), NEVER).astype(np.int64)
    found = np.where(found <= end[:, None], found, NEVER)
    next_day = _next_session(spec, day, end, found, draw)
    last = np.minimum(end, next_day - 1)
    broken = onset <= last[:, None]
    wanted = broken & (found <= next_day[:, None])
    spine.fractured[...] |= broken
    sessions["session"] = first + np.arange(len(sessions))
    levels["session"] = first + levels["row"]
    vertebrae = _risk_rows(sessions, spine, days, log_ratio, last - day)
    fractures = _fracture_rows(sessions, broken, onset, painful, found)
    return _Round(sessions, levels, vertebrae, fractures, next_day, wanted)


def _next_session(
    spec: SimulationSpec, day: Ints, end: Ints, found: Ints, rng: np.random.Generator
) -> Ints:
    """Day of the next session: a planned one, or the treatment of a painful fracture."""
    n = len(day)
    staged = np.where(happens(rng, spec.staged, n), day + rng.integers(10, 60, n), NEVER)
    first_found = found.min(axis=1)
    treated = happens(rng, spec.fractures.retreated, n) & (first_found < NEVER)
    repeat = np.where(treated, first_found + rng.integers(4, 25, n), NEVER)
    planned = np.minimum(staged, repeat)
    planned = np.where(planned < NEVER, weekday(planned), NEVER)
    return np.where(planned < end, planned, NEVER).astype(np.int64)


def _risk_rows(
    sessions: pd.DataFrame, spine: Spine, days: Floats, log_ratio: Floats, until: Ints
) -> pd.DataFrame:
    row, vertebra = np.nonzero(np.isfinite(days))
    time, limit = days[row, vertebra], until[row].astype(float)
    return pd.DataFrame(
        {
            "session": sessions["session"].to_numpy()[row],
            "patient": sessions["patient"].to_numpy()[row],
            "vertebra": vertebra,
            "distance": spine.distance()[row, vertebra],
            "shared_disc_leak": spine.shared_disc_leak()[row, vertebra],
            "log_ratio": log_ratio[row, vertebra],
            "exit": np.minimum(time, limit),
            "fractured": time <= limit,
        }
    )


def _fracture_rows(
    sessions: pd.DataFrame, broken: Bools, onset: Floats, painful: Bools, found: Ints
) -> pd.DataFrame:
    row, vertebra = np.nonzero(broken)
    return pd.DataFrame(
        {
            "session": sessions["session"].to_numpy()[row],
            "patient": sessions["patient"].to_numpy()[row],
            "vertebra": vertebra,
            "day": onset[row, vertebra].astype(np.int64),
            "painful": painful[row, vertebra],
            "found_day": found[row, vertebra],
        }
    )


def _join(patients: pd.DataFrame, rounds: list[_Round]) -> History:
    def stacked(part: str) -> pd.DataFrame:
        return pd.concat([getattr(r, part) for r in rounds], ignore_index=True)

    levels = stacked("levels").drop(columns="row")
    levels["level"] = np.asarray(TREATABLE, dtype=object)[levels["vertebra"]]
    return History(
        patients, stacked("sessions"), levels, stacked("vertebrae"), stacked("fractures")
    )
