# LesionLens. `make help` lists the commands; each does its own set-up.

PYTHON ?= python3
PORT ?= 8080
VENV := .venv
BIN := $(VENV)/bin
BEAM := .venv-beam
PEERS := .venv-peers
# The files of `make lock` pin every package with its hashes: nothing is left to resolve.
INSTALL := pip install --quiet --disable-pip-version-check --no-deps
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock' $(UPGRADE) pyproject.toml
# The modules with such tests, so that the other modules and TensorFlow are not imported for them.
ALONE = $(shell grep -rl --include='test_*.py' 'mark\.alone' tests)
# On all cores, scheduled by tests/conftest.py. BLAS threads would compete with other tests for the
# cores: a small fit then takes thirteen times the processor time.
SPREAD := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadscope \
	--no-loadscope-reorder
# Measured in CI, where it is read, as it slows the tests.
COVERAGE = $(if $(CI),--cov $(1))
SUPPORTED = $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15) and \
	"Python 3.11 to 3.14 is needed")'
# Long and random, but public: hashes, and the request id of the examples.
NO_SECRETS := --exclude-files '^training/releases/|/package-lock\.json$$' \
	--exclude-lines '(?i)sha256' --exclude-secrets '^5d9c2f0b7e4a4c1f9a53b8e6d1720c4e$$'

.DEFAULT_GOAL := help
.PHONY: help serve test test-spread test-all lint types style leaks partners pages kernel lock audit-dependencies fuzz train evaluate bench chaos audit stack beam clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

serve: $(VENV)/.serving ## Serve the page and the API at http://localhost:$(PORT), default 8080
	@echo "LesionLens: http://localhost:$(PORT)"
	WEB_DIR=web $(BIN)/functions-framework --source function/main.py --target classify --port $(PORT)

# Many processes import the same modules: compile them once.
test test-all: export PYTHONDONTWRITEBYTECODE =

test: $(VENV)/.testing ## Check style and types, and run the tests on all cores
	$(MAKE) --no-print-directory --jobs lint test-spread
	$(BIN)/python -m pytest $(call COVERAGE,--cov-append --cov-report=term) -m "alone and not slow" $(ALONE)

test-spread: $(VENV)/.testing
	$(SPREAD) $(call COVERAGE,--cov-report=) -m "not (slow or alone)"

test-all: $(VENV)/.testing $(BEAM)/.ready ## Run the longer tests: deployments, attacks, all states of the page
	$(SPREAD) -m "slow and not alone"
	$(BIN)/python -m pytest -m "alone and slow" $(ALONE)

lint: types style leaks ## Check style and types, and search the files for secrets

types: $(VENV)/.testing
	$(BIN)/mypy

style: $(VENV)/.testing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

leaks: $(VENV)/.testing ## Search the files for keys and passwords
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook $(NO_SECRETS)

kernel: $(VENV)/.testing ## Compile web/device/kernel.c to WebAssembly
	$(BIN)/python -m tests.web.device_kernel

pages: ## Copy the header and the footer of web/index.html to the other pages
	$(PYTHON) infra/page_files.py

partners: $(VENV)/.testing ## Regenerate the partners' table of errors, feed of changes and Python client
	$(BIN)/python infra/partner_files.py

lock: ## Regenerate the locked requirements from pyproject.toml; UPGRADE=--upgrade for newer versions
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(sed -n 's/^  "\(uv==.*\)",$$/\1/p' pyproject.toml)"
	$(LOCK) -o function/requirements.txt
	$(LOCK) -o training/requirements.txt --group training -c function/requirements.txt
	$(LOCK) -o training/requirements-cuda.txt --group training-cuda -c training/requirements.txt
	$(LOCK) -o training/requirements-distributed.txt --group distributed -c training/requirements.txt
	$(LOCK) -o training/requirements-distributed-cuda.txt --group distributed-cuda -c training/requirements.txt
	$(LOCK) -o tests/requirements.txt --group tests -c training/requirements-distributed.txt
	$(LOCK) -o infra/beam/requirements.txt --group beam --overrides infra/beam/overrides.txt

audit-dependencies: $(VENV)/.testing ## Check the function's dependencies for known vulnerabilities
	$(BIN)/python infra/audit_dependencies.py

fuzz: $(VENV)/.testing ## Test the decoder with more mutated files: FUZZ_EXAMPLES=20000 of each format
	FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),20000) $(BIN)/python -m pytest tests/function/test_fuzz.py

train: $(VENV)/.training ## Train on HAM10000, evaluate, export and publish to training/releases
	$(BIN)/python -m training run --config full --resume

evaluate: $(VENV)/.training ## Evaluate the trained model on validation and test
	$(BIN)/python -m training evaluate --config full

bench: $(VENV)/.testing $(PEERS)/.ready ## Compare the service with the paper's implementation and others; writes tests/benchmarks/RESULTS.md
	$(BIN)/python -m tests.benchmarks

chaos: $(VENV)/.testing ## Test a local server under attack for a quarter of an hour; writes RELIABILITY.md
	$(BIN)/python -m tests.chaos

audit: $(VENV)/.testing ## Print Lighthouse's scores of the page
	$(BIN)/python -m tests.web.audit

stack: $(VENV)/.testing ## Serve with an emulated object store
	infra/stack.sh --port $(PORT)

beam: $(BEAM)/.ready ## Classify SOURCE=folder into RESULTS=name with Apache Beam, OPTIONS=its options
	$(BEAM)/bin/python infra/beam/pipeline.py $(SOURCE) $(RESULTS) $(OPTIONS)

clean: ## Remove the environment and caches; models and runs stay
	rm -rf $(VENV) $(BEAM) $(PEERS) .coverage .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	$(SUPPORTED)
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serving: function/requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/$(INSTALL) -r $<
	$(BIN)/$(INSTALL) --editable .
	touch $@

$(VENV)/.training: training/requirements.txt $(VENV)/.serving
	$(BIN)/$(INSTALL) -r $<
	touch $@

$(VENV)/.testing: tests/requirements.txt $(VENV)/.training
	$(BIN)/$(INSTALL) -r $<
	touch $@

$(BEAM)/.ready: infra/beam/requirements.txt
	$(SUPPORTED)
	$(PYTHON) -m venv $(BEAM)
	$(BEAM)/bin/$(INSTALL) -r $<
	echo '$(CURDIR)/function' >"$$($(BEAM)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/function.pth"
	touch $@

$(PEERS)/.ready: tests/benchmarks/requirements-peers.txt
	$(SUPPORTED)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@
