# Python 3.11+ and make are all you need; everything else is installed into .venv and node_modules.
PYTHON ?= python3
ENV    ?= dev
# Options of diff: what to compare with, and the output format.
BASE   ?= HEAD
FORMAT ?= text

VENV := .venv
BIN  := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export CDK_DISABLE_CLI_TELEMETRY := true
# The demo and the tests start hundreds of Python processes, each of which would compile the project again.
unexport PYTHONDONTWRITEBYTECODE

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CDK := node_modules/.bin/cdk
TOPICSMITH := $(BIN)/topicsmith

# Checks with a one-sentence error, where the CDK would fail with a traceback or pass silently.
HAS_ENV      = test -f "environments/$(ENV).yaml" || { echo "There is no environments/$(ENV).yaml. Choose another ENV: $(basename $(notdir $(wildcard environments/*.yaml)))." >&2; exit 1; }
HAS_DELIVERY = test -f delivery.yaml || { echo "There is no delivery.yaml. Copy delivery.example.yaml to it and fill it in." >&2; exit 1; }
HAS_ACCOUNT  = $(TOPICSMITH) whoami --env "$(ENV)" >/dev/null
HAS_HOME     = test -w "$$HOME" || { echo "$$HOME is not writable, but npm and the CDK keep their caches in the home directory. Set another, for example: HOME=/tmp make ..." >&2; exit 1; }

# Each file marks a finished step of the set-up, which is repeated when its inputs change.
CORE  := $(VENV)/.installed-core
CLOUD := $(VENV)/.installed-local
TOOLS := $(VENV)/.installed-test
NODE  := node_modules/.installed
CHROME := tests/browser/node_modules/.installed

