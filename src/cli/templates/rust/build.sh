#!/bin/sh
# Builds the program and writes its hash into src/_index.yaml.
set -eu
cd "$(dirname "$0")"
target=wasm32-unknown-unknown
# Cargo's own switches may follow: sh build.sh -Zbuild-std=std,panic_abort
cargo build --release --target $target "$@"
mkdir -p wasm
cp "${CARGO_TARGET_DIR:-target}/$target/release/greet.wasm" wasm/greet.wasm
${WIPPY:-wippy} hash
