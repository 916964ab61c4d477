"""What a process did to the files below a directory, in order: made by `recorder.c`, preloaded, or else by strace.

Files and directories are numbered in order of appearance, the root is 0: names come and go, a node stays. A note is
what the process itself said at that moment (it wrote it to `notes` in the root). Only effects stand here, not failed
calls.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
NOTES = "notes"
HEAD = struct.Struct("<4I2Q")
O_DSYNC = "O_DSYNC"


@dataclass(frozen=True, slots=True)
class Create:
    """A file or directory appeared under a name."""

    node: int
    parent: int
    name: str
    directory: bool


@dataclass(frozen=True, slots=True)
class Write:
    """Data was written; `durable` when the call returned only once it was (O_DSYNC)."""

    node: int
    offset: int
    data: bytes
    durable: bool


@dataclass(frozen=True, slots=True)
class Resize:
    """A file was cut or extended with zeros."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """fsync or fdatasync of a file or directory returned."""

    node: int


@dataclass(frozen=True, slots=True)
class Move:
    """A name moved, over another one if there was one."""

    parent: int
    name: str
    to_parent: int
    to_name: str


@dataclass(frozen=True, slots=True)
class Remove:
    """A name went."""

    parent: int
    name: str


@dataclass(frozen=True, slots=True)
class Note:
    """What the process said."""

    text: str


Operation = Create | Write | Resize | Sync | Move | Remove | Note


@dataclass
class Names:
    """The names there are now, so that paths become nodes."""

    root: Path
    directories: dict[int, dict[str, int]] = field(default_factory=lambda: {0: {}})
    count: int = 0

    def place(self, path: str) -> tuple[int, str]:
        """A path below the root, as parent and name."""
        *above, name = Path(path).relative_to(self.root).parts
        parent = 0
        for part in above:
            parent = self.directories[parent][part]
        return parent, name

    def node(self, path: str) -> int:
        """The node a path names now."""
        if Path(path) == self.root:
            return 0
        parent, name = self.place(path)
        return self.directories[parent][name]

    def create(self, path: str, *, directory: bool) -> Create:
        parent, name = self.place(path)
        self.count += 1
        self.directories[parent][name] = self.count
        if directory:
            self.directories[self.count] = {}
        return Create(self.count, parent, name, directory)

    def move(self, source: str, target: str) -> Move:
        old, new = self.place(source), self.place(target)
        self.directories[new[0]][new[1]] = self.directories[old[0]].pop(old[1])
        return Move(*old, *new)

    def remove(self, path: str) -> Remove:
        parent, name = self.place(path)
        del self.directories[parent][name]
        return Remove(parent, name)


class Preloaded:
    """The recorder of `recorder.c`."""

    name = "LD_PRELOAD"
    obeys = True

    def __init__(self, folder: Path) -> None:
        self.library = folder / "recorder.so"
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None or sys.platform != "linux":
            raise OSError("there is no C compiler")
        command = [
            compiler,
            "-shared",
            "-fPIC",
            "-O1",
            "-o",
            self.library,
            HERE / "recorder.c",
            "-ldl",
            "-lpthread",
        ]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode:
            raise OSError(f"the recorder could not be compiled: {built.stderr}")

    def run(self, command: list[str], root: Path, log: Path, **settings) -> subprocess.CompletedProcess:
        return subprocess.run(command, env=self._environment(root, log), **settings)

    def start(self, command: list[str], root: Path, log: Path) -> subprocess.Popen:
        return subprocess.Popen(command, env=self._environment(root, log))

    def _environment(self, root: Path, log: Path) -> dict[str, str]:
        extra = {"LD_PRELOAD": str(self.library), "RECORDER_ROOT": str(root), "RECORDER_LOG": str(log)}
        return {**os.environ, **extra}

    @staticmethod
    def read(log: Path, root: Path) -> Iterator[Operation]:
        """The operations of a log, in order."""
        data = memoryview(log.read_bytes())
        names = Names(root)
        nodes = {root.stat().st_ino: 0}
        at = 0
        while at < len(data):
            kind, first, second, _, inode, offset = HEAD.unpack_from(data, at)
            at += HEAD.size
            path, more = bytes(data[at : at + first]).decode(), bytes(data[at + first : at + first + second])
            at += first + second
            match chr(kind):
                case "C" | "M":
                    made = names.create(path, directory=chr(kind) == "M")
                    nodes[inode] = made.node
                    yield made
                case "W" | "D" if path == str(root / NOTES):
                    yield Note(more.decode())
                case "W" | "D":
                    yield Write(nodes[inode], offset, more, chr(kind) == "D")
                case "S":
                    yield Sync(nodes[inode])
                case "T":
                    yield Resize(nodes[inode], offset)
                case "R":
                    yield names.move(path, more.decode())
                case "U":
                    yield names.remove(path)


class Traced:
    """The recorder that reads what strace prints."""

    name = "strace"
    obeys = False
    CALLS = (
        "open,openat,creat,close,lseek,write,pwrite64,writev,pwritev,pwritev2,ftruncate,fsync,fdatasync,"
        "rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat"
    )
    LINE = re.compile(r"(?:\[pid +)?(\d+)\]? +(.*)")
    CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)(?:<.*>)?(?: .*)?", re.DOTALL)
    TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

    def __init__(self, folder: Path) -> None:
        if shutil.which("strace") is None:
            raise OSError("there is no strace")
        if subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode:
            raise OSError("strace may not trace here")

    def run(self, command: list[str], root: Path, log: Path, **settings) -> subprocess.CompletedProcess:
        options = ["-f", "-qq", "-xx", "-s", str(1 << 26), "-A", "-o", str(log), "-e", f"trace={self.CALLS}"]
        return subprocess.run(["strace", *options, *command], **settings)

    @classmethod
    def read(cls, log: Path, root: Path) -> Iterator[Operation]:
        """The operations of a log, in order of their ends."""
        names = Names(root)
        open_files: dict[int, list] = {}  # descriptor -> [path, node or None, durable, position]
        begun: dict[str, str] = {}
        for line in log.read_text().splitlines():
            pid, rest = cls.LINE.fullmatch(line).groups()
            if rest.endswith("<unfinished ...>"):
                begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
                continue
            if rest.startswith("<... "):
                rest = begun.pop(pid) + rest.partition("resumed>")[2]
            call = cls.CALL.fullmatch(rest)
            if call is not None and int(call[3]) >= 0:
                yield from cls._effect(call[1], call[2], int(call[3]), names, open_files)

    @classmethod
    def _effect(
        cls, call: str, arguments: str, result: int, names: Names, files: dict[int, list]
    ) -> Iterator[Operation]:
        texts = [bytes.fromhex(found.replace("\\x", "")) for found in cls.TEXT.findall(arguments)]
        first = arguments.partition(",")[0]
        if call in ("open", "openat", "creat"):
            yield from cls._open(
                first if call == "openat" else "AT_FDCWD", texts[0], arguments, result, names, files
            )
        elif call in ("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"):
            paths = [cls._path(first if call.endswith("at") else "AT_FDCWD", text, files) for text in texts]
            if not all(Path(path).is_relative_to(names.root) for path in paths):
                return
            if call.startswith("rename"):
                yield names.move(*paths)
            elif call.startswith("mkdir"):
                yield names.create(paths[0], directory=True)
            else:
                yield names.remove(paths[0])
        elif int(first) in files:
            yield from cls._on_file(call, arguments, texts, result, names, files[int(first)])
            if call == "close":
                del files[int(first)]

    @staticmethod
    def _path(directory: str, text: bytes, files: dict[int, list]) -> str:
        path = os.fsdecode(text)
        return (
            path if path.startswith("/") or directory == "AT_FDCWD" else f"{files[int(directory)][0]}/{path}"
        )

    @classmethod
    def _open(
        cls, directory: str, text: bytes, flags: str, fd: int, names: Names, files: dict
    ) -> Iterator[Operation]:
        files.pop(fd, None)
        path = cls._path(directory, text, files) if directory == "AT_FDCWD" or int(directory) in files else ""
        if not Path(path).is_relative_to(names.root):
            return
        try:
            node = names.node(path)
            if "O_TRUNC" in flags:
                yield Resize(node, 0)
        except KeyError:
            made = names.create(path, directory=False)
            node = made.node
            yield made
        files[fd] = [path, node, O_DSYNC in flags, 0]

    @staticmethod
    def _on_file(
        call: str, arguments: str, texts: list[bytes], result: int, names: Names, file: list
    ) -> Iterator[Operation]:
        path, node, durable, position = file
        if call in ("fsync", "fdatasync"):
            yield Sync(node)
        elif call == "ftruncate":
            yield Resize(node, int(arguments.rpartition(",")[2]))
        elif call == "lseek":
            file[3] = result
        elif call != "close":
            data = b"".join(texts)[:result]
            placed = call.startswith("pwrite")
            offset = int(arguments.rpartition(",")[2]) if placed else position
            if not placed:
                file[3] += result
            if path == str(names.root / NOTES):
                yield Note(data.decode())
            else:
                yield Write(node, offset, data, durable)


def recorders(folder: Path) -> tuple[list[Preloaded | Traced], list[str]]:
    """The recorders that work here, best first, and why the others do not."""
    found, missing = [], []
    for kind in (Preloaded, Traced):
        try:
            found.append(kind(folder))
        except OSError as error:
            missing.append(str(error))
    return found, missing
