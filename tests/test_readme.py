"""The README's tour, run as a reader would: its files saved, its code executed, its commands typed, in order."""

import doctest
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
_BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```\n", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block, and the file that the reader is asked to save it as."""

    kind: str
    text: str
    file: str | None


def blocks() -> list[Block]:
    """The README's blocks in order."""
    return [
        Block(found["kind"], found["text"], found["file"]) for found in _BLOCK.finditer(README.read_text())
    ]


def commands(text: str) -> list[tuple[str, str]]:
    """The command lines of a console block, each with the output it shows."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_the_tour_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("ITONAMI_STORE", raising=False)
    done = set()
    session = {"__name__": "readme"}
    for block in blocks():
        done.add(block.kind if block.file is None else "file")
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text)
        elif block.kind == "python":
            exec(compile(block.text, "README.md", "exec"), session)
        elif block.kind == "console":
            for line, shown in commands(block.text):
                check_command(line, shown)
    assert done == {"file", "python", "console"}


def check_command(line: str, shown: str) -> None:
    """Type a command; `...` stands for whatever may differ, as in doctests."""
    program, *arguments = shlex.split(line)
    assert program == "itonami"
    ran = subprocess.run(
        [sys.executable, "-m", "itonami.workflow.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    if not doctest.OutputChecker().check_output(shown, ran.stdout, doctest.ELLIPSIS):
        pytest.fail(f"$ {line}\n{ran.stdout}\nwas expected to be\n{shown}")


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text()):
        assert (README.parent / target).exists(), target
