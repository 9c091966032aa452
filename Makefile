GO       ?= go
FUZZTIME ?= 10s
BIN      := bin/runwith

# Tools are pinned in modules of their own, so that their dependencies stay out of runwith's.
LINT := $(GO) tool -modfile=tools/go.mod golangci-lint

.DEFAULT_GOAL := help
.PHONY: help build images demo test cover fuzz bench fmt lint vuln snapshot check

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/runwith
	CGO_ENABLED=0 $(GO) build -trimpath -tags grpcnotrace -o $(BIN) ./cmd/runwith

images: ## Build the container images into bin/images (no Docker needed)
	$(GO) run ./deploy/images

demo: ## Run a job through the invoker and show each step
	$(GO) run ./cmd/runwith demo

test: ## Run all but the long tests with the race detector (needs a C compiler)
	$(GO) test -race -timeout 30m ./...

cover: ## Run all tests and write their coverage to bin/cover.html
	@mkdir -p bin
	RUNWITH_TEST_LONG=1 $(GO) test -coverpkg=./... -coverprofile=bin/cover.out ./...
	$(GO) tool cover -html=bin/cover.out -o bin/cover.html
	@$(GO) tool cover -func=bin/cover.out | tail -n 1

fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@set -e; grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's|/[^/]*:func | |' | \
	while read -r package target; do \
		echo "== $$package $$target"; \
		$(GO) test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "$$package" </dev/null; \
	done

bench: ## Measure, and print each figure beside its floor
	$(GO) run ./bench

fmt: ## Format the code
	$(LINT) fmt

lint: ## Run the linters (the first run builds them)
	$(LINT) run

vuln: ## Look for known vulnerabilities (asks vuln.go.dev)
	$(GO) tool -modfile=tools/go.mod govulncheck ./...

snapshot: ## Build the release archives into dist (the first run builds GoReleaser)
	$(GO) tool -modfile=tools/goreleaser/go.mod goreleaser release --snapshot --clean

check: ## Run what CI runs
	./.ci/run
