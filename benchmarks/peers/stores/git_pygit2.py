"""Git by pygit2 (libgit2): a bare repository, a branch for each graph, a commit object for each change.

A node is a blob in a tree of two levels of about equal width, the fewest bytes a change has to write anew: a blob, two
trees, a commit and the reference. `GIT_OPT_ENABLE_FSYNC_GITDIR` syncs each object and reference while commits are
timed (https://libgit2.org/docs/reference/main/common/git_libgit2_opts.html). Git has no group commit: at once, tasks
take turns. A history is set up without syncs, and packed, as `git gc` would.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from math import isqrt
from pathlib import Path
from typing import Any, cast

import pygit2
from pygit2.enums import FileMode, Option, SortMode

from benchmarks.peers.stores import StorePeer

__all__ = ["Git", "open_peer"]

AUTHOR = pygit2.Signature("benchmark", "benchmark@localhost", 0, 0)


class Git(StorePeer):
    """The open repository. The width of a graph's trees stands in the message of its commits."""

    def __init__(self, directory: Path) -> None:
        self.settings = {"fsync_gitdir": "on"}
        self._repository = pygit2.init_repository(str(directory), bare=True)
        self._width = 0

    def fill(self, graphs: int, nodes: int) -> None:
        self._width = isqrt(nodes - 1) + 1
        with _unsynced():
            empty = self._repository.create_blob(_blob(0))
            top = self._repository.TreeBuilder()
            for first in range(0, nodes, self._width):
                leaf = self._repository.TreeBuilder()
                for node in range(first, min(first + self._width, nodes)):
                    leaf.insert(str(node % self._width), empty, FileMode.BLOB)
                top.insert(str(first // self._width), leaf.write(), FileMode.TREE)
            tree = top.write()
            for graph in range(graphs):
                self._advance(graph, tree)

    def commit(self, graph: int, node: int, value: int) -> None:
        tree = self._tree(self._head(graph))
        high, low = divmod(node, self._width)
        leaf = self._repository.TreeBuilder(tree[str(high)])
        leaf.insert(str(low), self._repository.create_blob(_blob(value)), FileMode.BLOB)
        top = self._repository.TreeBuilder(tree)
        top.insert(str(high), leaf.write(), FileMode.TREE)
        self._advance(graph, top.write())

    async def commit_at_once(self, graphs: int, steps: int) -> None:
        for step in range(steps):
            for graph in range(graphs):
                self.commit(graph, step, step)

    def value(self, graph: int, node: int) -> int:
        return self._value(self._head(graph), node)

    def history(self, nodes: int, changes: Sequence[int]) -> None:
        self.fill(1, nodes)
        with _unsynced():
            for version, node in enumerate(changes, 1):
                self.commit(0, node, version)
            self._repository.pack()
            for loose in Path(self._repository.path, "objects").glob("[0-9a-f][0-9a-f]"):
                shutil.rmtree(loose)

    @cached_property
    def _versions(self) -> list[pygit2.Oid]:
        """The commit of each version, the filled graph's first."""
        commits = [*self._repository.walk(self._head(0), SortMode.TOPOLOGICAL | SortMode.REVERSE)]
        self._width = int(commits[0].message)
        return [commit.id for commit in commits]

    def read(self, version: int, node: int) -> int:
        return self._value(self._versions[version], node)

    def _head(self, graph: int) -> pygit2.Oid:
        return cast(pygit2.Oid, self._repository.references[_branch(graph)].target)

    def _tree(self, commit: pygit2.Oid) -> Any:
        return cast(Any, self._repository[commit]).tree

    def _value(self, commit: pygit2.Oid, node: int) -> int:
        high, low = divmod(node, self._width)
        return int(self._tree(commit)[str(high)][str(low)].data)

    def _advance(self, graph: int, tree: pygit2.Oid) -> None:
        branch = _branch(graph)
        parents = [self._head(graph)] if branch in self._repository.references else []
        self._repository.create_commit(branch, AUTHOR, AUTHOR, str(self._width), tree, parents)


@contextmanager
def _unsynced() -> Iterator[None]:
    """Setting up: what is lost with the machine is set up again."""
    pygit2.option(Option.ENABLE_FSYNC_GITDIR, False)
    try:
        yield
    finally:
        pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)


def _branch(graph: int) -> str:
    return f"refs/heads/graph-{graph}"


def _blob(value: int) -> bytes:
    return str(value).encode()


@asynccontextmanager
async def open_peer(directory: Path, *, snapshots: bool = True) -> AsyncIterator[Git]:
    """A repository in `directory`."""
    pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)
    yield Git(directory)
