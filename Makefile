# `make help` says what there is. Everything works from a clean checkout with Go and, for the tests, Node.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
ARGS ?=
FUZZTIME ?= 60s
BENCH ?= .
BENCHTIME ?= 1s

# What needs the Graph SDK: with -race, its one big package takes minutes and gigabytes to compile once more.
SDK = /integrations/graph$$|/cmd/imbot$$

.PHONY: help build demo deps test check bench correlation fuzz crash clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/imbot, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/imbot ./cmd/imbot

demo: build ## imbot with simulated vendors, and Microsoft's Teams emulator if Node is there (ARGS=… for flags)
	@scripts/deps npm
	bin/imbot demo $(ARGS)

deps: ## install what the tests need
	@scripts/deps

test: deps check ## everything that has to pass before a change goes in
	cd e2e && npm test --silent
	$(GO) test -race -count=1 -p 2 -timeout 40m $$($(GO) list ./... | grep -vE '$(SDK)|/e2e$$')
	$(GO) test -count=1 -p 1 -timeout 40m $$($(GO) list ./... | grep -E '$(SDK)')
	$(GO) test -race -count=1 -timeout 40m ./e2e

check: ## format, vet, staticcheck, and the rule of who may import whom
	@files=$$(find . -name '*.go' -not -path '*/node_modules/*' -print0 | xargs -0 $(GO) tool gofumpt -l); \
	if [ -n "$$files" ]; then echo "go tool gofumpt -w these:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test -count=1 ./internal/archtest

bench: ## all benchmarks (BENCH=pattern, BENCHTIME=1s)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem -timeout 60m -p 1 ./...

correlation: ## how often duplicates and causes are found, on worlds whose truth is known; writes docs/correlation.md (ARGS=-short)
	$(GO) run ./bench/correlation $(ARGS)

fuzz: ## every fuzz target for FUZZTIME (60s) each
	@scripts/fuzz $(FUZZTIME)

crash: ## kill the running binary again and again, and look for anything lost or done twice
	IMBOT_CRASH=full $(GO) test -v -count=1 -run '^TestCrash' -timeout 60m ./e2e

clean: ## remove what make made
	rm -rf bin e2e/node_modules
