"""The whole simulation: spec and seed to canonical tables and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from vpstats.errors import UsageError
from vpstats.simulate.draws import streams
from vpstats.simulate.history import History, draw_history
from vpstats.simulate.outcomes import draw_outcomes
from vpstats.simulate.patients import add_course, draw_patients
from vpstats.simulate.record import name_rows, record_patients, record_procedures
from vpstats.simulate.record_events import record_events
from vpstats.simulate.record_levels import (
    level_ids,
    record_leaks,
    record_levels,
    record_visits,
    written_as_range,
)
from vpstats.simulate.spec import SimulationSpec
from vpstats.simulate.visits import draw_visits


@dataclass(frozen=True)
class Truth:
    """What a registry cannot know: the spec and the latent facts.

    Parameters
    ----------
    spec : SimulationSpec
        Every coefficient, hazard, frailty and habit.
    seed : int
        Seed of the draw.
    patients, sessions, levels : DataFrame
        Latent rows with their canonical identifiers; among them the frailty, the day of death
        even where it lies after the end of observation, the true state of every leak site
        (`true_<site>`), the true probability of a leak, and embolism that nobody saw.
    vertebrae : DataFrame
        One row per session and intact vertebra: distance to cement, leak into the shared disc,
        log hazard ratio, days at risk, whether it fractured.
    fractures : DataFrame
        One row per fracture, found or not, with its true day.
    """

    spec: SimulationSpec
    seed: int
    patients: pd.DataFrame
    sessions: pd.DataFrame
    levels: pd.DataFrame
    vertebrae: pd.DataFrame
    fractures: pd.DataFrame


@dataclass(frozen=True)
class SimulatedRegistry:
    """A synthetic registry.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Clean canonical tables, exactly as the schema declares them.
    truth : Truth
        What they came from.
    """

    tables: dict[str, pd.DataFrame]
    truth: Truth


def simulate_registry(spec: SimulationSpec, seed: int) -> SimulatedRegistry:
    """Draw a registry with known truth.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    seed : int
        Non-negative seed; the same spec and seed give the same tables.

    Returns
    -------
    SimulatedRegistry
        `tables` for what was recorded, `truth` for what was so.

    Raises
    ------
    UsageError
        If the seed is negative.

    Examples
    --------
    >>> drawn = simulate_registry(SimulationSpec(n_procedures=100), seed=7)
    >>> sorted(drawn.tables)
    ['events', 'leaks', 'levels', 'patients', 'procedures', 'visits']
    >>> drawn.truth.levels["true_any"].dtype.name
    'bool'
    """
    if seed < 0:
        raise UsageError("the seed must not be negative.")
    rng = streams(seed)
    patients = add_course(draw_patients(spec, rng["patients"]), spec, rng["course"])
    history = draw_history(spec, patients, rng)
    sessions = draw_outcomes(spec, history, rng["outcomes"])
    visits = draw_visits(spec, history, sessions, rng["visits"])
    names = name_rows(spec, history)
    write = rng["recording"]
    identity = level_ids(names.session[history.levels["session"]], history.levels["level"])
    leaks = record_leaks(spec, history.levels, sessions, identity, write)
    in_range = written_as_range(spec, history.levels, leaks, identity)
    tables = {
        "patients": record_patients(spec, history, names, write),
        "procedures": record_procedures(spec, history, sessions, names, write),
        "levels": record_levels(history.levels, sessions, names, in_range, write),
        "leaks": leaks,
        "visits": record_visits(spec, visits, patients, names, write),
        "events": record_events(spec, history, sessions, visits, names, write),
    }
    truth = Truth(
        spec,
        seed,
        patients.assign(patient_id=names.patient),
        sessions.assign(procedure_id=names.session),
        history.levels.assign(level_id=identity, in_range=in_range),
        history.vertebrae,
        history.fractures,
    )
    return SimulatedRegistry(tables, truth)


__all__ = ["History", "SimulatedRegistry", "Truth", "simulate_registry"]
