"""What must hold for any data: order, exchange of roles, clusters of one row, rounding."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from vpstats.models.agreement import agreement
from vpstats.models.cells import CellRows, estimate, jackknife
from vpstats.models.diagnostic import diagnostic_accuracy
from vpstats.models.named_tests import GROUP_TESTS, compare_groups
from vpstats.models.named_tests.fisher import exact_p_value
from vpstats.models.named_tests.ranks import hodges_lehmann, pseudomedian
from vpstats.models.paired import paired_proportions, tango
from vpstats.models.reported import check_reported
from vpstats.models.reported.counts import Counts, p_values, ratio

SAME = 1e-9
"""Relative: sums in another order."""


def rows_of(seed: int, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    patient = rng.integers(0, 22, n)
    shared = rng.normal(size=22)[patient]
    return pd.DataFrame(
        {
            "patient": patient,
            "x": np.round(shared + rng.normal(size=n), 1),
            "a": (shared + rng.normal(size=n) > 0).astype(int),
            "b": (shared + rng.normal(size=n) > 0.3).astype(int),
            "k": rng.choice(list("uvw"), n),
            "g": rng.choice(["m", "f"], n),
        }
    )


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=15)
@given(seeds, st.sampled_from(sorted(set(GROUP_TESTS) - {"donald-donner"})))
def test_tests_do_not_depend_on_the_order_or_the_labels_of_rows(seed: int, test: str) -> None:
    data = rows_of(seed)
    spec = GROUP_TESTS[test]
    options = {"variable": "a" if spec.kind == "category" else "x", "by": "g", "test": test}
    if spec.clustered:
        options["cluster"] = "patient"
    shuffled = data.sample(frac=1, random_state=np.random.default_rng(1)).set_index("a", drop=False)
    one, two = (compare_groups(d, **options).tidy() for d in (data, shuffled))
    numbers = ["statistic", "p_value", "estimate", "conf_low", "conf_high"]
    np.testing.assert_allclose(one[numbers].astype(float), two[numbers].astype(float), rtol=SAME,
                               atol=1e-12)  # fmt: skip


@settings(max_examples=20)
@given(seeds, st.sampled_from(["welch", "student", "mann-whitney", "pearson", "rank-clustered"]))
def test_exchanging_the_groups_turns_the_estimate_round(seed: int, test: str) -> None:
    data = rows_of(seed)
    options = {"variable": "a" if test == "pearson" else "x", "by": "g", "test": test,
               "cluster": "patient" if test == "rank-clustered" else None}  # fmt: skip
    one = compare_groups(data, **options).tidy().iloc[0]
    two = compare_groups(data.replace({"g": {"m": "a_m"}}), **options).tidy().iloc[0]
    assert one["reference"] == "f"
    assert two["reference"] == "a_m"
    assert one["p_value"] == pytest.approx(two["p_value"], rel=SAME)
    assert one["estimate"] == pytest.approx(-two["estimate"], rel=SAME, abs=1e-12)
    assert one["conf_low"] == pytest.approx(-two["conf_high"], rel=1e-7, abs=1e-10)


def tables_with_margins(rows: tuple[int, ...], columns: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Every table of counts with these margins."""
    if len(rows) == 1:
        yield np.array([columns])
        return
    for first in itertools.product(*(range(min(rows[0], c) + 1) for c in columns)):
        if sum(first) == rows[0]:
            rest = tuple(c - f for c, f in zip(columns, first, strict=True))
            for table in tables_with_margins(rows[1:], rest):
                yield np.vstack([first, table])


def weight(table: np.ndarray) -> float:
    """Exact relative probability of a table given its margins."""
    return 1.0 / math.prod(math.factorial(int(n)) for n in table.ravel())


