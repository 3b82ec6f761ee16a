# What the parts of `make test` share. Sourced, never run.

# The exit code of a part that this machine cannot run, as other test harnesses have it.
CANNOT_RUN=77

# Prints the line by which a missing part is known, PART (REASON), and ends the script.
not_run() {
    echo "NOT RUN: $1 ($2)"
    exit "$CANNOT_RUN"
}

# provision PART SCRIPT: sets PROVISIONED to the path that the provisioning script prints, or fails with its reason in REASON.
provision() {
    local log status=0
    log=$(mktemp)
    PROVISIONED=$("scripts/provision-$1.sh" 2> >(tee "$log" >&2)) || status=$?
    REASON=$(tail -n 1 "$log")
    rm -f "$log"
    return "$status"
}

# Builds the testkit's server and exports where it is: it plays chain, Esplora and channel partner for the tests in other languages.
# With the whole workspace's features, so that what the Rust tests compiled is used again.
build_testkit_server() {
    cargo build --quiet --locked --workspace --bin testkit-server
    TESTKIT_SERVER="$(realpath "${CARGO_TARGET_DIR:-target}")/debug/testkit-server"
    export TESTKIT_SERVER
    # So that it finds a node inside Swift's root directory too, where the home directory is another.
    if provision bitcoind; then export BITCOIND_EXE="$PROVISIONED"; fi
}
