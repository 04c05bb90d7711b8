"""What ``plot()`` of an audit draws, and that a notebook shows it."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from vpstats.centers.audit import audit_centers
from vpstats.centers.result import AuditResult
from vpstats.results import TableResult


@pytest.fixture(scope="module")
def audit() -> AuditResult:
    leaks = {"A": 20, "B": 22, "C": 60, "D": 3}
    rows = [
        {"center_id": name, "leak": int(i < count)}
        for name, count in leaks.items()
        for i in range(200 if name != "D" else 8)
    ]
    return audit_centers(pd.DataFrame(rows), outcome="leak")


def written(axes: plt.Axes) -> list[str]:
    return [t.get_text() for t in axes.texts]


def test_a_funnel_names_flagged_centers_only(audit: AuditResult) -> None:
    axes = audit.indicators[0].plot()
    flagged = audit.tidy().query("verdict in ['alert', 'alarm']")["center_id"]
    assert "C" in set(flagged)
    assert sorted(written(axes)) == sorted(flagged)
    assert axes.get_ylabel() == "Observed over expected"


def test_a_funnel_draws_centers_where_they_are(audit: AuditResult) -> None:
    axes = audit.indicators[0].plot()
    drawn = {(x, y) for line in axes.lines for x, y in zip(*line.get_data(), strict=True)}
    for _, row in audit.tidy().iterrows():
        assert (row["expected"], row["o_e"]) in drawn


def test_a_map_of_verdicts_has_a_mark_for_each(audit: AuditResult) -> None:
    axes = audit.plot()
    assert [t.get_text() for t in axes.get_xticklabels()] == ["A", "B", "C", "D"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["outcome"]
    assert len(axes.lines) == 4
    words = [t.get_text() for t in axes.get_legend().get_texts()]
    assert {"alarm, worse", "within the limits", "no verdict"} <= set(words)


def test_an_audit_without_rows_says_why() -> None:
    empty = AuditResult(title="Audit", status="no rows", reason="nothing was asked")
    assert written(empty.plot()) == ["no rows: nothing was asked"]


def test_a_figure_is_open_in_pyplot_so_that_a_notebook_shows_it() -> None:
    table = pd.DataFrame({"estimate": [1.0], "conf_low": [0.5], "conf_high": [2.0]})
    axes = TableResult(title="One", table=table).plot()
    assert plt.gcf() is axes.figure


def test_given_axes_are_drawn_on(audit: AuditResult) -> None:
    figure, axes = plt.subplots()
    assert audit.plot(ax=axes) is axes
    assert plt.get_fignums() == [figure.number]
