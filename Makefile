# Every target sets up what it needs: Python 3.11 or later, make and a package index are enough.
# PYTHON=/path/to/python3.12 make ...   takes another interpreter (`make clean` before, to change the one of .venv)

PYTHON ?= $(shell tools/find-python)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

PYTEST_ARGS ?=
TEST_PROCESSES ?= auto
DEMO_ARGS ?=
BENCH_ARGS ?=
SOAK_ARGS ?=
VERSIONS ?= 3.11 3.12 3.13

.DELETE_ON_ERROR:
.PHONY: help setup demo example-spa example-sso example-chat example-master example-gunicorn browser terminal-picture screenshot test bench growth soak check lint format types layers migrations committed docs test-all wheel lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## make .venv with the pinned dependencies and sentri itself, editable

# The environment is made anew when the pinned versions change, sentri alone installed again when pyproject.toml does.
$(VENV)/.dependencies: requirements/dev.txt
	@test -n "$(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("sentri needs Python 3.11 or later, this is " + sys.version)'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) has no venv module (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@echo 'Installing the pinned dependencies into $(VENV)'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install -qq --no-deps --requirement requirements/dev.txt
	@touch $@

$(VENV)/.ready: $(VENV)/.dependencies pyproject.toml
	@$(PIP) install -qq --no-deps --no-build-isolation --editable .
	@$(PIP) check
	@touch $@

demo: setup ## run an auth server on http://127.0.0.1:8080 with a SQLite file (DEMO_ARGS="--port 9000")
	$(BIN)/sentri serve $(DEMO_ARGS)

example-spa: setup ## run examples/spa, a single-page application (SPA_PORT=9000, SPA_ACCESS_EXPIRES_IN=2m)
	$(BIN)/python examples/spa/app.py

example-sso: setup ## run examples/sso, an auth server and two services that trust it (SSO_PORT=9000)
	$(BIN)/python -m examples.sso.run

example-chat: setup ## run examples/chat, a chat whose connections end with their sessions (CHAT_PORT=9000)
	$(BIN)/python examples/chat/app.py

example-master: setup ## run examples/master: a master API and two services, on PostgreSQL and Redis that already run
	$(BIN)/python -m examples.master.run

example-gunicorn: setup ## run examples/gunicorn: one service in four processes (GUNICORN_BIND=127.0.0.1:9000)
	$(BIN)/python -m gunicorn --config examples/gunicorn/gunicorn.conf.py app:make_app

browser: ## install Chromium for tests/browser where it is missing (needs Debian and root, or says what to do)
	@tools/install-chromium

terminal-picture: setup ## make docs/images/terminal.svg anew
	$(BIN)/python tools/terminal_picture.py

screenshot: setup browser ## make docs/images/spa.png anew
	SENTRI_SCREENSHOT=docs/images/spa.png $(BIN)/python -m pytest tests/browser/test_example.py -k picture

test: setup ## run the whole test suite (PYTEST_ARGS="-k login", TEST_PROCESSES=0 for one after the other)
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --maxprocesses 4 --dist worksteal $(PYTEST_ARGS)

bench: setup ## what sentri costs beside bare aiohttp and code by hand (BENCH_ARGS="A --rounds 5", --quick, --list)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

growth: setup ## what grows with users, connections and roles (BENCH_ARGS="users --databases postgres --draw docs/images", --quick)
	$(BIN)/python -m benchmarks.growth $(BENCH_ARGS)

soak: setup ## long runs that prove a promise or fail (SOAK_ARGS="hostile", "fuzz --json FILE", --quick)
	$(BIN)/python -m benchmarks.soak $(SOAK_ARGS)

check: lint types layers migrations docs committed ## everything but the tests: style, types, layers, migrations, docs

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## mypy and, as a user's editor sees it, pyright
	$(BIN)/mypy
	$(BIN)/mypy tests/typing
	$(BIN)/pyright --pythonpath $(BIN)/python

layers: setup ## imports point down only (import-linter)
	$(BIN)/lint-imports

migrations: setup
	$(BIN)/python tools/make_migration.py --check

committed: setup
	$(BIN)/python tools/check_committed.py

docs: setup ## build the documentation into docs/_build, warnings are errors
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build

test-all: ## run the suite on every interpreter found of VERSIONS, each in its own .venv-X.Y
	@for version in $(VERSIONS); do \
	  if python=$$(tools/find-python $$version 2>/dev/null); then \
	    echo "== Python $$version"; \
	    $(MAKE) --no-print-directory test VENV=.venv-$$version PYTHON=$$python || exit 1; \
	  else \
	    echo "== Python $$version: not on this machine, not tested"; \
	  fi; \
	done

wheel: setup ## build sdist and wheel, install the wheel into an empty environment, use it and test examples/consumer there
	$(BIN)/python tools/test_wheel.py

lock: ## write the newest versions that pyproject.toml allows to requirements/dev.txt
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip install -qq --upgrade 'pip>=25.1'
	.venv-lock/bin/python -m pip install -qq --group dev --editable '.[mysql,argon2,otel,cli,testing]'
	echo '# Written by `make lock`; every other target installs exactly this.' > requirements/dev.txt
	.venv-lock/bin/python -m pip freeze --exclude-editable >> requirements/dev.txt
	rm -r .venv-lock

clean: ## remove every environment, cache and build
	rm -rf .venv .venv-* dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -r {} +
