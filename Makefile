# Two commands for a fresh clone: `make demo` and `make test`. `make help` lists all.
# `privacy-gan`, and what it needs, are installed into .venv; `make shell` is a shell that finds it.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check

# What depends on the versions of libraries, in a few minutes.
QUICK := tests/models tests/privatizers tests/runs tests/data tests/test_losses.py tests/test_rooms.py \
  tests/test_messages.py tests/test_bad_input.py tests/sweeping/test_gpus.py \
  tests/training/test_run_folder.py tests/training/test_resume.py \
  tests/evaluation/test_metrics.py tests/evaluation/test_learning.py

# Workers take tests from each other, so that all end at about the same time.
PARALLEL := --numprocesses auto --dist worksteal
# What a change is compared with: make test-changed SINCE=main
SINCE := HEAD

.DEFAULT_GOAL := help
.PHONY: help install shell demo benchmark test test-changed test-oldest test-hydra-dev sabotage lint \
  format clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 23

install: $(VENV)/installed ## install privacy-gan into .venv; the other commands do so, too

shell: $(VENV)/installed ## open a shell that finds privacy-gan; exit leaves it
	@echo 'In this shell privacy-gan is found: try privacy-gan --help. exit leaves it.'
	@PATH="$$(cd $(VENV)/bin && pwd):$$PATH" "$${SHELL:-/bin/sh}" || :

demo: $(VENV)/installed ## train on drawn faces and judge the result, in about a quarter of an hour
	$(RUN) experiments/train.py experiment=demo

test: $(VENV)/installed-dev ## run all tests
	$(RUN) -m pytest $(PARALLEL) --durations=25

test-changed: $(VENV)/installed-dev ## run the tests that a change affects: make test-changed SINCE=main
	@tests=$$($(RUN) tests/changed.py $(SINCE)) || exit 1; \
	  if [ -z "$$tests" ]; then echo 'No test is affected by what differs from $(SINCE).'; \
	  else echo "$$tests"; $(RUN) -m pytest $(PARALLEL) $$tests; fi

sabotage: $(VENV)/installed-dev ## break the code on purpose and see whether tests notice
	$(RUN) tests/sabotage.py

test-oldest: $(VENV)-oldest/installed ## run quick tests with the oldest versions that are allowed
	$(VENV)-oldest/bin/python -m pytest $(PARALLEL) $(QUICK)

test-hydra-dev: $(VENV)/installed-dev ## run quick tests with Hydra's newest development release
	$(INSTALL) --pre --upgrade --target $(VENV)-hydra-dev hydra-core omegaconf 2>/dev/null
	PYTHONPATH=$(VENV)-hydra-dev $(RUN) -m pytest $(PARALLEL) $(QUICK)

benchmark: $(VENV)/installed ## time it beside the released code's way: make benchmark DATA='data=celeba data.root=PATH'
	$(RUN) experiments/benchmark.py $(DATA)

lint: $(VENV)/installed-dev ## check style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(VENV)/installed-dev ## put the code into shape
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean: ## remove the environments and the cached images; runs in outputs/ stay
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-hydra-dev cache

# uv, unlike pip, can be asked for the lowest versions that pyproject.toml allows.
$(VENV)-oldest/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(VENV)-oldest/bin/uv pip install --quiet --python $(VENV)-oldest/bin/python \
	  --resolution lowest-direct --editable '.[test]'
	@touch $@

# torch and torchvision together, so that one release fits the other; both are left uncapped.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'error: Python 3.11 or newer is needed: make PYTHON=python3.12 ...' >&2; exit 1; }
	@echo 'Installing into $(VENV), a few minutes the first time.'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch torchvision
	$(INSTALL) --constraint constraints.txt --editable .
	@echo 'Installed: source $(VENV)/bin/activate, or make shell, and privacy-gan is found.'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) --constraint constraints.txt --editable '.[dev]'
	@touch $@
