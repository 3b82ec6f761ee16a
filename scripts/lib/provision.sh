# What the provisioning scripts share: where things are cached, how a step is retried, where packages come from.
# Sourced, never run. Standard output belongs to the caller (it prints a path there); everything said to a person goes to standard error.

CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/lightning-arbitrator"
DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf '%s\n' "$*" >&2; }

# Ends the script with one line that says why; the callers print it as the reason of `NOT RUN`.
give_up() { say "$*"; exit 1; }

# Three tries with a growing pause: a package archive that is being updated answers inconsistently for a minute.
retry() {
    local attempt
    for attempt in 1 2 3; do
        "$@" && return 0
        [ "$attempt" = 3 ] || sleep $((attempt * 5))
    done
    return 1
}

# Runs a command whose output nobody wants unless it fails; then its last lines go to standard error.
quietly() {
    local log status
    log=$(mktemp)
    if "$@" >"$log" 2>&1 </dev/null; then status=0; else status=$?; tail -n 20 "$log" >&2; fi
    rm -f "$log"
    return "$status"
}

# Holds the lock of one cache entry until the script ends, so that two builds do not provision the same thing at once.
lock_cache() {
    mkdir -p "$CACHE" || give_up "cannot create the cache directory $CACHE"
    exec 9>"$CACHE/$1.lock" || give_up "cannot write to the cache directory $CACHE"
    flock 9
}

# A directory beside its final place (so that `mv` is atomic), removed when the script ends without having moved it.
# It may hold a root file system: nothing mounted below it is ever followed.
make_workdir() {
    WORKDIR=$(mktemp -d "$CACHE/.$1.XXXXXX")
    chmod 755 "$WORKDIR"
    trap 'rm -rf --one-file-system "$WORKDIR"' EXIT
}

# The Debian archive that this machine already uses; none is named here.
debian_archive() {
    if [ -r /etc/apt/sources.list.d/debian.sources ]; then
        awk '$1 == "URIs:" { print $2; exit }' /etc/apt/sources.list.d/debian.sources
    elif [ -r /etc/apt/sources.list ]; then
        awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }' /etc/apt/sources.list
    fi
}

# Ends the script unless packages of another Debian release can be fetched and verified here. Sets ARCHIVE.
need_debian() {
    grep -qs '^ID=debian$' /etc/os-release || give_up "$1 can only be provisioned on Debian"
    [ -r "$DEBIAN_KEYRING" ] || give_up "the Debian archive keyring is missing"
    ARCHIVE=$(debian_archive)
    [ -n "$ARCHIVE" ] || give_up "no Debian archive found in the apt sources"
}
