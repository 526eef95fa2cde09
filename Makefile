# OnHand. `make run` and `make test` need Python 3.11 or newer and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?=
DEMO ?= 1
SIZE ?= small
PYTEST_ARGS ?= -n 2 --dist worksteal

.DELETE_ON_ERROR:
.PHONY: run test coverage mutants check docs screenshots bench clean

run: $(VENV)/runtime.stamp
	@$(BIN)/onhand run --size $(SIZE) $(if $(PORT),--port $(PORT)) $(if $(filter 0 no false,$(DEMO)),--no-demo)

test: $(VENV)/dev.stamp
	@$(BIN)/python tests/e2e/install_browser.py
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# Branches count, also in the processes that tests start. For each package: the least percentage that passes.
COVERAGE_TARGETS := data_access:95 forecasting:95 dashboard:90 pages:90

coverage: $(VENV)/dev.stamp
	@$(BIN)/python tests/e2e/install_browser.py
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report
	@failed=0; for target in $(COVERAGE_TARGETS); do package=$${target%:*} least=$${target#*:}; \
	  echo "$$package: $$($(BIN)/coverage report --include="$$package/*" --format=total) % of at least $$least %"; \
	  $(BIN)/coverage report --include="$$package/*" --fail-under=$$least --format=total > /dev/null || failed=1; \
	done; exit $$failed

# A sample of small faults in the rules and the write kernel: do the unit tests notice them?
mutants: $(VENV)/dev.stamp
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutants]'
	$(BIN)/python -m tests.mutants $(MUTANTS_ARGS)

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/pylint benchmarks dashboard data_access forecasting pages tests
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && export ONHAND_DATABASE_URL="sqlite:///$$folder/check.db" && \
	  $(BIN)/onhand migrate > /dev/null && echo "alembic check" && $(BIN)/alembic check
	$(BIN)/python -m dashboard.docs --check

docs: $(VENV)/runtime.stamp
	$(BIN)/python -m dashboard.docs

screenshots: $(VENV)/dev.stamp
	@$(BIN)/python tests/e2e/install_browser.py
	$(BIN)/python tests/e2e/screenshots.py

bench: $(VENV)/dev.stamp
	@for bench in $$(ls benchmarks/[a-z]*.py benchmarks/*/[a-z]*.py); do name=$${bench%.py}; echo "== $$bench"; $(BIN)/python -m "$$(echo $$name | tr / .)" || exit 1; done

clean:
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || \
	  { echo "OnHand needs Python 3.11 or newer: install it, or name it with make PYTHON=python3.12." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/runtime.stamp
