# twilio_exporter: `make help` lists the targets.

GO ?= go

# Build information for --version and twilio_exporter_build_info. It comes from the
# last commit, so builds of a commit are reproducible.
VERSION    ?= $(shell git describe --tags --always --dirty --match 'v*' 2>/dev/null || echo dev)
REVISION   ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
BRANCH     ?= $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null || echo unknown)
BUILD_USER ?= make
BUILD_DATE ?= $(shell TZ=UTC0 git log -1 --format=%cd --date=format-local:%Y%m%d-%H:%M:%S 2>/dev/null || echo unknown)

VERSION_PACKAGE := github.com/prometheus/common/version
LDFLAGS := -s -w \
	-X $(VERSION_PACKAGE).Version=$(VERSION:v%=%) \
	-X $(VERSION_PACKAGE).Revision=$(REVISION) \
	-X $(VERSION_PACKAGE).Branch=$(BRANCH) \
	-X $(VERSION_PACKAGE).BuildUser=$(BUILD_USER) \
	-X $(VERSION_PACKAGE).BuildDate=$(BUILD_DATE)

BINARY ?= twilio_exporter
IMAGE  ?= twilio_exporter

# Packages whose statements the tests must cover by at least COVERAGE_MIN percent.
COVERED      := ./twilio ./collector ./collector/monthly ./collector/exposition
COVERAGE_MIN := 85

FUZZTIME ?= 30s
CHAOS_DURATION ?= 1h
GORELEASER := github.com/goreleaser/goreleaser/v2@v2.15.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

comma := ,
empty :=
space := $(empty) $(empty)

.DEFAULT_GOAL := build
.PHONY: build test format vet coverage race equality e2e unit bench soak chaos microbench lint vulncheck fuzz reference release release-snapshot docker clean help

## build: the static binary ./twilio_exporter
build:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $(BINARY) .

## test: everything that must pass: format, vet, all tests with coverage, race detector, equality, e2e
test: format vet coverage race equality e2e

# Fails if a Go file is not formatted.
format:
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')) || exit 1; \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi

vet:
	$(GO) vet ./...
	cd collector/bench && $(GO) vet ./...

# All tests in full, including ten simulated months. Tests of every package count for
# the coverage of a package. The benchmark is a module of its own.
coverage:
	cd collector/bench && $(GO) test ./...
	$(GO) test -timeout 30m -coverpkg=$(subst $(space),$(comma),$(COVERED)) -coverprofile=coverage.txt ./...
	@for package in $$($(GO) list $(COVERED)); do \
		awk -v package="$$package" -v least=$(COVERAGE_MIN) ' \
			NR > 1 { \
				directory = $$1; sub(/\/[^\/]*$$/, "", directory); \
				if (directory != package) next; \
				statements[$$1] = $$2; if ($$3 > 0) reached[$$1] = 1; \
			} \
			END { \
				for (block in statements) { all += statements[block]; if (block in reached) hit += statements[block] } \
				if (!all) { printf "%s: no coverage data\n", package; exit 1 } \
				printf "%s: %.1f%% of statements covered, %d%% required\n", package, 100 * hit / all, least; \
				exit 100 * hit < least * all \
			}' coverage.txt || exit 1; \
	done

# The race detector slows the tests down, so -short limits the long test to one month.
race:
	$(GO) test -race -short -timeout 30m ./...

# Fuzz tests: the exposition equals that of client_golang byte for byte, for any labels
# and values. They run for so many inputs and not for a time: a fuzz test that is ended
# by its time fails now and then.
equality:
	@for target in FuzzEquality:500x FuzzNumber:20000x FuzzAcceptEncoding:5000x; do \
		$(GO) test -run '^$$' -fuzz "^$${target%:*}\$$" -fuzztime "$${target#*:}" -fuzzminimizetime 5x ./collector/exposition || exit 1; \
	done

## e2e: tests of deploy/ with Prometheus and Alertmanager, which are built first
e2e:
	cd deploy/e2e && $(GO) run ./build
	@echo "building goreleaser: about six minutes the first time, seconds afterwards"
	@$(GO) run $(GORELEASER) --version >/dev/null
	cd deploy/e2e && $(GO) vet ./...
	@rm -f deploy/e2e/bin/not-tested
	cd deploy/e2e && E2E_NOT_TESTED=$(CURDIR)/deploy/e2e/bin/not-tested $(GO) test -count=1 -p 1 -timeout 45m ./...
	@if [ -s deploy/e2e/bin/not-tested ]; then echo; cat deploy/e2e/bin/not-tested; echo; fi

## unit: quick tests for development
unit:
	$(GO) test -short ./...

## bench: what the exporter costs beside others: 20 minutes; BENCH='--sims=2000 --rounds=2' for a quick look
bench:
	cd collector/bench && $(GO) run . $(BENCH)

## soak: an hour of polls and scrapes; fails if a scrape fails
soak:
	cd collector/bench && $(GO) run . soak $(SOAK)

## chaos: an hour of faults, reloads, restarts and hostile clients, every value checked; CHAOS_DURATION=2h, CHAOS='-seed=1'
chaos:
	cd deploy/e2e && $(GO) run ./chaos -duration=$(CHAOS_DURATION) $(CHAOS)

## microbench: all Go benchmarks
microbench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

## lint: golangci-lint with .golangci.yml, which the first run builds
lint:
	$(GO) run $(GOLANGCI_LINT) run ./...
	cd deploy/e2e && $(GO) run $(GOLANGCI_LINT) run --config ../../.golangci.yml ./...
	cd collector/bench && $(GO) run $(GOLANGCI_LINT) run --config ../../.golangci.yml ./...

## vulncheck: govulncheck on what is shipped; needs the network
vulncheck:
	$(GO) run $(GOVULNCHECK) ./...

## fuzz: each fuzz target for FUZZTIME (30s)
fuzz:
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' "$$package" | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
		done; \
	done

## reference: write collector/METRICS.md and deploy/completion/ from the code
reference:
	UPDATE_GOLDEN=1 $(GO) test -count=1 -run '^TestReference$$' ./collector/exporter
	UPDATE_GOLDEN=1 $(GO) test -count=1 -run '^TestCompletionFiles$$' .

## release-snapshot: archives, deb and rpm in dist/, as in a release
release-snapshot:
	$(GO) run $(GORELEASER) release --snapshot --clean --config deploy/release/goreleaser.yml

## release: the same for a tag, published as a draft
release:
	$(GO) run $(GORELEASER) release --clean --config deploy/release/goreleaser.yml

## docker: the container image twilio_exporter:VERSION
docker:
	docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
		--build-arg BRANCH=$(BRANCH) --build-arg BUILD_DATE=$(BUILD_DATE) -t $(IMAGE):$(VERSION) .

## clean: remove the files that other targets create
clean:
	rm -f $(BINARY) coverage.txt
	rm -rf dist deploy/e2e/bin

## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F ': ' '{ printf "make %-16s %s\n", $$1, substr($$0, length($$1) + 3) }'
