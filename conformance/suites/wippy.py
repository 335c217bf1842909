"""Runs wippy in the test runner of WebAssembly/wasi-testsuite.

    ./run-tests -r .../conformance/suites/wippy.py

The environment variable WIPPY is the command, with options if need be; it is
`wippy` otherwise.
"""

import os
import shlex
import subprocess
from typing import Dict, List, Optional, Tuple

WIPPY = shlex.split(os.getenv("WIPPY", "wippy"), posix=os.name != "nt")


def get_name() -> str:
    return "wippy"


def get_version() -> str:
    # "wippy 0.1.0"
    done = subprocess.run(WIPPY[:1] + ["--version"],
                          encoding="UTF-8", capture_output=True, check=True)
    return done.stdout.split()[-1]


def get_wasi_versions() -> List[str]:
    return ["wasm32-wasip1"]


def get_wasi_worlds() -> List[str]:
    return ["wasi:cli/command"]


def compute_argv(test_path: str,
                 args_env_root: Tuple[List[str], Dict[str, str], Optional[str]],
                 proposals: List[str],
                 wasi_world: str,
                 wasi_version: str) -> List[str]:
    args, env, root = args_env_root
    argv = WIPPY + ["run"]
    for name, value in env.items():
        argv.append(f"--env={name}={value}")
    if root:
        argv.append(f"--dir={root}::/")
    # What follows the file is the program's.
    return argv + [str(test_path)] + args
