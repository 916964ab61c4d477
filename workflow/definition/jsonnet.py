"""Jsonnet to JSON text, evaluated in a child process with limits.

Jsonnet (jsonnet.org/ref/spec.html) is a whole language: a program may run for ever, or ask for all memory
there is, and neither can be stopped inside the process that evaluates it. So each evaluation is a child
process (`jsonnet_child`) with a bound on memory, on processor time, on the clock and on its output; it is
killed and reaped whatever happens. Imports are confined to the definition's folder. The law: an answer or a
`DefinitionError`, within `WALL_SECONDS` and a little, and nothing is left behind. What a definition is may
not live here.
"""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from itonami.workflow.definition.errors import DefinitionError

__all__ = ["DEFAULT_LIMITS", "Limits", "evaluate_jsonnet"]

_CHILD = Path(__file__).with_name("jsonnet_child.py")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one evaluation may use."""

    wall_seconds: float = 5.0
    cpu_seconds: int = 5
    memory_bytes: int = 1024 * 1024 * 1024
    max_output_bytes: int = 16 * 1024 * 1024
    max_import_bytes: int = 4 * 1024 * 1024
    max_stack: int = 500


DEFAULT_LIMITS = Limits()

_PLACE = re.compile(r"([^\t\n:]+):\(?(\d+):(\d+)")
_TIME, _MEMORY, _STACK = "time", "memory", "stack"

_BY_SIGNAL: Mapping[int, str] = {
    signal.SIGXCPU: _TIME,
    signal.SIGKILL: _MEMORY,  # by the system, out of memory: our own kill is known by its clock
    signal.SIGABRT: _MEMORY,  # how the evaluator ends when an allocation fails
    signal.SIGSEGV: _STACK,
    signal.SIGBUS: _STACK,
}


def evaluate_jsonnet(
    source: str, name: str, folder: Path | None = None, *, limits: Limits = DEFAULT_LIMITS
) -> str:
    """The JSON text of the value of the program `source`, called `name` in errors.

    `folder` is what imports are confined to and relative to; None: nothing can be imported. Raises
    `DefinitionError`, whose `where` is `FILE:LINE:COLUMN` with the file relative to the folder. Costs about
    80 ms: the process, and 55 ms in which Jsonnet reads its own standard library.
    """
    job = asdict(limits) | {
        "extension": _extension(),
        "name": name,
        "source": source,
        "root": None if folder is None else str(folder.resolve()),
    }
    try:
        status, output = _run(json.dumps(job).encode(), limits.wall_seconds)
    except subprocess.TimeoutExpired as err:
        raise _exceeded(_TIME, name, limits) from err
    except OSError as err:
        raise DefinitionError(
            f"the process that evaluates Jsonnet did not start: {err.strerror}", where=name, fix="try again"
        ) from err
    if status == 0:
        return output.decode()
    if status < 0 and -status in _BY_SIGNAL:
        raise _exceeded(_BY_SIGNAL[-status], name, limits)
    if status != 1 or not output:
        raise DefinitionError(
            f"the process that evaluates Jsonnet ended with status {status}", where=name, fix="simplify it"
        )
    raise _program_error(output.decode(errors="replace"), name, limits)


def _run(job: bytes, wall_seconds: float) -> tuple[int, bytes]:
    # the script's own path and the interpreter's: no text of the program is part of the command
    command = [sys.executable, "-I", "-S", str(_CHILD)]
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        try:
            output, _ = child.communicate(job, timeout=wall_seconds)
        except BaseException:  # the clock, or Ctrl-C: in every case the child ends before we do
            child.kill()
            child.wait()
            raise
        return child.returncode, output


def _extension() -> str:
    spec = importlib.util.find_spec("_jsonnet")
    if spec is None or spec.origin is None:
        raise DefinitionError("Jsonnet is not installed", fix="pip install jsonnet")
    return spec.origin


def _program_error(text: str, name: str, limits: Limits) -> DefinitionError:
    """The evaluator's complaint as ours: its first line, and the first place it names."""
    if text == "OUTPUT":
        return DefinitionError(
            f"the value has more than {limits.max_output_bytes} bytes", where=name, fix="make it smaller"
        )
    first = text.split("\n", 1)[0]
    what = re.sub(r"^(?:STATIC|RUNTIME) ERROR: ", "", first)
    static = what is not first and first.startswith("STATIC")
    place = _PLACE.search(what if static else text[len(first) :])
    if static and place:
        what = re.sub(r"^.*?:\s", "", what)
    where = f"{place[1].strip()}:{place[2]}:{place[3]}" if place else name
    if "couldn't open import" in what:
        fix = "import files of the definition's folder"
    elif "max stack frames" in what:
        return _exceeded(_STACK, where, limits)
    else:
        fix = "mend the line"
    said = f"{'no Jsonnet' if static else 'the program failed'}: {what.rstrip('.')[:500]}"
    return DefinitionError(said, where=where, fix=fix)


def _exceeded(what: str, where: str, limits: Limits) -> DefinitionError:
    sentence, fix = {
        _TIME: (f"evaluating it took longer than {limits.wall_seconds:g} s", "look for an endless recursion"),
        _MEMORY: (
            f"evaluating it needed more memory than {limits.memory_bytes // 2**20} MiB",
            "build smaller values",
        ),
        _STACK: ("evaluating it nested too deeply", "look for an endless recursion"),
    }[what]
    return DefinitionError(sentence, where=where, fix=fix)
