"""The documentation: generated pages are current, links lead somewhere, references are whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vpstats.cohorts import COHORTS
from vpstats.errors import ExitCode
from vpstats.registry.mapping import TYPED_MISSING, registry_json_schema
from vpstats.schema_tables import LEAK_SITES, TABLES
from vpstats.study import plan_json_schema

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md"))]
GENERATED = {
    "data-dictionary.md": ["dictionary"],
    "cleaning-rules.md": ["dictionary", "--rules"],
    "schemas/registry.schema.json": ["dictionary", "--format", "json-schema", "--of", "registry"],
    "schemas/study.schema.json": ["dictionary", "--format", "json-schema", "--of", "study"],
}


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.mark.parametrize("page", GENERATED)
def test_generated_pages_are_current(call_cli: Callable[..., Any], page: str) -> None:
    assert call_cli(*GENERATED[page]).out == text(f"docs/{page}"), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#][^)]*)\)", page.read_text("utf-8"))
    local = [link.split("#")[0] for link in links if not link.startswith("http")]
    missing = [link for link in local if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_within_a_page_lead_to_a_heading(page: Path) -> None:
    content = page.read_text("utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-")
        for h in re.findall(r"^#+ (.+)$", content, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", content)) <= headings


def keys_of(schema: dict[str, Any]) -> set[str]:
    parts = [schema, *schema.get("$defs", {}).values()]
    return {key for part in parts for key in part.get("properties", {})}


@pytest.mark.parametrize(
    ("page", "schema"),
    [("analysis-plan.md", plan_json_schema), ("mapping-an-export.md", registry_json_schema)],
    ids=["study", "registry"],
)
def test_reference_pages_name_every_key(page: str, schema: Callable[[], dict[str, Any]]) -> None:
    content = text(f"docs/{page}")
    missing = {key for key in keys_of(schema()) if not re.search(rf"\b{key}\b", content)}
    assert not missing


def test_the_plan_page_names_every_cohort_and_kind() -> None:
    content = text("docs/analysis-plan.md")
    parts = plan_json_schema()["$defs"].values()
    kinds = [p["properties"]["kind"]["const"] for p in parts if "kind" in p.get("properties", {})]
    assert len(kinds) >= 6
    assert all(f"`{name}`" in content for name in [*COHORTS, *kinds])


def test_the_mapping_page_names_tables_sites_and_missing_codes() -> None:
    content = text("docs/mapping-an-export.md")
    assert all(f"`{name}`" in content for name in [*TABLES, *LEAK_SITES, *TYPED_MISSING])


def test_the_exit_code_page_names_every_code() -> None:
    content = text("docs/exit-codes.md")
    assert all(f"| {int(code)} |" in content for code in ExitCode)


def toml_blocks(page: str) -> list[str]:
    return re.findall(r"```toml\n(.*?)```", text(f"docs/{page}"), re.DOTALL)


def test_the_plan_in_the_reference_is_a_plan() -> None:
    import tomllib

    from vpstats.study import StudyPlan

    (block,) = toml_blocks("analysis-plan.md")
    assert StudyPlan.model_validate(tomllib.loads(block)).questions[0].id == "leak_volume_ct"
