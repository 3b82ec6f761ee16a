#!/usr/bin/env bash
# Runs every check of the project, or the named ones: `scripts/test.sh rust kotlin`.
#
# Each part goes on whatever became of the others, and the end says what became of each. A part that this machine cannot run says
# `NOT RUN: part (reason)` and fails nothing; a part that fails, fails all. Logs stay in target/test-logs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/parts.sh

ALL_PARTS=(format lints docs bolt5 rust bindings kotlin swift)

run_part() {
    case $1 in
        format) cargo fmt --all --check ;;
        lints) cargo clippy --quiet --locked --workspace --all-targets -- -D warnings ;;
        docs) RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --workspace --no-deps ;;
        # The table of BOLT 5's requirements: each names a file and a test that exist.
        bolt5) if [ -e docs/bolt5.md ]; then scripts/check-bolt5.sh; fi ;;
        rust) scripts/test-rust.sh ;;
        bindings) bindings/generate.sh ;;
        kotlin) scripts/test-kotlin.sh ;;
        swift) scripts/test-swift.sh ;;
        *) echo "no part is called $1; there are: ${ALL_PARTS[*]}"; return 1 ;;
    esac
}

# The testkit's consensus library is C++, SQLite is C.
if ! command -v c++ >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get update && apt-get install -y --no-install-recommends g++; } >/dev/null
fi

LOGS="${CARGO_TARGET_DIR:-target}/test-logs"
mkdir -p "$LOGS"
summary=()
failed=0
for part in "${@:-${ALL_PARTS[@]}}"; do
    echo "== $part"
    began=$SECONDS
    status=0
    run_part "$part" 2>&1 | tee "$LOGS/$part.log" || status=$?
    took=$((SECONDS - began))
    case $status in
        0) summary+=("ok: $part (${took} s)") ;;
        "$CANNOT_RUN") ;;
        *) summary+=("FAILED: $part (${took} s)"); failed=1 ;;
    esac
    # Also what only some of the part's tests lacked; the harness may have begun the line with the test's name.
    while IFS= read -r line; do summary+=("$line"); done < <(grep -o 'NOT RUN: [a-z]* (.*' "$LOGS/$part.log" | sort -u)
done

echo "== summary"
printf '%s\n' "${summary[@]}"
exit "$failed"
