#!/usr/bin/env bash
# The Rust tests of the library and of the testkit, on a real bitcoind where there is one.
#
# A test that needs one and finds none says `NOT RUN: bitcoind (reason)`; so does one whose node is there and does not start.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/parts.sh

if provision bitcoind; then export BITCOIND_EXE="$PROVISIONED"; else echo "NOT RUN: bitcoind ($REASON)"; fi
cargo test --locked --workspace
