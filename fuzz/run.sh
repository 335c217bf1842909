#!/usr/bin/env bash
# Runs targets under libFuzzer: fuzz/run.sh SECONDS [TARGET]...
# Needs `cargo install cargo-fuzz`, and no nightly toolchain.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?how many seconds for each target}
shift
export RUSTC_BOOTSTRAP=1
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
cargo run --quiet --release -p conformance -- fuzz --seeds-to fuzz/corpus "${targets[@]}"
for target in "${targets[@]}"; do
    printf '\n== %s\n' "$target"
    words=()
    [ ! -f "fuzz/dictionaries/$target.dict" ] || words=(-dict="fuzz/dictionaries/$target.dict")
    # Slower than any of them may be; leaks are those of caches, which live as long as we do.
    cargo fuzz run --release --sanitizer none "$target" -- -max_total_time="$seconds" \
        -timeout=20 -rss_limit_mb=4096 -max_len=65536 -print_final_stats=1 "${words[@]}"
done
