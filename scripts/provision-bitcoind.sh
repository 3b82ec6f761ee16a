#!/usr/bin/env bash
# Prints the path of a bitcoind for the regtest tests, fetching one first when there is none.
#
# In this order: BITCOIND_EXE, `bitcoind` on PATH, the cached one, Debian sid's `bitcoin-knots` (a derivative of
# Bitcoin Core) with the libraries it needs, unpacked into the cache and run through its own loader: 27 MB, no root needed,
# nothing installed on the machine. When it cannot: exit code 1 and one line on standard error that says why.
set -euo pipefail
. "$(dirname "$0")/lib/provision.sh"

if [ -n "${BITCOIND_EXE:-}" ]; then
    [ -x "$BITCOIND_EXE" ] || give_up "BITCOIND_EXE names $BITCOIND_EXE, which is not executable"
    echo "$BITCOIND_EXE"
    exit
fi
if command -v bitcoind; then exit; fi

HOME_OF_BITCOIND="$CACHE/bitcoind"
EXE="$HOME_OF_BITCOIND/bitcoind"
[ ! -x "$EXE" ] || { echo "$EXE"; exit; }

need_debian bitcoind
lock_cache bitcoind
# Another build may have finished it while this one waited for the lock.
[ ! -x "$EXE" ] || { echo "$EXE"; exit; }
make_workdir bitcoind
say "fetching bitcoind into $HOME_OF_BITCOIND (once, about 30 MB)"

unpack_packages sid "$WORKDIR/root" bitcoin-knots

cat >"$WORKDIR/bitcoind" <<'WRAPPER'
#!/bin/sh
# Runs the unpacked bitcoind through the loader and the libraries it came with, whatever the machine's own are.
root=$(dirname "$(readlink -f "$0")")/root
libraries=$(dirname "$root"/usr/lib/*/libc.so.6)
exec "$libraries"/ld-linux-*.so.* --library-path "$libraries" "$root/usr/bin/bitcoind" "$@"
WRAPPER
chmod 755 "$WORKDIR/bitcoind"
quietly "$WORKDIR/bitcoind" --version || give_up "the fetched bitcoind does not run on this machine"

rm -rf --one-file-system "$HOME_OF_BITCOIND"
mv -T "$WORKDIR" "$HOME_OF_BITCOIND"
echo "$EXE"
