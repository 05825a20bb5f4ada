# make demo   watch the pipeline adapt
# make test   lint, types, import rules, tests: what CI runs
# make check  the same without the tests
# make wheel  the package as it is published
# Each target makes .venv and installs what it needs by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check wheel clean

demo: $(VENV)/.installed
	$(BIN)/dart-stream demo

test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@echo "installing into $(VENV) (torch is large; a few minutes the first time)"
	$(BIN)/python -m pip install --quiet --editable ".[compiled]"
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[compiled,dev,report]"
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
