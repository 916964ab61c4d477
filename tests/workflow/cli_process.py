"""The `itonami` command as a process: a real one, or one forked from a process that has imported it already.

A fork is as much a process as any (own pid, exit code, signals, descriptors), and starts in a tenth of the
time, so that a table of sixty command lines can be run for real.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "itonami.workflow.cli"]

_NURSERY = """
import gc, json, os, sys
from itonami.workflow.cli import app, main

try:  # what every command imports when it is called, imported once
    app(["check", "/"], standalone_mode=False)
except ValueError:
    pass

gc.freeze()  # else each child would look at all of it once more as it ends
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(job["cwd"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, path in ((1, job["out"]), (2, job["err"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        main(job["argv"])
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one document on stdout."""
        return json.loads(self.out)


class Commands:
    """Runs commands in a folder, each in a process of its own, forked from one nursery."""

    def __init__(self, outputs: Path) -> None:
        self._out, self._err = outputs / "out", outputs / "err"
        self._nursery = subprocess.Popen(
            [sys.executable, "-c", _NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def __call__(self, *argv: object, cwd: Path) -> Ended:
        job = {"argv": [*map(str, argv)], "cwd": str(cwd), "out": str(self._out), "err": str(self._err)}
        self._nursery.stdin.write(json.dumps(job) + "\n")
        self._nursery.stdin.flush()
        code = int(self._nursery.stdout.readline())
        return Ended(code, self._out.read_text(), self._err.read_text())

    def close(self) -> None:
        """End the nursery."""
        self._nursery.stdin.close()
        self._nursery.wait(10)


def environment() -> dict[str, str]:
    """This process's environment, without what would say where the store is or colour what is printed. Byte code
    is kept between processes, beside no source."""
    unset = ("ITONAMI_STORE", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "PYTHONDONTWRITEBYTECODE")
    kept = {key: value for key, value in os.environ.items() if key not in unset}
    return kept | {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "itonami-tests")}


def started(*argv: object, cwd: Path, **settings: object) -> subprocess.Popen:
    """A real process: `python -m itonami.workflow.cli ARGV`."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(
        [*COMMAND, *map(str, argv)], cwd=cwd, env=environment(), text=True, **pipes | settings
    )


def ended(process: subprocess.Popen, timeout: float = 60) -> Ended:
    """Wait for a process."""
    out, err = process.communicate(timeout=timeout)
    return Ended(process.returncode, out, err)
