# Two commands are all a newcomer needs: `make demo` and `make test`. Each prepares .venv by itself, once.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed

.PHONY: demo test test-all check bench bench-audit bench-quality lock clean help
.DEFAULT_GOAL := help

help:            ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): pyproject.toml infra/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "restyle needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c infra/constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)   ## restyle a small library from end to end and open up the result
	@$(BIN)/restyle demo

test: $(READY)   ## the tests that run in minutes
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

test-all: $(READY)  ## every test, the slow ones too
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(READY)  ## style, types and the rules of the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## what planning and the ledger cost on this machine
	$(BIN)/python -m tests.bench

bench-audit: $(READY)  ## every question of the audit, put to a house of a million published files
	$(BIN)/python -m tests.bench.audit

bench-quality: $(READY)  ## style reached and content kept, against our optimiser and others' networks
	$(BIN)/python -m tests.bench.quality --quick --out .restyle-quality

lock: $(READY)   ## write down the installed versions
	@{ sed -n '/^#/p' infra/constraints.txt; \
	   $(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//'; } > infra/constraints.new
	@mv infra/constraints.new infra/constraints.txt

clean:           ## forget the virtual environment and the demo's workspace
	rm -rf $(VENV) .restyle .restyle-demo .restyle-quality
