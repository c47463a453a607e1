# Everything a person or CI runs; `make help` lists it. Anything temporary goes below build/, the environment into .venv/.
# Works with GNU make 3.81 (macOS) and newer.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup packages sim test tested explored test-long check format bench picture lock clean

ifndef PYTHON
PYTHON := $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
endif
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# What the tests need of Debian: a browser, glyphs for Kazakh and the tenge, a reader of barcodes, a broker, and a tool that makes
# system calls fail.
PACKAGES := chromium fonts-noto-core libzbar0 mosquitto strace

# Modules of tests/ that compare something generated with its source: each is run with --check.
GENERATED := $(patsubst %,tests.%,$(basename $(notdir $(wildcard tests/diagrams.py tests/contract.py))))
# Tests quick enough to belong to `make check`: the house's own rules, and the texts of the screen.
CHECKS := $(wildcard tests/test_house.py tests/test_texts.py tests/*/test_texts.py)

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: packages .venv/.dev  ## set up all that is missing for `make test`

packages:
	@command -v apt-get >/dev/null || { echo "No apt-get here. Some tests need: $(PACKAGES)"; exit 0; }; \
	missing=; for p in $(PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	[ -x .venv/bin/python ] || "$(PYTHON)" -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	[ -z "$$missing" ] || { echo "Installing$$missing"; \
	  $(SUDO) apt-get -qq update && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $$missing; }

.venv/.made:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed (make PYTHON=/path/to/python3)" >&2; exit 1; }
	@echo "Making .venv/ with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv && touch $@

# The development packages are a superset of the simulator's, in the same versions: one stamp answers for both.
.venv/.dev: requirements/dev.txt pyproject.toml | .venv/.made
	@echo "Installing what the tests need into .venv/"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch .venv/.sim $@

.venv/.sim: requirements/sim.txt pyproject.toml | .venv/.made
	@echo "Installing what the simulator needs into .venv/"
	@$(PIP) install --require-hashes -r requirements/sim.txt
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

# Read before anything is made, so that the simulator can say what its start took, downloads and all.
ifneq ($(filter sim,$(MAKECMDGOALS)),)
export POSTOMAT_SIM_BEGAN_S := $(shell $(PYTHON) -c 'import time; print(time.perf_counter())')
endif

sim: .venv/.sim  ## run the live simulator; needs Python 3.11 and nothing else (ARGS="--seed 7")
	@exec $(BIN)/postomat-sim run $(ARGS)

TESTED := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

test: setup  ## set up all that is missing, then run every check and every test
	@$(MAKE) --no-print-directory check
	$(if $(ARGS),$(TESTED) $(ARGS),@$(MAKE) --no-print-directory --jobs 2 tested explored)

tested:
	@mkdir -p build/coverage
	$(TESTED) --cov --cov-report term
	$(BIN)/coverage report --fail-under=100

# Beside the tests, which wait half of their time, and behind them: live boards of a simulator at ten times the speed must not
# wait for a core. Its bar would be drawn through the tests' dots: what is no terminal gets none.
explored:
	nice -n 19 $(BIN)/postomat-sim explore --seeds 80 --hours 6 --jobs 2 2> >(cat >&2)

test-long: setup  ## the same at length: hours
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest --long --timeout 7200 -n auto --dist worksteal $(ARGS)
	$(if $(ARGS),,$(BIN)/postomat-sim explore --from 1000 --seeds 365 --hours 24 --jobs 2)

check: .venv/.dev  ## format, lint, types, import contracts, texts, stale diagrams and protocol files, units
	$(BIN)/ruff format --quiet --check .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --cache-dir build/import-linter
	$(BIN)/python -m pytest --quiet $(CHECKS)
	@for module in $(GENERATED); do echo "$(BIN)/python -m $$module --check"; $(BIN)/python -m $$module --check || exit 1; done
	systemd/verify

format: .venv/.dev  ## bring the code into the house's form
	$(BIN)/ruff check --quiet --fix --exit-zero .
	$(BIN)/ruff format --quiet .

bench: .venv/.dev  ## the benchmarks: one table, and build/bench.json (ARGS=NAME for one figure)
	@$(BIN)/python -m tests.bench $(ARGS)

picture: .venv/.dev  ## film the README's picture anew from the running simulator
	@$(BIN)/python -m tests.picture

# Hashes of every platform's wheels, no registry named. LOCK_FLAGS=--upgrade takes newer versions.
COMPILE = build/uv/bin/uv --quiet pip compile pyproject.toml --group build --universal --python-version 3.11 \
  --generate-hashes --no-strip-extras --no-emit-index-url --no-header --no-annotate $(LOCK_FLAGS)

lock: | build/uv/bin/uv  ## write the lock files anew from pyproject.toml (LOCK_FLAGS=--upgrade)
	$(COMPILE) --extra dev --output-file requirements/dev.txt
	$(COMPILE) --extra sim --constraint requirements/dev.txt --output-file requirements/sim.txt
	$(COMPILE) --extra controller --extra gpio --extra kiosk --extra link --extra scanner --constraint requirements/dev.txt --output-file requirements/device.txt

build/uv/bin/uv:
	@$(PYTHON) -m venv build/uv && build/uv/bin/python -m pip --disable-pip-version-check --quiet install uv

clean:  ## remove what was built and measured; .venv/ stays
	rm -rf build dist *.egg-info .hypothesis
	find firmware hal sim tests -name __pycache__ -prune -exec rm -rf {} +
