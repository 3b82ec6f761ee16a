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
    mkdir -p "$CACHE" 2>/dev/null || give_up "cannot create the cache directory $CACHE"
    exec 9>"$CACHE/$1.lock" || give_up "cannot write to the cache directory $CACHE"
    flock 9
}

# A directory beside its final place (so that `mv` is atomic), removed when the script ends without having moved it.
# It may hold a root file system: nothing mounted below it is ever followed. The lock is held, so an older one is a dead build's.
make_workdir() {
    rm -rf --one-file-system "$CACHE/.$1".*
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

# Unpacks packages of another Debian release, with everything they depend on, into the directory ROOT. Nothing is installed on
# this machine and no root is needed: an apt with an empty status of its own resolves and verifies the whole set down to libc,
# and no package's scripts run.
unpack_packages() {
    local release=$1 root=$2 apt="$WORKDIR/apt" package
    shift 2
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$root"
    : >"$apt/status"
    echo "deb [signed-by=$DEBIAN_KEYRING] $ARCHIVE $release main" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
Dir::State "$apt";
Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
APT::Sandbox::User "$(id -un)";
APT::Default-Release "";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
    retry quietly download_packages "$apt/apt.conf" "$@" || give_up "the packages $* could not be downloaded"
    for package in "$apt"/cache/archives/*.deb; do
        quietly dpkg-deb --extract "$package" "$root" || give_up "$(basename "$package") could not be unpacked"
        rm "$package"
    done
    rm -rf "$apt"
}

# The index is fetched anew on every try: packages of a moving release vanish while an old index still names them.
download_packages() {
    local conf=$1
    shift
    APT_CONFIG="$conf" apt-get --quiet --error-on=any update &&
        APT_CONFIG="$conf" apt-get --quiet --yes --download-only install "$@"
}
