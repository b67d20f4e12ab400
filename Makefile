# make           builds the web client (with npm; without it says so and goes on) and bin/godwit
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

# web/bundle/dist is what the binary serves as its page.
WEB = $(GO) run ./web/build

.PHONY: all web build demo test lint fuzz bench lab interop clean

all: web build

web:
	$(WEB) -optional

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
	rm -rf bin web/ui/node_modules web/ui/out
	find web/bundle/dist -mindepth 1 ! -name .keep -delete
	$(GO) clean -testcache
