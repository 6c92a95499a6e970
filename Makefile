# The commands of the project; CI calls these and nothing else.
.DEFAULT_GOAL := help
.PHONY: help ready demo up down clean logs test lint bench

PYTHON := .local/venv/bin/python
# More lanes than cores: most tests wait for something most of the time. The few that do not need no more than cores.
LANES ?= $(if $(FAST),auto,4)
# How many times as long as on an idle machine a test waits before it is red.
PATIENCE ?= 4

help: ## Say what there is to say to make
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name what; do printf '%-14s %s\n' "$$name" "$$what"; done

# Names what this machine lacks, then makes .local/venv if requirements.lock asks for another.
ready:
	@sh deploy/local/bootstrap.sh

demo: up ## Start everything, walk one guest's story over HTTP, leave it running
	@$(PYTHON) -m deploy.cli story

up: ready ## Start everything and seed it; DIANDIAN_PORT=8080 is the address, the next twelve ports follow it
	@$(PYTHON) -m deploy.local up
	@$(PYTHON) -m deploy.cli seed

down: ## Stop what was started here; data stay
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m deploy.local down; else echo "Nothing runs."; fi

clean: down ## Stop, and remove .local with all data
	rm -rf .local

logs: ready ## Follow the logs of all parts
	@$(PYTHON) -m deploy.local logs

test: ready ## Run every test in LANES=4 at once, or with FAST=1 those that start no service; names or installs tools
	@sh deploy/local/tools.sh tests pdftotext:poppler-utils qpdf:qpdf zbarimg:zbar-tools git:git chromium:chromium node:nodejs npm:npm
	@sh tests/contracts/node/install.sh
	@PATIENCE=$(PATIENCE) $(PYTHON) -m pytest --numprocesses $(LANES) --durations 10 $(if $(FAST),-m fast)

lint: ready ## Check style, types, who imports whom, and that pages are whole in every language
	@.local/venv/bin/ruff check .
	@.local/venv/bin/ruff format --check .
	@.local/venv/bin/mypy
	@.local/venv/bin/lint-imports
	@$(PYTHON) -m deploy.catalogues --check

bench: ready ## Measure all, or PARTS="boards" (of ledger, boards, system); redis-server is installed or named
	@sh deploy/local/tools.sh benchmarks redis-server:redis-server
	@$(PYTHON) -m benchmarks $(PARTS)
