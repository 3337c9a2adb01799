# Everything runs in a virtual environment of its own, .venv, made from the system's Python 3.11 or later with the
# locked dependencies. Nothing has to be installed by hand and nothing outside this folder is changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# A stamp's name carries a checksum of what it was made from, so that a changed lock means a new stamp.
CHECKSUM = $(shell cat $(1) | cksum | cut -d' ' -f1)
RUNTIME_STAMP := $(VENV)/.runtime-$(call CHECKSUM,locks/build.txt locks/runtime.txt pyproject.toml)
DEVELOPMENT_STAMP := $(VENV)/.development-$(call CHECKSUM,locks/development.txt locks/judges.txt pyproject.toml)

# What kills servers has the machine for itself: others would make it wait. The rest of tests/crash takes longer.
CRASHES := tests/crash/test_every_boundary.py tests/crash/test_kill_loop.py

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --require-hashes
INSTALL_PACKAGE := $(PIP) install --quiet --no-deps --no-build-isolation --editable .
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url

# Where Python keeps no bytecode, pytest rewrites every module in every worker again: 18 s of each one's start, instead of 9.
export PYTHONDONTWRITEBYTECODE :=

# A half-made virtual environment is made again, and never by two at once.
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test crash kill-loop model check format bench docs lock clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUNTIME_STAMP) ## Run everything on this machine, offline, and watch a payment (ARGS=--once: one, then stop)
	$(BIN)/roadstead demo $(ARGS)

test: check ## Check format, lint and types, and run the tests (ARGS=tests/config: only those)
	$(BIN)/python -m pytest -n 3 --dist worksteal $(or $(ARGS),--ignore=tests/crash)
	$(if $(ARGS),,$(BIN)/python -m pytest -n 2 $(CRASHES))

model: $(DEVELOPMENT_STAMP) ## Let anything happen to a house for long (ROADSTEAD_MODEL_LONGER=50)
	ROADSTEAD_MODEL_LONGER=$${ROADSTEAD_MODEL_LONGER:-50} $(BIN)/python -m pytest tests/scenarios/test_model.py tests/scenarios/test_any_order.py $(ARGS)

crash: $(DEVELOPMENT_STAMP) ## All of tests/crash, also what make test leaves out: processes that are halted, faults that are planted
	$(BIN)/python -m pytest tests/crash $(ARGS)

kill-loop: $(DEVELOPMENT_STAMP) ## Kill all processes at random, 500 times, under 2,000 remittances (ARGS="--seed 7 --kills 50")
	$(BIN)/python -m tests.crash.kill_loop $(ARGS)

check: $(DEVELOPMENT_STAMP) ## Check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(wildcard src tests bench)

format: $(DEVELOPMENT_STAMP) ## Format the code and repair what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEVELOPMENT_STAMP) ## Measure
	$(BIN)/python -m bench $(ARGS)

docs: $(DEVELOPMENT_STAMP) ## Write the pages that are generated from the code
	$(BIN)/python -m roadstead.config.document > $(VENV)/configuration.md
	mv $(VENV)/configuration.md docs/configuration.md
	$(BIN)/python -m tests.conformance.page > $(VENV)/conformance.md
	mv $(VENV)/conformance.md docs/conformance.md
	$(BIN)/python -m roadstead.rails.payout_description > $(VENV)/payout-api.json
	mv $(VENV)/payout-api.json docs/integrating/payout-api.json

lock: $(DEVELOPMENT_STAMP) ## Choose new versions of all dependencies
	$(COMPILE) --upgrade pyproject.toml --group development --output-file locks/development.txt
	$(COMPILE) --constraint locks/development.txt pyproject.toml --output-file locks/runtime.txt
	$(COMPILE) --constraint locks/development.txt --group build --output-file locks/build.txt
	$(COMPILE) --upgrade --no-deps locks/judges.in --output-file locks/judges.txt

clean: ## Remove what was made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11. Name a newer one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME_STAMP): | $(BIN)/python
	$(INSTALL) --requirement locks/build.txt
	$(INSTALL) --requirement locks/runtime.txt
	$(INSTALL_PACKAGE)
	rm -f $(VENV)/.runtime-* && touch $@

# The judges are packages of which the tests read files only: published schemas. What these packages need is not installed.
$(DEVELOPMENT_STAMP): | $(BIN)/python
	$(INSTALL) --requirement locks/development.txt
	$(INSTALL) --no-deps --requirement locks/judges.txt
	$(INSTALL_PACKAGE)
	rm -f $(VENV)/.development-* && touch $@
