"""A disk that is soon full, for one story at a time.

A story runs in a forked process, which mounts a small tmpfs in a mount namespace of its own: it goes with the
process. Where that is not permitted, a limit on the size of files stands in for it (RLIMIT_FSIZE; the signal is
ignored by Python, so the write fails as on a full disk).
"""

import ctypes
import os
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
CHUNK = 1 << 12


class NotPermitted(Exception):
    """This process may not mount anything, not even for itself."""


class SmallTmpfs:
    """A tmpfs of a few MiB, half of which is taken by a file that can be thrown out."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self._ballast = path / "ballast"
        libc = ctypes.CDLL(None, use_errno=True)
        user, group = os.getuid(), os.getgid()
        if libc.unshare(CLONE_NEWNS if user == 0 else CLONE_NEWNS | CLONE_NEWUSER):
            raise NotPermitted("no mount namespace may be made here")
        if user:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
        if libc.mount(b"none", bytes(path), b"tmpfs", 0, f"size={size}".encode()):
            raise NotPermitted(f"no tmpfs may be mounted here: {os.strerror(ctypes.get_errno())}")
        self._ballast.write_bytes(bytes(size // 2))

    def fill(self) -> None:
        """Leave no room at all."""
        with self._ballast.open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(CHUNK))
            except OSError:
                return

    def make_room(self) -> None:
        self._ballast.unlink(missing_ok=True)


class SmallFiles:
    """No file may grow beyond a size."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self._limit(size)

    def fill(self) -> None:
        """No file may grow beyond what the largest has."""
        self._limit(max((file.stat().st_size for file in self.path.rglob("data.mdb")), default=CHUNK))

    def make_room(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    @staticmethod
    def _limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


Disk = SmallTmpfs | SmallFiles


@dataclass(frozen=True)
class Ended:
    """How the process of a story ended: what it said last, and the signal that killed it, if one did."""

    said: str
    killed: str | None


def told(story: Callable[[Disk], None], kind: Callable[[Path, int], Disk], path: Path, size: int) -> Ended:
    """Run a story on a small disk, in a process of its own."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            story(kind(path, size))
            os.write(write, b"done")
        except NotPermitted as error:
            os.write(write, f"not permitted: {error}".encode())
        except BaseException:
            os.write(write, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    number = -os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Ended(said, signal.Signals(number).name if number else None)
