# make           builds bin/godwit
# make demo      builds it and runs the whole story on this machine
# make test      everything; what CI runs. `go run ./tools/check -list` names its stages, STAGES="vet fuzz" picks some
# make FUZZTIME=1m fuzz

GO       ?= go
FUZZTIME ?= 3s
BENCH    ?= .
STAGES   ?=

# The database driver is pure Go (docs/design/sqlite-driver.md): one static binary, no C compiler.
BUILD = CGO_ENABLED=0 $(GO) build -trimpath
CHECK = $(GO) run ./tools/check -fuzztime $(FUZZTIME)

.PHONY: all build demo test lint fuzz bench lab interop clean

all: build

build:
	$(BUILD) -o bin/godwit ./cmd/godwit

demo: build
	bin/godwit demo

test:
	$(CHECK) $(STAGES)

lint:
	$(CHECK) format vet staticcheck vulnerabilities wasm architecture

fuzz:
	$(CHECK) fuzz

bench:
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

lab:
	$(CHECK) install netlab

interop:
	$(CHECK) install interop

clean:
	rm -rf bin
	$(GO) clean -testcache
