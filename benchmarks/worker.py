"""One measurement in a process of its own: `python -m benchmarks.worker PEER ROW DIRECTORY [--quick]`.

Run by `harness`, so that one system's imports, threads and memory never weigh on another's. Its line on
stdout is JSON: `{value, details, settings}`, or `{absent: why}` for a system that cannot be imported or cannot do it.
Whatever the system itself prints goes to stderr.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

from benchmarks.peers import load
from benchmarks.rows import ROWS


def main(peer: str, row_name: str, directory: str, *flags: str) -> None:
    """Measure the row once and print the outcome."""
    row = ROWS[row_name]
    with redirect_stdout(sys.stderr):
        try:
            opener = load(row.package, peer)
        except ImportError as error:
            outcome: dict[str, object] = {"absent": f"cannot be imported: {error}"}
        else:
            size = row.quick if "--quick" in flags else row.full
            try:
                outcome = asdict(asyncio.run(row.measure(opener, Path(directory), size)))
            except NotImplementedError as error:
                outcome = {"absent": str(error)}
    print(json.dumps(outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
