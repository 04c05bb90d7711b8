"""What is known of centers beside what was found, and power where an examination errs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from vpstats.centers.audit import audit_centers, collect_audit
from vpstats.centers.indicator import audit_indicator
from vpstats.centers.result import AuditResult
from vpstats.centers.volume import needed_volume, seen_odds_ratio
from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.pipeline import AuditRun, run_audit
from vpstats.pipeline.known import known_notes
from vpstats.registry import Registry
from vpstats.simulate import CenterSpec, SimulationSpec, simulate_registry
from vpstats.study import Indicator, StudyPlan, default_indicators
from vpstats.study.audit import Seen

LEAK = {"id": "leak", "title": "Any leak", "cohort": "leakage", "outcome": "leak"}
TRUE = {"centers": ["C"], "truth": "three times as many", "indicators": ["leak"]}


def rows(examined: float = 1.0) -> pd.DataFrame:
    counts = {"A": 20, "B": 22, "C": 60}
    leaks = np.concatenate([[1] * n + [0] * (200 - n) for n in counts.values()])
    return pd.DataFrame(
        {"center_id": np.repeat(list(counts), 200), "leak": leaks, "seen": examined}
    )


def plan(*known: dict[str, Any], **audit: Any) -> StudyPlan:
    content = {"version": 1, "title": "A plan", "indicator": [LEAK]}
    return StudyPlan.model_validate({**content, "audit": {"known": known, **audit}})


def found(made: StudyPlan) -> AuditResult:
    frame = Frame(rows(), unit="procedure", independent="one row per patient")
    parts = [one.result for one in audit_indicator(frame, made.audited[0])]
    return collect_audit(parts, made.audit, signalling=["leak"])


def test_truth_and_finding_stand_beside_each_other() -> None:
    made = plan(TRUE, {"centers": ["A"], "truth": "as the network", "indicators": ["leak"]})
    network = [n for n in known_notes(made, found(made)) if n.analysis == "audit"]
    assert [n.text for n in network] == [
        "C. True: three times as many. Found: Any leak: alarm, worse.",
        "A. True: as the network. Found: Any leak: " + _verdict(found(made), "A") + ".",
    ]
    assert network[0].rests_on == ("audit_leak/C/outcome//observed",)


def _verdict(result: AuditResult, center: str) -> str:
    row = result.table.set_index("center_id").loc[center]
    words = "within the limits" if row["verdict"] == "none" else row["verdict"]
    return f"{words}, {row['side']}" if row["side"] else words


def test_a_center_reads_its_truth_alone() -> None:
    made = plan(TRUE)
    (own,) = [n for n in known_notes(made, found(made)) if n.analysis == "audit_leak"]
    assert (own.group, own.text) == ("C", "True of this center: three times as many.")
    assert own.rests_on == ()


def test_a_center_without_rows_is_not_spoken_of() -> None:
    made = plan({**TRUE, "centers": ["Z"]})
    assert list(known_notes(made, found(made))) == []
    assert list(known_notes(made, AuditResult(title="Audit"))) == []


def test_names_of_centers_may_hold_braces() -> None:
    made = plan(TRUE, center_names={"C": "{North}"})
    texts = [n.text for n in known_notes(made, found(made))]
    assert texts[0].startswith("{{North}}. True")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"indicators": ["infection"]}, "infection"),
        ({"indicators": []}, "at least 1"),
        ({"centers": []}, "at least 1"),
        ({"truth": "{leak}"}, "braces"),
    ],
)
def test_what_cannot_be_known_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        plan({**TRUE, **wrong})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> AuditRun:
    """Two centers with leaks enough to be published, and one with fewer than may be."""
    centers = (
        CenterSpec("A", 0.48, 0.2, 2, 100, "routine"),
        CenterSpec("B", 0.48, 0.2, 2, 100, "routine", log_or_leak=1.5),
        CenterSpec("C", 0.04, 0.2, 1, 100, "routine"),
    )
    spec = SimulationSpec(n_procedures=150, centers=centers)
    tables = simulate_registry(spec, 3).tables
    registry = Registry.from_tables(tables, name="Three", data_cut=spec.data_cut, synthetic=True)
    ids = ("leak_fluoro",)
    known = [
        {"centers": ["A", "C"], "truth": "as each other", "indicators": ids},
        {"centers": ["B"], "truth": "more leaks", "indicators": ids},
    ]
    chosen = [i.model_copy(update={"strata": {}}) for i in default_indicators() if i.id in ids]
    made = StudyPlan(
        version=1,
        title="Three centers",
        release={"threshold": 10},
        audit={"known": known, "minimum_expected": 0.5, "minimum_volume": 2},
        indicator=chosen,
    )
    return run_audit(made, registry=registry, out=tmp_path_factory.mktemp("audit") / "pages")


def test_pages_and_documents_name_truth_and_finding(run: AuditRun) -> None:
    assert run.document is not None
    assert run.folder is not None
    assert [line.split(".")[0] for line in run.document.known] == ["A", "C", "B"]
    text = (run.folder / "internal" / "audit.txt").read_text("utf-8")
    page = (run.folder / "internal" / "index.html").read_text("utf-8")
    own = (run.folder / "internal" / "centers" / "B.html").read_text("utf-8")
    for line in run.document.known:
        assert line in text
        assert line in page
    assert "True of this center: more leaks." in own
    assert "as each other" not in own


def test_a_finding_falls_with_the_number_behind_it(run: AuditRun) -> None:
    assert run.folder is not None
    cells = run.public.cells.set_index("cell_id")
    row = cells.loc["audit_leak_fluoro/C/outcome//observed"]
    assert row["suppressed"]
    for name in ("index.html", "audit.txt", "audit.json"):
        text = (run.folder / "public" / name).read_text("utf-8")
        assert "C. True" not in text
    assert "C. True" in (run.folder / "internal" / "audit.txt").read_text("utf-8")


# ------------------------------------------------------------------ an examination that errs


def test_an_odds_ratio_by_hand() -> None:
    # 0.36 seen; truly (0.36 - 0.04) / 0.46 = 0.6957, odds 2.2857; doubled 4.5714, which is 0.8205;
    # seen of that 0.04 + 0.46 * 0.8205 = 0.41744, odds 0.71655; 0.36 has odds 0.5625
    assert seen_odds_ratio(0.36, 2.0, 0.5, 0.96) == pytest.approx(0.71655 / 0.5625, abs=1e-4)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0, 8.0])
def test_a_perfect_examination_shows_the_truth(ratio: float) -> None:
    assert seen_odds_ratio(0.2, ratio) == pytest.approx(ratio, rel=1e-12)


def test_errors_draw_towards_one() -> None:
    ratios = [seen_odds_ratio(0.3, 2.0, s, 0.98) for s in (0.35, 0.5, 0.8, 1.0)]
    assert all(1 < low < high < 2 for low, high in pairwise(ratios))
    assert 0.5 < seen_odds_ratio(0.3, 0.5, 0.5, 0.98) < 1


def test_a_share_that_errors_explain_tells_nothing() -> None:
    assert seen_odds_ratio(0.04, 2.0, 0.5, 0.96) == 1.0
    assert seen_odds_ratio(0.6, 2.0, 0.5, 1.0) == 1.0


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.4, 0.6), (1.2, 0.9), (0.5, 1.1)])
def test_an_examination_that_says_nothing_is_refused(
    sensitivity: float, specificity: float
) -> None:
    with pytest.raises(UsageError, match="exceed 1"):
        seen_odds_ratio(0.3, 2.0, sensitivity, specificity)
    with pytest.raises(ValidationError):
        Seen(examined="seen", sensitivity=sensitivity, specificity=specificity)


def needed(**seen: float) -> tuple[float, float, str]:
    data, ask = rows(), Seen(examined="seen", **seen)
    frame = Frame(data, unit="procedure", independent="one row per patient")
    made = plan()
    spec: Indicator = made.audited[0].model_copy(update={"ascertainment": ask})
    (one,) = audit_indicator(frame, spec)
    said = " ".join(text for _, role, text in one.result.sentences if role == "limit")
    network = one.result.network.iloc[0]
    return float(network["needed_power"]), float(network["benchmark_error"]), said


def test_the_volume_allows_for_what_the_examination_misses() -> None:
    perfect, error, plain = needed()
    half, _, said = needed(sensitivity=0.5, specificity=0.96)
    risk, shown = 102 / 600, seen_odds_ratio(102 / 600, 2, 0.5, 0.96)
    # each of three equal centers is held against 400 patients: sqrt((1 - p) / (400 p)), p near risk
    assert error == pytest.approx(np.sqrt((1 - risk) / risk / 400), rel=0.1)
    assert perfect == pytest.approx(needed_volume(risk, benchmark_error=error), rel=0.02)
    assert half == pytest.approx(needed_volume(risk, shown, benchmark_error=error), rel=0.02)
    assert half > 1.5 * perfect
    assert "shows 50% of what there is and calls 96% of the rest free" in said
    assert "examination" not in plain


def test_nothing_can_be_found_where_errors_explain_all() -> None:
    assert needed(sensitivity=0.9, specificity=0.5)[0] == np.inf


def test_a_table_may_state_how_well_it_was_looked() -> None:
    ask = {"examined": "seen", "sensitivity": 0.5}
    result = audit_centers(rows(), outcome="leak", ascertainment=ask)
    assert result.tidy()["verdict"].tolist()[2] == "alarm"
