#!/usr/bin/env bash
# Rebuilds the guests: built/*.wasm, built/SHA256SUMS, the copies and hashes in
# the applications of ../apps.
#
#   build.sh            all of them
#   build.sh NAME...    these only (a folder's name, or `text`)
#
# Nobody needs this to test the runtime: the built files are in the repository.
# What it takes, on Debian 12 or newer, with the tools in a scratch folder:
#
#   T=$(mktemp -d)
#   apt-get install rustc-web cargo-web rust-web-src lld-19 wasi-libc npm
#   python3 -m venv $T && $T/bin/pip install ziglang
#   cargo install --root $T wasm-tools wit-bindgen-cli wac-cli
#   npm install --prefix $T @bytecodealliance/jco
#   PATH=$T/bin:$T/node_modules/.bin:$PATH conformance/guests/build.sh
#
# (`rustc-web` is a Rust that can build its standard library for wasm from
# source. A rustup toolchain with the wasm32-unknown-unknown and wasm32-wasip1
# targets does as well: set RUST_PLAIN=1.)
#
# Those that use WASI come in two forms: NAME.wasm is a component of WASI 0.2,
# NAME-p1.wasm the core module of WASI 0.1 that it is made of.
#
# Everything in between goes to $SCRATCH (a temporary folder unless set; set it
# to keep Rust's build cache from one run to the next).
set -euo pipefail
shopt -s nullglob

here=$(cd "$(dirname "$0")" && pwd)
apps=$here/../apps
built=$here/built

all=(greet compute stats text types traps panics kernels records compose empty
    rust-std file-processor calls failures worker live actor acts http-worker http-handler http-client lunatic counter c-stdio bench-io raw js)

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

