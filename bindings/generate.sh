#!/usr/bin/env bash
# Builds the native library and generates the Kotlin and Swift code from it: bindings/kotlin/generated and
# bindings/swift/generated (not committed). Prints the directory that holds the library.
#
# The generator is a build of its own in a target directory of its own: with its features in the library's build, every switch
# between the two would compile uniffi and all that stands on it again. Only uniffi's version changes it, so the
# finished program is kept in the cache, and the next clone does not build it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/provision.sh

TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
case $(uname -s) in
    Darwin) LIBRARY="$TARGET/debug/liblightning_arbitrator.dylib" ;;
    *) LIBRARY="$TARGET/debug/liblightning_arbitrator.so" ;;
esac

uniffi_version=$(awk '/^name = "uniffi"$/ { getline; gsub(/"/, ""); print $3; exit }' Cargo.lock)
GENERATOR="$CACHE/uniffi-bindgen/$uniffi_version-$(uname -s)-$(uname -m)"
if [ ! -x "$GENERATOR" ]; then
    say "building the generator of uniffi $uniffi_version (once)"
    cargo build --quiet --locked --features bindgen --bin uniffi-bindgen --target-dir "$TARGET/bindgen"
    mkdir -p "$(dirname "$GENERATOR")"
    # Under another name first: a second build must never find half a program.
    cp "$TARGET/bindgen/debug/uniffi-bindgen" "$GENERATOR.$$"
    mv "$GENERATOR.$$" "$GENERATOR"
    rm -rf "$TARGET/bindgen"
fi

cargo build --quiet --locked --lib

generate() {
    rm -rf "$2"
    "$GENERATOR" generate "$LIBRARY" --config uniffi.toml --no-format --language "$1" --out-dir "$2"
}
generate kotlin bindings/kotlin/generated
generate swift bindings/swift/generated
# SwiftPM wants a C header beside its module map, and no header among Swift sources.
mkdir -p bindings/swift/generated/include bindings/swift/generated/sources
mv bindings/swift/generated/*.h bindings/swift/generated/include
mv bindings/swift/generated/*.swift bindings/swift/generated/sources

dirname "$LIBRARY"
