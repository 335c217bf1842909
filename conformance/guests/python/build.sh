#!/usr/bin/env bash
# Builds target/guests/python.wasm, a component of 18 MB made of app.py: too big
# for the repository.
#
#   T=$(mktemp -d)
#   python3 -m venv $T && $T/bin/pip install componentize-py==0.25.1
#   PATH=$T/bin:$PATH conformance/guests/python/build.sh
#
# wasm-tools, where there is one, makes it smaller.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${1-$here/../../../target/guests/python.wasm}

command -v componentize-py >/dev/null || { echo "pip install componentize-py, please" >&2; exit 1; }
mkdir -p "$(dirname "$out")"
componentize-py --wit-path "$here/script.wit" --world script \
    componentize --python-path "$here" app --output "$out"
if command -v wasm-tools >/dev/null; then
    wasm-tools strip --all "$out" -o "$out.stripped"
    mv "$out.stripped" "$out"
fi
ls -l "$out"