# rust CRATE OUT [command|reactor]: a core module, its WIT in a custom section.
# With the third word one that uses WASI.
rust() {
    local cargo=cargo std=() flags=() crates target=wasm32-unknown-unknown libc
    [ -z "${3-}" ] || target=wasm32-wasip1
    if [ -z "${RUST_PLAIN-}" ]; then
        cargo=$(dpkg -L cargo-web | grep -m1 'bin/cargo$')
        RUSTC=$(dpkg -L rustc-web | grep 'bin/rustc$')
        export RUSTC RUSTC_BOOTSTRAP=1
        flags=(-C linker=wasm-ld-19 -C linker-flavor=wasm-ld)
        std=(-Zbuild-std=std,panic_abort)
        if [ -n "${3-}" ]; then
            libc=$(dirname "$(dpkg -L wasi-libc | grep crt1-command)")
            flags+=(-C link-self-contained=no -L "$libc" -C "link-arg=$libc/crt1-$3.o")
        fi
    fi
    # Crates are fetched first, so that their folder is there to be renamed.
    "$cargo" fetch --quiet --locked --manifest-path "$here/Cargo.toml"
    # Panic messages name source files: short, and the same wherever built.
    flags+=("--remap-path-prefix=$here=/guests")
    flags+=("--remap-path-prefix=$("${RUSTC:-rustc}" --print sysroot)/lib/rustlib/src/rust=/rust")
    for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        flags+=("--remap-path-prefix=$crates=/crates")
    done
    RUSTFLAGS=${flags[*]} CARGO_TARGET_DIR=$SCRATCH/rust \
        "$cargo" build --quiet --release --locked --manifest-path "$here/Cargo.toml" \
        --target "$target" "${std[@]}" --package "$1"
    local out=$SCRATCH/rust/$target/release
    # Programs keep the dashes of their names, libraries do not.
    if [ -e "$out/$1.wasm" ]; then out=$out/$1.wasm; else out=$out/${1//-/_}.wasm; fi
    cp "$out" "$2"
}

# A stack of 64 KiB instead of 16 MiB: all of it is memory that an instance has
# from its start.
zig() {
    "${PYTHON:-python3}" -m ziglang cc -O2 -Wall -Wextra -Werror -Wl,-z,stack-size=65536 "$@"
}

# c_core [FLAG...] SOURCE OUT: a core module without a C library.
c_core() {
    zig -target wasm32-freestanding -nostdlib -Wl,--no-entry "${@:1:$#-1}" -o "${!#}"
}

# c_world SOURCE WIT WORLD OUT: a core module with bindings for the world. It
# uses malloc and the like of the C library, nothing that would need WASI.
c_world() {
    local bindings=$SCRATCH/bindings/$3
    wit-bindgen c --world "$3" --out-dir "$bindings" "$2" >"$SCRATCH/bindings.log" 2>&1
    zig -target wasm32-wasi -mexec-model=reactor -I "$bindings" \
        "$1" "$bindings"/*.c "$bindings"/*.o -o "$4"
}

# c_wasi SOURCE OUT: a program for WASI 0.1.
c_wasi() {
    zig -target wasm32-wasi "$1" -o "$2"
}

# c_raw SOURCE OUT: one without a C library.
c_raw() {
    c_core -fno-builtin "$@"
}

# shorten WASM: the engine inside of a script's component names the folders of
# the machine that it was built on, in its panic messages. As many bytes of
# something shorter.
shorten() {
    "${PYTHON:-python3}" - "$1" <<'EOF'
import re, sys
wasm = open(sys.argv[1], "rb").read()
short = lambda found: b"/crates" + b"/" * (len(found[0]) - 7)
wasm = re.sub(rb"/[a-z/]+/\.cargo/(registry/src/[a-z.]+-[0-9a-f]{16}|git/checkouts)/", short, wasm)
open(sys.argv[1], "wb").write(wasm)
EOF
}

# adapt CORE NAME [reactor]: a module of WASI 0.1 as a component. The adapter is
# in a crate that Cargo.lock names.
adapt() {
    local version adapter
    version=$(grep -A 1 '"wasi-preview1-component-adapter-provider"' "$here/Cargo.lock" | sed -n 's/^version = "\(.*\)"/\1/p')
    adapter=wasi-preview1-component-adapter-provider-$version/artefacts/wasi_snapshot_preview1.${3-command}.wasm
    adapter=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$adapter")
    [ -e "$adapter" ] || { echo "no $adapter; cargo fetch brings it" >&2; exit 1; }
    wasm-tools component new "$1" --adapt "wasi_snapshot_preview1=$adapter" -o "$SCRATCH/wrapped.wasm"
    finish "$SCRATCH/wrapped.wasm" "$built/$2.wasm"
}

# both CORE NAME: the module and the component.
both() {
    finish "$1" "$built/$2-p1.wasm"
    adapt "$1" "$2"
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
    greet | types | records | calls | failures | worker | live | actor | acts | http-handler)
        rust "$1" "$core"
        component "$core" "$built/$1.wasm"
        ;;
    http-worker)
        # Called as in the manual.
        rust http-worker "$core"
        component "$core" "$built/http_worker.wasm"
        ;;
    panics)
        rust panics "$core"
        component "$core" "$built/panics.wasm" names
        ;;
    compute)
        c_world "$here/compute/compute.c" "$here/compute/wit" compute "$core"
        component "$core" "$built/compute.wasm"
        ;;
    counter)
        # The packages that its world imports have to lie beside it.
        rm -rf "$SCRATCH/counter-wit"
        mkdir -p "$SCRATCH/counter-wit/deps"
        cp "$here/counter/wit/counter.wit" "$SCRATCH/counter-wit"
        cp "$here"/../../wit/{wasi/io,wippy/process}.wit "$SCRATCH/counter-wit/deps"
        c_world "$here/counter/counter.c" "$SCRATCH/counter-wit" counter "$core"
        component "$core" "$built/counter.wasm"
        ;;
    traps)
        c_world "$here/traps/traps.c" "$here/traps/wit" traps "$core"
        component "$core" "$built/traps.wasm" names
        ;;
    stats)
        c_core "$here/stats/stats.c" "$core"
        finish "$core" "$built/stats.wasm"
        ;;
    http-client)
        c_core -s -fno-builtin "$here/http-client/client.c" "$core"
        finish "$core" "$built/http-client.wasm"
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
    rust-std)
        rust rust-std "$core" command
        both "$core" rust-std
        ;;
    lunatic)
        rust lunatic-bench "$core" command
        finish "$core" "$built/lunatic.wasm"
        ;;
    file-processor)
        rust file-processor "$core" reactor
        adapt "$core" file-processor reactor
        ;;
    c-stdio | bench-io)
        c_wasi "$here/$1/$1.c" "$core"
        both "$core" "$1"
        ;;
    raw)
        for source in "$here"/raw/*.c; do
            c_raw "$source" "$core"
            both "$core" "raw-$(basename "$source" .c)"
        done
        ;;
    js)
        for source in "$here"/js/*.js; do
            # The first calls nothing outside, so it need not import it either.
            local how=--opt-size
            [ "$(basename "$source")" != greet-js.js ] || how=--stub-wasi
            componentize-qjs --sync $how --wit "${source%.js}.wit" --js "$source" \
                --output "$core" >"$SCRATCH/js.log"
            shorten "$core"
            finish "$core" "$built/$(basename "$source" .js).wasm"
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

# The applications: fresh copies, and the `hash:` that follows each `path:` of
# one of them.
for file in "$apps"/*/wasm/*; do
    name=$(basename "$file")
    app=$(dirname "$(dirname "$file")")
    cp "$built/$name" "$file"
    hash=$(sha256sum "$file" | cut -d ' ' -f 1)
    find "$app/src" -name '*.yaml' -exec \
        sed -i "\|^ *path: /$name\$|{n;s|^\( *hash: \).*|\1sha256:$hash|}" {} +
done
