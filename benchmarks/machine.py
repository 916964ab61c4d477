"""Where the figures were taken: processor, kernel, filesystem and versions, as far as the system tells.

Only facts that move a figure. Linux tells them all in /proc (proc(5), proc_mounts(5)); elsewhere what is not
known is called so.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["describe", "filesystem_of", "versions"]

PACKAGES = (
    "itonami",
    "lmdb",
    "dbos",
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "pygit2",
    "eventsourcing",
    "networkx",
    "rustworkx",
    "grand-cypher",
    "graphforge",
)
UNKNOWN = "unknown"


def describe() -> dict[str, str]:
    """The machine, and the filesystem the benchmarks write to (set TMPDIR to choose another)."""
    directory = Path(tempfile.gettempdir())
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count() or UNKNOWN),
        "kernel": f"{platform.system()} {platform.release()}",
        "filesystem": filesystem_of(directory),
    }


def versions() -> dict[str, str]:
    """The versions of Python, SQLite and of the packages compared; a package that is missing is left out."""
    found = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def filesystem_of(path: Path) -> str:
    """The type of the filesystem that `path` lies on: of the mount points above it, the deepest one's."""
    mounts = _lines("/proc/self/mounts")
    above = [
        (mount, kind) for _, mount, kind, *_ in map(str.split, mounts) if path.resolve().is_relative_to(mount)
    ]
    return max(above, key=lambda found: len(found[0]))[1] if above else UNKNOWN


def _processor() -> str:
    names = [
        line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine() or UNKNOWN


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