@settings(max_examples=60)
@given(
    st.integers(2, 3).flatmap(
        lambda r: st.integers(2, 4).flatmap(
            lambda c: st.lists(
                st.lists(st.integers(0, 3), min_size=c, max_size=c), min_size=r, max_size=r
            )
        )
    )
)
def test_exact_tests_count_every_table(cells: list[list[int]]) -> None:
    table = np.array(cells)
    assume(table.sum() > 0)
    every = [weight(t) for t in tables_with_margins(*(tuple(table.sum(axis=k)) for k in (1, 0)))]
    seen = weight(table)
    unlikely = math.fsum(w for w in every if w <= seen * (1 + 1e-7))
    found = exact_p_value(table)
    assert found is not None
    expected = unlikely / math.fsum(every)
    assert found == pytest.approx(expected, rel=1e-9)
    assert exact_p_value(table.T) == pytest.approx(found, rel=1e-9)
    assert exact_p_value(table[::-1, ::-1]) == pytest.approx(found, rel=1e-9)


@settings(max_examples=30)
@given(seeds)
def test_clusters_of_one_row_are_independent_rows(seed: int) -> None:
    data = rows_of(seed).assign(own=np.arange(60))
    for call in (
        lambda **o: paired_proportions(data, first="a", second="b", interval="wald", **o),
        lambda **o: agreement(data, first="a", second="b", **o),
    ):
        alone, clustered = call().tidy(), call(cluster="own").tidy()
        keep = np.ones(len(alone), bool) if "stat" not in alone else alone["stat"] == "kappa"
        np.testing.assert_allclose(
            clustered.loc[keep, "std_error"].to_numpy(float),
            alone.loc[keep, "std_error"].to_numpy(float) * np.sqrt(60 / 59),
            rtol=SAME,
        )


@settings(max_examples=30)
@given(seeds)
def test_the_jackknife_is_near_the_linearised_variance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = CellRows(rng.integers(0, 4, 400), 4, rng.integers(0, 80, 400))

    def odds(p: np.ndarray) -> np.ndarray:
        return np.array([np.log(p[0] * p[3] / (p[1] * p[2])), p[3] / (p[2] + p[3])])

    linear, left_out = estimate(rows, odds)[1], jackknife(rows, odds)
    np.testing.assert_allclose(np.diag(left_out) / np.diag(linear), 1, atol=0.25)


@settings(max_examples=30)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40), st.floats(0.5, 0.99))
def test_tangos_limits_hold_the_difference_and_mirror(
    b: int, c: int, rest: int, level: float
) -> None:
    size = b + c + rest
    low, high = tango(b, c, size, level)
    assert -1 <= low <= (b - c) / size + 1e-12
    assert (b - c) / size - 1e-12 <= high <= 1
    mirrored = tango(c, b, size, level)
    assert (low, high) == pytest.approx((-mirrored[1], -mirrored[0]), abs=1e-9)


@settings(max_examples=25)
@given(seeds)
def test_readers_may_be_exchanged(seed: int) -> None:
    data = rows_of(seed)
    one = agreement(data, first="a", second="b", cluster="patient").tidy().set_index("stat")
    two = agreement(data, first="b", second="a", cluster="patient").tidy().set_index("stat")
    for stat in ("kappa", "agreement", "pabak", "prevalence_index"):
        assert one.loc[stat, "estimate"] == pytest.approx(two.loc[stat, "estimate"], rel=SAME)
        assert one.loc[stat, "std_error"] == pytest.approx(two.loc[stat, "std_error"], rel=SAME)
    assert one.loc["bias_index", "estimate"] == pytest.approx(-two.loc["bias_index", "estimate"])


