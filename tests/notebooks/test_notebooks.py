"""Every notebook runs from top to bottom and shows what it is committed with."""

from __future__ import annotations

import ast
import os
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

pytestmark = [
    pytest.mark.xdist_group("notebooks"),
    # the messaging between notebook and kernel is not ours, nor are its warnings
    pytest.mark.filterwarnings("default"),
]


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@cache
def executed(path: Path) -> nbformat.NotebookNode:
    notebook = read(path)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    # the tests draw without a screen; a notebook shows its figures, as in a browser
    client.execute(env={k: v for k, v in os.environ.items() if k != "MPLBACKEND"})
    return notebook


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell prints or displays as text; object addresses differ and are cut out."""
    parts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
    return [re.sub(r"0x[0-9a-f]+", "0x", part) for part in parts]


def test_there_is_a_first_look() -> None:
    assert "01_first_look.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_uses_the_package_and_defines_nothing(path: Path) -> None:
    tree = ast.parse("\n".join(cell.source for cell in code(read(path))))
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for node in ast.walk(tree) if isinstance(node, defined)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_without_a_warning(path: Path) -> None:
    streams = [o for cell in code(executed(path)) for o in cell.outputs if o.get("name")]
    assert [o.text for o in streams if o.name == "stderr"] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_shows_what_it_is_committed_with(path: Path) -> None:
    committed, fresh = code(read(path)), code(executed(path))
    assert [shown(cell) for cell in fresh] == [shown(cell) for cell in committed]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_committed_notebook_says_that_its_data_are_synthetic(path: Path) -> None:
    notebook = read(path)
    prose = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "synthetic" in prose
    assert all(cell.execution_count for cell in code(notebook))
    assert "load_demo" in " ".join(cell.source for cell in code(notebook))
