"""How the commands print: results to stdout, everything else to stderr; text for people, or one JSON document.

Colour is for terminals only, and no text of a user's can drive one: what is printed goes through `printable`.
Nothing about runs may live here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

from itonami.graphstore import ItonamiError
from itonami.graphstore.lettering import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["bar", "columns", "emit", "fail", "note", "plain", "say", "size_text", "terminal"]


def plain(value: Any) -> Any:
    """A value of the store as JSON has it: bytes as hex, times as ISO 8601. O(size)."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def emit(value: Any, *, line: bool = False) -> None:
    """Print one JSON document on stdout, or one JSON line."""
    unicode = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(plain(value), ensure_ascii=not unicode, indent=None if line else 2)
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fail(error: ItonamiError, *, as_json: bool) -> None:
    """Say what is wrong, where, and how to mend it: one sentence on stderr, or a document on stdout."""
    if as_json:
        emit({"error": error.to_json()})
    else:
        note(f"itonami: {error}")


def say(text: str = "", style: str = "") -> None:
    """A line of a result."""
    _write(sys.stdout, printable(text, multiline=True), style)


def note(text: str, style: str = "") -> None:
    """A line of progress, or an error."""
    _write(sys.stderr, printable(text), style)


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell. O(cells)."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def size_text(size: int) -> str:
    """A size in bytes, in the largest binary unit (IEC 80000-13) that leaves at least one: `1.5 MiB`."""
    power = max(min((size.bit_length() - 1) // 10, len(_UNITS) - 1), 0)
    return f"{size / (1 << 10 * power):.{1 if power else 0}f} {_UNITS[power]}"


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, told (done, total); nothing elsewhere."""
    console = terminal(sys.stderr)
    if console is None:
        yield lambda done, total: None
        return
    from rich.progress import Progress

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@cache
def terminal(stream: TextIO) -> Console | None:
    """The console of a stream that is a terminal, else None. Rich is imported for terminals only."""
    if not stream.isatty():
        return None
    from rich.console import Console

    console = Console(file=stream, highlight=False, soft_wrap=True, markup=False, emoji=False)
    return console if console.is_terminal else None


def _write(stream: TextIO, text: str, style: str) -> None:
    console = terminal(stream)
    if console is None:
        stream.write(f"{text}\n")
        stream.flush()
    else:
        console.print(text, style=style or None)
