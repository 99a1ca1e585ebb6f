# Every target makes the environment first, where it is missing or out of date.
PYTHON_IN := .venv/bin/python
# One thread a process: two test processes on two cores, and sums in one order.
PYTEST := OMP_NUM_THREADS=1 $(PYTHON_IN) -m pytest -n 2 --dist loadfile
GENERATED := README.md docs/reference/*.md

.DEFAULT_GOAL := help
.PHONY: help setup check test slow bench docs fix demo

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: ## make .venv with the pinned versions
	@.ci/env dev

check: setup ## format, lint, types and tests: what must pass before a commit
	$(PYTHON_IN) -m ruff format --check
	$(PYTHON_IN) -m ruff check
	$(PYTHON_IN) -m mypy
	$(PYTEST)

test: setup ## the quick tests alone
	$(PYTEST)

slow: setup ## the tests that take minutes: learning, packaging, kill and resume
	$(PYTEST) -m slow

bench: setup ## time animekit beside its peers, as ratios
	$(PYTHON_IN) -m benchmarks

docs: setup ## write the generated parts of the documentation again
	$(PYTHON_IN) -m cogapp -I docs -r $(GENERATED)

fix: setup ## format, and mend what the linter can mend
	$(PYTHON_IN) -m ruff check --fix
	$(PYTHON_IN) -m ruff format

demo: setup ## draw faces, train for a minute, generate
	.venv/bin/animekit demo
