# Needs make, bash and Python 3.11 with pip. `make` alone prints the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

HOST ?= 127.0.0.1
PORT ?= 8000
WORKERS ?= 3
ARGS ?=
MINUTES ?= 10
UPGRADE ?=
# The first of these that starts and is new enough; a version manager's shim may exist and still refuse.
PYTHON := $(or $(PYTHON),$(shell for python in python3.11 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done))

# Where a machine forbids it, every process that a test starts would compile all modules again.
export PYTHONDONTWRITEBYTECODE =

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
TORCH := $(VENV)/.torch-installed
COMPILED := $(VENV)/.search-compiled

# Debian's Python may lack ensurepip: the virtual environment then has no pip of its own, and Python's serves it.
# Nothing is compiled here, so --only-binary: a missing wheel is said at once.
define pip_install
if [ -x $(BIN)/pip ]; then pip="$(BIN)/python -m pip"; else pip="$(PYTHON) -m pip --python $(BIN)/python"; fi; \
	$$pip --disable-pip-version-check install --quiet $(1)
endef

.PHONY: help
help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Variables: HOST=$(HOST) PORT=$(PORT) (serve), WORKERS=$(WORKERS) ARGS= (test, bench), MINUTES=$(MINUTES) (soak), PYTHON=$(PYTHON)"

.PHONY: setup
setup: $(DEV) $(TORCH) $(COMPILED) ## Install everything into .venv, exactly as locked (quick the second time)

.PHONY: serve
serve: $(RUNTIME) $(COMPILED) ## Serve on HOST and PORT; Swagger UI under /docs
	exec $(BIN)/placement serve --host "$(HOST)" --port "$(PORT)"

.PHONY: test
test: setup ## Lint and the whole test suite, on WORKERS processes; one file: .venv/bin/pytest tests/...
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint test-heavy
	@chromium="$$(tools/chromium.sh)"; CHROMIUM="$$chromium" \
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(HEAVY_TESTS:%=--ignore=%) $(ARGS)

# What these import (torch, transformers, schemathesis, grammars of jsonschema) takes a process ten seconds. pytest-xdist
# has every process import every test, so these run in a process of their own, beside the linters.
HEAVY_TESTS = tests/api/measuring tests/api/service/test_schemathesis.py tests/examples/split_runtime \
	tests/house/test_deploy.py tests/placement/exports/test_torch_readers.py

.PHONY: test-heavy
test-heavy: setup # part of test
	$(BIN)/python -m pytest $(HEAVY_TESTS) $(ARGS)

.PHONY: coverage
coverage: setup ## The whole suite at once, and which lines and branches no test reaches (half as long again)
	@chromium="$$(tools/chromium.sh)"; CHROMIUM="$$chromium" \
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term $(ARGS)

.PHONY: screenshots
screenshots: setup ## Renew the pictures of the viewer in docs/screenshots
	@chromium="$$(tools/chromium.sh)"; CHROMIUM="$$chromium" SCREENSHOTS=docs/screenshots \
	$(BIN)/python -m pytest tests/browser -q $(ARGS)

.PHONY: bench
bench: setup ## Run the benchmarks, some minutes; options by ARGS
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-full
bench-full: setup ## Every family and size against every contestant, hours; leaves build/bench-full.jsonl and the plots
	$(BIN)/python -m benchmarks --full --json build/bench-full.jsonl --plots docs/benchmarks $(ARGS)

.PHONY: validate
validate: setup ## Predicted against measured: run plans on emulated nodes, under 15 minutes; renews docs/validation.md
	$(BIN)/python -m benchmarks.validation --json build/validation.json --page docs/validation.md \
		--plots docs/validation $(ARGS)

.PHONY: soak
soak: setup ## Mixed load with a fault every 5 s for MINUTES, loopback only; every promise is called in at the end
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) --json build/soak.json $(ARGS)

.PHONY: lint
lint: setup ## Formatting, lint rules, types, import contracts, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

# The machine's own pip settings must not leak into the lock: neither extra indexes nor local wheels count.
COMPILE = env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_CONSTRAINT -u PIP_NO_INDEX PIP_CONFIG_FILE=/dev/null \
	$(BIN)/pip-compile $(UPGRADE) --quiet --generate-hashes --allow-unsafe --strip-extras --build-deps-for editable \
	--annotation-style line --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

