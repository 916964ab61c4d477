"""Which states of a disk to look at: the adversary.

An image is what the disk may hold when the power is cut in or after an operation of a recording. Its strategy says
which of the unflushed things reached the disk; those that draw at random draw from a generator seeded by the image's
own coordinates, so that each image can be made again alone.
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from medium import SECTOR, Choice, Medium
from recording import Operation, Sync, Write

META_SECTORS = range(2 * 4096 // SECTOR)

Strategy = Callable[[Medium, random.Random], Choice]


def _all_changes(medium: Medium) -> range:
    return range(len(medium.pending))


def _some_changes(medium: Medium, rng: random.Random) -> Iterable[int]:
    """A journal's prefix, or any subset."""
    count = len(medium.pending)
    if rng.random() < 0.5:
        return range(rng.randrange(count + 1))
    return [number for number in range(count) if rng.random() < 0.5]


def nothing(medium: Medium, rng: random.Random) -> Choice:
    """Nothing that was not flushed reached the disk, and files are as short as they may be."""
    return Choice({}, {}, set())


def everything(medium: Medium, rng: random.Random) -> Choice:
    """All of it did: what a killed process leaves."""
    choice = medium.choose(lambda node, sector: True, _all_changes(medium), rng=rng)
    choice.lengths = {node: len(file.lengths) - 1 for node, file in medium.files.items()}
    return choice


def only_meta(medium: Medium, rng: random.Random) -> Choice:
    """Of the data only the two meta pages did."""
    return medium.choose(lambda node, sector: sector in META_SECTORS, _all_changes(medium), rng=rng)


def all_but_meta(medium: Medium, rng: random.Random) -> Choice:
    """Everything but the meta pages did."""
    return medium.choose(lambda node, sector: sector not in META_SECTORS, _all_changes(medium), rng=rng)


def all_but_one(medium: Medium, rng: random.Random) -> Choice:
    """One sector is missing."""
    missing = rng.choice([*medium.unflushed()] or [None])
    return medium.choose(lambda *sector: sector != missing, _all_changes(medium), rng=rng)


def only_one(medium: Medium, rng: random.Random) -> Choice:
    """One sector reached the disk."""
    there = rng.choice([*medium.unflushed()] or [None])
    return medium.choose(lambda *sector: sector == there, _some_changes(medium, rng), rng=rng)


def torn_pages(medium: Medium, rng: random.Random) -> Choice:
    """Of every page its first part did, or its last: meta pages too."""
    at = rng.randrange(1, 8)
    first = rng.random() < 0.5
    return medium.choose(lambda node, sector: (sector % 8 < at) == first, _some_changes(medium, rng), rng=rng)


def whole_pages(medium: Medium, rng: random.Random) -> Choice:
    """Some pages did, whole."""
    key = rng.random()
    return medium.choose(
        lambda node, sector: random.Random(f"{key} {node} {sector // 8}").random() < 0.5,
        _some_changes(medium, rng),
        rng=rng,
    )


def no_names(medium: Medium, rng: random.Random) -> Choice:
    """All data did, but no change of names."""
    return medium.choose(lambda node, sector: True, (), rng=rng)


def any_subset(medium: Medium, rng: random.Random) -> Choice:
    """Any subset of sectors, few or many."""
    share = rng.choice([0.05, 0.3, 0.5, 0.7, 0.95])
    return medium.choose(lambda *sector: rng.random() < share, _some_changes(medium, rng), rng=rng)


STRATEGIES: tuple[Strategy, ...] = (
    nothing, everything, only_meta, all_but_meta, all_but_one, only_one, torn_pages, whole_pages, no_names, any_subset,
)  # fmt: skip


@dataclass(frozen=True)
class Image:
    """A state the disk may be in, and what had been said by then."""

    cut: int
    midst: bool
    strategy: str
    draw: int
    files: dict[str, bytes | None]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        where = "in the midst of" if self.midst else "after"
        return f"the cut {where} operation {self.cut}, {self.strategy}, draw {self.draw}"


def moments(operations: list[Operation]) -> Iterator[tuple[int, bool, Medium]]:
    """The disk at every moment a cut may fall: after each operation, and in the midst of those that flush."""
    medium = Medium()
    for number, operation in enumerate(operations):
        flushes = isinstance(operation, Sync) or (isinstance(operation, Write) and operation.durable)
        medium.apply(operation, finished=not flushes)
        if flushes:
            yield number, True, medium
            medium.finish(operation)
        yield number, False, medium


def images(operations: list[Operation], seed: int, *, draws: int = 1, share: float = 1.0) -> Iterator[Image]:
    """Different images of a recording: at every moment each strategy, those that draw at random `draws` times. The same
    image with the same promises comes once. With a `share` below 1, about so many of them."""
    seen: set[bytes] = set()
    for cut, midst, medium in moments(operations):
        for strategy in STRATEGIES if medium.loose else STRATEGIES[:1]:
            for draw in range(draws):
                rng = random.Random(f"{seed} {cut} {midst} {strategy.__name__} {draw}")
                if rng.random() >= share:
                    continue
                files = medium.image(strategy(medium, rng))
                known = digest_of(files) + str(len(medium.notes)).encode()
                if known not in seen:
                    seen.add(known)
                    yield Image(cut, midst, strategy.__name__, draw, files, tuple(medium.notes))


def digest_of(image: dict[str, bytes | None]) -> bytes:
    """What makes two images the same."""
    whole = hashlib.blake2b(digest_size=16)
    for path, content in sorted(image.items()):
        whole.update(repr((path, None if content is None else len(content))).encode())
        whole.update(content or b"")
    return whole.digest()


def write_image(image: dict[str, bytes | None], folder: Path) -> None:
    """Put an image into an empty directory."""
    for path, content in sorted(image.items()):
        if content is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(content)
