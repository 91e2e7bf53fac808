# What people type. `make demo` and `make test` need Python 3.11 to 3.14 with pip and venv, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
POINTS ?= 160
SEED ?=

# The packages of this checkout, which are installed below another name.
export PYTHONPATH := $(CURDIR)

.PHONY: demo serve test check lint types contract faults soak bench mutants docs migration requirements sbom clean pictures

demo: $(VENV)/runtime
	$(BIN)/gangchuang demo $(ARGS)

serve: $(VENV)/runtime
	$(BIN)/gangchuang serve

test: $(VENV)/develop
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: lint types contract test

lint: $(VENV)/develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/deptry .

types: $(VENV)/develop
	$(BIN)/mypy

contract: $(VENV)/develop
	$(BIN)/lint-imports

faults: $(VENV)/develop
	$(BIN)/python -m tests.faults --points $(POINTS) $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: $(VENV)/develop
	$(BIN)/python -m tests.faults.soak $(ARGS)

bench: $(VENV)/develop
	$(BIN)/python -m tests.benchmarks $(ARGS)

mutants: $(VENV)/develop
	$(BIN)/python -m tests.support.mutants $(MODULES)

docs: $(VENV)/develop
	$(BIN)/python -m tests.support.readme

pictures: $(VENV)/develop
	GANGCHUANG_PICTURES=1 $(BIN)/python -m pytest -q tests/flows/office/test_guide_in_browser.py \
		tests/flows/links/test_links.py tests/flows/intake/test_awkward_workbooks.py \
		-k "guide or browser or awkward_submissions"

migration: $(VENV)/develop
	$(BIN)/python -m models.migrations.generate $(or $(NAME),$(error say what it brings: make migration NAME="an outcome"))
	$(BIN)/ruff check -q --fix models/migrations/versions
	$(BIN)/ruff format -q models/migrations/versions

requirements: $(VENV)/develop
	$(BIN)/uv pip compile -q --universal --no-header --no-annotate --no-emit-index-url --generate-hashes --python-version 3.11 \
		pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --universal --no-header --no-annotate --no-emit-index-url --generate-hashes --python-version 3.11 \
		--group dev -c requirements.txt pyproject.toml -o requirements-dev.txt

sbom: $(VENV)/develop
	mkdir -p build
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		-o build/sbom.cdx.json requirements.txt

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 14) else \
		"Python %d.%d will not do; 3.11, 3.12, 3.13 or 3.14 is needed: make PYTHON=/path/to/python3.12 ..." % v)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the pinned requirements into $(VENV); once, a minute or two."
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/develop: requirements-dev.txt $(VENV)/runtime
	@echo "Installing what the tests use."
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

clean:
	rm -rf var build .pytest_cache .mypy_cache .ruff_cache .hypothesis
