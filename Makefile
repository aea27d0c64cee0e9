# Two commands do everything: `make run` and `make test`. PYTHON=python3.12 picks another Python.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-long check format screenshots clean

run: $(VENV)/.installed
	@$(BIN)/autoresearch run $(ARGS)

# The hostile scripts fill both cores of a small machine by themselves.
test: check
	$(BIN)/python -m pytest --ignore tests/adversarial -n 2 --dist loadfile
	$(BIN)/python -m pytest tests/adversarial

test-long: check
	$(BIN)/python -m pytest -m "long or not long"

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

screenshots: $(VENV)/.installed-dev
	$(BIN)/python screenshots/make.py
	$(BIN)/python screenshots/cast.py

clean:
	rm -rf $(VENV) build dist *.egg-info

# Touched only once the whole environment is there.
$(VENV)/.made:
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# An editable installation: only a change of pyproject.toml asks for another one.
$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
