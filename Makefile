# `make run` and `make test` are all the set-up there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run example test test-long test-sdks lint observability bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

run: $(VENV)/run ## Serve config.toml on http://127.0.0.1:8080
	$(BIN)/outrider run

example: $(VENV)/run ## An order service that goes on while its payment provider is down
	$(BIN)/python examples/orders.py

# Most tests wait for programs that start, so there are more workers than cores; a file stays with one.
test: $(VENV)/dev ## Run every test but the long groups
	$(BIN)/python -m pytest -q -m "not long" -n 4 --dist loadfile

test-long: $(VENV)/dev ## Run the long groups: browser, benchmark, memory, Prometheus
	$(BIN)/python -m pytest -q -m long

test-sdks: $(VENV)/sdks ## Run every provider: its SDK, and the conformance kit
	$(BIN)/python -m pytest -q tests/sdks tests/plugins/providers -n 4 --dist loadscope

lint: $(VENV)/dev ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

observability: $(VENV)/dev ## Make the dashboard; let promtool check and test the rules
	$(BIN)/python observability/dashboard.py
	cd observability && promtool check config prometheus.yml && promtool test rules outrider.rules.test.yml

bench: $(VENV)/bench ## CPU for each request beside nginx, HAProxy and Envoy
	$(BIN)/python bench/run.py

clean: ## Remove what the other targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache dist build

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/run: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/bench: pyproject.toml $(VENV)/dev
	$(BIN)/python -m pip install --quiet --group bench
	@touch $@

$(VENV)/sdks: pyproject.toml $(VENV)/dev
	$(BIN)/python -m pip install --quiet --group sdks
	@touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@ $(VENV)/run
