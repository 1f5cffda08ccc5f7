# Darkroom. `make help` lists the targets; the first use of any sets up what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What `submit` takes: make submit DATASET=fashionTexture SOURCE=DIR SET="name=value …" NODES=2
DATASET ?= fashionTexture
SUBMIT := $(DATASET) $(if $(SOURCE),--source "$(SOURCE)") $(foreach one,$(SET),--set '$(one)') $(if $(NODES),--nodes $(NODES)) $(if $(PLAN),--plan)
ON ?= local
AGAIN := $(if $(REFRESH),--refresh) $(if $(RETRY_FAILED),--retry-failed) $(if $(RECHECK),--recheck)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-17s %s\n", $$1, $$2}'

$(VENV)/.runs: tools/setup locks/laptop.txt
	@tools/setup $(PYTHON) $(VENV) locks/laptop.txt
	@touch $@

$(VENV)/.develops: $(VENV)/.runs locks/dev.txt
	@tools/setup $(PYTHON) $(VENV) locks/dev.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/.runs ## Install what running needs into .venv

.PHONY: submit
submit: $(VENV)/.runs ## Run a dataset to a verdict: DATASET=… [SOURCE=DIR] [SET="name=value"] [NODES=2] [PLAN=1] [ON=kubernetes] [REFRESH=1] [RETRY_FAILED=1] [RECHECK=1]
	@$(BIN)/darkroom submit $(SUBMIT) --on $(ON) $(AGAIN)

.PHONY: lighttable
lighttable: $(VENV)/.runs ## Look at a dataset's pictures, results and runs in a browser: DATASET=… [PORT=8765]
	@$(BIN)/darkroom lighttable $(DATASET) $(if $(PORT),--port $(PORT))

.PHONY: schedule
schedule: $(VENV)/.runs ## Retrain on a cluster: DATASET=… CRON="0 3 * * 1" [ZONE=Europe/Madrid] [SOURCE=…] [SET=…] [NODES=4]; no CRON: show
	@$(BIN)/darkroom schedule $(SUBMIT) $(if $(CRON),--cron "$(CRON)") $(if $(ZONE),--time-zone $(ZONE))

.PHONY: serve
serve: $(VENV)/.runs ## Let a dataset's model answer over HTTP: DATASET=… [PORT=8000]; more: .venv/bin/darkroom serve --help
	@$(BIN)/darkroom serve $(DATASET) $(if $(PORT),--port $(PORT))

.PHONY: test
test: $(VENV)/.develops ## Run the tests (everything that needs no root)
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "not full" $(ARGS)

.PHONY: test-full
test-full: $(VENV)/.develops ## Run those that take many minutes, with their figures
	@$(BIN)/python -m pytest -m full -s $(ARGS)

.PHONY: test-gpu
test-gpu: $(VENV)/.develops torch ## Run those that need a GPU (a minute)
	@$(BIN)/python -m pytest tests/gpu $(ARGS)

.PHONY: images
images: $(VENV)/.develops ## Build the rooms' images: [BASE_IMAGE=NAME|debian] [ACCELERATOR=cuda] [CNTK=1] [ROOMS="train gate"]
	@$(BIN)/python -m images.build $(ROOMS) $(if $(BASE_IMAGE),--base-image $(BASE_IMAGE)) $(if $(ACCELERATOR),--accelerator $(ACCELERATOR)) \
	  $(if $(CNTK),--cntk)

.PHONY: cluster
cluster: $(VENV)/.develops ## Bring up a real Kubernetes with two nodes, and S3, on this machine (root)
	@tools/debian-packages
	@$(BIN)/python -m tests.cluster up

.PHONY: cluster-down
cluster-down: $(VENV)/.develops ## Take it down and check that nothing is left
	@$(BIN)/python -m tests.cluster down

.PHONY: for-our-cluster
for-our-cluster: $(VENV)/.develops
	@tools/debian-packages
	@$(MAKE) --no-print-directory images BASE_IMAGE=debian CNTK=1 >&2

# The tests' own cluster, which needs images that no registry is asked for, unless KUBECONFIG names another.
# ARGS may name files: then those run instead of all.
.PHONY: e2e e2e-full
e2e e2e-full: BASE_IMAGE ?= $(if $(KUBECONFIG),,debian)
e2e: CHOSEN := -m "not full"
e2e: $(VENV)/.develops ## Run the tests on a real Kubernetes: KUBECONFIG's, or our own (root)
e2e-full: $(VENV)/.develops ## The same with the long ones
e2e e2e-full:
	@$(if $(KUBECONFIG),,tools/debian-packages)
	@$(MAKE) --no-print-directory images BASE_IMAGE=$(BASE_IMAGE) CNTK=$(if $(KUBECONFIG),,1)
	@$(BIN)/python -m pytest -n 3 --dist load --maxschedchunk 1 $(CHOSEN) $(if $(findstring tests/cluster/,$(ARGS)),,tests/cluster) $(ARGS)

