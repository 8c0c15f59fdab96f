# Everything lives in .venv; each target sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= mailproof-report

.PHONY: check test lint bench serve kill-matrix lock clean

check: $(VENV)/.run  ## prove the embedded reference server and write the report
	$(BIN)/mailproof check --out $(OUT)

test: $(VENV)/.dev  ## the project's own tests
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## measure each figure beside its anchor, in one run
	$(BIN)/python -P tests/bench $(FIGURES)

serve: $(VENV)/.run  ## run the reference server until Ctrl-C
	$(BIN)/mailproof serve

kill-matrix: $(VENV)/.run  ## switch on each deliberate fault and see its checks go red
	$(BIN)/mailproof selfcheck

lock: $(VENV)/.dev  ## pin the newest allowed versions, with hashes and without an index address
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile $(LOCK) -o requirements/run.txt pyproject.toml
	$(BIN)/pip-compile $(LOCK) -o requirements/dev.txt --extra dev --extra ldap --extra sql -c requirements/run.txt pyproject.toml

LOCK := --quiet --upgrade --all-build-deps --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

clean:
	rm -rf $(VENV) $(OUT) bench.json build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.run: requirements/run.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	touch $@
