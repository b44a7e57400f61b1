# Everything below sets itself up on a machine that has Python 3.11+ and make, and nothing else.
SHELL  := /bin/bash
PYTHON ?= python3
BIN    := .venv/bin
READY  := .venv/.ready
DATA   ?=
PEOPLE ?=
BUF    := 1.75.0
PROTOC := $(BIN)/python -m grpc_tools.protoc -I.
SERVICES := protos/credit/v1/gateway.proto protos/credit/v1/lender.proto protos/credit/v1/transparency.proto protos/credit/v1/membership.proto protos/credit/v1/supervision.proto protos/credit/v1/statistics.proto protos/credit/v1/portfolio.proto protos/credit/v1/local_portfolio.proto
export CREDIT_SHARED ?= ../shared
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all check lint format protos protos-check imports docs wheel-check bench buf lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

setup: $(READY) ## create .venv with the locked dependencies and the package

demo: $(READY) ## the main job on real input; DATA=path/to/UCI_Credit_Card.csv, PEOPLE=1000
	$(BIN)/python -m demo $(if $(DATA),--data "$(DATA)") $(if $(PEOPLE),--people $(PEOPLE))

test: $(READY) ## the whole suite with small keys, at most ten minutes on two cores
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

test-all: $(READY) ## the suite and the long campaigns
	$(BIN)/python -m pytest -n auto --dist worksteal

check: $(READY) lint imports protos-check wheel-check ## format, lint, types, import rules, generated code, wheel

lint: $(READY) ## format, ruff and mypy
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

imports: $(READY) ## who may import whom
	$(BIN)/lint-imports

protos: $(READY) ## regenerate the code beside the .proto files
	$(PROTOC) --python_out=. --pyi_out=. protos/credit/v1/*.proto
	$(PROTOC) --grpc_python_out=. $(SERVICES)

protos-check: $(READY) ## the committed generated code is what the .proto files give
	@rm -rf build/protos && mkdir -p build/protos
	$(PROTOC) --python_out=build/protos --pyi_out=build/protos protos/credit/v1/*.proto
	$(PROTOC) --grpc_python_out=build/protos $(SERVICES)
	diff -r -x '*.proto' -x '__init__.py' -x '__pycache__' build/protos/protos protos

buf: ## lint the .proto files by buf's STANDARD rules (needs npm, and the network the first time)
	@command -v npm >/dev/null || { echo "npm is needed for buf; make check does without"; exit 1; }
	npm exec --yes --package=@bufbuild/buf@$(BUF) -- buf lint

docs: $(READY) ## rewrite the pages that are made from code
	$(BIN)/python -m demo.error_page
	$(BIN)/python -m demo.reference_page
	$(BIN)/python -m demo.schema_pages

wheel-check: $(READY) ## the wheel starts in a clean environment
	bash .ci/wheel-check

bench: $(READY) ## measure; the tables go to build/bench and docs/performance.md
	$(BIN)/python -m benchmarks

lock: ## renew both lock files (needs uv on the PATH)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra dev pyproject.toml -o requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml -c requirements-dev.lock -o requirements.lock

clean: ## remove what was built, not the environment
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
