"""The command line's frame: the options before a command, and how whatever happens becomes an exit code.

    0    done
    1    the run ended other than `succeeded`, or a check, replay, verification or proof failed
    2    bad input: one sentence says what, where, and how to mend it
    130  interrupted by Ctrl-C (128 + SIGINT, POSIX.1-2017 XCU 2.8.2); the run can be resumed

Nothing that a user caused ends in a traceback. The commands are in `runs`, `views`, `audit`, `proofs` and
`care`; modules that few commands need are imported where they are used, so that looking at a store starts quickly.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from itonami.graphstore import Corrupt, InvalidValue, ItonamiError, StoreFull
from itonami.graphstore.proof import ProofFailed
from itonami.workflow.cli.output import fail, note

__all__ = ["DEFAULT_STORE", "AsJson", "Context", "Interrupted", "app", "main"]

app = typer.Typer(
    help="Run workflows on an embedded, versioned store, and ask any run about any moment of its past.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]

INTERRUPTED = 130
DEFAULT_STORE = Path("state.itonami")


class Interrupted(ItonamiError):
    """Ctrl-C, where there is something to say about what goes on from here."""


_CODES: tuple[tuple[type[ItonamiError], int], ...] = (
    (Interrupted, INTERRUPTED),
    (Corrupt, 1),
    (StoreFull, 1),
    (ProofFailed, 1),
    (ItonamiError, 2),
)


@dataclass(frozen=True, slots=True)
class Context:
    """What the options before the command say."""

    store: Path


@app.callback()
def options(
    ctx: typer.Context,
    store: Annotated[
        Path, typer.Option("--store", envvar="ITONAMI_STORE", help="The store's directory.")
    ] = DEFAULT_STORE,
) -> None:
    """Remember the store; without a command, print the help."""
    ctx.obj = Context(store)
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(arguments: list[str] | None = None) -> None:
    """The console script."""
    argv = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(
        status_of(lambda: app(argv, prog_name="itonami", standalone_mode=False), as_json="--json" in argv)
    )


def status_of(command: Callable[[], Any], *, as_json: bool) -> int:
    """Run a command and turn how it ended into an exit code."""
    try:
        result = command()
        sys.stdout.flush()
    except ItonamiError as error:
        fail(error, as_json=as_json)
        return next(code for kind, code in _CODES if isinstance(error, kind))
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except typer.Exit as exit_:
        result = exit_.exit_code
    except BrokenPipeError:
        _forget_stdout()
        return 0
    except OSError as error:
        where = None if error.filename is None else str(error.filename)
        refusal = InvalidValue(
            f"cannot be used ({error.strerror})", where=where, fix="check the path, and who may use it"
        )
        fail(refusal, as_json=as_json)
        return 2
    except Exception as error:
        if not hasattr(error, "format_message"):  # the parser's errors have one; anything else is a bug
            raise
        fail(_misused(error), as_json=as_json)
        return 2
    if result == INTERRUPTED:
        note("interrupted")
    return result if isinstance(result, int) else 0


def _misused(error: Any) -> InvalidValue:
    """The option parser's complaint in our words."""
    context = getattr(error, "ctx", None)
    path = "itonami" if context is None else context.command_path
    what, _, guess = error.format_message().rstrip(".").partition(". Did you mean")
    fix = f"did you mean{guess}" if guess else f"see `{path} --help`"
    if "--json" in what and path == "itonami":
        fix = "write --json behind the command"
    elif "--store" in what:
        fix = "write --store PATH before the command"
    where = path.removeprefix("itonami").strip() or "command line"
    return InvalidValue(f"{what[:1].lower()}{what[1:]}", where=where, fix=fix)


def _forget_stdout() -> None:
    """Whoever read our output has left (`itonami log RUN | head`): let the interpreter flush into nothing."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