# A function's modules are imported from its own folder, as in its zip.
TYPES = $(BIN)/mypy app.py stacks topicsmith localcloud/localcloud containers/ntm/ntm $(wildcard constructs/*) && \
	for function in lambdas/*/; do MYPYPATH=$$function $(BIN)/mypy $$function || exit 1; done

.DEFAULT_GOAL := help
.PHONY: help demo local down test quick test-image test-sdk-v3 lint style format snapshots env-docs refusals stateful-ids synth diff deploy check access pipeline destroy install clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  ENV=<environment> chooses the environment of diff, deploy, check, access and destroy (default dev)"

demo: $(CLOUD) $(NODE) ## run the full pipeline on this machine; your own file: CORPUS=reviews.csv TEXT=title,body [ID=id]
	@$(TOPICSMITH) local demo $(if $(CORPUS),--corpus "$(CORPUS)") $(if $(TEXT),--text "$(TEXT)") $(if $(ID),--id "$(ID)")

local: $(CLOUD) $(NODE) ## start the local cloud, deploy dev to it, and leave it running
	@$(TOPICSMITH) local up --deploy

down: ## stop the local cloud
	@$(TOPICSMITH) local down

test: $(TOOLS) $(NODE) $(CHROME) style ## check style and types, and run all tests
	@# Types are checked in parallel with the tests and reported last. Three processes suit two cores, because tests of
	@# the local cloud mostly wait.
	@types=$$(mktemp); ( $(TYPES) ) >"$$types" 2>&1 & checked=$$!; \
	$(BIN)/python -m pytest --numprocesses 3 --dist loadgroup $(PYTEST); tested=$$?; \
	wait $$checked || tested=1; cat "$$types"; rm "$$types"; exit $$tested

quick: $(TOOLS) style ## check what you changed: style, types, unit tests of its parts; BASE=<commit> to compare with
	@$(BIN)/python tests/quick.py $(filter-out HEAD,$(BASE))

test-image: | $(BIN)/python ## test the training image's packages, whose PyTorch is another; installs 8 GB of them into .venv-image
	@test -x .venv-image/bin/python || $(BIN)/python -m venv .venv-image
	@sed '/^-r /d; /^torch==/d' requirements-local.txt requirements-test.txt > .venv-image/tools.txt
	@.venv-image/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt \
		-r containers/ntm/requirements-training.txt -r .venv-image/tools.txt
	@.venv-image/bin/python -m pytest --quiet -p no:cacheprovider tests/containers

test-sdk-v3: $(TOOLS) $(NODE) ## test the example of SageMaker's SDK 3, installed into .venv-sdk-v3 (1 GB), against the local cloud
	@test -x .venv-sdk-v3/bin/python || $(BIN)/python -m venv .venv-sdk-v3
	@.venv-sdk-v3/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-sdk-v3.txt
	@$(BIN)/python -m pytest --quiet tests/end_to_end/test_sdk_client.py -k v3

lint: style
	@$(TYPES)

style: $(TOOLS)
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .

format: $(TOOLS) ## format the code and fix what ruff can fix
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

snapshots: $(TOOLS) $(NODE) ## update the snapshots of the templates
	@$(BIN)/python -m pytest --quiet tests/synth --snapshot-update

env-docs: $(CORE) ## generate docs/environments.md and environments/schema.json from the typed environments
	@$(BIN)/python -m stacks.config.reference.environments_md

refusals: $(TOOLS) ## generate docs/aws-refusals.md from docs/aws-refusals/*.yaml
	@PYTHONPATH=$(CURDIR) $(BIN)/python -P tests/refusals/catalogue.py

stateful-ids: $(TOOLS) $(NODE) ## accept that resources with data are added, removed or replaced
	@$(CDK) synth --quiet "*/*" && PYTHONPATH=$(CURDIR) $(BIN)/python -P tests/synth/stateful_ids.py cdk.out

synth: $(CORE) $(NODE) ## synthesize every environment to cdk.out, offline
	@$(HAS_HOME)
	@$(CDK) synth --quiet "*/*" && echo "Assemblies of every environment are in cdk.out/."

diff: $(CORE) $(NODE) ## show what a deployment would change; BASE=<commit>|deployed ENV=dev|prod|all FORMAT=text|markdown|json
	@# make has a single failure status, so only dangerous changes and failed comparisons fail here.
	@$(TOPICSMITH) diff --base "$(BASE)" --env "$(ENV)" --format "$(FORMAT)" || test $$? -eq 1

deploy: $(CORE) $(NODE) ## deploy ENV to the account of your credentials
	@$(HAS_ENV)
	@$(HAS_ACCOUNT)
	@# When it starts, the CDK CLI looks for the role that publishes the image, which the data stack creates.
	@$(CDK) synth --quiet "$(ENV)/*"
	@# What an earlier deployment of ENV left behind, because it is retained, is imported.
	@$(CDK) deploy --app cdk.out --import-existing-resources "$(ENV)/data"
	@$(CDK) deploy --app cdk.out --import-existing-resources "$(ENV)/*"

check: $(CORE) ## check that the deployed endpoint of ENV answers
	@$(TOPICSMITH) check --env $(ENV)

access: $(CORE) $(NODE) ## deploy the roles that let delivery.yaml's delivery deploy ENV
	@$(HAS_DELIVERY)
	@$(HAS_ENV)
	@$(HAS_ACCOUNT)
	@$(CDK) deploy "Delivery-$(ENV)"

pipeline: $(CORE) $(NODE) ## deploy the CodePipeline of delivery.yaml; later it updates itself
	@$(HAS_DELIVERY)
	@$(HAS_ACCOUNT)
	@$(CDK) deploy Delivery

destroy: $(CORE) $(NODE) ## delete the registered models and the stacks of ENV
	@$(HAS_ENV)
	@$(HAS_ACCOUNT)
	@# SageMaker does not delete a model package group that contains versions.
	@$(TOPICSMITH) unregister --env "$(ENV)"
	@$(CDK) destroy "$(ENV)/*"

install: $(CORE) $(NODE) ## install the CDK and the command line, without the tests' tools

clean: ## delete everything that was installed or built
	rm -rf $(VENV) .venv-image .venv-sdk-v3 node_modules tests/browser/node_modules cdk.out .topicsmith .localcloud .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, but $(PYTHON) is %d.%d: say which, as in  make PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Could not make a virtual environment (on Debian or Ubuntu: apt install python3-venv)."; exit 1; }

$(CORE): requirements.txt constraints.txt pyproject.toml | $(BIN)/python
	@echo "Installing the CDK and the operator's command line into $(VENV) ..."
	@$(PIP) -r requirements.txt && $(PIP) --no-deps --editable . && touch $@

$(CLOUD): requirements-local.txt localcloud/pyproject.toml containers/ntm/requirements.txt $(CORE)
	@echo "Installing the local cloud (moto, PyTorch) into $(VENV) ..."
	@$(PIP) -r requirements-local.txt && $(PIP) --no-deps --editable ./localcloud && touch $@

$(TOOLS): requirements-test.txt $(CLOUD)
	@echo "Installing the tests' tools into $(VENV) ..."
	@$(PIP) -r requirements-test.txt && touch $@

$(NODE): package.json package-lock.json $(CORE)
	@echo "Installing the CDK CLI into node_modules ..."
	@$(HAS_HOME)
	@npm ci --no-audit --no-fund --update-notifier=false --loglevel=error >/dev/null && touch $@

$(CHROME): tests/browser/package.json tests/browser/package-lock.json $(CORE)
	@echo "Installing a browser for the tests into tests/browser/node_modules ..."
	@cd tests/browser && npm ci --no-audit --no-fund --update-notifier=false --loglevel=error >/dev/null && touch node_modules/.installed
