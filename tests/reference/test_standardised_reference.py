"""Standardised risks and partial effects against R: every question of `make_standardised.R`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vpstats.models.logistic import LogisticFit, fit_logistic
from vpstats.models.partial_effects import partial_effects
from vpstats.models.standardised import standardised_risks

HERE = Path(__file__).parent
MANIFEST = json.loads((HERE / "standardised" / "manifest.json").read_text())
QUESTIONS = {q["case"]["id"]: q for q in MANIFEST["questions"]}
CASES = {**{i: q["case"] for i, q in QUESTIONS.items()}, **{c["id"]: c for c in MANIFEST["extra"]}}
EFFECTS = {e["effect"]: e for e in MANIFEST["effects"]}
COLUMNS = ("estimate", "std_error", "conf_low", "conf_high")

DERIVATIVES = 1e-6
"""In standard errors: numerical derivatives keep nine digits, twice differentiated ones seven."""
INFLUENCES = 1e-4
"""In standard errors: `ate` differentiates its influence functions to five digits."""


@cache
def read(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / "standardised" / f"{name}.csv", dtype={"level": str})


@cache
def rows_of(name: str) -> pd.DataFrame:
    first = HERE / "logistic" / f"{name}.csv"
    return pd.read_csv(first if first.exists() else HERE / "logistic_more" / f"{name}.csv")


@cache
def fit_of(case: str) -> LogisticFit:
    options = CASES[case]
    wanted = ("penalty", "vcov", "cluster", "weights", "offset")
    return fit_logistic(
        rows_of(options["data"]), options["formula"], **{w: options[w] for w in wanted}
    )


def answer(case: str, **changes: Any) -> pd.DataFrame:
    question = QUESTIONS[case]
    options = {
        "exposure": question["exposure"],
        "values": question["values"],
        "reference": question["values"][question["reference"] - 1],
        "at": question["at"] or None,
        "covariates": question["covariates"],
    }
    data = rows_of(question["case"]["data"])
    return standardised_risks(fit_of(case), data, **{**options, **changes}).tidy()


@pytest.mark.parametrize("case", QUESTIONS)
def test_risks_differences_and_ratios(case: str, agree: Callable[..., None]) -> None:
    risks = read("risks")
    theirs, ours = risks[risks["case"] == case], answer(case)
    assert ours[["measure", "level"]].to_numpy().tolist() == (
        theirs[["measure", "level"]].to_numpy().tolist()
    )
    for column in COLUMNS:
        agree(
            f"standardised risks, {case}", column, ours[column], theirs[column],
            scale=theirs["std_error"], tolerance=DERIVATIVES,
        )  # fmt: skip


@pytest.mark.parametrize("case", read("survey")["case"].unique())
def test_predictive_means_of_the_survey_package(case: str, agree: Callable[..., None]) -> None:
    survey = read("survey")
    theirs = survey[survey["case"] == case]
    ours = answer(case, covariates="fixed").query("measure == 'risk'").set_index("level")
    ours = ours.loc[theirs["level"]]
    cell = f"standardised risks, {case}, svypredmeans"
    agree(cell, "estimate", ours["estimate"], theirs["estimate"], scale=theirs["fixed"])
    agree(cell, "std_error", ours["std_error"], theirs["fixed"], scale=theirs["fixed"])


def test_average_effects_of_the_riskregression_package(agree: Callable[..., None]) -> None:
    data = rows_of("birthwt").assign(row=range(189))
    fit = fit_logistic(data, "low ~ race + age + lwt + smoke", cluster="row", vcov="CR0")
    theirs = pd.read_csv(HERE / "standardised" / "ate.csv").query("a == 'black'")
    ours = standardised_risks(fit, data, exposure="race", reference="black").tidy()
    ours = ours[ours["measure"] == "risk_difference"].set_index("level").loc[theirs["b"]]
    error = theirs["std_error"]
    agree("standardised risks, race, ate", "estimate", ours["estimate"], theirs["estimate"],
          scale=error)  # fmt: skip
    agree("standardised risks, race, ate", "std_error", ours["std_error"], error, scale=error,
          tolerance=INFLUENCES)  # fmt: skip


@pytest.mark.parametrize("effect", EFFECTS)
def test_partial_effects(effect: str, agree: Callable[..., None]) -> None:
    effects, asked = read("effects"), EFFECTS[effect]
    theirs = effects[effects["effect"] == effect]
    number = theirs["level"].str.fullmatch(r"[\d.]+").all()
    values = [float(v) if number else v for v in theirs["level"]]
    reference = float(asked["reference"]) if number else asked["reference"]
    ours = partial_effects(
        fit_of(asked["case"]),
        variable=asked["variable"],
        values=values,
        reference=reference,
        at=MANIFEST["settings"].get(effect),
    ).tidy()
    scale = theirs["std_error"].where(theirs["std_error"] > 0, 1.0)
    for column in COLUMNS:
        agree(f"partial effect, {effect}", column, ours[column], theirs[column], scale=scale)
