# make run    start livestyle on what this machine has
# make setup  the environment alone, test extras included
# make test   the tests; make test-slow: those that take minutes; make lint: style and types
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run setup test test-slow lint format clean

run: .venv/.installed
	@$(BIN)/livestyle run || test $$? = 130  # Ctrl-C is how it ends

setup: .venv/.tests-installed

test: .venv/.tests-installed
	tools/install_test_packages.sh
	$(BIN)/pytest --durations=10

test-slow: .venv/.tests-installed
	tools/install_test_packages.sh
	$(BIN)/pytest -m slow

lint: .venv/.tests-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/.tests-installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "livestyle needs Python 3.11 or newer; make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.installed: .venv/bin/python setup.cfg
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

.venv/.tests-installed: .venv/bin/python setup.cfg tests/constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]' -c tests/constraints.txt
	touch $@ .venv/.installed

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
