#!/bin/sh
# Builds the program and writes its hash into src/_index.yaml.
set -eu
cd "$(dirname "$0")"
mkdir -p wasm
componentize-py --wit-path wit --world greeter componentize --python-path src app \
  --output wasm/greet.wasm
${WIPPY:-wippy} hash
