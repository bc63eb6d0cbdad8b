# Everything a user needs: `make demo` is the main job, `make test` all tests, `make help` the list.
export GOEXPERIMENT = simd
# Go 1.26's math.Exp is slow after SIMD code unless this is set (docs/upstream.md).
export GODEBUG = cpu.fma=off
export CGO_ENABLED ?= $(shell command -v $${CC:-gcc} >/dev/null 2>&1 && echo 1 || echo 0)
# With a C compiler the binary holds all three backends; without one, pure Go alone.
TAGS := $(if $(filter 1,$(CGO_ENABLED)),onnx,noxla)

.PHONY: help build demo test torture fuzz lint notebook bench docs clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

build: ## bin/glimpse with every backend that this machine can have
	@go build -tags $(TAGS) -o bin/glimpse ./cmd/glimpse
	@bin/glimpse backend install --quiet || true

demo: build ## train CLIP and a captioner on real pictures and write a page about it
	@bin/glimpse demo

test: lint ## all tests
	@go mod download # all of it: the notebook tests work without a network
	@go test -tags $(TAGS) -timeout 20m $(GOTESTFLAGS) ./notebooks ./... # the longest first

lint: ## gofmt, go vet, staticcheck
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "gofmt would change:"; echo "$$files"; exit 1; fi
	@go vet -tags $(TAGS) ./...
	@go tool staticcheck -tags $(TAGS) ./...

torture: ## kill runs 1,000 times at random moments and resume them (minutes)
	@GLIMPSE_TEST_KILLS=1000 go test -tags $(TAGS) -timeout 60m -count=1 -v -run KilledAtRandom ./experiments

# Every function Fuzz... there is, one after the other; what it finds is kept below testdata/fuzz, where `make test` tries it from then on. Go
# 1.26 at times fails a target that has found nothing, with "context deadline exceeded", as its time is over (go.dev/issue/75804, mended in 1.27):
# that is no failure.
FUZZTIME ?= 10s
FUZZFLAGS ?=
FUZZORDER ?= cat
fuzz: ## throw random bytes at every parser, FUZZTIME=10s at each
	@list=$$(go test -tags $(TAGS) -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; failed=; said=$$(mktemp); \
	for target in $$(echo "$$list" | awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2 ":" names[i]; n = 0 }' | $(FUZZORDER)); do \
		if go test -tags $(TAGS) -run '^$$' -fuzz "^$${target##*:}\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $(FUZZFLAGS) "$${target%:*}" >$$said 2>&1 || \
			{ grep -q 'context deadline exceeded' $$said && ! grep -q 'Failing input' $$said; }; \
		then echo "$$target: $$(grep -a 'execs' $$said | tail -n 1)"; \
		else cat $$said; failed="$$failed $$target"; fi; \
	done; rm -f $$said; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

notebook: build ## open the first notebook in Jupyter
	@bin/glimpse notebook

bench: build ## time it against PyTorch, side by side, and write docs/benchmarks.md (minutes on a quiet machine)
	@bin/glimpse bench --record

docs: build ## draw the pictures of docs/architecture.md anew (graphviz), and execute the notebooks as pages into docs/site (minutes)
	@for f in docs/images/*.dot; do dot -Tsvg $$f -o $${f%.dot}.svg; done
	@bin/glimpse notebook html --scenes --out docs/site

clean: ## remove what was built, not what was trained
	@rm -rf bin
