"""What every kind of test shares: a backend without a screen, a command line without a process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

os.environ.setdefault("MPLBACKEND", "Agg")
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# the same examples in every run; no deadline, since two processes share two cores with the rest
settings.register_profile("vpstats", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("vpstats")

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def error_line(self) -> str:
        """The one line that a failed command may print; fails if there are more or none."""
        lines = self.err.splitlines()
        assert len(lines) == 1, f"expected one line on stderr, got:\n{self.err}"
        assert "Traceback" not in self.err
        return lines[0]


@pytest.fixture
def call_cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command line in this process."""
    from vpstats.cli import main

    def call(*arguments: str | Path) -> Outcome:
        capfd.readouterr()
        code = main([str(a) for a in arguments])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    """Figures that a test drew through pyplot do not stay open."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@dataclass(frozen=True)
class Agreement:
    """How far numbers of ours are from those of a named oracle."""

    cell: str
    quantity: str
    figures: int
    difference: float
    tolerance: float
    scale: str


@dataclass(frozen=True)
class Recovery:
    """What an estimator gave over many simulated samples, beside the truth."""

    estimand: str
    method: str
    runs: int
    truth: float
    mean: float
    mean_error: float
    spread: float
    coverage: float
    nominal: float


def _keep(request: pytest.FixtureRequest, name: str, row: Agreement | Recovery) -> None:
    """Attach a row to the report of the test; between processes only plain types may travel."""
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in asdict(row).items()}
    request.node.user_properties.append((name, plain))


def _largest(difference: NDArray[np.float64]) -> float:
    """The largest absolute difference; NaN in both counts as equal."""
    return float(np.max(np.abs(difference), initial=0.0))


@pytest.fixture
def agree(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Compare numbers with an oracle's, keep the largest difference for the table, and assert.

    ``agree(cell, quantity, ours, theirs, scale=1.0, tolerance=1e-6)``: `cell` names estimator,
    data and options; `scale` is what differences are divided by, the oracle's standard errors for
    estimates and errors (then the tolerance is in standard errors), 1 for probabilities.
    """

    def compare(
        cell: str,
        quantity: str,
        ours: Any,
        theirs: Any,
        *,
        scale: Any = 1.0,
        tolerance: float = 1e-6,
    ) -> None:
        ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
        assert ours.shape == theirs.shape, f"{cell}, {quantity}: {ours.shape} and {theirs.shape}"
        both = np.isnan(ours) & np.isnan(theirs) | (ours == theirs)
        apart = np.where(both, 0.0, (ours - theirs) / np.asarray(scale, float))
        found = np.inf if np.isnan(apart).any() else _largest(apart)
        named = "1" if np.ndim(scale) == 0 and scale == 1.0 else "SE"
        row = Agreement(cell, quantity, ours.size, found, tolerance, named)
        _keep(request, "agreement", row)
        assert found <= tolerance, f"{cell}, {quantity}: largest difference {found:.3g}"

    return compare


MC_ERRORS = 4.0
"""Bias and coverage may differ from the truth by four Monte-Carlo standard errors."""


@pytest.fixture
def recovered(request: pytest.FixtureRequest) -> Callable[..., Recovery]:
    """Hold estimates of many simulated samples against the truth, for the table and the test.

    ``recovered(estimand, method, truth=, estimates=, low=, high=, check=True, nominal=0.95)``:
    arrays of shape (runs,). With `check` the mean must lie within four Monte-Carlo errors (plus
    `bias`, a stated small-sample allowance) of the truth and the coverage within four of the
    nominal; without it the row stands in the table only, as the naive analysis does.
    """

    def hold(
        estimand: str,
        method: str,
        *,
        truth: float,
        estimates: Any,
        low: Any,
        high: Any,
        check: bool = True,
        nominal: float = 0.95,
        bias: float = 0.0,
    ) -> Recovery:
        estimates, low, high = (np.asarray(a, float) for a in (estimates, low, high))
        runs = len(estimates)
        inside = (low <= truth) & (truth <= high)
        covered = float(np.mean(inside)) if np.isfinite(low).any() else np.nan  # no intervals
        spread = float(np.std(estimates, ddof=1))
        mean = float(np.mean(estimates))
        error = spread / np.sqrt(runs)
        row = Recovery(estimand, method, runs, truth, mean, error, spread, covered, nominal)
        _keep(request, "recovery", row)
        if check:
            assert abs(mean - truth) <= MC_ERRORS * error + bias, row
            assert abs(covered - nominal) <= MC_ERRORS * np.sqrt(nominal * (1 - nominal) / runs), (
                row
            )
        return row

    return hold


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the tables of agreement and recovery where they were asked for."""
    if not os.environ.get("VPSTATS_TABLES"):
        return
    rows: dict[str, list[dict[str, Any]]] = {"agreement": [], "recovery": []}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties:
                if name in rows and report.when == "call":
                    rows[name].append(value)
    for name, found in rows.items():
        if found:
            terminalreporter.section(name)
            for line in _TABLES[name](found):
                terminalreporter.write_line(line)


def _agreement_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    rows = sorted(rows, key=lambda r: (r["cell"], r["quantity"]))
    width = max(len(r["cell"]) for r in rows)
    quantity = max(len(r["quantity"]) for r in rows)
    head = f"{'cell':<{width}}  {'quantity':<{quantity}}"
    yield f"{head}  {'figures':>7}  {'largest':>9}  of  allowed"
    for r in rows:
        yield (
            f"{r['cell']:<{width}}  {r['quantity']:<{quantity}}  {r['figures']:>7}  "
            f"{r['difference']:>9.1e}  {r['scale']:<2}  {r['tolerance']:.0e}"
            + ("" if r["difference"] <= r["tolerance"] else "  OUTSIDE")
        )
    outside = sum(r["difference"] > r["tolerance"] for r in rows)
    figures = sum(r["figures"] for r in rows)
    worst = max((r["difference"] for r in rows if r["scale"] == "SE"), default=0.0)
    yield (
        f"{len(rows)} comparisons, {figures} figures, {outside} outside; largest difference in "
        f"standard errors {worst:.1e}"
    )


def _recovery_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    rows = sorted(rows, key=lambda r: (r["estimand"], r["method"]))
    width = max(len(r["estimand"]) for r in rows)
    method = max(len(r["method"]) for r in rows)
    yield (
        f"{'estimand':<{width}}  {'method':<{method}}  {'runs':>6}  {'truth':>9}  {'mean':>9}  "
        f"{'MC error':>8}  {'bias/SD':>8}  {'coverage':>8}  nominal"
    )
    for r in rows:
        ratio = (r["mean"] - r["truth"]) / r["spread"] if r["spread"] else float("nan")
        yield (
            f"{r['estimand']:<{width}}  {r['method']:<{method}}  {r['runs']:>6}  "
            f"{r['truth']:>9.5f}  {r['mean']:>9.5f}  {r['mean_error']:>8.5f}  {ratio:>8.2f}  "
            f"{100 * r['coverage']:>7.1f}%  {100 * r['nominal']:.0f}%"
        )


_TABLES = {"agreement": _agreement_lines, "recovery": _recovery_lines}
