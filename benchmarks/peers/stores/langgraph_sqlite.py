"""LangGraph's SQLite checkpointer as a store of states: a version is a checkpoint, which holds the state whole.

A state that grows is a list whose reducer adds (`operator.add`), the way the documentation shows; each superstep
writes it anew. For histories the state is one number, the version's own: a graph of 100,000 nodes would be written at
every step. So a read shows what LangGraph needs to read one small state, and the row says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from operator import add
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, cast

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command

from benchmarks.peers import sqlite_durability
from benchmarks.peers.stores import StorePeer
from benchmarks.peers.stores.sqlite_wal import sqlite_page_bytes

__all__ = ["LangGraphSqlite", "open_peer"]

FILE = "checkpoints.sqlite"
THREAD: dict[str, Any] = {"configurable": {"thread_id": "graph-0", "checkpoint_ns": ""}}


class State(TypedDict):
    """Parts that are only added, and the number of the last version."""

    parts: Annotated[list[str], add]
    version: int


class LangGraphSqlite(StorePeer):
    """The compiled graph on an open checkpointer."""

    def __init__(self, directory: Path, saver: SqliteSaver) -> None:
        self._directory = directory
        self._saver = saver
        self.settings = sqlite_durability(saver.conn)

    def grow(self, parts: Sequence[str]) -> None:
        config = {**THREAD, "recursion_limit": len(parts) + 1}
        start = {"parts": [], "version": 0}
        self._graph(parts).invoke(start, config, durability="sync")

    def _graph(self, parts: Sequence[str]) -> Any:
        """A graph of one node that goes to itself until it has added all parts."""

        def step(state: State) -> Command[Literal["step", "__end__"]]:
            version = state["version"] + 1
            update = {"parts": [parts[version - 1]], "version": version}
            return Command(update=update, goto="step" if version < len(parts) else "__end__")

        builder = StateGraph(State)
        builder.add_node("step", cast(Any, step))
        builder.add_edge(START, "step")
        return builder.compile(checkpointer=self._saver)

    def page_bytes(self) -> int:
        return sqlite_page_bytes(self._directory / FILE)

    def history(self, nodes: int, changes: Sequence[int]) -> None:
        graph = self._graph([])
        for version in range(1, len(changes) + 1):
            graph.update_state(THREAD, {"version": version}, as_node="step")

    @cached_property
    def _checkpoints(self) -> list[Any]:
        """What names each version's checkpoint."""
        return [found.config for found in self._saver.list(cast(Any, THREAD))][::-1]

    def read(self, version: int, node: int) -> None:
        found = self._saver.get_tuple(self._checkpoints[version - 1])
        assert found is not None
        if found.checkpoint["channel_values"]["version"] != version:
            raise RuntimeError(f"the checkpoint read is not that of version {version}")


@asynccontextmanager
async def open_peer(directory: Path, *, snapshots: bool = True) -> AsyncIterator[LangGraphSqlite]:
    """A checkpointer on `directory`/checkpoints.sqlite with its tables made."""
    with SqliteSaver.from_conn_string(str(directory / FILE)) as saver:
        saver.setup()
        yield LangGraphSqlite(directory, saver)
