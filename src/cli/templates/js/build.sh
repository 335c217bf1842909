#!/bin/sh
# Builds the program and writes its hash into src/_index.yaml.
set -eu
cd "$(dirname "$0")"
command -v componentize-qjs >/dev/null || [ -d node_modules ] || npm install
mkdir -p wasm
PATH="$PWD/node_modules/.bin:$PATH" \
  componentize-qjs --sync --wit wit/greet.wit --js src/greet.js --output wasm/greet.wasm
${WIPPY:-wippy} hash
