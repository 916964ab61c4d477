"""`--activities FILE.py`: a Python file, run, and what it declares.

The file runs as a module of its own, under a name nobody imports, straight from its source: no byte code is
written beside it and none is trusted (the execution model is that of `runpy`, PEP 338). Only a path that a
person gave is ever run; a path found in a store is data.

Whatever goes wrong in the file is one sentence with its file and line.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.activities.errors import ActivitiesNotLoaded
from itonami.workflow.activities.registry import Registry

__all__ = ["load_activities"]


def load_activities(path: str | Path) -> Registry:
    """Run the Python file at `path`, and register every activity in its globals, those in lists, tuples and
    values of dicts included. Plain functions are not: a file has helpers, too.

    The file's folder can be imported from while it runs. Raises `ActivitiesNotLoaded`, with file and line.
    """
    file = Path(path)
    name = f"itonami_activities_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:16]}"
    module = ModuleType(name)
    module.__file__ = str(file)
    try:
        source = file.read_bytes()
    except OSError as error:
        raise ActivitiesNotLoaded(
            f"the file cannot be read ({error.strerror})",
            where=str(path),
            fix="name a Python file of activities",
        ) from error
    sys.modules[name] = module
    try:
        with _importable(file.resolve().parent):
            exec(compile(source, str(file), "exec", dont_inherit=True), vars(module))  # noqa: S102
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _not_loaded(error, file) from error
    try:
        return Registry(module)
    except InvalidValue as error:
        raise ActivitiesNotLoaded(error.what, where=str(path), fix=error.fix) from error


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)


def _not_loaded(error: BaseException, file: Path) -> ActivitiesNotLoaded:
    place, said = _place(error, file), str(error)
    if isinstance(error, SyntaxError) and error.filename:
        place, said = f"{error.filename}:{error.lineno}", error.msg
    sentence = " ".join(f"{type(error).__name__}: {said}".split())
    return ActivitiesNotLoaded(
        f"the activities cannot be loaded, {sentence}",
        where=place,
        fix=f"`python {file.name}` shows the whole traceback",
    )


def _place(error: BaseException, file: Path) -> str:
    """The innermost line of the file itself that the error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    return f"{file}:{lines[-1]}" if lines else str(file)
