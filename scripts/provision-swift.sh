#!/usr/bin/env bash
# Prints the path of a Swift compiler for the Swift package and its tests, fetching one first when there is none.
#
# In this order: `swift` on PATH, the cached one, Debian trixie's `swiftlang` unpacked into the cache (550 MB to fetch,
# 2.5 GB on disk). The cached one runs only inside its own root directory: use scripts/swift-run.sh, which knows both cases.
# When it cannot: exit code 1 and one line on standard error that says why.
set -euo pipefail
. "$(dirname "$0")/lib/provision.sh"
. "$(dirname "$0")/lib/swift_root.sh"

# Another program of that name exists (a storage client), so the version is asked.
if native=$(command -v swift) && [[ $(swift --version 2>/dev/null) == *"Swift version"* ]]; then
    echo "$native"
    exit
fi

ROOT="$SWIFT_HOME/root"
EXE="$ROOT/usr/libexec/swift/bin/swift"
command -v unshare >/dev/null || give_up "no swift on PATH, and no unshare to run another release's"
can_enter_root || give_up "no swift on PATH, and this machine allows no private mount namespace to run another release's"
[ ! -x "$EXE" ] || { echo "$EXE"; exit; }

need_debian swift
lock_cache swift
# Another build may have finished it while this one waited for the lock.
[ ! -x "$EXE" ] || { echo "$EXE"; exit; }
make_workdir swift
say "fetching Swift into $SWIFT_HOME (once, about 550 MB)"

# libstdc++'s headers are what Foundation's C++ parts include; base-files brings the links /bin and /lib; the rest is the shell
# that SwiftPM and the testkit's bitcoind start.
unpack_packages trixie "$WORKDIR/root" swiftlang libc6-dev libstdc++-14-dev base-files bash dash coreutils sed grep
echo 'root:x:0:0:root:/root:/bin/sh' >"$WORKDIR/root/etc/passwd"
(cd / && quietly in_root "$WORKDIR/root" -- swift --version) || give_up "the fetched Swift does not run on this machine"

rm -rf --one-file-system "$SWIFT_HOME"
mv -T "$WORKDIR" "$SWIFT_HOME"
echo "$EXE"
