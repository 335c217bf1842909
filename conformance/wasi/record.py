#!/usr/bin/env python3
"""Runs the cases under wasmtime: compares, or writes down what comes out.

    record.py CASE...            compare; says where they differ
    record.py --write CASE...    fill in exit, stderr and stdout
    record.py --write --all      all cases here

README.md has the format of a case. Wants wasmtime for Python (PyPI `wasmtime`,
48). Nobody needs this to test the runtime: the results are in the repository.
"""

import difflib
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILT = HERE.parent / "guests" / "built"
# What is too big for the repository.
TO_BUILD = HERE.parent.parent / "target" / "guests"
RESULTS = ("exit", "stderr", "stdout")
# Longer output, or output that is not text, is written as a hash.
LONGEST = 50_000


def child(form, module, args, env, dirs, call, given):
    """In a process of its own, with its real stdin, stdout and stderr."""
    import wasmtime
    from wasmtime import component

    config = wasmtime.WasiConfig()
    config.argv = args
    config.env = [pair.split("=", 1) for pair in env]
    config.inherit_stdin()
    config.inherit_stdout()
    config.inherit_stderr()
    for host, guest, writable in dirs:
        config.preopen_dir(host, guest, writable)

    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    store.set_wasi(config)
    try:
        if form == "core":
            linker = wasmtime.Linker(engine)
            linker.define_wasi()
            instance = linker.instantiate(store, wasmtime.Module.from_file(engine, module))
            instance.exports(store)["_start"](store)
            code = 0
        else:
            linker = component.Linker(engine)
            linker.add_wasip2()
            read = component.Component.from_file(engine, module)
            instance = linker.instantiate(store, read)
            if call:
                run = instance.get_func(store, call)
            else:
                name = next(name for name in read.type.exports(engine) if name.startswith("wasi:cli/run@"))
                run = instance.get_func(store, instance.get_export_index(
                    store, "run", instance.get_export_index(store, name)))
            value = run(store, *given)
            # A result whose cases can be told apart by their types has no tag.
            message = value if isinstance(value, str) else None
            failed = message is not None or getattr(value, "tag", "ok") == "err"
            if message is not None:
                print(message, file=sys.stderr, flush=True)
            code = int(failed)
        os._exit(code)
    except wasmtime.ExitTrap as exit:
        os._exit(exit.code)
    except (wasmtime.Trap, wasmtime.WasmtimeError) as trap:
        lines = str(trap).splitlines()
        if "Exited with i32 exit status" in lines[-1]:
            os._exit(int(lines[-1].split()[-1]))
        pathlib.Path(os.environ["TRAP"]).write_text(str(trap))
        os._exit(134)


