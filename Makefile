# Every target is one line that CI calls as well.
PYTHON := .cache/venv/bin/python
export NIGHTDESK_PYTHON := $(CURDIR)/$(PYTHON)
NODE_MODULES := .cache/npm/node_modules
export NODE_PATH := $(CURDIR)/$(NODE_MODULES)
SIEVE := .cache/sieve
export NIGHTDESK_SIEVE := $(CURDIR)/$(SIEVE)
# The program as the Rust tests build it: without their dependencies it has other features, and would be built a second time.
PROGRAM := $(or $(CARGO_TARGET_DIR),target)/debug/nightdesk
# How long each test program may take, as in LIMIT=20m: one that hangs is ended. None by default.
LIMIT :=

.PHONY: run test unit lint fmt docs check conversations browser tools soak fuzz eval groups fit reference bench advisories release

run: ## The daemon on the shipped files
	cargo run --release -- serve

test: tools fmt lint docs unit check browser ## Everything; installs what the tests need

tools: $(PYTHON) $(NODE_MODULES) $(SIEVE)/usr/bin/sieve-test ## What the tests need besides Rust: a Python and a Node with the foreign libraries, sieve-test, and Chromium
	scripts/install-chromium

$(PYTHON): tests/foreign/requirements.txt tests/browser/requirements.txt
	scripts/install-python .cache/venv $^

$(NODE_MODULES): $(PYTHON) tests/foreign/package.json tests/foreign/package-lock.json
	scripts/install-npm .cache/npm .cache/venv/bin tests/foreign/package.json tests/foreign/package-lock.json

$(SIEVE)/usr/bin/sieve-test:
	scripts/install-sieve $(SIEVE)

fmt: ## Formatting
	cargo fmt --all --check

lint: ## Lints are errors
	cargo clippy --locked --workspace --all-targets -- -D warnings

docs: ## The documentation builds without a warning
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib

unit: export RUST_TEST_THREADS := $(shell expr 2 \* $$(nproc))
unit: tools ## All Rust tests, the licence check among them; two for each core, because they wait much
	cargo test --locked $(if $(LIMIT),--config "target.'cfg(all())'.runner = 'timeout $(LIMIT)'")

# Cargo knows whether it is new.
.PHONY: $(PROGRAM)
$(PROGRAM):
	cargo build --locked -q --bins --tests

check: $(PROGRAM) ## The shipped files, as their editors check them
	$(PROGRAM) check --strict
	$(PROGRAM) test

browser: tools $(PROGRAM) ## The demo page and the widget in a real Chromium
	$(if $(LIMIT),timeout $(LIMIT)) $(PYTHON) tests/browser/run.py --binary $(PROGRAM) --dir . --shots target/screenshots

soak: tools ## What fails, at length: a hundred thousand deliveries, a thousand reloads, thousands of stories of customers, people, timers and crashes; then MINUTES=60 of mixed load and a peak, into benches/RESULTS.md; not part of `test`
	NIGHTDESK_DELIVERIES=100000 NIGHTDESK_RELOADS=1000 cargo test --locked --test daemon faults -- --nocapture --test-threads=1
	NIGHTDESK_SEEDS=5000 cargo test --locked --test daemon simulation
	scripts/soak

fuzz: TARGET ?= all
fuzz: SECONDS ?= 300
fuzz: ## Bytes on which something fails, looked for by cargo-fuzz: TARGET (all of tests/fuzz/corpus if left out) for SECONDS each
	scripts/fuzz "$(TARGET)" "$(SECONDS)"

eval: ## How well messages are understood: the sets of docs/quality.md in DATA=directory, and the shop's own; without DATA these alone
	scripts/eval "$(DATA)"

groups: ## How well `suggest` groups: the sets of docs/quality.md in DATA=directory, and the shop's own; without DATA these alone
	scripts/groups "$(DATA)"

fit: ## The coefficients of the confidence, from the sets of docs/quality.md in DATA=directory
	scripts/fit "$(DATA)"

reference: ## A plain method beside nightdesk on the sets of docs/quality.md in DATA=directory
	scripts/reference "$(DATA)"

bench: ## Speed of the matching against other engines, into benches/RESULTS.md; a quarter of an hour, and not part of `test`
	scripts/bench

advisories: ## Every dependency against the public list of advisories, by cargo-deny, which it installs into .cache; needs the network
	scripts/advisories

release: ## The static binary, its bill of materials, the Debian package (installed and removed for a test) and checksums, into target/dist; needs rustup, and root for the test
	scripts/release target/dist
