"""`python -m benchmarks`: the command line. Figures go to stdout, progress to stderr.

python -m benchmarks [NAME...] [--peer PEER] [--quick] [--json | --markdown]
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from rich.console import Console

from benchmarks import machine, report
from benchmarks.harness import Absent, measure_row, summary
from benchmarks.row import BASE
from benchmarks.rows import ROWS

MEMORY_FILESYSTEMS = ("tmpfs", "ramfs")


def tell(message: str) -> None:
    """Say how far we are, on stderr."""
    print(message, file=sys.stderr, flush=True)


def _arguments() -> Namespace:
    systems = sorted({peer for row in ROWS.values() for peer in row.peers})
    parser = ArgumentParser(
        prog="python -m benchmarks", description="Each budget, as a ratio against its peers."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of: {', '.join(ROWS)} (default: all)"
    )
    parser.add_argument("--peer", action="append", choices=systems, help=f"only this system, beside {BASE}")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: to try, not to quote")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument("--markdown", action="store_true", help="the page docs/benchmarks.md")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in ROWS]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]!r}; choose from {', '.join(ROWS)}")
    return arguments


def main() -> int:
    """Measure, print, and return the exit code: 1 if a system broke (one that is not installed did not)."""
    arguments = _arguments()
    where = machine.describe()
    if where["filesystem"] in MEMORY_FILESYSTEMS:
        tell("the temporary directory is in memory, where a sync is free: set TMPDIR to one on a disk")
    summaries, broken = {}, False
    for name in arguments.names or ROWS:
        row = ROWS[name]
        chosen = [peer for peer in row.peers if not arguments.peer or peer in (BASE, *arguments.peer)]
        measured = measure_row(name, chosen, quick=arguments.quick, tell=tell)
        broken |= any(isinstance(found, Absent) and found.failed for found in measured.values())
        summaries[name] = summary(row, measured)
    if arguments.json:
        print(json.dumps(summaries, indent=2))
    elif arguments.markdown:
        print(report.markdown(summaries, where, machine.versions(), datetime.now(UTC).date()), end="")
    else:
        for part in report.parts(summaries).values():
            Console().print(report.table(part))
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
