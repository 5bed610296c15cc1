# LesionLens. `make help` lists the commands; each does its own set-up.

PYTHON ?= python3
PORT ?= 8080
VENV := .venv
BIN := $(VENV)/bin
BEAM := .venv-beam
# Long and random, but public: hashes, and the request id of the examples.
NO_SECRETS := --exclude-files '^training/releases/|/package-lock\.json$$' \
	--exclude-lines '(?i)sha256' --exclude-secrets '^5d9c2f0b7e4a4c1f9a53b8e6d1720c4e$$'

.DEFAULT_GOAL := help
.PHONY: help serve test test-all lint audit-dependencies fuzz train evaluate bench chaos audit stack beam clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

serve: $(VENV)/.serving ## Serve the page and the API at http://localhost:$(PORT), default 8080
	@echo "LesionLens: http://localhost:$(PORT)"
	WEB_DIR=web $(BIN)/functions-framework --source function/main.py --target classify --port $(PORT)

test: lint ## Check style and types, and run the tests
	$(BIN)/python -m pytest

test-all: $(VENV)/.testing $(BEAM)/.ready ## Run the tests that take longer: the browser matrix and the like
	$(BIN)/python -m pytest -m "slow or matrix"

lint: $(VENV)/.testing ## Check style and types, and that no secret is among the files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook $(NO_SECRETS)

audit-dependencies: $(VENV)/.testing ## Look the function's dependencies up among known vulnerabilities
	$(BIN)/python infra/audit_dependencies.py

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

beam: $(BEAM)/.ready ## Classify SOURCE=folder into RESULTS=name with Apache Beam, OPTIONS=its options
	PYTHONPATH=function $(BEAM)/bin/python infra/beam/pipeline.py $(SOURCE) $(RESULTS) $(OPTIONS)

clean: ## Remove the environment and caches; models and runs stay
	rm -rf $(VENV) $(BEAM) .mypy_cache .pytest_cache .ruff_cache

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

$(BEAM)/.ready: infra/beam/requirements.txt infra/beam/constraints.txt infra/beam/overrides.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(BEAM)
	$(BEAM)/bin/pip install --quiet --disable-pip-version-check -r $<
	$(BEAM)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $(word 3,$^)
	touch $@