@settings(max_examples=20)
@given(seed=seeds, clustered=st.booleans())
def test_a_saturated_model_of_verification_is_begg_and_greenes(
    seed: int, *, clustered: bool
) -> None:
    rng = np.random.default_rng(seed)
    n = 300
    data = pd.DataFrame({"t": rng.integers(0, 2, n), "z": rng.integers(0, 2, n)})
    truth = (rng.random(n) < 0.2 + 0.4 * data["t"] + 0.2 * data["z"]).astype(float)
    checked = rng.random(n) < 0.3 + 0.4 * data["t"] + 0.2 * data["z"]
    data = data.assign(d=truth.where(checked), patient=rng.integers(0, 90, n))
    options = {"test": "t", "reference": "d", "covariates": ["z"],
               "cluster": "patient" if clustered else None}  # fmt: skip
    one, two = (
        diagnostic_accuracy(data, method=method, **options).tidy().iloc[10:]
        for method in ("begg-greenes", "ipw")
    )
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    # Newton stops at 1e-8 standard errors of the model of verification
    np.testing.assert_allclose(one[numbers].astype(float), two[numbers].astype(float), rtol=1e-6)


@settings(max_examples=20)
@given(seeds)
def test_nothing_is_corrected_where_everybody_was_verified(seed: int) -> None:
    table = diagnostic_accuracy(rows_of(seed), test="a", reference="b").tidy()
    assert len(table) == 10
    assert table["method"].str.startswith("verified").all()


@settings(max_examples=40)
@given(
    st.lists(st.floats(-50, 50), min_size=2, max_size=30),
    st.lists(st.floats(-50, 50), min_size=2, max_size=30),
)
def test_medians_by_counting_are_medians(first: list[float], second: list[float]) -> None:
    one, two = np.array(first), np.array(second)
    shift, middle = hodges_lehmann(one, two), pseudomedian(one)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vpstats.models.named_tests.ranks._MOST_PAIRS", 0)
        assert hodges_lehmann(one, two) == pytest.approx(shift, rel=1e-12, abs=1e-9)
        assert pseudomedian(one) == pytest.approx(middle, rel=1e-12, abs=1e-9)


def printed(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"


@settings(max_examples=150)
@given(
    st.tuples(*(st.integers(1, 60) for _ in range(4))),
    st.sampled_from(["OR", "RR"]),
    st.integers(2, 4),
    st.integers(2, 3),
)
def test_what_was_computed_and_rounded_is_consistent(
    cells: tuple[int, ...], measure: str, digits: int, p_digits: int
) -> None:
    events, others, events_2, others_2 = cells
    counts = Counts(events, events + others, events_2, events_2 + others_2)
    found = ratio(counts, measure, 0.95)
    assert found is not None
    value, low, high = found
    error = np.log(high / low) / (2 * stats.norm.ppf(0.975))
    wald = 2 * stats.norm.sf(abs(np.log(value)) / error)
    assume(low > 0.5 * 10.0**-digits)  # a limit printed as 0.00 is no limit of a ratio
    table = check_reported(
        measure=measure,
        estimate=printed(value, digits),
        interval=(printed(low, digits), printed(high, digits)),
        p_value=printed(wald, p_digits),
        events=counts.events, n=counts.n, events_2=counts.events_2, n_2=counts.n_2,
        percent=printed(100 * events / counts.n, 1),
    ).tidy()  # fmt: skip
    # the Wald p-value of the ratio is none of the tests of the table
    rest = table[table["check"] != "p_from_counts"]
    assert (rest["verdict"] != "inconsistent").all(), rest["sentence"].tolist()


@settings(max_examples=60)
@given(st.tuples(*(st.integers(0, 40) for _ in range(4))), st.integers(2, 4))
def test_a_printed_test_is_recognised(cells: tuple[int, ...], digits: int) -> None:
    events, others, events_2, others_2 = cells
    assume(events + others and events_2 + others_2)
    counts = Counts(events, events + others, events_2, events_2 + others_2)
    for name, value in p_values(counts).items():
        row = check_reported(
            p_value=printed(value, digits), events=counts.events, n=counts.n,
            events_2=counts.events_2, n_2=counts.n_2,
        ).tidy().set_index("check").loc["p_from_counts"]  # fmt: skip
        assert row["verdict"] == "consistent"
        words = {"fisher-mid-p": "mid-p", "fisher-one-sided": "one-sided"}.get(name, name)
        assert words in row["method"].lower()
