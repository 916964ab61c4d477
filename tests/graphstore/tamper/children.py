"""Trials in child processes: a child that dies of a signal is told with the edit it died of, and the next goes on."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree
from typing import Any

PROCESSES = 2


def _batch(script: Path, folder: Path, first: int, last: int) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    while first < last:
        command = [sys.executable, str(script), str(folder), str(first), str(last)]
        done = subprocess.run(command, capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        results += [line for line in lines if "end" in line]
        if done.returncode == 0:
            break
        assert lines, done.stderr  # the trials could not even begin
        results.append(lines[-1] | {"end": f"DIED {done.returncode}", "what": done.stderr[-2_000:]})
        first = lines[-1]["seed"] + 1
    return results


def tried(script: Path, folder: Path, first: int, count: int) -> list[dict[str, Any]]:
    """The results of `count` edits, the first of the seed `first`, in the order in which they were tried."""
    subprocess.run([sys.executable, str(script), str(folder / "0")], check=True)
    share = -(-count // PROCESSES)
    starts = range(first, first + count, share)
    for n in range(1, len(starts)):
        copytree(folder / "0", folder / str(n))
    with ThreadPoolExecutor(PROCESSES) as pool:
        batches = pool.map(
            lambda n: _batch(script, folder / str(n), starts[n], min(starts[n] + share, first + count)),
            range(len(starts)),
        )
    return [result for batch in batches for result in batch]
