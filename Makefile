# bearward: the commands of its developers. `make test` is everything; the rest are its parts.

CARGO ?= cargo
TOOLS ?= $(CURDIR)/target/tools
FUZZ_SECONDS ?= 20

.PHONY: help test check unit peers tools cluster fuzz deny bench bless doc

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: check unit peers cluster fuzz deny ## everything, on a fresh machine with Rust and Go; says what it is doing
	@echo 'bearward: everything passed'

check: ## formatting, lints, documentation
	@echo '== formatting'
	$(CARGO) fmt --all --check
	@echo '== lints'
	$(CARGO) clippy --all-targets --locked -- -D warnings
	$(CARGO) check --manifest-path fuzz/Cargo.toml --target-dir $${CARGO_TARGET_DIR:-target} --locked --quiet
	@echo '== documentation'
	RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' $(CARGO) doc --no-deps --locked --document-private-items

unit: ## tests that need nothing but loopback
	@echo '== tests: one module at a time, the whole binary over sockets, files kept honest, vectors, structure'
	$(CARGO) test --locked --lib --bins --test golden --test tree --test vectors --test wire

peers: ## tests with real nginx, Node and OAuth libraries, which are brought if they are absent
	@echo '== requests that two servers might read in two ways; OAuth libraries, through three rotations (three minutes)'
	tests/peers/tools.sh
	$(CARGO) test --locked --test peers

tools: ## build the real etcd, kube-apiserver and kubectl, once
	@echo '== real etcd, kube-apiserver and kubectl (built once, about five minutes on two cores)'
	tests/cluster/build-tools.sh

# Four at a time on whatever machine, since most of them wait: one of them for a whole minute.
cluster: tools ## tests against a real Kubernetes API server
	@echo '== tests against a real Kubernetes API server'
	$(CARGO) test --locked --test cluster -- --test-threads=4

fuzz: ## run every fuzz target: its corpus, then FUZZ_SECONDS more
	@echo '== fuzzing: each corpus and $(FUZZ_SECONDS) s more'
	fuzz/run.sh $(FUZZ_SECONDS)

deny: $(TOOLS)/bin/cargo-deny ## licences, bans and sources of dependencies
	@echo '== dependencies'
	$(TOOLS)/bin/cargo-deny --locked --log-level error check --hide-inclusion-graph bans licenses sources

$(TOOLS)/bin/cargo-deny:
	@echo '== cargo-deny (built once)'
	$(CARGO) install cargo-deny --locked --root $(TOOLS) --version '^0.20' --quiet

bench: ## instruction counts, and CPU time beside nginx and Envoy, whose table it writes into docs/performance.md
	benches/run.sh

bless: ## rewrite the generated files that tests/golden compares
	BLESS=1 $(CARGO) test --locked --test golden

doc: ## the documentation of the code
	$(CARGO) doc --no-deps --document-private-items
