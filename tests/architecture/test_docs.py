"""The documentation: generated pages are current, links lead somewhere, references are whole."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vpstats.cohorts import COHORTS
from vpstats.errors import ExitCode
from vpstats.registry import read_registry
from vpstats.registry.fields import TYPED_MISSING
from vpstats.registry.mapping import parse_mapping
from vpstats.registry.mapping_schema import registry_json_schema
from vpstats.schema_tables import LEAK_SITES, TABLES
from vpstats.study import StudyPlan, plan_json_schema

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md"))]
GENERATED = {
    "data-dictionary.md": ["dictionary"],
    "cleaning-rules.md": ["dictionary", "--rules"],
    "schemas/registry.schema.json": ["dictionary", "--format", "json-schema", "--of", "registry"],
    "schemas/study.schema.json": ["dictionary", "--format", "json-schema", "--of", "study"],
    "schemas/audit.schema.json": ["dictionary", "--format", "json-schema", "--of", "audit"],
    "schemas/quality.schema.json": ["dictionary", "--format", "json-schema", "--of", "quality"],
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
    kinds = [p["properties"]["kind"]["const"] for p in parts
             if "const" in p.get("properties", {}).get("kind", {})]  # fmt: skip
    assert len(kinds) >= 6
    assert all(f"`{name}`" in content for name in [*COHORTS, *kinds])


@pytest.mark.parametrize("cohort", COHORTS)
def test_the_plan_page_names_every_option_of_a_cohort(cohort: str) -> None:
    rows = text("docs/analysis-plan.md").split("## Cohorts")[1].splitlines()
    (row,) = [line for line in rows if line.startswith(f"| `{cohort}` |")]
    _, *options = inspect.signature(COHORTS[cohort]).parameters
    assert [option for option in options if f"`{option}`" not in row] == []


def test_the_mapping_page_names_tables_sites_and_missing_codes() -> None:
    content = text("docs/mapping-an-export.md")
    assert all(f"`{name}`" in content for name in [*TABLES, *LEAK_SITES, *TYPED_MISSING])


def test_the_exit_code_page_names_every_code() -> None:
    content = text("docs/exit-codes.md")
    assert all(f"| {int(code)} |" in content for code in ExitCode)


def toml_blocks(page: str) -> list[str]:
    return re.findall(r"```toml\n(.*?)```", text(f"docs/{page}"), re.DOTALL)


def test_the_plan_in_the_reference_is_a_plan() -> None:
    (block,) = toml_blocks("analysis-plan.md")
    assert StudyPlan.model_validate(tomllib.loads(block)).questions[0].id == "leak_volume_ct"


HEADER = """
version = 1
[registry]
name = "An example of the documentation"
data_cut = 2025-12-31
"""


def mapping_examples() -> dict[str, tuple[str, str]]:
    """Heading → (the export as text, empty where none is shown; its mapping)."""
    page = text("docs/mapping-an-export.md").split("## Examples")[1].split("\n## ")[0]
    found = {}
    for section in page.split("\n### ")[1:]:
        export = re.search(r"```\n(.*?)```", section.split("```toml")[0], re.DOTALL)
        (mapping,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
        found[section.splitlines()[0]] = (export[1] if export else "", mapping)
    return found


EXAMPLES = mapping_examples()


def test_there_is_an_example_for_every_format() -> None:
    assert len(EXAMPLES) == 4
    text_of_all = " ".join(mapping for _, mapping in EXAMPLES.values())
    assert all(f'format = "{name}"' in text_of_all for name in ("excel", "redcap"))


@pytest.mark.parametrize("heading", EXAMPLES)
def test_the_examples_of_the_mapping_page_are_mappings(heading: str) -> None:
    mapping = parse_mapping(tomllib.loads(HEADER + EXAMPLES[heading][1]))
    assert mapping.sources


@pytest.mark.parametrize("heading", [h for h, (export, _) in EXAMPLES.items() if export])
def test_the_exports_of_the_mapping_page_read_clean(heading: str, tmp_path: Path) -> None:
    export, mapping = EXAMPLES[heading]
    (tmp_path / "exports").mkdir()
    (file,) = re.findall(r'file = "([^"]+)"', mapping)
    (tmp_path / file).write_text(export, "utf-8")
    (tmp_path / "registry.toml").write_text(HEADER + mapping, "utf-8")
    registry = read_registry(tmp_path)
    assert registry.findings["severity"].isin(["info"]).all(), registry.findings.to_string()
    assert len(registry.levels) >= 1
    assert len(registry.procedures) == 1
    assert len(registry.patients) == 1


def test_the_five_lines_of_the_readme_run() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", text("README.md"), re.DOTALL)
    assert len([line for line in block.splitlines() if line]) == 5
    names: dict[str, Any] = {}
    exec(block, names)  # the readme is ours
    assert names["fit"].ok
