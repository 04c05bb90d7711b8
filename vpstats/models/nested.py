"""Laplace's likelihood of a logistic model with random intercepts on two nested levels.

The linear predictor of a row is ``x beta + s_o u_o + s_i u_i``, with u_o of its outer group (a
center), u_i of its inner one (a patient within the center), all standard normal. The matrix to
factor is diagonal but for one row per outer group, so everything takes time linear in the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.grouping import GroupedRows
from vpstats.models.quadrature import (
    LONGEST,
    SETTLED,
    Derivatives,
    Rows,
    scale_information,
)

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.intp]

_BLOCK = 8192
_MODE_STEPS = 200


@dataclass(frozen=True)
class _Block:
    """Rows of whole outer groups, with their inner groups."""

    rows: Rows
    inner: slice
    outer: slice
    starts: Index
    sizes: Index

    def sums(self, values: Vector) -> Vector:
        """Sums of inner groups within outer ones."""
        return np.asarray(np.add.reduceat(values, self.starts))

    def spread(self, values: Vector) -> Vector:
        """Values of outer groups repeated for their inner ones."""
        return np.repeat(values, self.sizes)


@dataclass(frozen=True)
class _Factor:
    """The factored curvature of the conditional modes.

    Parameters
    ----------
    d : ndarray, shape (inner,)
        ``1 + s_i^2 V``, V the curvature of an inner group.
    e : ndarray, shape (inner,)
        What couples it to its outer group.
    schur : ndarray, shape (outer,)
        Curvature of an outer group once its inner ones are eliminated.
    """

    block: _Block
    d: Vector
    e: Vector
    schur: Vector

    def solve(self, outer: Vector, inner: Vector) -> tuple[Vector, Vector]:
        """Solution for a right side."""
        up = (outer - self.block.sums(self.e * inner / self.d)) / self.schur
        return up, (inner - self.e * self.block.spread(up)) / self.d


class NestedKernel:
    """Laplace's log-likelihood of two nested random intercepts, and its gradient.

    Parameters
    ----------
    data : GroupedRows
        Rows in order of outer and, within them, inner groups; its groups are the inner ones.
    outer : ndarray of int, shape (number of inner groups,)
        Outer group of each inner one, ascending from 0.
    """

    scales = 2

    def __init__(self, data: GroupedRows, outer: Index) -> None:
        self.data = data
        count = int(outer[-1]) + 1
        self.inner_modes, self.modes = np.zeros(data.count), np.zeros(count)
        starts = np.searchsorted(outer, np.arange(count + 1))
        whole = GroupedRows(data.rows, data.starts[starts])
        self._parts = [self._cut(rows, groups, starts) for rows, groups in whole.blocks(_BLOCK)]

    def _cut(self, here: slice, outer: slice, starts: Index) -> _Block:
        inner = slice(int(starts[outer.start]), int(starts[outer.stop]))
        edges = starts[outer.start : outer.stop + 1]
        local = self.data.starts[inner.start : inner.stop + 1]
        rows = _piece(self.data, here, local)
        return _Block(rows, inner, outer, edges[:-1] - inner.start, np.diff(edges))

    def evaluate(self, theta: Vector) -> tuple[float, Vector]:
        """Log-likelihood and gradient at ``(beta, outer scale, inner scale)``, shape (p + 2,)."""
        value, gradient = 0.0, np.zeros(len(theta))
        for block in self._parts:
            part, slope = self._block(block, theta)
            value += part
            gradient += slope
        return value, gradient

    def _block(self, block: _Block, theta: Vector) -> tuple[float, Vector]:
        rows, so, si = block.rows, float(theta[-2]), float(theta[-1])
        uo, ui, at = self._find_modes(block, theta)
        slope, curve, skew = (rows.sums(a) for a in (at.slope, at.curvature, at.skew))
        factor = _factor(block, curve, so, si)
        d, schur = factor.d, block.spread(factor.schur)
        value = float(at.value.sum() - (uo @ uo + ui @ ui) / 2)
        value -= float(np.log(d).sum() + np.log(factor.schur).sum()) / 2
        # half the log determinant depends on the modes through the curvatures of inner groups
        half = 0.5 * (si**2 / d + so**2 / (schur * d**2))
        lam_o, lam_i = factor.solve(so * block.sums(half * skew), si * half * skew)
        pull = block.spread(so * lam_o) + si * lam_i
        per_row = at.slope - rows.spread(half) * at.skew + rows.spread(pull) * at.curvature
        lifted = block.spread(uo)
        on_inner = (
            ui * (slope - half * skew + pull * curve)
            - lam_i * slope
            - si * curve / d
            + so**2 * si * curve**2 / (schur * d**2)
        )
        on_outer = lifted * (slope - half * skew + pull * curve) - so * curve / (schur * d)
        on_outer_total = on_outer.sum() - lam_o @ block.sums(slope)
        return value, np.concatenate([per_row @ rows.X, [on_outer_total, on_inner.sum()]])

    def _find_modes(self, block: _Block, theta: Vector) -> tuple[Vector, Vector, Derivatives]:
        rows, so, si = block.rows, float(theta[-2]), float(theta[-1])
        eta = rows.fixed(theta[:-2])
        uo, ui = self.modes[block.outer].copy(), self.inner_modes[block.inner].copy()
        for _ in range(_MODE_STEPS):
            slopes, curvature = rows.slopes(eta + rows.spread(block.spread(so * uo) + si * ui))
            slope = rows.sums(slopes)
            factor = _factor(block, rows.sums(curvature), so, si)
            step_o, step_i = factor.solve(so * block.sums(slope) - uo, si * slope - ui)
            moved = np.abs(block.spread(so * step_o) + si * step_i)
            longest = float(moved.max())
            if longest > LONGEST:  # the outer group moves as its furthest inner one may
                far = np.maximum.reduceat(moved, block.starts)
                share = 1 / np.maximum(far / LONGEST, 1.0)
                step_o, step_i = step_o * share, step_i * block.spread(share)
            uo, ui = uo + step_o, ui + step_i
            if not longest > SETTLED:
                self.modes[block.outer], self.inner_modes[block.inner] = uo, ui
                break
        else:  # too far out: no value, so that the search turns back
            uo, ui = np.full_like(uo, np.nan), np.full_like(ui, np.nan)
        return uo, ui, rows.derivatives(eta + rows.spread(block.spread(so * uo) + si * ui))

    def first_information(self, theta: Vector) -> Matrix:
        """A positive definite guess of the information, shape (p + 2, p + 2)."""
        so, si, p = float(theta[-2]), float(theta[-1]), len(theta) - 2
        total = np.zeros((p + 2, p + 2))
        for block in self._parts:
            rows = block.rows
            _, _, at = self._find_modes(block, theta)
            curve = rows.sums(at.curvature)
            factor = _factor(block, curve, so, si)
            inner = rows.column_sums(at.curvature)
            outer = np.add.reduceat(inner / factor.d[:, None], block.starts, axis=0)
            total[:p, :p] += rows.X.T @ (at.curvature[:, None] * rows.X)
            total[:p, :p] -= inner.T @ ((si**2 / factor.d)[:, None] * inner)
            total[:p, :p] -= outer.T @ ((so**2 / factor.schur)[:, None] * outer)
            known = block.sums(curve / factor.d) / factor.schur
            total[p, p] += scale_information(so, known)
            total[p + 1, p + 1] += scale_information(si, curve / factor.d)
        return (total + total.T) / 2

    def conditional(self, theta: Vector) -> tuple[Vector, Vector]:
        """Mode of each outer intercept and its standard deviation, on the log-odds scale."""
        so, spread = float(theta[-2]), np.empty(len(self.modes))
        for block in self._parts:
            _, _, at = self._find_modes(block, theta)
            factor = _factor(block, block.rows.sums(at.curvature), so, float(theta[-1]))
            spread[block.outer] = 1 / np.sqrt(factor.schur)
        return so * self.modes, abs(so) * spread

    def conditional_inner(self, theta: Vector) -> tuple[Vector, Vector]:
        """The same of the inner intercepts."""
        so, si, spread = float(theta[-2]), float(theta[-1]), np.empty(self.data.count)
        for block in self._parts:
            _, _, at = self._find_modes(block, theta)
            factor = _factor(block, block.rows.sums(at.curvature), so, si)
            coupled = (factor.e / factor.d) ** 2 / block.spread(factor.schur)
            spread[block.inner] = np.sqrt(1 / factor.d + coupled)
        return si * self.inner_modes, abs(si) * spread


def _factor(block: _Block, curve: Vector, so: float, si: float) -> _Factor:
    d = 1 + si**2 * curve
    return _Factor(block, d, so * si * curve, 1 + so**2 * block.sums(curve / d))


def _piece(data: GroupedRows, here: slice, local: Index) -> Rows:
    rows = data.rows
    return Rows(
        rows.X[here],
        rows.sign[here],
        None if rows.weights is None else rows.weights[here],
        None if rows.offset is None else rows.offset[here],
        local[:-1] - here.start,
        np.diff(local),
    )
