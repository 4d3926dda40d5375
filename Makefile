# make serve: the site on this machine · make test: everything CI checks · make bench: the speed figures
PY ?= python3
BIN := .venv/bin
# One more than cores: many tests wait for a browser.
WORKERS ?= $(shell expr $$(nproc) + 1)

.PHONY: setup serve watch test test-postgres lint bench lock audit vendor screenshots pictures clean

setup: .venv/.ok

.venv/.ok: tools/setup.sh requirements-dev.lock pyproject.toml
	PY="$(PY)" tools/setup.sh

serve: setup
	$(BIN)/neurodash serve --demo

watch: setup
	$(BIN)/neurodash serve --watch

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/neurodash library check
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

# What reads or writes the record, once more on a real PostgreSQL that is started for it and gone afterwards.
test-postgres: setup
	$(BIN)/python -m tests.postgres $(BIN)/pytest -m "record and not browser" -n auto --maxprocesses 4 --dist worksteal

bench: setup
	$(BIN)/python bench/serve.py
	$(BIN)/python bench/pool.py
	$(BIN)/python bench/pictures.py
	$(BIN)/python bench/plans.py
	$(BIN)/python bench/handouts.py
	$(BIN)/python bench/papers.py
	$(BIN)/python bench/desk.py
	$(BIN)/python -m bench.kept

audit: setup
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock

lock: setup
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe -o requirements.lock pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --extra bench -c requirements.lock -o requirements-bench.lock pyproject.toml

vendor: setup
	$(BIN)/python tools/vendor.py

# You have looked at every picture on /exercises/pictures/: from now on these are the reviewed ones.
pictures: setup
	$(BIN)/python -m tests.exercises.sheet

screenshots: setup
	$(BIN)/python tools/screenshots.py

clean:
	rm -rf .venv .cache var dist build
