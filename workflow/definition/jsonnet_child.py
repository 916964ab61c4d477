"""The child process that evaluates one Jsonnet program: run as a script by `jsonnet`, never imported.

In: a JSON object on stdin (`Job` in `jsonnet`). Out: the value's JSON text on stdout and exit status 0, or
the error's text and exit status 1; killed by a signal when a limit of `setrlimit` (POSIX.1-2017) is met.
Jsonnet is pure, so besides its own text it can reach only what `import` gives it, and that is decided here:
a regular file below the definition's folder, symbolic links resolved. Only the standard library may be
imported, so that the start is short; the extension module is loaded from the file the parent names, for `-I
-S` leaves site-packages out.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """No core file, no more memory or processor time than that."""
    wanted = (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
    )
    for what, soft, hard in wanted:
        ceiling = resource.getrlimit(what)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        try:
            resource.setrlimit(what, (soft, hard))
        except (OSError, ValueError):
            # A system without this limit (macOS has no RLIMIT_AS): the parent's clock still ends the child.
            continue


def importer(root: str | None, max_bytes: int) -> Callable[[str, str], tuple[str, bytes]]:
    """The import callback of a program that lies in the folder `root` (None: it may import nothing)."""

    def load(base: str, name: str) -> tuple[str, bytes]:
        if root is None:
            raise ValueError("a definition that is not in a file imports nothing")
        if os.path.isabs(name):
            raise ValueError("an absolute path leaves the definition's folder")
        file = os.path.realpath(os.path.join(root, base, name))
        if os.path.commonpath((root, file)) != root:
            raise ValueError("it leaves the definition's folder")
        if not os.path.isfile(file):
            raise ValueError("there is no such file")
        with open(file, "rb") as opened:
            data = opened.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise ValueError(f"it has more than {max_bytes} bytes")
        return os.path.relpath(file, root), data

    return load


def extension(name: str, file: str) -> ModuleType:
    """The extension module `name` in that file. (`importlib.util` and `typing` would double the start.)"""
    loader = ExtensionFileLoader(name, file)
    module = loader.create_module(ModuleSpec(name, loader, origin=file))
    loader.exec_module(module)
    return module


def main() -> int:
    """Evaluate the program on stdin; the exit status."""
    job = json.loads(sys.stdin.buffer.read())
    limit(job["memory_bytes"], job["cpu_seconds"])
    jsonnet = extension("_jsonnet", job["extension"])
    root = None if job["root"] is None else os.path.realpath(job["root"])
    try:
        text = jsonnet.evaluate_snippet(
            job["name"],
            job["source"],
            max_stack=job["max_stack"],
            import_callback=importer(root, job["max_import_bytes"]),
        )
        data, status = text.encode(), 0
    except (RuntimeError, ValueError) as err:  # ValueError: a lone surrogate in the program
        data, status = str(err).encode(errors="replace"), 1
    except MemoryError:
        os.abort()  # as the evaluator itself ends when an allocation fails
    if len(data) > job["max_output_bytes"]:
        data, status = b"OUTPUT", 1
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return status


if __name__ == "__main__":
    # no clean-up of the interpreter: it would only free, slowly, what the system frees at once
    os._exit(main())
