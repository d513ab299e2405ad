# `make` alone tells what there is.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.PHONY: help setup demo test check fmt clippy doc deny audit imports testdata bench bench-check bench-peers fuzz

# A film when one is at hand, else a clip of our own making. `make demo INPUT=film.mkv` takes yours.
INPUT ?= $(firstword $(wildcard ../shared/media/tears-1080p30-8s.mp4) demo-out/clip.mp4)
# Seconds for each fuzz target.
FUZZ_SECONDS ?= 60
BIN := $(or $(CARGO_TARGET_DIR),target)/release/aqueduct

help: ## This list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## Install what the tests need (apt, and .cache/tools)
	@scripts/setup.sh

demo: ## Publish a real clip into ./demo-out and say how to play it
	@scripts/setup.sh --build-only
	@mkdir -p demo-out
	@[ -e "$(INPUT)" ] || scripts/make-clip.sh "$(INPUT)"
	cargo build --release -p aqueduct-cli
	$(BIN) publish --overwrite "$(INPUT)" demo-out/hls
	@echo
	@echo "Here it is:   demo-out/hls/master.m3u8"
	@echo "Play it:      ffplay demo-out/hls/master.m3u8"
	@echo "In a browser: python3 -m http.server -d demo-out/hls 8000"
	@echo "              then open http://localhost:8000/master.m3u8 (Safari), or with hls.js elsewhere"

# The pure half, and the CLI of it, prove themselves on a machine without FFmpeg: pkg-config finds nothing.
test: setup ## All tests
	PKG_CONFIG_LIBDIR=/nonexistent cargo test -p aqueduct --no-default-features
	PKG_CONFIG_LIBDIR=/nonexistent cargo test -p aqueduct-cli --no-default-features --test cli without_av
	cargo test --workspace

check: setup fmt clippy doc deny imports ## What must hold before a merge, besides the tests

fmt:
	cargo fmt --all --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml

clippy:
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	cargo clippy -p aqueduct-cli --no-default-features --all-targets -- -D warnings
	cargo clippy -p aqueduct --no-default-features --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --quiet

# Without the advisories: a hole that becomes known tomorrow must not break a build of today. `make audit` looks.
deny:
	cargo deny --log-level error check licenses bans sources

audit: ## Known holes in dependencies (fetches the advisory database)
	cargo deny check advisories

# Built as `make test` builds it, so nothing is compiled twice.
imports:
	cargo test --workspace --test imports

testdata: ## Make the clips of testdata/ again
	@scripts/make-testdata.sh

bench: ## Criterion benches of the parts
	cargo bench --workspace

bench-peers: ## The whole command against ffmpeg, Shaka Packager and cp: wall, CPU, memory (FFMPEG=, PACKAGER= name others)
	@scripts/setup.sh
	cargo build --release -p aqueduct-cli
	@python3 scripts/bench-peers.py --aqueduct $(BIN) $(BENCH_ARGS)

bench-check: ## `aqueduct check` of two hours in five rungs against `cat` of the same files: wall, CPU, memory
	@scripts/setup.sh
	cargo build --release -p aqueduct-cli
	@python3 scripts/bench-check.py --aqueduct $(BIN) $(BENCH_ARGS)

fuzz: ## Each fuzz target for FUZZ_SECONDS (needs a nightly toolchain)
	@command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	@for target in $$(cargo +nightly fuzz list); do \
		mkdir -p "fuzz/corpus/$$target"; \
		cargo +nightly fuzz run "$$target" "fuzz/corpus/$$target" testdata -- -max_total_time=$(FUZZ_SECONDS); \
	done
