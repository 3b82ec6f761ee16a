#!/usr/bin/env bash
# Runs the benchmarks, all of them or the named ones: `benches/run.sh updates history open`. Prints Markdown.
#
# The databases lie under the system's temporary directory, or under BENCH_DIR; it must be on a disk. What is measured can be
# made smaller: BENCH_PAYMENTS (10000 payments of history), BENCH_STATES and BENCH_HTLCS (1000000 and 300000 of one channel),
# BENCH_CHANNELS and BENCH_CHANNEL_STATES (1000 and 10000).
set -euo pipefail
cd "$(dirname "$0")"

# One after the other: built together, each side would get the features of the other, and two consensus libraries.
cargo build --quiet --release --locked --package ldk-side
cargo build --quiet --release --locked --package benches

TARGET="${CARGO_TARGET_DIR:-target}/release"
[ $# -gt 0 ] || set -- updates history open
for program in "$@"; do
    "$TARGET/$program"
    echo
done
