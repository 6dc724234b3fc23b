# Callboard. Each target does its own set-up: the first one makes .venv from the hash-locked requirements.
# Needs Python >= 3.11; `make test` also npm, for the real agent clients, and Chromium, for the pages.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV    ?= .venv
PY      := $(VENV)/bin/python
ROUNDS  ?= 100
SEED    ?= 1
WORKERS ?= 4
ARGS    ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# A stamp carries the checksum of what it was made from, so that another lock means another installation.
checksum = $(firstword $(shell cksum < $(1)))
PACKAGES := $(VENV)/.packages-$(call checksum,requirements/dev.txt)
EDITABLE := $(VENV)/.editable-$(call checksum,pyproject.toml)
CLIENTS  := .cache/clients/.installed-$(call checksum,tests/clients/package-lock.json)
PLATFORM := $(shell uname -sm)

FAST_ROOMS := tests/architecture tests/domain tests/services tests/store tests/client
FAST   := not slow and not faults and not clients
PYTEST := $(PY) -m pytest

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---------------------------------------------------------------- set-up

$(PY):
	@for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	  if "$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$name"; exec "$$name" -m venv $(VENV); \
	  fi; \
	done; \
	echo "No Python >= 3.11 with venv found. Install one (Debian: apt-get install python3 python3-venv)." >&2; exit 1

$(PACKAGES): | $(PY)
	@echo "Installing the locked packages (about a minute, once)"
	@$(PY) -m pip install -qq --require-hashes -r requirements/dev.txt
	@rm -f $(VENV)/.packages-*; touch $@

$(EDITABLE): $(PACKAGES)
	@$(PY) -m pip install -qq --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.editable-*; touch $@

.PHONY: setup
setup: $(EDITABLE) ## make .venv (every target below does this by itself)

.PHONY: clients
ifeq ($(PLATFORM),Linux x86_64)
clients: $(CLIENTS) ## install the pinned agent clients into .cache/clients (Linux x64)
else
clients:
	@echo "The pinned agent clients are for Linux x64; on $(PLATFORM) their tests are skipped."
endif

$(CLIENTS): tests/clients/package.json tests/clients/.npmrc
	@command -v npm >/dev/null || { echo "npm is missing; it installs the agent clients (apt-get install npm)." >&2; exit 1; }
	@echo "Installing the agent clients (about 400 MB, once)"
	@mkdir -p .cache/clients && rm -f .cache/clients/.installed-*
	@cp tests/clients/package.json tests/clients/package-lock.json tests/clients/.npmrc .cache/clients/
	@cd .cache/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: web
web: setup ## build the pages (npm; only when they have changed)
	@$(PY) tools/build_web.py

.PHONY: pages-if-possible
pages-if-possible: setup
	@$(PY) tools/build_web.py --if-possible

# ---------------------------------------------------------------- run

.PHONY: demo
demo: pages-if-possible ## run the main job on embedded defaults: coordinator, runner, scripted agent
	@$(VENV)/bin/callboard demo $(ARGS)

.PHONY: dev
dev: pages-if-possible ## coordinator, runner and page for working on Callboard itself
	@$(VENV)/bin/callboard up $(ARGS)

# ---------------------------------------------------------------- prove

.PHONY: lint
lint: setup ## ruff, mypy and the import contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@if [ -x web/node_modules/.bin/tsc ]; then cd web && node_modules/.bin/tsc --noEmit; fi

.PHONY: check
check: lint ## lint and the fast tests, in less than a minute
	@$(PYTEST) $(FAST_ROOMS) -m "$(FAST)" -n $(WORKERS) --dist loadgroup --session-timeout=300 $(ARGS)

# Meant for 20 minutes on two cores; a slower machine is not cut off in the middle.
.PHONY: test
test: setup clients web ## every test, with real agent clients and a few rounds of each fault (<= 20 minutes)
	@$(PYTEST) -n $(WORKERS) --dist loadgroup --session-timeout=1700 $(ARGS)

.PHONY: acceptance
acceptance: setup clients web ## what we promise, test by test, each named after its number
	@$(PYTEST) tests/acceptance -v --session-timeout=1200 $(ARGS)

.PHONY: faults
faults: setup ## kill, stop and lose things for ROUNDS= rounds from SEED=; writes docs/faults.md
	@$(PY) tools/run_faults.py --rounds $(ROUNDS) --seed $(SEED)

.PHONY: bench
bench: setup ## measure
	@$(PY) -m bench $(ARGS)

.PHONY: promises
promises: setup ## which requirement is named by which test
	@$(PY) -m tests.requirements

# ---------------------------------------------------------------- maintain

.PHONY: format
format: setup ## put the code in shape
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

.PHONY: docs
docs: setup ## write the generated references again
	@$(PY) tools/generate_references.py

.PHONY: lock
lock: setup ## resolve the requirements and the clients again, newest first
	@$(call compile,pyproject.toml -o requirements/runtime.txt)
	@$(call compile,pyproject.toml requirements/dev.in -c requirements/runtime.txt -o requirements/dev.txt)
	@cd tests/clients && npm install --package-lock-only --loglevel=error
	@cd web && npm install --package-lock-only --loglevel=error
	@$(PY) tools/plain_lock.py tests/clients/package-lock.json web/package-lock.json

compile = $(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(1)

.PHONY: build
build: setup ## sdist and wheel in dist/
	@$(PY) -m hatchling build --clean

.PHONY: clean
clean: ## remove what was built and what tools remember
	@rm -rf build dist src/callboard/coordinator/http/static .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	@find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## also remove .venv, the agent clients and what npm installed
	@rm -rf $(VENV) .cache web/node_modules
