# make demo | test | docs | lint | clean. The first call makes .venv and fills it; later ones reuse it.

VENV := .venv
# Processes that run tests; each takes about a gigabyte.
JOBS ?= 2
PYTHON := $(VENV)/bin/python
# First interpreter that really starts: version managers leave names that do not.
BASE_PYTHON ?= $(shell for p in python3.11 python3; do \
	$$p -c '' 2>/dev/null && { echo $$p; break; }; done)
# The tested versions are those of Python 3.11 and later; older ones get what fits setup.py.
CONSTRAINTS = $$($(PYTHON) -c "import sys; sys.version_info >= (3, 11) and print('-c constraints.txt')")
PIP = $(PYTHON) -m pip --disable-pip-version-check install $(CONSTRAINTS)
METADATA := setup.py setup.cfg pyproject.toml constraints.txt

.PHONY: demo test docs lint install clean

# Threads that wait for each other sleep soon: those that spin take many times as long on a busy machine.
demo: $(VENV)/.installed
	GOMP_SPINCOUNT=30000 $(PYTHON) tools/demo.py $(ARGS)

test: $(VENV)/.installed
	$(PYTHON) -m pytest -q -n $(JOBS) --durations=10 $(ARGS)

# The site: docs/_build/html/index.html
docs: $(VENV)/.docs
	$(PYTHON) -m sphinx -j auto docs docs/_build/html $(ARGS)

lint: $(VENV)/.lint
	$(VENV)/bin/ruff check .

install: $(VENV)/.installed

$(PYTHON):
	@test -n "$(BASE_PYTHON)" || { echo 'no Python found: install Python 3.9 or later' >&2; exit 1; }
	@echo "== making $(VENV) with $$($(BASE_PYTHON) --version)"
	$(BASE_PYTHON) -m venv $(VENV)

# One command for torch, torchvision and all that builds on them, so that they fit each other.
$(VENV)/.installed: $(PYTHON) $(METADATA)
	@echo '== installing (a few minutes the first time)'
	$(PIP) -e '.[tests]'
	$(PYTHON) -m pip check
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(PIP) -e '.[docs]'
	@touch $@

$(VENV)/.lint: $(PYTHON) $(METADATA)
	$(PIP) ruff
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis work_dirs demo_out docs/_build docs/reference/generated
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
