# `make demo`, `make lab`, `make test`, `make check`: each works on a fresh machine with Python >= 3.11 and make alone.
PYTHON ?= python3.11
ifeq (, $(shell command -v $(PYTHON) 2>/dev/null))
PYTHON := python3
endif
VENV := .venv
BIN := $(VENV)/bin
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: help demo lab test suite browser nightly prices check bench mcpb clean
help:
	@echo "make demo   run notebooks/01-quickstart.ipynb and write build/01-quickstart.html"
	@echo "make lab    open the same notebook in JupyterLab"
	@echo "make test   run all tests, notebooks included"
	@echo "make nightly  the tests that take long: thousands of damaged packs and hurt stores"
	@echo "make prices compares our prices with those of genai-prices"
	@echo "make check  ruff, mypy, import-linter"
	@echo "make bench  the measurements of benchmarks/"
	@echo "make mcpb   build/notebook-img.mcpb, a bundle for MCP clients"

# Each step says what it is before it begins, and pip is not told to be quiet: the first run takes minutes.
$(BIN)/python:
	@echo "Making an environment in $(VENV) with $(PYTHON); nothing else on this machine is changed ..."
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing the package and JupyterLab into $(VENV), a minute or two the first time ..."
	@# Dependency groups need pip 25.1 or newer; the one a new environment brings is older.
	@$(PIP) install --upgrade "pip>=25.1"
	@$(PIP) install --constraint constraints.txt --editable . --group notebooks
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	@echo "Installing what the tests and checks need into $(VENV) ..."
	@$(PIP) install --constraint constraints.txt --group test --group check
	@touch $@

demo: $(RUN_STAMP)
	@$(BIN)/python -m notebooks.demo

lab: $(RUN_STAMP)
	@echo "Starting JupyterLab; it opens in your browser, and Ctrl+C here ends it ..."
	@$(BIN)/python -m jupyter lab notebooks/01-quickstart.ipynb

test: suite browser

# ONLY narrows both to a part, in one process: make suite ONLY=--last-failed
suite: $(DEV_STAMP)
	$(BIN)/python -m pytest $(or $(ONLY),--numprocesses=2 --dist=loadfile) --nbmake --nbmake-timeout=300 --nbmake-kernel=python3 --ignore=tests/browser tests notebooks

# A browser that is driven keeps an event loop in its process, so those tests get one of their own.
browser: $(DEV_STAMP)
	$(BIN)/python -m pytest $(ONLY) tests/browser

nightly: $(DEV_STAMP)
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --timeout=3600 -m nightly --ignore=tests/browser tests

prices: $(DEV_STAMP)
	@echo "Fetching the newest genai-prices, to compare our prices with ..."
	@$(PIP) install --upgrade --group prices
	$(BIN)/python -m benchmarks.prices

check: $(DEV_STAMP)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(BIN)/python -m nbstripout --keep-id --verify notebooks/*.ipynb

bench: $(DEV_STAMP)
	$(BIN)/python -m benchmarks

mcpb: $(RUN_STAMP)
	$(BIN)/python -m notebook_img.mcp.mcpb build/notebook-img.mcpb

clean:
	rm -rf build $(VENV)
