# Two commands need nothing but this file: `make run` and `make test`. Each sets itself up.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done)
VENV := .venv
BIN := $(VENV)/bin

# Hundreds of tests start a command: none compiles again what another has compiled.
unexport PYTHONDONTWRITEBYTECODE

# Processes that tests start elsewhere count their lines here, too.
export COVERAGE_FILE := $(CURDIR)/.coverage

.DEFAULT_GOAL := help
FUNCTIONAL := not performance and not benchmark and not proof

.PHONY: help run test guards proofs soak-proof matrix ddl-matrix check format benchmark docs screenshots serve report clean

help: ## Show these lines
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

$(VENV)/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Tailguard needs Python 3.11 or newer on the PATH (or: make PYTHON=/path/to/python3)." >&2; exit 64; }
	$(PYTHON) -m venv $(VENV) || { echo "venv failed: on Debian, apt-get install python3-venv." >&2; exit 64; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[dev]'
	@touch $@

run: $(VENV)/installed ## Measure the platform, judge it, migrate it, show the report (profile smoke)
	$(BIN)/tailguard run --profile smoke

test: $(VENV)/installed ## The tests: quick, no timing
	$(BIN)/python -m pytest -n 2

guards: $(VENV)/installed ## The SLO guards: pytest -m performance
	$(BIN)/python -m pytest -m performance $(ARGUMENTS)

proofs: $(VENV)/installed ## Tests of minutes: each guard against a known defect, runs under faults
	$(BIN)/python -m pytest -m proof $(ARGUMENTS)

soak-proof: $(VENV)/installed ## Leaders of a soak killed 100 times, frozen, cut off: no segment lost or counted twice
	$(BIN)/python -m pytest -m proof tests/soak $(ARGUMENTS)

matrix: $(VENV)/installed ## Kill, stop and interrupt each process in each phase of a run; run it again to resume
	$(BIN)/python -m tests.matrix $(ARGUMENTS)

ddl-matrix: $(VENV)/installed ## Prove every kind of statement on two versions of PostgreSQL; run it again to resume
	$(BIN)/python -m tests.ddl $(ARGUMENTS)

check: $(VENV)/installed ## Lint, types, all functional tests with coverage
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet --min-severity medium .github/workflows action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	$(BIN)/kubernetes-validate --quiet --strict docs/kubernetes/*.yaml
	$(BIN)/coverage erase
	# Three at a time: most tests wait for a server or a process. What is killed on purpose leaves a broken data file.
	$(BIN)/coverage run -m pytest -q -n 3 --benchmark-disable --durations=60 --durations-min=2 -m '$(FUNCTIONAL)'
	$(BIN)/coverage combine -q || true
	$(BIN)/coverage report

format: $(VENV)/installed ## Put the code into the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: $(VENV)/installed ## Unit costs, saved as JSON
	$(BIN)/python -m pytest -m benchmark --benchmark-json=runs/benchmark.json

docs: $(VENV)/installed ## The documentation as a web site: site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

screenshots: $(VENV)/installed ## Pictures of every kind of report: runs/screenshots (ARGUMENTS="fail duet" for some)
	$(BIN)/python -m tests.support.screenshots $(ARGUMENTS)

serve: $(VENV)/installed ## The reference platform over HTTP and WebSocket
	$(BIN)/tailguard serve

report: $(VENV)/installed ## Render the newest run again
	$(BIN)/tailguard report latest

clean: ## Remove what was installed and cached, never a run
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
