#!/usr/bin/env bash
# The Rust tests of the library and of the testkit, on a real bitcoind where there is one.
#
# A test that needs it has `on_bitcoind` in its name; without one those, and only those, are left out, and a line says so.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/parts.sh

if provision bitcoind; then
    export BITCOIND_EXE="$PROVISIONED"
    cargo test --locked --workspace
else
    cargo test --locked --workspace -- --skip on_bitcoind
    echo "NOT RUN: bitcoind ($REASON)"
fi
