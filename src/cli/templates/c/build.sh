#!/bin/sh
# Builds the program and writes its hash into src/_index.yaml. CC may be any clang that
# knows wasm; unless it is set, it is the one of `pip install ziglang`.
set -eu
cd "$(dirname "$0")"
mkdir -p wasm
${CC:-python3 -m ziglang cc} -target wasm32-freestanding -nostdlib -Wl,--no-entry -O2 \
  -o wasm/greet.wasm src/greet.c
${WIPPY:-wippy} hash
