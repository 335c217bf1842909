"""What a script made of Python's standard library does with the world."""

import os
import random
import sys
import time

import wit_world


class WitWorld(wit_world.WitWorld):
    def greet(self, name: str) -> str:
        return f"Hello, {name}!"

    def run(self, directory: str) -> None:
        print("printed")
        print("to stderr", file=sys.stderr)

        start = time.monotonic()
        time.sleep(0.02)
        print("slept", time.monotonic() - start >= 0.02)
        print("after 2020", time.time() > 1_577_836_800)

        throws = [random.randint(1, 6) for _ in range(100)]
        print("dice", all(1 <= throw <= 6 for throw in throws), len(set(throws)) > 1)
        print("bytes", len(os.urandom(16)), os.urandom(16) != os.urandom(16))

        if not directory:
            return
        path = os.path.join(directory, "text.txt")
        with open(path, "w") as file:
            file.write("one\ntwo\n")
        with open(path, "a") as file:
            print("three", file=file)
        with open(path) as file:
            print("read", file.read().split())
        print("listed", sorted(os.listdir(directory)))
        print("size", os.stat(path).st_size)
        try:
            open(os.path.join(directory, "none"))
        except FileNotFoundError as error:
            print("missing", error.strerror)
        os.remove(path)
        print("left", os.listdir(directory))
        print("arguments", len(sys.argv), "variables", dict(os.environ))

    def fail(self, message: str) -> None:
        raise ValueError(message)
