# Itonami: everything runs in a virtual environment of its own (.venv), made on first use from pinned versions.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := graphstore rules query workflow
FILES := $(shell find $(PACKAGES) -name '*.py' | LC_ALL=C sort)
EDITABLE := -c constraints.txt --config-settings editable_mode=strict
.DEFAULT_GOAL := help
.PHONY: help demo test check bench soak format clean

help:
	@echo "make demo    an order runs, its process is killed, it resumes, and answers for its past"
	@echo "make test    all tests, with short versions of the crash tests"
	@echo "make check   ruff, mypy --strict, direction of imports"
	@echo "make bench   the benchmarks, peers included"
	@echo "make soak    long crash and property tests"

# The editable install is strict: its tree of links is made anew when a source file is added or removed.
$(VENV)/files: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(EDITABLE) -e '.[dev]'
	@echo '$(FILES)' > $@

.PHONY: installed
installed:
	@if [ -f $(VENV)/files ] && [ "$$(cat $(VENV)/files)" != '$(FILES)' ]; then rm $(VENV)/files; fi
	@$(MAKE) --no-print-directory $(VENV)/files

demo: installed
	$(BIN)/python examples/order/demo.py

test: installed
	$(BIN)/python -m pytest

check: installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(addprefix -p itonami.,$(PACKAGES))
	$(BIN)/lint-imports

bench: installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(EDITABLE) -e '.[bench,dev]'
	$(BIN)/python -m benchmarks

soak: installed
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest --soak

format: installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
