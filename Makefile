# Two commands for a fresh clone: `make demo` and `make test`. `make help` lists all.
# `privacy-gan` and its dependencies are installed into .venv; `make shell` opens a shell that finds it.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check

# Tests that depend on library versions; a few minutes.
QUICK := tests/models tests/privatizers tests/runs tests/data tests/test_losses.py tests/test_import_order.py \
  tests/test_messages.py tests/test_bad_input.py tests/sweeping/test_gpus.py \
  tests/training/test_run_folder.py tests/training/test_resume.py \
  tests/evaluation/test_metrics.py tests/evaluation/test_learning.py

# Idle workers take tests from busy ones, so that all end at about the same time.
PARALLEL := --numprocesses auto --dist worksteal
# The commit that test-changed compares with: make test-changed SINCE=main
SINCE := HEAD

.DEFAULT_GOAL := help
.PHONY: help install shell demo benchmark test test-changed test-oldest test-hydra-dev sabotage lint \
  format clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 23

install: $(VENV)/installed ## install privacy-gan into .venv; the other commands do so, too

shell: $(VENV)/installed ## open a shell that finds privacy-gan; leave it with exit
	@echo 'This shell finds privacy-gan: try privacy-gan --help. Leave it with exit.'
	@PATH="$$(cd $(VENV)/bin && pwd):$$PATH" "$${SHELL:-/bin/sh}" || :

demo: $(VENV)/installed ## train on drawn faces, judge the result, then certify a codebook, about 8 minutes
	$(RUN) experiments/train.py experiment=demo
	$(RUN) experiments/train.py experiment=demo_codebook

test: $(VENV)/installed-dev ## run all tests
	$(RUN) -m pytest $(PARALLEL) --durations=25

test-changed: $(VENV)/installed-dev ## run the tests that a change affects: make test-changed SINCE=main
	@tests=$$($(RUN) tests/changed.py $(SINCE)) || exit 1; \
	  if [ -z "$$tests" ]; then echo 'No test is affected by what differs from $(SINCE).'; \
	  else echo "$$tests"; $(RUN) -m pytest $(PARALLEL) $$tests; fi

sabotage: $(VENV)/installed-dev ## break the code on purpose and check that a test fails
	$(RUN) tests/sabotage.py

test-oldest: $(VENV)-oldest/installed ## run quick tests with the oldest supported versions
	$(VENV)-oldest/bin/python -m pytest $(PARALLEL) $(QUICK)

test-hydra-dev: $(VENV)/installed-dev ## run quick tests with Hydra's newest development release
	$(INSTALL) --pre --upgrade --target $(VENV)-hydra-dev hydra-core omegaconf 2>/dev/null
	PYTHONPATH=$(VENV)-hydra-dev $(RUN) -m pytest $(PARALLEL) $(QUICK)

benchmark: $(VENV)/installed ## compare the speed with the released code's approach: make benchmark DATA='data=celeba data.root=PATH'
	$(RUN) experiments/benchmark.py $(DATA)

lint: $(VENV)/installed-dev ## check style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(VENV)/installed-dev ## format the code
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean: ## remove the environments and the cached images; runs in outputs/ stay
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-hydra-dev cache

# uv, unlike pip, can install the lowest versions that pyproject.toml allows.
$(VENV)-oldest/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(VENV)-oldest/bin/uv pip install --quiet --python $(VENV)-oldest/bin/python \
	  --resolution lowest-direct --editable '.[test]'
	@touch $@

# torch and torchvision are installed together, so that their releases match; neither is capped.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'error: Python 3.11 or newer is required: make PYTHON=python3.12 ...' >&2; exit 1; }
	@echo 'Installing into $(VENV); this takes a few minutes the first time.'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch torchvision
	$(INSTALL) --constraint constraints.txt --editable .
	@echo 'Installed. To use privacy-gan: source $(VENV)/bin/activate, or make shell.'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) --constraint constraints.txt --editable '.[dev]'
	@touch $@
