.DEFAULT_GOAL := help

FUZZTIME  ?= 10s
# How long make torture kills the server, and what it draws its kills from.
DURATION  ?= 10m
SEED      ?= 1
# How much make bench measures: full, which takes minutes, or small.
SIZE      ?= full
IMAGE     ?= cozy-telemetry-server
# More arguments for the server or loadgen, for go test, and for the benchmarks.
FLAGS      ?=
TESTFLAGS  ?=
BENCHFLAGS ?=

.PHONY: help
help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Serve on :8081 without any VictoriaMetrics; all data is in ./data.
	mkdir -p data
	exec bin/cozy-telemetry-server --forward-url= --vmselect-url= \
		--db-path ./data/telemetry.db --snapshot-dir ./data/snapshots --log-format console $(FLAGS)

.PHONY: build
build: ## Build the static binaries into bin/.
	mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/cozy-telemetry-server ./cmd/loadgen

.PHONY: deps
deps: ## Install what the tests need (Debian packages, when missing).
	.ci/deps

# The results of deploy/test depend on files that go does not see, so it keeps none.
.PHONY: test
test: deps ## Run all tests, against a real VictoriaMetrics too.
	go test $(TESTFLAGS) ./...
	go -C cmd/duckdbtest test -count=1 $(TESTFLAGS) ./...
	go -C deploy/test test -count=1 $(TESTFLAGS) ./...

.PHONY: race
race: deps ## Run all tests with the race detector.
	go test -race $(TESTFLAGS) ./...

.PHONY: torture
torture: deps ## Kill the server again and again for DURATION (10m): nothing acknowledged may be lost.
	go test -count=1 -timeout 0 -v -run '^TestF1Kill' $(TESTFLAGS) ./cmd/cozy-telemetry-server/e2e -torture=$(DURATION) -seed=$(SEED)

.PHONY: screenshots
screenshots: deps ## Make the pictures of the pages in docs/screenshots, from made-up data.
	mkdir -p docs/screenshots
	go test -count=1 -run '^TestPages' $(TESTFLAGS) ./cmd/cozy-telemetry-server/e2e -pictures=$(CURDIR)/docs/screenshots

.PHONY: bench
bench: SHELL := bash
bench: .SHELLFLAGS := -o pipefail -c
bench: deps build ## Run all benchmarks, then measure beside vmagent and VictoriaMetrics (SIZE=small: in a minute).
	go test -run '^$$' -bench . -benchmem $(BENCHFLAGS) ./... | tee bin/bench.txt
	bin/loadgen bench --size $(SIZE) --json bin/bench.json $(FLAGS)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s).
	.ci/fuzz $(FUZZTIME)

.PHONY: lint
lint: format vet staticcheck ## Check the format, and run go vet and staticcheck.

.PHONY: format
format:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "run gofmt -w on:" $$unformatted; exit 1; fi

.PHONY: vet
vet:
	go vet ./...
	go -C cmd/duckdbtest vet ./...
	go -C deploy/test vet ./...

.PHONY: staticcheck
staticcheck:
	go tool -modfile=.ci/tools.mod staticcheck ./...
	staticcheck=$$(go tool -modfile=.ci/tools.mod -n staticcheck) && \
		for module in cmd/duckdbtest deploy/test; do (cd $$module && "$$staticcheck" ./...) || exit 1; done

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what the project calls.
	.ci/vuln

.PHONY: reproducible
reproducible: ## Check that the last commit gives the same binaries in any folder.
	.ci/reproducible

.PHONY: sbom
sbom: build ## Write the bill of materials of the server to bin/sbom.json (CycloneDX).
	go run .ci/sbom.go bin/cozy-telemetry-server > bin/sbom.json

.PHONY: image
image: ## Build the container image (IMAGE names it).
	docker build -t $(IMAGE) .
