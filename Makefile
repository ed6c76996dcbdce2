# Every target does its own set-up; paths are relative, so that folders may have spaces.
# PYTHON=/path/to/python3.11 names an interpreter; CSIMPACT_DATA moves all state elsewhere.

ifndef PYTHON
PYTHON := $(shell for p in python3.11 python3; do if "$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then echo "$$p"; exit; fi; done; echo python3)
endif
PORT ?= 3000
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-postgres dev live lint types imports docs bench lock clean distclean

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: ## preflight, .venv and packages as locked; at once when nothing changed
	@command -v "$(PYTHON)" >/dev/null || { echo 'preflight: Python: expected $(PYTHON), received none; install Python 3.11, or name one: make PYTHON=/path/to/python3.11' >&2; exit 2; }
	@"$(PYTHON)" scripts/install.py

demo: setup ## the whole chain on a simulated literature, then the day after
	@$(PY) scripts/preflight.py
	@$(PY) -m pipeline.demo

test: lint types imports ## ruff, mypy, import-linter, pytest; closes with what was skipped and why
	@$(PY) -m pytest

test-slow: setup ## crash storms and large runs
	@$(PY) -m pytest -m slow

test-postgres: setup ## Dagster's instance in a real PostgreSQL, started for these tests alone
	@$(PY) -m pytest -m postgres

dev: setup ## the Dagster UI on 127.0.0.1:3000, or PORT=...
	@$(PY) scripts/preflight.py --port $(PORT)
	@exec $(PY) scripts/dev.py --port $(PORT)

live: setup ## the same with every sensor and schedule on; PORT=...
	@$(PY) scripts/preflight.py --port $(PORT)
	@CSIMPACT_AUTOMATION=on exec $(PY) scripts/dev.py --port $(PORT)

lint: setup ## ruff: rules and format
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --quiet --check . || { echo 'lint: format differs; run .venv/bin/ruff format .' >&2; exit 1; }

types: setup ## mypy
	@$(PY) -m mypy

imports: setup ## import-linter: who may import whom
	@$(PY) -c 'from importlinter.cli import lint_imports_command as run; run()' --no-logo

docs: setup ## the data dictionary and the page of views, from their declarations
	@mkdir -p docs
	@$(PY) -m pipeline.tables > docs/data-dictionary.md.new
	@mv docs/data-dictionary.md.new docs/data-dictionary.md
	@$(PY) -m pipeline.query > docs/views.md.new
	@mv docs/views.md.new docs/views.md

bench: setup ## every performance figure; BENCH="--lists FOLDER --data DATA_DIR"
	@$(PY) -m benchmarks $(BENCH)

lock: setup ## resolves pyproject.toml anew and writes requirements.lock
	@$(PY) scripts/lock.py

clean: ## caches and build leftovers; never .venv, never data
	@rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache build dist *.egg-info
	@find assets benchmarks pipeline resources scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## also .venv; never data
	@rm -rf .venv
