"""LangGraph with its SQLite checkpointer: a graph of nodes run in supersteps (https://docs.langchain.com/oss/python/langgraph).

A step is a superstep of a node that goes to itself until it has run N times, with `durability="sync"`: the
checkpoint is committed before the next superstep begins ("async", the default, loses steps at a crash). The
synchronous `SqliteSaver`, in one thread or in a pool of them, made twice the steps a second here of
`AsyncSqliteSaver`.

The form is the kindest to LangGraph that we know: a chain of ten nodes ran as fast as the loop, but wrote
half as many bytes again; every node of a graph weighs on every superstep. The state keeps the last step's
output only, where the other systems keep each: a state that keeps them all is written whole at every step.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command

from benchmarks.peers import Body, run_in_threads, sqlite_durability

__all__ = ["LangGraphSqlite", "open_peer"]


class State(TypedDict):
    """Steps still to do, and what the last one returned."""

    left: int
    output: dict[str, object]


class LangGraphSqlite:
    """The compiled graph on an open checkpointer."""

    def __init__(self, graph: Any, settings: Mapping[str, str]) -> None:
        self._graph = graph
        self.settings = settings

    async def run(self, name: str, steps: int) -> None:
        self._invoke(steps, name)

    async def run_all(self, names: Sequence[str], steps: int, at_once: int) -> None:
        run_in_threads(partial(self._invoke, steps), names, at_once)

    def _invoke(self, steps: int, name: str) -> None:
        config = {"configurable": {"thread_id": name}, "recursion_limit": steps + 1}
        self._graph.invoke({"left": steps, "output": {}}, config, durability="sync")


def _loop(body: Body) -> Any:
    """A graph of one node, run as often as the state says."""

    def step(state: State) -> Command[Literal["step", "__end__"]]:
        left = state["left"] - 1
        return Command(update={"left": left, "output": body()}, goto="step" if left else "__end__")

    builder = StateGraph(State)
    builder.add_node("step", step)
    builder.add_edge(START, "step")
    return builder


@asynccontextmanager
async def open_peer(directory: Path, body: Body) -> AsyncIterator[LangGraphSqlite]:
    """A checkpointer on `directory`/checkpoints.sqlite with its tables made."""
    with SqliteSaver.from_conn_string(str(directory / "checkpoints.sqlite")) as saver:
        saver.setup()
        yield LangGraphSqlite(_loop(body).compile(checkpointer=saver), sqlite_durability(saver.conn))
