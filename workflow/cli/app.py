"""The command line: one small function a command, over what the packages offer.

Exit codes: 0 done; 1 the run ended other than `succeeded`, or a check failed; 2 bad input; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from itonami.graphstore import InvalidValue, ItonamiError, Store
from itonami.workflow.cli.output import error_line, progress

__all__ = ["AsJson", "Context", "app", "main"]

app = typer.Typer(
    help="Run workflows on an embedded, versioned store, and ask any run about any moment of its past.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


@dataclass(slots=True)
class Context:
    """What the options before the command say."""

    store: Path


@app.callback()
def options(
    ctx: typer.Context,
    store: Annotated[
        Path, typer.Option("--store", envvar="ITONAMI_STORE", help="The store's directory.")
    ] = Path("state.itonami"),
) -> None:
    ctx.obj = Context(store)


def opened(ctx: typer.Context, *, write: bool = False) -> Store:
    """The store the command is about; it must be there."""
    path: Path = ctx.obj.store
    return Store.open(path, create=False, read_only=not write)


def main(arguments: list[str] | None = None) -> None:
    """The console script."""
    argv = sys.argv[1:] if arguments is None else arguments
    sys.exit(status_of(lambda: app(argv, standalone_mode=False), as_json="--json" in argv))


def status_of(command: Callable[[], Any], *, as_json: bool) -> int:
    """Run a command and turn how it ended into an exit code; nothing ends in a traceback that a user caused."""
    try:
        result = command()
    except ItonamiError as error:
        error_line(error, as_json=as_json)
        return 2
    except typer.Exit as exit_:
        return int(exit_.exit_code)
    except KeyboardInterrupt:
        progress.print("interrupted; `itonami resume` goes on where it was")
        return 130
    except typer.Abort:
        return 130
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's usage errors have one; anything else is a bug
            raise
        error_line(InvalidValue(error.format_message(), fix="see --help"), as_json=as_json)
        return 2
    return result if isinstance(result, int) else 0
