"""A disk that loses power: what it may hold at any moment of a recording.

The model is that of a device with 512-byte sectors, each written whole or not at all, under a file system that
promises what POSIX does and no more (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014):

- A write is in the cache until a sync of that file returns, or the write itself when it was made through O_DSYNC. At
  a power cut any subset of the unflushed sectors has reached the disk, each in any of the states it had in the cache.
- The length of a file may be any that it had since its last sync, but covers what a durable write wrote. What was
  never written reads as zeros.
- A name that was made, moved or removed is durable when a directory that it stood or stands in was synced. Of the
  others any subset has taken effect, each whole.
- A cut falls between two operations, or in the midst of one: then that one has reached the disk as any unflushed one.

Which states to look at is `images`.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from recording import NOTES, Create, Move, Note, Operation, Remove, Resize, Sync, Write

SECTOR = 512
LEFT_OUT = (NOTES, "lock.mdb")


@dataclass
class File:
    """A file: what is durable, and for each sector touched since the states it has had in the cache, oldest first."""

    durable: bytearray = field(default_factory=bytearray)
    cache: bytearray = field(default_factory=bytearray)
    states: dict[int, list[bytes]] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=lambda: [0])  # the durable one first

    def write(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        if end > len(self.cache):
            self.cache.extend(bytes(end - len(self.cache)))
            self.lengths.append(end)
        self.cache[offset:end] = data
        for sector in range(offset // SECTOR, -(-end // SECTOR)):
            self.states.setdefault(sector, []).append(self._cached(sector))

    def resize(self, size: int) -> None:
        if size < len(self.cache):
            raise NotImplementedError("the model knows no files that shrink")
        self.cache.extend(bytes(size - len(self.cache)))
        self.lengths.append(size)

    def sync(self) -> None:
        self.durable = self.cache.copy()
        self.states.clear()
        self.lengths = [len(self.cache)]

    def sync_range(self, offset: int, size: int) -> None:
        """What a durable write does: its own sectors only, and the length that they need."""
        for sector in range(offset // SECTOR, -(-(offset + size) // SECTOR)):
            del self.states[sector]
            _place(self.durable, sector, self._cached(sector))
        length = max(self.lengths[0], offset + size)
        self.lengths = [length, *(later for later in self.lengths[1:] if later > length)]
        del self.durable[length:]

    def _cached(self, sector: int) -> bytes:
        return bytes(self.cache[sector * SECTOR : (sector + 1) * SECTOR])

    def image(self, sectors: dict[int, int], length: int) -> bytearray:
        """The file on the disk: for some sectors, which of their states reached it."""
        data = self.durable.copy()
        for sector, state in sectors.items():
            _place(data, sector, self.states[sector][state])
        size = self.lengths[length]
        data.extend(bytes(max(0, size - len(data))))
        del data[size:]
        return data


def _place(data: bytearray, sector: int, content: bytes) -> None:
    start = sector * SECTOR
    data.extend(bytes(max(0, start + len(content) - len(data))))
    data[start : start + len(content)] = content


@dataclass(frozen=True)
class Change:
    """Names that change at once: (directory, name, node or None for none)."""

    names: tuple[tuple[int, str, int | None], ...]


@dataclass
class Choice:
    """Which of the pending things reached the disk: for each file the states of its sectors and its length (an index
    into those it had), and which changes of names."""

    sectors: dict[int, dict[int, int]]
    lengths: dict[int, int]
    changes: set[int]


class Medium:
    """The disk and its cache, as operations arrive."""

    def __init__(self) -> None:
        self.files: dict[int, File] = {}
        self.live: dict[int, dict[str, int]] = {0: {}}  # directory -> names, as the process sees them
        self.durable: dict[int, dict[str, int]] = {0: {}}
        self.pending: list[Change] = []
        self.notes: list[str] = []

    def apply(self, operation: Operation, *, finished: bool = True) -> None:
        """Take an operation in; unfinished, a sync or durable write has not had its effect yet."""
        match operation:
            case Create(node, parent, name, directory):
                if directory:
                    self.live[node], self.durable[node] = {}, {}
                else:
                    self.files[node] = File()
                self._change((parent, name, node))
            case Write(node, offset, data, durable):
                self.files[node].write(offset, data)
                if durable and finished:
                    self.files[node].sync_range(offset, len(data))
            case Resize(node, size):
                self.files[node].resize(size)
            case Sync(node) if finished:
                self._sync(node)
            case Move(parent, name, to_parent, to_name):
                self._change((parent, name, None), (to_parent, to_name, self.live[parent][name]))
            case Remove(parent, name):
                self._change((parent, name, None))
            case Note(text):
                self.notes.append(text)

    def finish(self, operation: Operation) -> None:
        """End an operation that was taken in unfinished."""
        match operation:
            case Sync(node):
                self._sync(node)
            case Write(node, offset, data, durable=True):
                self.files[node].sync_range(offset, len(data))

    def _sync(self, node: int) -> None:
        if node in self.files:
            self.files[node].sync()
            return
        durable = [change for change in self.pending if any(at == node for at, _, _ in change.names)]
        self.pending = [change for change in self.pending if change not in durable]
        for change in durable:
            _rename(self.durable, change)

    def _change(self, *names: tuple[int, str, int | None]) -> None:
        change = Change(names)
        _rename(self.live, change)
        self.pending.append(change)

    # -- images --------------------------------------------------------------------------------------------

    @property
    def loose(self) -> bool:
        """Whether anything is not durable yet."""
        return bool(self.pending) or any(file.states or file.lengths[1:] for file in self.files.values())

    def unflushed(self) -> Iterator[tuple[int, int]]:
        """The (file, sector) pairs that may or may not be on the disk."""
        for node, file in self.files.items():
            for sector in file.states:
                yield node, sector

    def choose(
        self, reached: Callable[[int, int], bool], changed: Iterable[int], *, rng: random.Random
    ) -> Choice:
        """A choice: the sectors that reached the disk do so in the last state for which `reached` says yes, asked anew
        for each; lengths are those that what reached needs, or any longer."""
        sectors: dict[int, dict[int, int]] = {}
        for node, sector in self.unflushed():
            states = self.files[node].states[sector]
            state = next((n for n in reversed(range(len(states))) if reached(node, sector)), None)
            if state is not None:
                sectors.setdefault(node, {})[sector] = state
        lengths = {
            node: rng.randrange(len(file.lengths)) for node, file in self.files.items() if file.lengths[1:]
        }
        return Choice(sectors, lengths, set(changed))

    def image(self, choice: Choice) -> dict[str, bytes | None]:
        """Path -> content of the files on the disk, None for directories, without those that never matter."""
        names = {node: dict(entries) for node, entries in self.durable.items()}
        for number, change in enumerate(self.pending):
            if number in choice.changes:
                _rename(names, change)
        found: dict[str, bytes | None] = {}
        queue = [(0, "")]
        while queue:
            directory, path = queue.pop()
            for name, node in sorted(names[directory].items()):
                if node in names:
                    found[path + name] = None
                    queue.append((node, f"{path}{name}/"))
                elif name not in LEFT_OUT:
                    file = self.files[node]
                    found[path + name] = bytes(
                        file.image(choice.sectors.get(node, {}), choice.lengths.get(node, 0))
                    )
        return found


def _rename(directories: dict[int, dict[str, int]], change: Change) -> None:
    for directory, name, node in change.names:
        if node is None:
            directories[directory].pop(name, None)
        else:
            directories[directory][name] = node
