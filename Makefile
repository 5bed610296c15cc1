# LesionLens. `make help` lists the commands; each does its own set-up.

PYTHON ?= python3
PORT ?= 8080
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help serve test test-all lint fuzz train evaluate bench chaos audit stack clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

serve: $(VENV)/.serving ## Serve the page and the API at http://localhost:$(PORT), default 8080
	@echo "LesionLens: http://localhost:$(PORT)"
	WEB_DIR=web $(BIN)/functions-framework --source function/main.py --target classify --port $(PORT)

test: lint ## Check style and types, and run the tests
	$(BIN)/python -m pytest

test-all: $(VENV)/.testing ## Run the tests that take longer: the browser matrix and the like
	$(BIN)/python -m pytest -m "slow or matrix"

lint: $(VENV)/.testing ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fuzz: $(VENV)/.testing ## Throw mutated files at the decoder for longer: FUZZ_EXAMPLES=20000 of each
	FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),20000) $(BIN)/python -m pytest tests/function/test_fuzz.py

train: $(VENV)/.training ## Train on HAM10000, evaluate, export and publish to training/releases
	$(BIN)/python -m training run --config full --resume

evaluate: $(VENV)/.training ## Judge the trained model on validation and test
	$(BIN)/python -m training evaluate --config full

bench: $(VENV)/.testing ## Measure ours against the paper's way; writes tests/benchmarks/RESULTS.md
	$(BIN)/python -m tests.benchmarks

chaos: $(VENV)/.testing ## Attack a local server for a quarter of an hour; writes RELIABILITY.md
	$(BIN)/python -m tests.chaos

audit: $(VENV)/.testing ## Print what a browser's audit says of the page, speed included
	PYTHONPATH=function $(BIN)/python -m tests.web.audit

stack: $(VENV)/.testing ## Serve with an emulated object store
	infra/stack.sh --port $(PORT)

clean: ## Remove the environment and caches; models and runs stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serving: function/requirements.txt function/constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(VENV)/.training: training/requirements.txt training/constraints.txt $(VENV)/.serving
	$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(VENV)/.testing: tests/requirements.txt training/requirements-distributed.txt $(VENV)/.training
	$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	touch $@
