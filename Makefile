# make run     the demo study, from nothing to report, tables and figures
# make test    the tests
# make help    the rest
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run unit reanalyse compare accept report explain unlock progress test lint format estimate docs site lock clean

PYTHON ?= python3
CORES ?= all
CONFIG ?= config/config.yaml
# VENV may lie elsewhere (.ci/run keeps one outside the clone).
VENV ?= .venv
BIN := $(VENV)/bin
# SET overrides keys of the config: SET='data_root=/data/covid'
SET ?=
# A value with brackets may hold spaces: it is quoted for the shell unless SET has quotes itself.
QUOTE := s/(^|[[:space:]]+)([A-Za-z_][A-Za-z0-9_]*)=/' '\2=/g; s/^' //; s/$$/'/
OVERRIDES := $(if $(findstring ',$(SET))$(findstring ",$(SET)),$(SET),$(if $(findstring {,$(SET))$(findstring [,$(SET)),$(shell printf %s '$(SET)' | sed -E "$(QUOTE)"),$(SET)))
# TARGETS are rules or files to make instead of everything: TARGETS='masks_png figures'
TARGETS ?=
# A name with blanks is quoted for the shell.
FILE := $(if $(word 2,$(CONFIG)),"$(CONFIG)",$(CONFIG))
OF_CONFIG := --configfile $(FILE) $(if $(SET),--config $(OVERRIDES))
# Targets come before --configfile, which would read them as more config files.
SNAKEMAKE := PATH="$(abspath $(BIN)):$$PATH" $(BIN)/snakemake --cores $(CORES)
CHECK := $(BIN)/python workflow_scripts/check_config.py $(FILE) $(if $(SET),--config $(OVERRIDES))
# An option of a command, or its value alone, where it is on the command line (not in the environment).
option = $(if $(findstring command,$(origin $(1))),--$(2) "$($(1))")
word_of = $(if $(findstring command,$(origin $(1))),"$($(1))")
SOURCES := workflow_scripts tests envs config docs benchmarks

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'
	@echo "  CONFIG=config/….yaml CORES=N SET='key=value' choose the study, the cores, single keys"
	@echo "  TARGETS='masks_png figures' let make run make only these"

# The environment is made once per lock file: its hash is in the stamp's name.
LOCK := $(shell cat envs/requirements.lock | sha256sum | cut -c1-12)
DEV_LOCK := $(shell cat envs/requirements.lock envs/requirements-dev.lock | sha256sum | cut -c1-12)
ENVIRONMENT := $(VENV)/.installed-$(LOCK)
DEV_ENVIRONMENT := $(VENV)/.installed-dev-$(DEV_LOCK)

$(ENVIRONMENT):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed. Name it: PYTHON=…"; exit 1; }
	@echo "Making the environment in $(VENV) (once; some 6 GB)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement envs/requirements.lock
	@touch $@

$(DEV_ENVIRONMENT): $(ENVIRONMENT)
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement envs/requirements.lock --requirement envs/requirements-dev.lock
	@touch $@

setup: $(ENVIRONMENT) ## only the environment (a cluster's login node)

run: $(ENVIRONMENT) ## run the study of CONFIG (default: the demo) and make its report
	@$(CHECK)
	@$(SNAKEMAKE) $(TARGETS) $(OF_CONFIG)
	@$(if $(TARGETS),,$(MAKE) --no-print-directory report)
	@$(BIN)/python workflow_scripts/where.py "$(CONFIG)" "$(SET)"

unit: $(ENVIRONMENT) ## run one training and pack its results: UNIT=resnet18-s2 [DATASET=] ("none": results without a classifier)
	@[ -n "$(UNIT)" ] || { echo "Name the unit: make unit UNIT=resnet18-s2"; exit 1; }
	@$(CHECK)
	@folders="$$($(BIN)/python workflow_scripts/name_units.py $(FILE) "$(UNIT)" $(call word_of,DATASET) $(if $(SET),--config $(OVERRIDES)))" && \
	  $(SNAKEMAKE) $$folders $(OF_CONFIG) && echo "Done. Copy these folders to keep the results of $(UNIT):" && ls -d $$folders

reanalyse: $(ENVIRONMENT) ## tables, figures and verdict from units alone: STUDY=folder [OUT=reanalysis ACCEPT=1]
	@[ -n "$(STUDY)" ] || { echo "Name the folder of the units: make reanalyse STUDY=results/demo/units"; exit 1; }
	@$(BIN)/python workflow_scripts/reanalyse.py "$(STUDY)" --cores $(CORES) $(call option,OUT,output) $(if $(filter 1,$(ACCEPT)),--accept) $(if $(TARGETS),--targets $(TARGETS))

compare: $(ENVIRONMENT) ## two finished studies case by case: A=results B=other/results [OUT=comparison NAME_A= NAME_B= ACCEPT=1]
	@[ -n "$(A)" ] && [ -n "$(B)" ] || { echo "Name the results of two finished studies: make compare A=results B=../other/results"; exit 1; }
	@$(BIN)/python workflow_scripts/compare_studies.py "$(A)" "$(B)" $(call option,OUT,output) $(call option,NAME_A,name-a) $(call option,NAME_B,name-b) $(if $(filter 1,$(ACCEPT)),--accept)

accept: $(ENVIRONMENT) ## keep finished results after a harmless change of code [TARGETS=files]
	@$(BIN)/python workflow_scripts/accept.py $(FILE) $(TARGETS) $(if $(SET),--config $(OVERRIDES))

report: $(ENVIRONMENT) ## results/report.html from what has been computed
	@$(CHECK)
	@if [ "$$(cat results/.report-of 2>/dev/null)" != "$(CONFIG) $(SET)" ] || [ ! -e results/report.html ] || [ $(FILE) -nt results/report.html ] || [ -n "$$(find -H results -newer results/report.html -path '*/figures/*.png' -o -newer results/report.html -name 'tables.html' -o -newer results/report.html -name 'verdict.html' -o -newer results/report.html -name 'provenance.html' | head -1)" ]; then \
	  $(SNAKEMAKE) $(OF_CONFIG) --report results/report.html && echo "$(CONFIG) $(SET)" > results/.report-of; fi

explain: $(ENVIRONMENT) ## overlays of one image: IMAGE=… [DATASET= CLASSIFIER= EXPLAINER= TARGET= LUNG=mask.png OUT=folder]
	@[ -n "$(IMAGE)" ] || { echo "Name the image: make explain IMAGE=chest.png"; exit 1; }
	@$(BIN)/python workflow_scripts/explain_one.py "$(IMAGE)" --configfile "$(CONFIG)" $(if $(SET),--config $(OVERRIDES)) \
	  $(call option,DATASET,dataset) $(call option,CLASSIFIER,classifier) $(call option,EXPLAINER,explainer) \
	  $(call option,TARGET,target) $(call option,LUNG,lung) $(call option,OUT,out)

unlock: $(ENVIRONMENT) ## remove the lock that a killed run has left in this folder
	@$(SNAKEMAKE) $(OF_CONFIG) --unlock

progress: $(ENVIRONMENT) ## how far a running study is, a line per training and explainer, and the jobs left
	@$(BIN)/python workflow_scripts/progress.py $(FILE) $(if $(SET),--config $(OVERRIDES))

test: $(DEV_ENVIRONMENT) ## run the tests, two at a time (ARGS='-m "not slow"' leaves the long ones out)
	@PATH="$(abspath $(BIN)):$$PATH" OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(DEV_ENVIRONMENT) ## ruff, snakefmt, snakemake --lint, biome, and the language of all texts
	@$(BIN)/ruff check $(SOURCES) && $(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/snakemake --lint
	@$(BIN)/biome check workflow_scripts/fidelity/pages
	@$(BIN)/python docs/check_language.py

format: $(DEV_ENVIRONMENT) ## format all code
	@$(BIN)/ruff check --fix $(SOURCES); $(BIN)/ruff format $(SOURCES); $(BIN)/snakefmt Snakefile rules

estimate: $(ENVIRONMENT) ## jobs, CPU-hours, wall time and disk of CONFIG on CORES cores [TARGETS=files]
	@CORES=$(CORES) $(BIN)/python workflow_scripts/estimate.py $(FILE) $(TARGETS) $(if $(SET),--config $(OVERRIDES))

docs: $(ENVIRONMENT) ## write the tables of config/README.md and docs/measuring.md
	@$(BIN)/python config/write_readme.py
	@$(BIN)/python docs/write_measuring.py

site: $(DEV_ENVIRONMENT) ## the documentation as a website in site/, with the pages of the demo and of the re-analysis if they were made
	@WITH_RUNS=true NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "site/index.html"

lock: $(DEV_ENVIRONMENT) ## resolve envs/requirements*.in again
	@$(BIN)/python envs/lock.py

clean: ## remove all results
	@rm -rf results .snakemake site