.PHONY: lint
lint: $(VENV)/.develops ## Check style, types, floors and locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.develops ## Put the code into shape
	$(BIN)/ruff check --fix-only --exit-zero .
	$(BIN)/ruff format .

CLUSTERED = $(if $(ONLY),$(filter nodes controller,$(ONLY)),all)

.PHONY: bench
bench: $(VENV)/.develops torch $(if $(and $(CLUSTERED),$(filter 0,$(shell id -u))),for-our-cluster) ## Measure beside peers and write docs/benchmarks.md (some 30 minutes): [ONLY="backbone refine"]; bench-NAME writes nothing
	@$(BIN)/python -m tests.bench $(ONLY)

.PHONY: bench-train bench-report bench-featurize bench-scrape bench-backbone bench-views bench-nodes bench-controller bench-refine bench-serve bench-curate bench-duplicates
bench-train: $(VENV)/.develops ## Training against scikit-learn's GridSearchCV
bench-report: $(VENV)/.develops ## The report of 10,000 predictions against its budgets
bench-featurize: $(VENV)/.develops ## Featurizing against onnxruntime alone and timm
bench-scrape: $(VENV)/.develops ## Fetching from a server here against img2dataset and a bare loop
bench-backbone: $(VENV)/.develops ## Our own backbone with its views against ResNet-18 in onnxruntime
bench-views: $(VENV)/.develops ## Which sizes the own backbone should see, from what make pretrain left
bench-nodes: $(VENV)/.develops for-our-cluster ## A stage four pods wide against one (root)
bench-controller: $(VENV)/.develops for-our-cluster ## What the driver costs on a cluster (root)
bench-refine: $(VENV)/.develops torch ## An epoch of refinement against a bare torch loop
bench-serve: $(VENV)/.develops ## The service against LitServe, a plain one, and no service at all
bench-curate: $(VENV)/.develops ## Planted trouble found again, and what leaving it out is worth, beside cleanlab: [FABRICS=DIR] [SEEDS=12] [EACH=200]
bench-duplicates: $(VENV)/.develops ## Same pictures and bad ones against imagededup, PDQ and cleanvision: [FABRICS=DIR]
bench-train bench-report bench-featurize bench-scrape bench-backbone bench-views bench-nodes bench-controller bench-refine bench-serve bench-curate bench-duplicates:
	@$(BIN)/python -m tests.bench.$(@:bench-%=%)

# Photographs of garments, in class folders; without them that table says so. REFINED=1 refines as well, which takes a GPU or hours.
FABRICS ?= ../shared/data/fabrics

.PHONY: bench-accuracy
bench-accuracy: $(VENV)/.develops $(if $(REFINED),torch) ## Measure accuracies and write docs/accuracy.md: [FABRICS=DIR] [REFINED=1]
	@FABRICS=$(FABRICS) REFINED=$(REFINED) $(BIN)/python -m tests.bench.accuracy

.PHONY: locks
locks: $(VENV)/.develops ## Resolve the locks anew
	@tools/lock $(BIN)/uv

.PHONY: backbones
backbones: $(VENV)/.develops ## Write the shipped banks of filters anew
	$(BIN)/python -m jobs.pretrain.filterbank

.PHONY: torch
torch: $(VENV)/.runs ## Set up torch, which refines networks and trains the shipped backbone (a few gigabytes, once for all checkouts)
	@tools/torch $(VENV)

# The pictures take some 10 GB, so they lie outside the checkout.
.PHONY: pretrain
pretrain: torch ## Train the shipped backbone pattern-net anew on rendered pictures (hours; goes on where it was stopped)
	@OMP_NUM_THREADS=1 nice $(BIN)/python -m jobs.pretrain $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/darkroom/pretrain

.PHONY: cntk
cntk: $(VENV)/.runs ## Set up CNTK, the original's library, in an interpreter of its own (Python 3.6, a minute): [PYTHON36=/path/to/python3.6]
	@tools/cntk $(BIN)/python $(PYTHON36)

.PHONY: wheel
wheel: $(VENV)/.develops ## Build dist/*.whl
	@$(BIN)/python -m hatchling build --target wheel
