# `make` lists the targets: the text behind `##` is their help.

# Of the Pythons on the PATH, the first that is new enough.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
PORT ?= 3000
ENV ?= dev
ARCHITECTURE ?= arm64

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
SAM := SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam

export PYTHONPATH := layers/domain:.
# Many processes import the same modules: compiled once, not by each of them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup test test-long test-engines e2e-deploy lint types format demo run bench bench-starts cost load attack scan build build-sizes deploy redrive republish restore backfill openapi lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready .venv-ministack/.ready ## Make the virtualenvs (the other targets do so themselves)

# $(call virtualenv,folder,requirements)
define virtualenv
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and not on the PATH. Name one: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Setting up $(1) with $$($(PYTHON) --version). Done once, and again when $(2) changes."
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "This Python cannot make virtualenvs; on Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r $(2)
	@touch $(1)/.ready
endef

.venv/.ready: requirements-dev.txt
	$(call virtualenv,.venv,$<)
.venv-ministack/.ready: requirements-ministack.txt
	$(call virtualenv,.venv-ministack,$<)
.venv-load/.ready: requirements-load.txt
	$(call virtualenv,.venv-load,$<)
.venv-attack/.ready: requirements-attack.txt
	$(call virtualenv,.venv-attack,$<)
.venv-scan/.ready: requirements-scan.txt
	$(call virtualenv,.venv-scan,$<)
.venv-deployed/.ready: requirements-deployed.txt
	$(call virtualenv,.venv-deployed,$<)
.venv-sam/.ready: requirements-sam.txt
	$(call virtualenv,.venv-sam,$<)

# Loaded by Python 3.13, whatever Python the virtualenvs are of.
.venv-emulator/.ready: requirements-emulator.txt .venv/.ready
	$(BIN)/python -m pip install --disable-pip-version-check --upgrade --target .venv-emulator --python-version 3.13 --only-binary :all: --require-hashes --no-deps -r $<
	@touch $@

# What functions were granted, and what of it they used, in all the tests of a run.
GRANTS := $(CURDIR)/.local/grants