class Case:
    def __init__(self, path):
        self.path = path
        self.head = []
        self.values = {}
        self.result = {}
        lines = path.read_text().split("\n")
        # What the file ends with is no line.
        while lines and "stdout:" not in lines and not lines[-1]:
            lines.pop()
        while lines:
            line = lines.pop(0)
            key, _, value = line.partition(":")
            value = value.strip()
            if line == "stdout:":
                self.result["stdout"] = ["\n".join(lines)]
                break
            if key.split("-")[0] in RESULTS:
                self.result.setdefault(key, []).append(value)
                continue
            self.head.append(line)
            if line and not line.startswith("#"):
                self.values.setdefault(key, []).append(value)
        while self.head and not self.head[-1]:
            self.head.pop()

    def all(self, key):
        return self.values.get(key, [])

    def module(self, form):
        guest = self.all("guest")[0]
        module = BUILT / (f"{guest}-p1.wasm" if form == "core" else f"{guest}.wasm")
        return module if module.exists() else TO_BUILD / f"{guest}.wasm"

    def run(self, form):
        guest, module = self.all("guest")[0], self.module(form)
        with tempfile.TemporaryDirectory() as root:
            root = pathlib.Path(root)
            dirs = []
            for number, line in enumerate(self.all("dir")):
                words = line.split()
                host = root / "dirs" / str(number)
                host.mkdir(parents=True)
                dirs.append((str(host), words[0], "ro" not in words[1:]))
            for line in self.all("file"):
                path, _, content = line.partition(" ")
                self.place(root / "dirs", path, self.find(dirs, path), content)
            for line in self.all("outside"):
                path, _, content = line.partition(" ")
                self.place(root / "dirs", path, root / "dirs" / "outside" / path.strip("/"), content)
            command = [sys.executable, __file__, "--child", json.dumps([
                form, str(module), [guest, *map(word, self.all("arg"))],
                list(map(word, self.all("env"))), dirs, "".join(self.all("call")),
                list(map(word, self.all("with")))])]
            stdin = b"".join(map(data, self.all("stdin")))
            for name in self.all("stdin-file"):
                stdin += (self.path.parent / name).read_bytes()
            trap = root / "trap"
            # An open pipe that nothing more is written to, or one at its end.
            read, write = os.pipe()
            os.write(write, stdin)
            if not self.all("stdin-stays-open"):
                os.close(write)
            done = subprocess.run(command, stdin=read, capture_output=True, timeout=300,
                                  env={"TRAP": str(trap), "HOME": "/nonexistent"})
            os.close(read)
            if self.all("stdin-stays-open"):
                os.close(write)
            if f"{__file__}\"".encode() in done.stderr:
                sys.exit(f"{self.path}: {done.stderr.decode()}")
            result = {"exit": ["trap" if trap.exists() else str(done.returncode)]}
            if done.stderr:
                result["stderr"] = [text(line) for line in done.stderr.splitlines(keepends=True)]
            out = done.stdout
            for path in self.all("show"):
                out += self.find(dirs, path).read_bytes()
            if len(out) > LONGEST or not printable(out):
                result["stdout-bytes"] = [f"{len(out)} sha256:{hashlib.sha256(out).hexdigest()}"]
            else:
                result["stdout"] = [out.decode()]
            return result

    def find(self, dirs, path):
        host, guest, _ = max((d for d in dirs if path == d[1] or path.startswith(d[1].rstrip("/") + "/")),
                             key=lambda d: len(d[1]))
        return pathlib.Path(host) / path[len(guest.rstrip("/")):].lstrip("/")

    def place(self, root, path, at, content):
        at.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            at.mkdir(exist_ok=True)
        elif content.startswith("-> "):
            target = content[3:]
            at.symlink_to(str(root / target[5:]) if target.startswith("ROOT/") else target)
        elif content.startswith("size "):
            with open(at, "wb") as file:
                file.truncate(int(content[5:]))
        else:
            at.write_bytes(data(content))

    def forms(self):
        return self.all("form") or ["core", "component"]

    def recorded(self):
        """The case as it ought to be, and whether its forms agree."""
        results = {form: self.run(form) for form in self.forms()}
        first = results[self.forms()[0]]
        out = [*self.head, ""]
        agree = True
        for form, result in results.items():
            for key in ("exit", "stderr"):
                if result is first:
                    out += [f"{key}: {value}" for value in result.get(key, [])]
                elif result.get(key) != first.get(key):
                    out += [f"{key}-{form}: {value}" for value in result.get(key, ["none"])]
            if any(result.get(key) != first.get(key) for key in ("stdout", "stdout-bytes")):
                agree = False
                print(f"{self.path}: stdout of {form} differs from {self.forms()[0]}; two cases, please")
                print(diff(first.get("stdout", [""])[0], result.get("stdout", [""])[0]))
        out += [f"stdout-bytes: {value}" for value in first.get("stdout-bytes", [])]
        body = "\n".join(out) + "\n"
        if "stdout" in first:
            body += "stdout:\n" + first["stdout"][0]
        return body, agree

    def write(self):
        body, agree = self.recorded()
        self.path.write_text(body)
        return agree

    def compare(self):
        body, agree = self.recorded()
        before = self.path.read_text()
        if before != body:
            print(f"{self.path}:\n{diff(before, body)}")
        return agree and before == body


def diff(a, b):
    return "\n".join(difflib.unified_diff(a.split("\n"), b.split("\n"), lineterm="", n=0))


def printable(out):
    try:
        return all(c in "\n\t" or c.isprintable() for c in out.decode())
    except UnicodeDecodeError:
        return False


def word(value):
    """An argument or variable: as it stands, or in JSON's quotes."""
    return json.loads(value) if value.startswith('"') else value


def data(value):
    """Bytes: a JSON string whose characters up to U+00FF are the bytes."""
    return json.loads(value).encode("latin-1")


def text(out):
    return json.dumps(out.decode("latin-1"))


def main():
    args = sys.argv[1:]
    if args[:1] == ["--child"]:
        child(*json.loads(args[1]))
    write = "--write" in args
    paths = [pathlib.Path(arg) for arg in args if not arg.startswith("--")]
    if "--all" in args:
        paths = sorted(path for path in HERE.glob("**/*.expected") if path.parent.name != "own")
    if not paths:
        sys.exit(__doc__)
    good = True
    for path in paths:
        case = Case(path)
        if not case.module(case.forms()[-1]).exists():
            print(f"{path}: its guest is not built")
            continue
        good &= case.write() if write else case.compare()
    sys.exit(0 if good else 1)


main()
