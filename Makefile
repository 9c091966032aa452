GO       ?= go
FUZZTIME ?= 10s
BIN      := bin/runwith

# A module of its own pins the tools, so that what they need is no dependency of runwith.
TOOL := $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help
.PHONY: help build images demo test cover fuzz bench fmt lint vuln check

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/runwith
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/runwith

images: ## Build the container images into bin/images (no Docker needed)
	$(GO) run ./deploy/images

demo: ## Start a job through the invoker, once, and show each step
	$(GO) run ./cmd/runwith demo

test: ## Run all tests with the race detector (needs a C compiler)
	$(GO) test -race -timeout 30m ./...

cover: ## Run all tests and write bin/cover.html, what they have passed through
	@mkdir -p bin
	$(GO) test -coverpkg=./... -coverprofile=bin/cover.out ./...
	$(GO) tool cover -html=bin/cover.out -o bin/cover.html
	@$(GO) tool cover -func=bin/cover.out | tail -n 1

fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@set -e; grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's|/[^/]*:func | |' | \
	while read -r package target; do \
		echo "== $$package $$target"; \
		$(GO) test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "$$package" </dev/null; \
	done

bench: ## Measure, each figure beside its floor
	$(GO) run ./bench

fmt: ## Format the code
	$(TOOL) golangci-lint fmt

lint: ## Run the linters (the first time builds them)
	$(TOOL) golangci-lint run

vuln: ## Look for known vulnerabilities (asks vuln.go.dev)
	$(TOOL) govulncheck ./...

check: ## Run what CI runs
	./.ci/run
