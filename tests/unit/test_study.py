"""Reading a study plan: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vpstats.errors import ExitCode, PlanError
from vpstats.study import StudyPlan, plan_json_schema, read_plan

HEAD = 'version = 1\ntitle = "A study"\n'
QUESTION = """
[[question]]
kind = "risk_factor"
id = "leak"
title = "Leakage"
cohort = "leakage"
outcome = "leak_any"
exposure = "cement_ml"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_is_read_from_its_file_or_its_folder(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + QUESTION)
    plan = read_plan(path)
    assert plan == read_plan(tmp_path)
    assert plan["leak"].cohort == "leakage"
    assert plan.registry_path == tmp_path / "registry.toml"
    assert (plan.floors.events, plan.release.threshold) == (10, 5)


def test_the_fingerprint_is_of_the_content_alone(tmp_path: Path) -> None:
    one = read_plan(write(tmp_path, HEAD + QUESTION))
    (tmp_path / "other").mkdir()
    two = read_plan(write(tmp_path / "other", f"# a comment\n{HEAD}\n\n{QUESTION}"))
    assert one.fingerprint == two.fingerprint
    three = read_plan(write(tmp_path, HEAD + QUESTION.replace("cement_ml", "bmd_tscore")))
    assert three.fingerprint != one.fingerprint


def test_a_plan_cannot_be_changed_after_it_was_read(tmp_path: Path) -> None:
    plan = read_plan(write(tmp_path, HEAD + QUESTION))
    with pytest.raises(ValueError, match="frozen"):
        plan.title = "Another"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD, r"a plan has a \[\[question\]\]"),
        (HEAD + QUESTION + "exposures = 1\n", "'leak', exposures: unknown key; did you mean 'expo"),
        (HEAD + QUESTION + "zzz = 1\n", "'leak', zzz: unknown key; docs/analysis-plan.md"),
        (HEAD + QUESTION.replace("risk_factor", "risk_facto"), "did you mean 'risk_factor'"),
        (HEAD + QUESTION.replace("risk_factor", "regression"), "no kind 'regression'; known kinds"),
        (HEAD + QUESTION.replace('kind = "risk_factor"\n', ""), "'leak': needs a kind"),
        (HEAD + QUESTION.replace('exposure = "cement_ml"\n', ""), "exposure: is required"),
        (HEAD + QUESTION + 'adjust = "sex"\n', r"adjust: expected a list .* such as .*sex"),
        (HEAD + "[release]\nthreshhold = 5\n" + QUESTION, "did you mean 'threshold'"),
        (HEAD + "levl = 0.9\n" + QUESTION, "levl: unknown key; did you mean 'level'"),
        (HEAD + QUESTION.replace("[[question]]", "[question]") * 2, r"double brackets"),
        (HEAD + QUESTION.replace('"cement_ml"', "cement_ml"), "Text stands in quotes"),
        ("Age;Sex\n70;F\n", "is it another file"),
        ('[[source]]\nname = "a"\n', "belongs to a registry.toml"),
        (HEAD + QUESTION + 'adjust = ["cement_ml"]\n', "cement_ml has more than one role"),
        (HEAD + QUESTION + 'adjust = ["age"]\nmediators = ["age"]\n', "age has more than one role"),
        (HEAD + QUESTION + 'center = "none"\n', "needs reason_no_center"),
        (HEAD + QUESTION + 'center = "strata"\n', "strata are for hazards"),
        (HEAD + QUESTION + QUESTION, "question ids appear twice: leak"),
        (HEAD + QUESTION.replace('"leak"', '"Leak 1"'), "digits and underscores, in lower"),
        ("version = 2\n" + 'title = "A study"\n' + QUESTION, "version: Input should be 1"),
        (HEAD + "level = 95\n" + QUESTION, "level: Input should be less than 1"),
        (HEAD + "[release]\nthreshold = 0\n" + QUESTION, "release.threshold"),
        (HEAD + "question = 3", "question: "),
        ("title = ", "cannot be read as TOML"),
    ],
)
def test_what_does_not_fit_is_named_by_its_key(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(PlanError, match=words) as caught:
        read_plan(path)
    assert str(caught.value).startswith(str(path))
    assert caught.value.exit_code == ExitCode.BAD_PLAN
    assert not re.search("Traceback|pydantic", str(caught.value))


def test_a_missing_plan_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="vpstats new FOLDER"):
        read_plan(tmp_path / "nowhere.toml")


def test_bytes_that_are_not_utf8_are_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(b'title = "\xe6"')
    with pytest.raises(PlanError, match="cannot be read as TOML"):
        read_plan(path)


def test_an_unknown_question_is_one_clear_error(tmp_path: Path) -> None:
    plan = read_plan(write(tmp_path, HEAD + QUESTION))
    with pytest.raises(PlanError, match="no question 'other'"):
        plan["other"]


def test_the_published_schema_accepts_what_the_reader_accepts(tmp_path: Path) -> None:
    import tomllib

    import jsonschema

    schema = plan_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(tomllib.loads(HEAD + QUESTION), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(HEAD + QUESTION + "exposures = 1\n"), schema)


def test_the_demonstration_plan_fits() -> None:
    root = Path(__file__).parents[2]
    plan = read_plan(root / "data" / "demo")
    assert isinstance(plan, StudyPlan)
    assert {q.kind for q in plan.questions} == {
        "quality", "description", "spine_map", "risk_factor", "profile", "time_to_event",
        "complications", "proportion", "paired", "detection", "diagnosis", "source",
    }  # fmt: skip


def test_a_place_that_no_block_names_is_the_key_itself(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"number 1: needs a kind"):
        read_plan(write(tmp_path, HEAD + '[[question]]\ntitle = "No id"\n'))
