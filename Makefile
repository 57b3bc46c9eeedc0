# Trunkline's verbs. `make` alone lists them. Everything lives in .venv; only Python 3.11+ and git are needed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
NODE   := PATH="$(CURDIR)/$(BIN):$$PATH"
REPO   ?= .
PORT   ?= 8400
UI_OUT := hub/src/trunkline_hub/admin/dashboard
UI_SRC := $(shell find ui -type f -not -path '*/node_modules/*' 2>/dev/null)

FRAMEWORKS := $(basename $(notdir $(wildcard examples/adapters/requirements/*.txt)))

export TRUNKLINE_BROWSER ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.DEFAULT_GOAL := help
.PHONY: help install ui run test test-all test-adapters check fmt gen bench conformance clean

help: ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed ## create .venv with everything in it

$(VENV)/.installed: requirements.txt sdk/pyproject.toml hub/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Trunkline needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e sdk -e hub
	$(BIN)/python -m compileall -q sdk/src hub/src
	@touch $@

ui: $(UI_OUT)/index.html ## build the dashboard

ui/node_modules/.installed: ui/package-lock.json | $(VENV)/.installed
	cd ui && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(UI_OUT)/index.html: $(UI_SRC) ui/node_modules/.installed
	cd ui && $(NODE) npm run --silent build

run: install ui ## start a hub, three agents and feed them a repository's history (REPO=path PORT=n)
	@$(BIN)/trunkline demo --repo "$(REPO)" --port $(PORT)

check: install ui/node_modules/.installed ## format, lint, types, architecture, contracts
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	$(BIN)/python -m tools.generate --check
	cd ui && $(NODE) npm run --silent gen -- --check && $(NODE) npm run --silent lint && $(NODE) npm run --silent typecheck

test: check ui ## check, then unit, integration, dashboard and browser tests (twelve minutes on two cores; wanted: ten)
	cd ui && $(NODE) npm test --silent
	$(BIN)/pytest -q -n 4 --dist loadfile --no-loadscope-reorder -m "not slow" || $(BIN)/python -m tools.again $$?

test-all: test test-adapters ## all of it: then storms and whole suites on a cluster, one after the other (under an hour)
	$(BIN)/pytest -q -m slow

test-adapters: $(FRAMEWORKS:%=$(VENV)/frameworks/%/.installed) ## every agent framework's example and adapter, each in an environment of its own
	TRUNKLINE_TEST_FRAMEWORKS=all $(BIN)/pytest -q hub/tests/adapters

$(VENV)/frameworks/%/.installed: examples/adapters/requirements/%.txt | $(VENV)/.installed
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(@D)
	$(BIN)/uv pip sync --quiet --python $(@D)/bin/python $<
	@touch $@

fmt: install ## format the code
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --fix --quiet .

gen: install ui/node_modules/.installed ## regenerate contracts, reference pages and the dashboard's API client
	$(BIN)/python -m tools.generate
	cd ui && $(NODE) npm run --silent gen

conformance: install ## run the protocols' own suites against a hub
	$(BIN)/python -m conformance

bench: install ## measure against raw nats-py, side by side
	$(BIN)/python -m bench

clean: ## remove what was built and installed
	rm -rf $(VENV) ui/node_modules $(UI_OUT)
