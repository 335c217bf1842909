#!/usr/bin/env bash
# Rebuilds the guests: built/*.wasm, built/SHA256SUMS, the copies and hashes in
# ../apps/hello.
#
#   build.sh            all of them
#   build.sh NAME...    these only (a folder's name, or `text`)
#
# Nobody needs this to test the runtime: the built files are in the repository.
# What it takes, on Debian 12 or newer, with the tools in a scratch folder:
#
#   T=$(mktemp -d)
#   apt-get install rustc-web cargo-web rust-web-src lld-19
#   python3 -m venv $T && $T/bin/pip install ziglang
#   cargo install --root $T wasm-tools wit-bindgen-cli wac-cli
#   PATH=$T/bin:$PATH conformance/guests/build.sh
#
# (`rustc-web` is a Rust that can build its standard library for wasm from
# source. A rustup toolchain with the wasm32-unknown-unknown target does as
# well: set RUST_PLAIN=1.)
#
# Everything in between goes to $SCRATCH (a temporary folder unless set; set it
# to keep Rust's build cache from one run to the next).
set -euo pipefail
shopt -s nullglob

here=$(cd "$(dirname "$0")" && pwd)
hello=$here/../apps/hello
built=$here/built

all=(greet compute stats text types traps panics kernels records compose empty)

case ${1-} in
-h | --help)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
    exit
    ;;
esac
for name in "$@"; do
    [[ " ${all[*]} " == *" $name "* ]] || { echo "no guest $name; there are: ${all[*]}" >&2; exit 2; }
done
[ $# -gt 0 ] || set -- "${all[@]}"

if [ -z "${SCRATCH-}" ]; then
    SCRATCH=$(mktemp -d)
    trap 'rm -rf "$SCRATCH"' EXIT
fi
mkdir -p "$SCRATCH" "$built"

# rust CRATE OUT: a core module, its WIT in a custom section.
rust() {
    local cargo=cargo std=() flags= crates
    if [ -z "${RUST_PLAIN-}" ]; then
        cargo=$(dpkg -L cargo-web | grep -m1 'bin/cargo$')
        RUSTC=$(dpkg -L rustc-web | grep 'bin/rustc$')
        export RUSTC RUSTC_BOOTSTRAP=1
        flags="-C linker=wasm-ld-19 -C linker-flavor=wasm-ld"
        std=(-Zbuild-std=std,panic_abort)
    fi
    # Crates are fetched first, so that their folder is there to be renamed.
    "$cargo" fetch --quiet --locked --manifest-path "$here/Cargo.toml"
    # Panic messages name source files: short, and the same wherever built.
    flags+=" --remap-path-prefix=$here=/guests"
    flags+=" --remap-path-prefix=$("${RUSTC:-rustc}" --print sysroot)/lib/rustlib/src/rust=/rust"
    for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        flags+=" --remap-path-prefix=$crates=/crates"
    done
    RUSTFLAGS=$flags CARGO_TARGET_DIR=$SCRATCH/rust \
        "$cargo" build --quiet --release --locked  --manifest-path "$here/Cargo.toml" \
        --target wasm32-unknown-unknown "${std[@]}" --package "$1"
    cp "$SCRATCH/rust/wasm32-unknown-unknown/release/$1.wasm" "$2"
}

# A stack of 64 KiB instead of 16 MiB: all of it is memory that an instance has
# from its start.
zig() {
    "${PYTHON:-python3}" -m ziglang cc -O2 -Wall -Wextra -Werror -Wl,-z,stack-size=65536 "$@"
}

# c_core SOURCE OUT: a core module without a C library.
c_core() {
    zig -target wasm32-freestanding -nostdlib -Wl,--no-entry "$1" -o "$2"
}

# c_world SOURCE WIT WORLD OUT: a core module with bindings for the world. It
# uses malloc and the like of the C library, nothing that would need WASI.
c_world() {
    local bindings=$SCRATCH/bindings/$3
    wit-bindgen c --world "$3" --out-dir "$bindings" "$2" >"$SCRATCH/bindings.log" 2>&1
    zig -target wasm32-wasi -mexec-model=reactor -I "$bindings" \
        "$1" "$bindings"/*.c "$bindings"/*.o -o "$4"
}

# component CORE OUT [names]: wraps a core module with its WIT inside. The
# third word keeps the names of its functions.
component() {
    local wrapped=$SCRATCH/wrapped.wasm
    wasm-tools component new "$1" -o "$wrapped"
    finish "$wrapped" "$2" "${3-}"
}

# finish WASM OUT [names]: takes out what only tools read, checks the rest.
finish() {
    if [ -n "${3-}" ]; then
        wasm-tools strip --delete '^(producers|target_features|\.debug.*)$' "$1" -o "$2"
    else
        wasm-tools strip --all "$1" -o "$2"
    fi
    wasm-tools validate --features all "$2"
    if strings -a "$2" | grep -F -e "$HOME/" -e "$here" -e "$SCRATCH" -e registry/src; then
        echo "$2 tells where it was built" >&2
        exit 1
    fi
}

build() {
    local core=$SCRATCH/$1.wasm
    case $1 in
    greet | types | records)
        rust "$1" "$core"
        component "$core" "$built/$1.wasm"
        ;;
    panics)
        rust panics "$core"
        component "$core" "$built/panics.wasm" names
        ;;
    compute)
        c_world "$here/compute/compute.c" "$here/compute/wit" compute "$core"
        component "$core" "$built/compute.wasm"
        ;;
    traps)
        c_world "$here/traps/traps.c" "$here/traps/wit" traps "$core"
        component "$core" "$built/traps.wasm" names
        ;;
    stats)
        c_core "$here/stats/stats.c" "$core"
        finish "$core" "$built/stats.wasm"
        ;;
    kernels)
        c_core "$here/kernels/kernels.c" "$core"
        finish "$core" "$built/kernels.wasm"
        wasm-tools component embed --world kernels "$here/kernels/wit" "$core" -o "$SCRATCH/embedded.wasm"
        component "$SCRATCH/embedded.wasm" "$built/kernels-component.wasm"
        ;;
    compose)
        c_world "$here/compose/adder/adder.c" "$here/compose/wit" adder-guest "$core"
        component "$core" "$built/adder.wasm"
        rust calculator "$core"
        component "$core" "$built/calculator.wasm"
        wac plug --plug "$built/adder.wasm" "$built/calculator.wasm" -o "$core"
        finish "$core" "$built/composed.wasm"
        ;;
    text)
        for text in answer hello; do
            cp "$here/text/$text.wat" "$built/$text.wat"
            wasm-tools validate --features all "$built/$text.wat"
            wasm-tools parse "$built/$text.wat" -o "$core"
            finish "$core" "$built/$text.wasm"
        done
        ;;
    empty)
        printf '\0asm\1\0\0\0' >"$built/empty.wasm"
        ;;
    esac
    echo "built $1" >&2
}

for name in "$@"; do build "$name"; done

(cd "$built" && sha256sum -- *.wasm *.wat >SHA256SUMS)

# The example application: fresh copies, and the `hash:` that follows each
# `path:` of one of them.
for file in "$hello"/wasm/*; do
    name=$(basename "$file")
    cp "$built/$name" "$file"
    hash=$(sha256sum "$file" | cut -d ' ' -f 1)
    find "$hello/src" -name '*.yaml' -exec \
        sed -i "\|^ *path: /$name\$|{n;s|^\( *hash: \).*|\1sha256:$hash|}" {} +
done
