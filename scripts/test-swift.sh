#!/usr/bin/env bash
# Builds the Swift package and the example app on it, and runs the app's integration tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/parts.sh

provision swift || not_run swift "$REASON"

native=$(bindings/generate.sh)
build_testkit_server
# All tests are XCTest's; the other framework would close with a line that says it ran none.
scripts/swift-run.sh test --disable-swift-testing --package-path examples-swift \
    -Xlinker "-L$native" -Xlinker -rpath -Xlinker "$native"
