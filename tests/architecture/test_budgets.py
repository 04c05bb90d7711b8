"""Sizes that keep the code readable, and calls that would make a run irreproducible."""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vpstats"
MODULES = sorted(PACKAGE.rglob("*.py"))

MAX_MODULE_LINES = 500
MEDIAN_FUNCTION, P90_FUNCTION, LONG_FUNCTION, SHARE_LONG = 8, 28, 50, 0.02

CLOCK_AND_CHANCE = {
    "date.today",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "locale.setlocale",
    "os.getenv",
    "pd.Timestamp.now",
    "pd.Timestamp.today",
    "random.random",
    "random.seed",
    "time.time",
    "uuid.uuid4",
}


READS_A_NAMED_SECRET = {"registry/secrets.py", "registry/deidentify.py"}
"""Passwords, tokens and keys stand in no file: the mapping names the variable that holds one."""


def ids(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))


def code_lines(source: str) -> set[int]:
    """Lines that hold more than a comment."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        line
        for t in tokens
        if t.type not in skipped and t.type != tokenize.ENDMARKER
        for line in range(t.start[0], t.end[0] + 1)
    }


def body_length(function: ast.FunctionDef, lines: set[int]) -> int:
    """Code lines of the body; signature, docstring, comments and blank lines do not count."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    spans = ((s.lineno, s.end_lineno or s.lineno) for s in body)
    return len({line for first, last in spans for line in range(first, last + 1)} & lines)


def all_body_lengths() -> list[int]:
    lengths = []
    for path in MODULES:
        source = path.read_text("utf-8")
        lines = code_lines(source)
        lengths += [body_length(f, lines) for f in functions(ast.parse(source))]
    return lengths


def test_body_length_counts_code_alone() -> None:
    source = (
        'def f(\n    a,\n):\n    """Doc."""\n    # why\n    b = (\n        a\n    )\n\n    return b'
    )
    (function,) = functions(ast.parse(source))
    assert body_length(function, code_lines(source)) == 4


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_MODULE_LINES


def test_functions_stay_short() -> None:
    lengths = sorted(all_body_lengths())
    assert statistics.median(lengths) <= MEDIAN_FUNCTION
    assert lengths[int(0.9 * (len(lengths) - 1))] <= P90_FUNCTION
    assert sum(n > LONG_FUNCTION for n in lengths) <= SHARE_LONG * len(lengths)


def dotted(node: ast.AST) -> str:
    """The name that a chain of attributes spells; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_only_the_command_line_prints(path: Path) -> None:
    if path.name in ("cli.py", "terminal.py"):
        return
    tree = ast.parse(path.read_text("utf-8"))
    used = {dotted(n) for n in ast.walk(tree)}
    assert not used & {"print", "sys.stdout", "sys.stderr", "typer.echo", "click.echo"}


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_nothing_reads_the_clock_the_environment_or_global_chance(path: Path) -> None:
    names = {dotted(n) for n in ast.walk(ast.parse(path.read_text("utf-8")))}
    assert not names & CLOCK_AND_CHANCE
    if ids(path) not in READS_A_NAMED_SECRET:
        assert not any(n.startswith("os.environ") for n in names)
    drawn = {n for n in names if n.startswith(("np.random.", "numpy.random."))}
    assert drawn <= {"np.random.default_rng", "np.random.Generator", "np.random.SeedSequence"}


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_complexity_is_not_exempted(path: Path) -> None:
    assert "C901" not in path.read_text("utf-8")
