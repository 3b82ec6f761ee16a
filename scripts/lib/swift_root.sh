# Runs a command inside the unpacked Debian release that holds Swift. Sourced after provision.sh.
#
# The compiler knows its headers and libraries by absolute path, so it needs that release as its root directory. A private
# mount namespace gives it one that vanishes with the command: nothing stays mounted, and without root rights the
# kernel's user namespaces serve as well. The network is the machine's own, so a server on the loopback address is reached from inside.

SWIFT_HOME="$CACHE/swift"

# Arguments of unshare: our own mounts, and, unless root already, a user namespace in which we may mount.
private_mounts=(--mount --propagation private)
[ "$(id -u)" = 0 ] || private_mounts+=(--map-root-user)

# Whether this machine lets us have such a namespace at all (a locked-down container does not).
can_enter_root() { unshare "${private_mounts[@]}" mount --bind /tmp /tmp 2>/dev/null; }

# in_root ROOT DIRECTORY… -- COMMAND…: each DIRECTORY appears inside under its own path; the command starts where the caller stands.
in_root() {
    local root=$1
    shift
    unshare "${private_mounts[@]}" bash -c '
        set -eu
        root=$1; shift
        for directory in /proc /dev /tmp; do mount --rbind "$directory" "$root$directory"; done
        while [ "$1" != -- ]; do
            mkdir -p "$root$1"
            mount --bind "$1" "$root$1"
            shift
        done
        shift
        unset TMPDIR
        exec chroot "$root" /usr/bin/env --chdir "$PWD" "HOME=/root" "LANG=C.UTF-8" "PATH=/usr/libexec/swift/bin:/usr/bin" "$@"
    ' in_root "$root" "$@"
}
