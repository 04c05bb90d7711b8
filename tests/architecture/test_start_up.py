"""What is loaded when: measured in modules, since a clock measures the machine as well."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    "formulaic",
    "jinja2",
    "joblib",
    "lifelines",
    "matplotlib",
    "numpy",
    "openpyxl",
    "pandas",
    "pandera",
    "pyarrow",
    "pydantic",
    "python_calamine",
    "rich",
    "scipy",
    "statsmodels",
}
MAX_MODULES_FOR_HELP = 250
"""Python itself brings about 60 and the command parser about 120; `--help` then takes 0.2 s."""


def loaded_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    run = subprocess.run(  # a fixed program, run by this interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(run.stderr.split())


def roots(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def test_importing_the_package_loads_no_library() -> None:
    modules = loaded_after("import vpstats, vpstats.errors")
    assert not roots(modules) & HEAVY
    assert {m for m in modules if m.startswith("vpstats")} == {"vpstats", "vpstats.errors"}


def test_help_loads_the_command_parser_alone() -> None:
    modules = loaded_after("from vpstats.cli import main\nassert main(['--help']) == 0")
    assert not roots(modules) & HEAVY
    assert len(modules) <= MAX_MODULES_FOR_HELP


def test_the_models_do_not_load_the_report() -> None:
    modules = loaded_after("import vpstats.models.logistic, vpstats.models.hazards")
    assert not roots(modules) & {"matplotlib", "jinja2", "openpyxl", "pandera", "typer"}
