"""Hypothesis strategies shared by the tests: values, graphs, edits."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from itonami.graphstore import Graph

texts = st.text(max_size=12)
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=6)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.binary(max_size=12)
    | moments
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
properties = st.dictionaries(names, values, max_size=3)

ids = st.sampled_from([f"n{i}" for i in range(8)])
edge_ids = st.sampled_from([f"e{i}" for i in range(8)])
labels = st.sampled_from(["A", "B", "C"])


@st.composite
def edits(draw: st.DrawFn) -> list[tuple]:
    """A list of edits, each of which may or may not apply."""
    return draw(
        st.lists(
            st.tuples(st.just("add_node"), ids, st.lists(labels, max_size=2), properties)
            | st.tuples(st.just("add_edge"), edge_ids, ids, labels, ids, properties)
            | st.tuples(st.just("update"), ids | edge_ids, properties)
            | st.tuples(st.just("unset"), ids | edge_ids, st.lists(names, max_size=2))
            | st.tuples(st.just("relabel"), ids, st.lists(labels, max_size=2), st.lists(labels, max_size=2))
            | st.tuples(st.just("remove_node"), ids, st.booleans())
            | st.tuples(st.just("remove_edge"), edge_ids),
            max_size=12,
        )
    )


def apply_edits(evolver, steps: list[tuple]) -> None:
    """Apply those edits that the evolver accepts."""
    from itonami.graphstore import InvalidValue, NotFound

    for step in steps:
        try:
            match step:
                case "add_node", id, labels, props:
                    evolver.add_node(*labels, id=id, properties=props)
                case "add_edge", id, source, label, target, props:
                    evolver.add_edge(source, label, target, id=id, properties=props)
                case "update", id, props:
                    evolver.update(id, **props)
                case "unset", id, keys:
                    evolver.unset(id, *keys)
                case "relabel", id, add, remove:
                    evolver.relabel(id, add=add, remove=remove)
                case "remove_node", id, detach:
                    evolver.remove_node(id, detach=detach)
                case "remove_edge", id:
                    evolver.remove_edge(id)
        except (InvalidValue, NotFound):
            continue


def edited(graph: Graph, steps: list[tuple]) -> Graph:
    evolver = graph.evolver()
    apply_edits(evolver, steps)
    return evolver.persistent()


graphs = edits().map(lambda steps: edited(Graph(), steps))
