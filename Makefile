# The two commands of a newcomer are `make demo` and `make test`.

.PHONY: demo test bench docs

# A device sleeps through a force close, wakes, and gets its money back. Needs nothing but Rust.
demo:
	@cargo run --quiet --locked --example demo

# Everything that can be checked here; sets up what it needs in a cache outside the clone. `make test PARTS="rust kotlin"` runs some of it.
test:
	@scripts/test.sh $(PARTS)

# The figures of docs/benchmarks.md, LDK's beside them: half an hour on two cores. `make bench PROGRAMS=history` runs some of it.
bench:
	@benches/run.sh $(PROGRAMS)

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
