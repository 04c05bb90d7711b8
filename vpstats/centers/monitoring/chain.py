"""A CUSUM as a Markov chain: how long it runs until it reaches its limit.

The mean run length L from a value x of the chart solves ``L(x) = 1 + E L(max(0, x + W))`` with
L = 0 from the limit on. It is solved at equally spaced values, as Brook and Evans did; in between
L is read from a parabola through three of them. Away from both ends L is a combination of 1, x and
exp(x), which parabolas follow closely, so that a hundred values do where rounding to the nearest
one would need thousands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

from vpstats.centers.monitoring.weights import Moves

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

_SLACK = 1e-9
"""A value this close below the limit, in steps of the grid, has reached it."""
_STRIDE = 16
"""Rows that are stepped over at once where a period is followed to its end."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Chances to go from one value of the chart to another, in rows, columns and entries.

    Parameters
    ----------
    size : int
        Number of values below the limit.
    rows, columns : ndarray, shape (k,)
        From and to.
    entries : ndarray, shape (k,)
        Weights of the parabolas times chances; several of one place add up.
    """

    size: int
    rows: Rows
    columns: Rows
    entries: Vector

    def dense(self) -> Matrix:
        """The matrix of one row of the center, shape (size, size)."""
        place = self.rows * self.size + self.columns
        flat = np.bincount(place, self.entries, self.size * self.size)
        return np.asarray(flat.reshape(self.size, self.size))

    def solve(self, right: Vector) -> Vector:
        """Solve (I - Q) x = right, shape (size,), within the band that the moves span."""
        off = self.rows - self.columns
        lower, upper = max(int(off.max()), 0), max(int(-off.min()), 0)
        place = (upper + off) * self.size + self.columns
        band = np.bincount(place, -self.entries, (lower + upper + 1) * self.size)
        band = band.reshape(-1, self.size)
        band[upper] += 1.0
        return np.asarray(solve_banded((lower, upper), band, right, check_finite=False))


def make_grid(moves: Moves, limit: float, size: int) -> Grid:
    """Chances between equally spaced values of a chart, from 0 to just below its limit.

    Parameters
    ----------
    moves : Moves
        What may happen at a row.
    limit : float
        Where the chart signals.
    size : int
        Number of values, at least 4.

    Returns
    -------
    Grid
    """
    step = limit / size
    start = np.arange(size)[:, None]
    reached = start + (moves.weights / step)[None, :]
    # a climb of less than one step cannot jump over the limit: there L falls to 0 continuously
    creeping = (moves.weights > 0) & (moves.weights < step)
    middle = np.clip(np.rint(reached), 1, np.where(creeping, size - 1, size - 2)[None, :])
    beside = np.where(reached <= 0, -1.0, reached - middle)
    middle = np.where(reached <= 0, 1.0, middle).astype(np.int64)
    chance = np.where(reached >= size - _SLACK, 0.0, moves.chances[None, :])
    parabola = (beside * (beside - 1) / 2, 1 - beside**2, beside * (beside + 1) / 2)
    entries = np.stack(parabola) * chance
    columns = np.stack([middle - 1, middle, middle + 1])
    kept = (entries != 0) & (columns < size)
    rows = np.broadcast_to(start, columns.shape)
    return Grid(size, rows[kept], columns[kept], entries[kept])


def mean_run_length(moves: Moves, limit: float, size: int, head_start: float = 0.0) -> float:
    """Mean number of rows until the chart reaches its limit.

    Parameters
    ----------
    moves : Moves
        What may happen at a row.
    limit : float
        Where the chart signals.
    size : int
        Number of values of the chart.
    head_start : float
        Share of the limit that the chart begins at.

    Returns
    -------
    float
        Infinite where no move leads upwards.
    """
    if not (moves.weights[moves.chances > 0] > 0).any():
        return float("inf")
    lengths = make_grid(moves, limit, size).solve(np.ones(size))
    return float(lengths @ start_weights(size, head_start))


def signal_chance(
    moves: Moves, limit: float, rows: int, size: int, head_start: float = 0.0
) -> float:
    """Probability that the chart reaches its limit within a number of rows.

    Parameters
    ----------
    moves, limit, size, head_start
        As in `mean_run_length`.
    rows : int
        Length of the period, in rows.

    Returns
    -------
    float
    """
    matrix = make_grid(moves, limit, size).dense()
    many, few = divmod(rows, _STRIDE)
    alive = np.ones(size)
    for _ in range(few):
        alive = matrix @ alive
    leap = np.linalg.matrix_power(matrix, _STRIDE) if many else matrix
    for _ in range(many):
        alive = leap @ alive
    return float(1 - alive @ start_weights(size, head_start))


def start_weights(size: int, head_start: float) -> Vector:
    """Weights by which the value at the start is read from the values of the grid."""
    at = head_start * size
    middle = int(np.clip(np.rint(at), 1, size - 2))
    beside = at - middle
    weights = np.zeros(size)
    weights[middle - 1 : middle + 2] = (
        beside * (beside - 1) / 2,
        1 - beside**2,
        beside * (beside + 1) / 2,
    )
    return weights
