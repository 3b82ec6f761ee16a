#!/usr/bin/env bash
# Runs Swift with the given arguments, wherever it lives: `scripts/swift-run.sh test --package-path examples-swift`.
#
# The clone, the cache, CARGO_TARGET_DIR and the directory of TESTKIT_SERVER are seen under their own paths inside the provisioned root.
set -euo pipefail
SCRIPTS=$(cd "$(dirname "$0")" && pwd)
. "$SCRIPTS/lib/provision.sh"
. "$SCRIPTS/lib/swift_root.sh"

swift=$("$SCRIPTS/provision-swift.sh")
case $swift in
    "$SWIFT_HOME"/*) ;;
    *) exec "$swift" "$@" ;;
esac

seen_inside=("$(dirname "$SCRIPTS")" "$CACHE")
[ -z "${CARGO_TARGET_DIR:-}" ] || seen_inside+=("$(realpath "$CARGO_TARGET_DIR")")
[ -z "${TESTKIT_SERVER:-}" ] || seen_inside+=("$(dirname "$TESTKIT_SERVER")")
in_root "$SWIFT_HOME/root" "${seen_inside[@]}" -- swift "$@"
