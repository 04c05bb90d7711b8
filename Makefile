# `make report` builds the demonstration study, `make test` runs the tests; each first sets up
# what it needs in .venv from the lock files. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?=
PLAN ?= data/demo/study.toml
OUT ?= reports/demo
TESTS ?=
WORKERS ?= 2

# one thread per process: pytest and joblib run the processes side by side
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONHASHSEED ?= 0

# $(call install,name,lock): make .venv hold the lock, unless a copy of the lock (and of
# pyproject.toml, for the entry points) left by the last installation shows that it does.
define install
stamp="$(VENV)/installed-$(1).txt"
if ! cat $(2) pyproject.toml | cmp -s - "$$stamp" || ! "$(BIN)/vpstats" --version >/dev/null 2>&1; then
  $(call find_python)
  if ! "$(BIN)/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "setting up $(VENV) with $$python" >&2
    rm -rf "$(VENV)"
    "$$python" -m venv "$(VENV)"
  fi
  echo "installing $(2) (a few minutes the first time)" >&2
  rm -f "$(VENV)"/installed-*.txt
  "$(BIN)/python" -m pip install --quiet --require-hashes -r $(2)
  "$(BIN)/python" -m pip install --quiet --no-deps --no-build-isolation -e .
  cat $(2) pyproject.toml > "$$stamp"
fi
endef

# the first interpreter that is new enough and can make a virtual environment
define find_python
python=""
for candidate in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do
  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python="$$candidate"
    break
  fi
done
if [ -z "$$python" ]; then
  echo "vpstats needs Python 3.11 or newer with venv (on Debian: apt-get install python3-venv); none was found. Name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2
  exit 1
fi
endef

.PHONY: help report test lint bench peers verify recovery runtime dev docs notebooks clean

help:
	@echo 'make report    build the demonstration study into $(OUT)  (PLAN=, OUT= for your own)'
	echo 'make test      run the tests  (TESTS=tests/unit for a part of them)'
	echo 'make lint      ruff, formatting, types, docstrings'
	echo 'make docs      write the generated pages and schemas under docs/ anew'
	echo 'make notebooks run the notebooks and keep what they show'
	echo 'make verify    build the study twice and compare every byte'
	echo 'make recovery  the simulations in full: estimates against the known truth'
	echo 'make bench     time the parts of the study'
	echo 'make clean     remove $(VENV) and caches'

runtime:
	@if cat requirements-dev.lock pyproject.toml | cmp -s - "$(VENV)/installed-dev.txt" && "$(BIN)/vpstats" --version >/dev/null 2>&1; then exit 0; fi
	$(call install,runtime,requirements.lock)

dev:
	@$(call install,dev,requirements-dev.lock)

report: runtime
	@"$(BIN)/vpstats" report "$(PLAN)" --out "$(OUT)"

test: dev
	@"$(BIN)/python" -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

lint: dev
	@"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"

docs: dev
	@"$(BIN)/vpstats" dictionary --out docs/data-dictionary.md
	"$(BIN)/vpstats" dictionary --rules --out docs/cleaning-rules.md
	"$(BIN)/vpstats" dictionary --format json-schema --of registry --out docs/schemas/registry.schema.json
	"$(BIN)/vpstats" dictionary --format json-schema --of study --out docs/schemas/study.schema.json
	"$(BIN)/vpstats" dictionary --format json-schema --of audit --out docs/schemas/audit.schema.json
	"$(BIN)/vpstats" dictionary --format json-schema --of quality --out docs/schemas/quality.schema.json
	"$(BIN)/python" docs/methods/published_figures.py

notebooks: dev
	@"$(BIN)/jupyter" nbconvert --to notebook --execute --inplace \
	  --ExecutePreprocessor.record_timing=False --log-level WARN notebooks/*.ipynb

verify: dev
	@VPSTATS_TABLES=1 "$(BIN)/python" -m pytest -q -n $(WORKERS) --dist worksteal tests/reference
	work="$$(mktemp -d)"
	trap 'rm -rf "$$work"' EXIT
	"$(BIN)/vpstats" report "$(PLAN)" --out "$$work/one"
	"$(BIN)/vpstats" report "$(PLAN)" --out "$$work/two"
	diff -r "$$work/one" "$$work/two"
	echo 'two runs of the study, the same bytes'

recovery: dev
	@VPSTATS_FULL=1 VPSTATS_TABLES=1 "$(BIN)/python" -m pytest -q -n $(WORKERS) tests/recovery

# the packages that estimators are timed beside stay out of the other environment
bench:
	@$(MAKE) VENV=.venv-bench peers
	.venv-bench/bin/python benchmarks/run.py

peers:
	@$(call install,bench,requirements-bench.lock)

clean:
	@rm -rf "$(VENV)" .venv-bench .pytest_cache .mypy_cache .ruff_cache .hypothesis htmlcov .coverage*
