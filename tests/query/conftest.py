"""A store on disk with a past: runs that failed, retried and succeeded, graphs edited by hand, forked and pruned."""

import asyncio
import sys
from pathlib import Path
from random import Random

import pytest

from itonami.graphstore import Store
from itonami.workflow import ActivityError, Engine, RunEnded, activity

sys.path.insert(0, str(Path(__file__).parent))

ATTEMPTS = iter((False, False, True) + (True,) * 100)


@activity
def greet(name):
    return {"greeting": f"hello {name}", "long": "x" * 400}


@activity(retry={"maximum_attempts": 3, "initial_interval": 1})
def flaky(name):
    if not next(ATTEMPTS):
        raise ConnectionError("closed")
    return {"through": True}


@activity(retry={"maximum_attempts": 1})
def charge(name):
    if name == "poor":
        raise ActivityError("no money")
    return {"paid": len(name)}


@activity
def undo(name):
    return {}


def act(name):
    return {"op": "activity", "activity_ref": name}


def definition(id, strategy):
    return {"workflow": {"id": id, "inputs": [{"name": "name"}], "strategy": strategy}}


SAGA = definition(
    "order",
    {
        "op": "saga",
        "main_flow": {"op": "seq", "strategies": [act("greet"), act("flaky"), act("charge")]},
        "compensation": act("undo"),
    },
)
WIDE = definition("wide", {"op": "parallel", "branches": [act("greet") for _ in range(4)]})


STARTED = (("poor", SAGA, "poor"), ("rich", SAGA, "rich"), ("wide", WIDE, "w"), ("again", SAGA, "poor"))


async def make_runs(store):
    async with Engine.open(store, [greet, flaky, charge, undo]) as engine:
        for id, what, name in STARTED:
            run = await engine.start(what, {"name": name}, id=id, attributes={"customer": name, "n": len(id)})
            try:
                await run.result()
            except RunEnded:
                assert name == "poor"


def edit(store, graph, rng, times):
    """Random edits by hand: everything that can happen to nodes, labels, properties and edges."""
    for time in range(times):
        with store.transaction(graph, event=f"edit {time % 3}", cause={"n": time}, author="me") as evolver:
            for _ in range(rng.randint(1, 3)):
                one_edit(evolver, rng)


def one_edit(evolver, rng):
    node, other = (f"n{rng.randrange(5)}" for _ in range(2))
    if node not in evolver:
        evolver.add_node(*rng.sample("AB", rng.randrange(3)), id=node, v=rng.randrange(3))
        return
    edge, kind = f"e{rng.randrange(4)}", rng.randrange(6)
    present = {edge.id: edge for edge in evolver.edges()}
    if kind == 0:
        evolver.remove_node(node, detach=True)
    elif kind == 1:
        evolver.update(node, v=rng.randrange(3), text="y" * rng.choice((1, 300)))
    elif kind == 2 and "v" in evolver.node(node).data:
        evolver.unset(node, "v")
    elif kind == 3:
        label = rng.choice("AB")
        has = label in evolver.node(node).labels
        evolver.relabel(node, add=() if has else (label,), remove=(label,) if has else ())
    elif edge in present:
        evolver.update(edge, w=rng.randrange(3)) if kind == 4 else evolver.remove_edge(edge)
    elif other in evolver:
        evolver.add_edge(node, rng.choice("RS"), other, id=edge)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """The store; no test writes to it."""
    with Store.open(tmp_path_factory.mktemp("query") / "state.itonami", snapshot_every=7) as store:
        asyncio.run(make_runs(store))
        rng = Random(5)
        edit(store, "hand", rng, 60)
        store.fork("hand", "fork", store.head("hand").tx - 20)
        edit(store, "fork", rng, 4)
        edit(store, "pruned", rng, 40)
        store.prune("pruned", "HEAD~15")
        yield store


GRAPHS = ("poor", "rich", "wide", "hand", "fork", "pruned")


@pytest.fixture(params=GRAPHS)
def graph(request):
    """The name of each graph there is a past of."""
    return request.param
