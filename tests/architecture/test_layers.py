"""Who may import whom: the layers of the package, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vpstats"

CORE = {
    "errors",
    "glossary",
    "rendering",
    "step_reading",
    "intervals",
    "results",
    "frames",
    "schema",
    "schema_tables",
    "ledger",
}
BELOW_PIPELINE = CORE | {
    "study",
    "models",
    "registry",
    "simulate",
    "cohorts",
    "analyses",
    "centers",
    "quality",
    "disclosure",
    "figures",
    "tables",
    "report",
}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "workers": set(),
    "escaping": set(),
    "glossary": set(),
    "rendering": set(),
    "step_reading": set(),
    "intervals": {"errors"},
    "results": {"glossary", "rendering", "step_reading", "intervals", "errors"},
    "frames": {"errors"},
    "schema": {"errors"},
    "schema_tables": {"schema", "errors"},
    "ledger": {"results", "errors"},
    "study": {"study", "schema", "schema_tables", "errors"},
    "models": {"models", "results", "frames", "errors"},
    "registry": {"registry", "schema", "schema_tables", "results", "frames", "errors"},
    "drafting": {"drafting", "registry", "schema", "schema_tables", "errors"},
    "simulate": {"simulate", "schema", "schema_tables", "registry.spine", "errors"},
    "cohorts": {"cohorts", "registry", "frames", "results", "study", "errors"}
    | {"schema", "schema_tables", "severity", "labels"},
    "analyses": {"analyses", "models", "frames", "results", "ledger", "study", "severity"}
    | {"labels", "formats", "errors"},
    "centers": {"centers", "models", "frames", "results", "ledger", "study", "labels", "errors"},
    "quality": {"quality", "registry", "cohorts", "centers", "models", "disclosure", "frames"}
    | {"results", "intervals", "ledger", "schema", "schema_tables", "labels", "errors"},
    "formats": {"errors"},
    "rows": {"formats", "results", "ledger", "errors"},
    "severity": {"errors"},
    "labels": set(),
    "disclosure": {"disclosure", "formats", "rows", "results", "ledger", "errors"},
    "figures": {"figures", "escaping", "formats", "rows", "results", "ledger", "errors"},
    "tables": {"tables", "escaping", "formats", "rows", "results", "ledger", "errors"},
    "report": {"report", "figures", "tables", "disclosure", "formats", "rows", "results", "ledger"}
    | {"study", "labels", "workers", "escaping", "errors"},
    "pipeline": BELOW_PIPELINE | {"pipeline", "labels", "severity", "workers"},
    "listing": {"registry", "escaping", "errors"},
    "choices": set(),
    "terminal": {"escaping", "errors"},
    "cli": {
        "choices",
        "terminal",
        "listing",
        "pipeline",
        "study",
        "registry",
        "drafting",
        "simulate",
        "schema",
        "schema_tables",
    }
    | {"errors"},
    "__init__": {"errors"},
    "__main__": {"cli"},
}
"""Room → rooms that it may import; within a room imports go one way (no cycles)."""

EXCEPTIONS = {("results", "figures", "plot"), ("registry.registry", "registry", "from_tables")}
"""(module, imported room, function): `Result.plot` looks upwards, and `Registry.from_tables` is a
constructor that runs the checks, which need the class."""


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    return module.split(".")[0]


def imported(tree: ast.AST, function: str = "", *, types: bool = True) -> Iterator[tuple[str, str]]:
    """Yield (module within vpstats, enclosing function) of every import, wherever it stands.

    Without `types`, imports that only a type checker follows are left out.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imported(node, node.name, types=types)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not types:
            continue
        elif isinstance(node, ast.Import):
            yield from ((a.name[8:], function) for a in node.names if a.name.startswith("vpstats."))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            yield from ((target, function) for target in targets_of(node))
        else:
            yield from imported(node, function, types=types)


def targets_of(node: ast.ImportFrom) -> list[str]:
    base = node.module or ""
    if base == "vpstats":
        return [alias.name for alias in node.names if alias.name in MODULES]
    if not base.startswith("vpstats."):
        return []
    base = base[len("vpstats.") :]
    deeper = [f"{base}.{a.name}" for a in node.names if f"{base}.{a.name}" in MODULES]
    return deeper or [base]


def imports_of(module: str, *, types: bool = True) -> list[tuple[str, str]]:
    return list(imported(ast.parse(MODULES[module].read_text("utf-8")), types=types))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_the_layers_below(module: str) -> None:
    allowed = ALLOWED[room_of(module)]
    wrong = [
        target
        for target, function in imports_of(module)
        if room_of(target) not in allowed
        and target not in allowed
        and (module, room_of(target), function) not in EXCEPTIONS
    ]
    assert not wrong, f"{module} imports {sorted(set(wrong))}"


def test_the_one_exception_is_still_needed() -> None:
    used = {(m, room_of(t), f) for m in MODULES for t, f in imports_of(m)}
    assert used >= EXCEPTIONS


def test_no_import_goes_in_a_circle() -> None:
    graph = {
        m: {t for t, f in imports_of(m, types=False) if (m, room_of(t), f) not in EXCEPTIONS}
        for m in MODULES
    }
    while graph:
        leaves = {m for m, targets in graph.items() if not targets & set(graph)}
        assert leaves, f"these modules import one another: {sorted(graph)}"
        graph = {m: targets for m, targets in graph.items() if m not in leaves}


def test_every_public_name_can_be_loaded() -> None:
    import vpstats

    assert all(getattr(vpstats, name) is not None for name in vpstats.__all__)
    assert set(vpstats.__all__) <= set(dir(vpstats))
    with pytest.raises(AttributeError, match="no attribute 'fit_magic'"):
        vpstats.fit_magic  # noqa: B018  # the attribute access is what is tested
