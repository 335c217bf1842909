#!/usr/bin/env bash
# Builds target/guests/http-client-js.wasm (13 MB, made of client.js) and
# target/guests/http-client-python.wasm (22 MB, made of python/client.py): too big for the
# repository. `cargo test -p conformance --test clients` runs them where they have been
# built.
#
#   T=$(mktemp -d)
#   python3 -m venv $T && $T/bin/pip install componentize-py==0.25.1
#   npm install --prefix $T @bytecodealliance/componentize-js@0.23.0
#   TOOLS=$T conformance/guests/http-client/build.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
out=$root/target/guests
tools=${TOOLS:?the folder that the tools have been installed in}
mkdir -p "$out"

# The world, with the packages that it imports beside it.
wit=$(mktemp -d)
trap 'rm -rf "$wit"' EXIT
cp "$here/client.wit" "$wit"
for package in io clocks filesystem random cli http; do
    mkdir -p "$wit/deps/$package"
    cp "$root/wit/wasi/$package.wit" "$wit/deps/$package"
done

"$tools/bin/componentize-py" --wit-path "$wit" --world client componentize \
    --python-path "$here/python" client --output "$out/http-client-python.wasm"

(cd "$tools" && node --input-type=module - "$here/client.js" "$wit" "$out/http-client-js.wasm" <<'JS'
import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";
const [source, witPath, out] = process.argv.slice(2);
const { component } = await componentize(await readFile(source, "utf8"), {
  witPath,
  worldName: "client",
});
await writeFile(out, component);
JS
)
ls -l "$out"/http-client-*.wasm
