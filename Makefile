# make demo           the gateway with four apps behind it, on http://127.0.0.1:8080
# make test           the whole suite
# make test-pythons   the unit and conformance suites on each Python from 3.11 on that is here
# make server-matrix  the gateway under every server, and the tables of docs/servers.md from what it found
# make lint           ruff and mypy --strict
# make docs           the documentation, warnings as errors
# make bench          what the benchmarks run beside wsgikit (see benchmarks/README.md)
# Each makes .venv and installs what it needs; PYTHON=python3.13 chooses the interpreter.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-pythons server-matrix lint docs bench clean
.PRECIOUS: .venv/.installed-%

.venv/.installed-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "wsgikit needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

demo: .venv/.installed-demo
	@exec $(BIN)/wsgikit demo

# bjoern can be built where libev's header is.
TESTED := .venv/.installed-test $(if $(wildcard /usr/include/ev.h),.venv/.installed-test-libev)

test: $(TESTED)
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile $(ARGS)

test-pythons:
	$(PYTHON) tests/pythons.py $(ARGS)

server-matrix: $(TESTED)
	@results=$$(mktemp -d) && trap 'rm -rf "$$results"' EXIT && \
	MATRIX_RESULTS=$$results $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile \
	    tests/servers/test_matrix_*.py tests/servers/test_limits.py $(ARGS) && \
	$(BIN)/python -m tests.servers.matrix.report $$results docs/servers.md

lint: .venv/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/.installed-docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: .venv/.installed-bench

clean:
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis docs/_build
