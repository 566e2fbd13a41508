# Everything a person or CI runs. Only Python 3.11+, a C/C++ compiler, git and make are needed; the rest is brought along.
# A comment after ## is the text of `make help`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo test faults check bench format docs screenshots

BENCH ?= bench/table.py

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make the environment in .venv (compiles llama.cpp once, about six minutes on two cores)
	@python="$$(sh scripts/find-python.sh)" && "$$python" scripts/setup.py

demo: setup ## let the agent fix a real bug in a small repository, with the default model on this machine
	@.venv/bin/python scripts/demo.py

test: setup ## run all tests, real-model tests included (ARGS="-k name" for some of them)
	@.venv/bin/python scripts/run_tests.py $(ARGS)

faults: setup ## try the fifty safety cases and print what was held (ARGS="26 28" for some of them)
	@.venv/bin/python scripts/faults.py $(ARGS)

check: setup ## run every static check: format, lint, types, layers, sizes, package, licences, docs
	@.venv/bin/python scripts/check.py

bench: setup ## measure the engine against its limits and peers, in one table (BENCH=bench/file.py for one measurement)
	@.venv/bin/python $(BENCH) $(ARGS)

format: setup ## format the code
	@.venv/bin/ruff check --fix --quiet . && .venv/bin/ruff format --quiet .

screenshots: setup ## draw the pictures of the app in docs/screens again
	@.venv/bin/python scripts/screenshots.py

docs: setup ## write the generated parts of the docs again
	@.venv/bin/python scripts/docs.py --write
