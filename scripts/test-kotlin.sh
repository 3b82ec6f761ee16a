#!/usr/bin/env bash
# Builds the Kotlin package and the example app on it, and runs the app's integration tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/parts.sh

command -v mvn >/dev/null || not_run kotlin "no mvn on PATH"
command -v javac >/dev/null || not_run kotlin "no JDK on PATH"

native=$(bindings/generate.sh)
build_testkit_server
mvn --batch-mode --no-transfer-progress -Dstyle.color=never -Dnative.directory="$native" -f examples-kotlin/with-bindings.xml test
