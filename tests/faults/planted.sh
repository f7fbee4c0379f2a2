#!/usr/bin/env bash
# Proves that this suite notices bugs: builds the binary with `--cfg planted`, so that it takes a bug of
# `src/planted.rs` from the variable PLANTED_BUG, and plays to each bug the fault that must fail because of it.
# It is built as for the suite, so that the dependencies have the features that they have in tests, and are not built again.
# The binary stays in `planted/` of the target folder, for `cargo test --test history -- --bug NAME --binary PATH`.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
RUSTC_WORKSPACE_WRAPPER=$PWD/tests/faults/planted-rustc cargo test --locked --quiet --no-run --test faults
mkdir -p "$target/planted"
mv "$target/debug/rollout-guard" "$target/planted/rollout-guard"
exec cargo test --locked --test faults -- --planted "$target/planted/rollout-guard"
