# Two commands for a fresh clone: `make demo` and `make test`. `make help` lists all.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint format clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

demo: $(VENV)/installed ## train on drawn faces and judge the result, in a few minutes
	$(RUN) experiments/train.py experiment=demo

test: $(VENV)/installed-dev ## run all tests
	$(RUN) -m pytest --numprocesses auto --dist loadfile

lint: $(VENV)/installed-dev ## check style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(VENV)/installed-dev ## put the code into shape
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean: ## remove the environment and the cached images; runs in outputs/ stay
	rm -rf $(VENV) cache

# torch and torchvision together, so that one release fits the other; both are left uncapped.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'error: Python 3.11 or newer is needed: make PYTHON=python3.12 ...' >&2; exit 1; }
	@echo 'Installing into $(VENV), a few minutes the first time.'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch torchvision
	$(INSTALL) --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) --constraint constraints.txt --editable '.[dev]'
	@touch $@