# The type checker, minutes of one core in a fresh clone, works beside the tests; what it found is said behind theirs.
test: setup lint ## Lint, types, import contracts, and all tests but the long ones
	@mkdir -p .local; rm -f "$(GRANTS)"; $(BIN)/mypy >.local/types.log 2>&1 & types=$$!; \
	trap 'kill $$types 2>/dev/null' INT TERM; \
	echo "$(PYTEST) -n 2 --dist worksteal tests/unit tests/integration tests/template"; \
	GRANTS="$(GRANTS)" $(PYTEST) -n 2 --dist worksteal tests/unit tests/integration tests/template; tests=$$?; \
	wait $$types; types=$$?; echo "$(BIN)/mypy"; cat .local/types.log; \
	test $$tests = 0 && test $$types = 0
	GRANTS="$(GRANTS)" $(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder tests/e2e
	$(BIN)/python -m local.grants "$(GRANTS)"

test-long: setup ## The tests that go through every case, or repeat until chance is ruled out
	$(PYTEST) -m long tests

test-engines: setup ## The integration tests again, their table kept by moto and by ministack; write bench/RESULTS.md
	@$(BIN)/python -m bench.engines $(ARGS)

# Functions that were built run on Linux, and on the processor they were built for.
HOST := $(subst aarch64,arm64,$(shell uname -m))
e2e-deploy: .venv/.ready .venv-deployed/.ready ## Deploy what `build` builds to ministack by CloudFormation; run stories there
	@test "$$(uname -s)" = Linux || { echo "What is built runs on Linux, as Lambda does: run this on Linux, or in a container of it."; exit 1; }
	@python313=$$(PYTHON313=$(PYTHON313) sh tools/python313.sh) || exit 1; \
	why=$$($(BIN)/python -m tests.deployed.fits) || { \
		echo "$${why:-It cannot be told what is built}: building."; $(MAKE) build ARCHITECTURE=$(HOST) || exit 1; }; \
	FUNCTIONS_PYTHON=$$python313/python3.13 $(PYTEST) -p no:randomly -m deployed -v --tb=short tests/deployed

lint: .venv/.ready ## Style, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: .venv/.ready ## Static types
	$(BIN)/mypy

format: .venv/.ready ## Write the style that `lint` wants
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: setup ## A driver in Toronto gets a mechanic: the whole story, told in the terminal
	@$(BIN)/python -m local.demo

run: setup ## The whole backend on this machine: make run PORT=3000
	@PORT=$(PORT) $(BIN)/python -m local

bench: setup ## Measure ranking, slots, routes, matches beside Node; write bench/RESULTS.md (10 minutes)
	$(BIN)/python -m bench

bench-starts: setup .venv-sam/.ready .venv-emulator/.ready ## Measure how built functions start (first: make build ARCHITECTURE=x86_64, or arm64: this machine's)
	@$(BIN)/python -m bench.starts $(FUNCTIONS)

cost: setup ## Play the demo's bookings, count what AWS would bill; write bench/RESULTS.md
	@$(BIN)/python -m bench.cost

load: setup .venv-load/.ready ## A morning of drivers and mechanics on the local stack: make load ARGS="--drivers 40 --seconds 300"
	@$(BIN)/python -m bench.load $(ARGS)

attack: setup .venv-attack/.ready ## Whatever the API document allows and forbids, sent to the local stack: make attack ARGS="--seed 1"
	$(PYTEST) -n 2 -q -m "long or not long" tests/integration/test_attacks.py tests/integration/test_logs.py
	@$(BIN)/python -m bench.attack $(ARGS)

scan: .venv-scan/.ready ## Known weaknesses: of the template, of what is deployed, of all pinned packages
	@.venv-scan/bin/python tools/scan.py

build: .venv-sam/.ready ## Validate the template and build what gets deployed (needs Python 3.13)
	@python313=$$(PYTHON313=$(PYTHON313) sh tools/python313.sh) || exit 1; \
	echo "Building with $$python313/python3.13 for $(ARCHITECTURE)"; \
	PATH="$$python313:$$PATH"; unset PYTHONPATH; set -ex; \
	$(SAM) validate --lint --template template.yaml; \
	$(SAM) build --template template.yaml --parameter-overrides Architecture=$(ARCHITECTURE); \
	PYTHONHASHSEED=0 python3.13 -m tools.finish_build .aws-sam/build $(RECORD)

build-sizes: ## As `build`; what it built is what later builds are measured by
	@$(MAKE) build RECORD=--record

deploy: build ## Deploy what `build` built: make deploy ENV=staging
	@test $(ARCHITECTURE) = arm64 || grep -q "Architecture=$(ARCHITECTURE)" samconfig.toml || { \
		echo "Built for $(ARCHITECTURE), but samconfig.toml deploys for arm64: add Architecture=$(ARCHITECTURE) there."; exit 1; }
	$(SAM) deploy --config-env $(ENV)

redrive: .venv/.ready ## Dead letters of a stack, shown or put back: make redrive ARGS="--stack dispatch-prod"
	@$(BIN)/python -m ops.redrive $(ARGS)

republish: .venv/.ready ## Facts that the relay gave up on, or of a stretch of time, published again: ARGS="--help"
	@$(BIN)/python -m ops.republish $(ARGS)

restore: .venv/.ready ## The table as of a point in time, as another table, checked: ARGS="--help"
	@$(BIN)/python -m ops.restore $(ARGS)

backfill: .venv/.ready ## Bring all items into a new shape: ARGS="--help"
	@$(BIN)/python -m ops.backfill $(ARGS)

openapi: .venv/.ready ## Write docs/openapi.json anew from the functions
	$(BIN)/python -m local.openapi

LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url
lock: .venv/.ready ## Pin the newest versions of everything in the requirements*.in
	$(LOCK) --upgrade --python-version 3.11 requirements-dev.in -o requirements-dev.txt
	$(LOCK) --upgrade --python-version 3.13 layers/dependencies/requirements.in -c requirements-dev.txt -o layers/dependencies/requirements.txt
	$(LOCK) --upgrade --python-version 3.11 requirements-ministack.in -o requirements-ministack.txt
	$(LOCK) --upgrade --python-version 3.11 requirements-load.in -o requirements-load.txt
	$(LOCK) --upgrade --python-version 3.11 requirements-attack.in -o requirements-attack.txt
	$(LOCK) --upgrade --python-version 3.11 requirements-scan.in -o requirements-scan.txt
	$(LOCK) --upgrade --python-version 3.11 requirements-deployed.in -o requirements-deployed.txt
	$(LOCK) --upgrade --python-version 3.13 requirements-emulator.in -o requirements-emulator.txt
	$(LOCK) --upgrade --python-version 3.11 requirements-sam.in -o requirements-sam.txt

clean: ## Remove everything that was made here, virtualenvs too
	rm -rf .venv .venv-ministack .venv-deployed .venv-load .venv-attack .venv-scan .venv-sam .venv-emulator .aws-sam .local .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -r {} +