.PHONY: lock
lock: setup ## Renew the lock files after a change in pyproject.toml (UPGRADE=--upgrade for newer releases)
	$(COMPILE) --output-file requirements/runtime.lock pyproject.toml
	$(COMPILE) --extra dev --constraint requirements/runtime.lock --output-file requirements/dev.lock pyproject.toml
	@for lock in requirements/runtime.lock requirements/dev.lock; do \
		{ echo "# Made by 'make lock' from pyproject.toml; do not edit."; \
		sed -e '/^# Made by/d' -e 's/ (pyproject\.toml[^)]*)//g' -e 's/-c requirements\/runtime\.lock, //' $$lock; \
		} >$$lock.new; mv $$lock.new $$lock; done

.PHONY: lock-torch
lock-torch: setup ## The same for the extras measure and run (torch); some ten minutes
	$(COMPILE) --extra measure --extra run --constraint requirements/dev.lock --output-file build/torch.lock pyproject.toml
	$(BIN)/python tools/split_torch_lock.py build/torch.lock

.PHONY: torch
torch: $(RUNTIME) $(TORCH) ## Install torch and transformers too: to measure a model here, to run a plan

.PHONY: openapi
openapi: setup ## Renew docs/openapi.json after a change of the service's description
	PYTHONPATH=. $(BIN)/python tools/openapi.py

.PHONY: sbom
sbom: setup ## List the runtime packages as CycloneDX (SBOM) in build/sbom.json
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements requirements/runtime.lock --pyproject pyproject.toml --output-reproducible \
		--of JSON --output-file build/sbom.json

.PHONY: clean
clean: ## Remove .venv, caches, the compiled search and build products
	rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +  # also holds the compiled search: *.nbi, *.nbc

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed; name it with PYTHON=..." >&2; exit 1; }
	@if "$(PYTHON)" -c 'import ensurepip' 2>/dev/null; then "$(PYTHON)" -m venv $(VENV); \
	else "$(PYTHON)" -m venv --without-pip $(VENV); fi

$(RUNTIME): requirements/runtime.lock pyproject.toml | $(BIN)/python
	@echo "Installing the runtime packages into $(VENV)"
	@$(call pip_install,--only-binary :all: --require-hashes --requirement requirements/runtime.lock)
	@$(call pip_install,--no-deps --no-build-isolation --editable .)
	@touch $@

$(DEV): requirements/dev.lock $(RUNTIME)
	@echo "Installing the development packages into $(VENV)"
	@$(call pip_install,--only-binary :all: --require-hashes --requirement requirements/dev.lock)
	@touch $@

# The locks are complete, so --no-deps: where pip finds a CPU build of torch, 3 GB of CUDA packages are spared.
TORCH_LOCKS := $(addprefix requirements/torch,.lock -cpu.lock -any.lock -cuda.lock)
LOCKED = --only-binary :all: --require-hashes --no-deps --requirement
$(TORCH): $(TORCH_LOCKS) $(RUNTIME)
	@echo "Installing torch into $(VENV)"
	@$(call pip_install,$(LOCKED) requirements/torch.lock)
	@{ $(call pip_install,$(LOCKED) requirements/torch-cpu.lock); } 2>/dev/null || \
		{ echo "No CPU build of torch where pip looks: installing the package index's"; \
		$(call pip_install,$(LOCKED) requirements/torch-any.lock); }
	@$(BIN)/python -c 'import torch' 2>/dev/null || \
		{ echo "That is a CUDA build: installing what it needs, 3 GB"; $(call pip_install,$(LOCKED) requirements/torch-cuda.lock); }
	@touch $@

# Tests run in several processes, and the service answers from its first second on: neither shall wait for a compiler.
$(COMPILED): $(RUNTIME) placement/warming.py $(wildcard placement/kernels/*.py)
	@echo "Compiling the search for this machine (about a minute the first time)"
	@$(BIN)/python -c 'import placement; placement.warm_up()'
	@touch $@
