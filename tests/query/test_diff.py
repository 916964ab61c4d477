"""Differences are all that is not the same; two runs of one definition part where they first did something else."""

from itertools import zip_longest

from itonami.graphstore import Edge
from itonami.query import run as query
from itonami.query.diff import diff, parted, partings
from itonami.query.log import log


def test_a_diff_is_empty_for_equal_graphs_and_leads_from_one_to_the_other(store, graph):
    versions = [version for version in store.history(graph) if not version.pruned]
    for earlier, later in zip(versions, versions[3:], strict=False):
        a, b = (store.at(graph, version.tx) for version in (earlier, later))
        rows = diff(store, graph, earlier.tx, later.tx)
        assert bool(rows) == (a.root != b.root)
        assert followed(a, rows) == described(b)


def described(graph):
    return {
        item.id: (item.to_list()[1:4] if isinstance(item, Edge) else sorted(item.labels), item.data)
        for item in graph.items()
    }


def followed(graph, rows):
    """What a graph becomes by the rows of a diff; each says rightly what was before."""
    held = {id: (shape, dict(data)) for id, (shape, data) in described(graph).items()}
    for row in sorted(rows, key=lambda row: row.change != "removed"):
        if row.change == "removed":
            assert held.pop(row.id)[1] == row.before.data
        elif row.change == "added":
            shape = row.after.to_list()[1:4] if row.kind == "edge" else sorted(row.after.labels)
            held[row.id] = (shape, row.after.data)
        elif row.change == "relabelled":
            shape, data = held[row.id]
            held[row.id] = (sorted(set(shape) - set(row.before) | set(row.after)), data)
        else:
            data = held[row.id][1]
            assert data.pop(row.key, None) == row.before
            if row.after is not None:
                data[row.key] = row.after
    return held


def test_two_runs_of_one_definition_part_where_they_first_did_something_else(store):
    found = parted(store, "poor", "again")
    assert (found.a.event, found.b.event) == ("ActivityRetryScheduled", "ActivityCompleted")
    assert found.a.match == found.b.match == ("flaky",)
    mine, theirs = list(log(store, "poor")), list(log(store, "again"))
    assert (mine[found.common], theirs[found.common]) == (found.a, found.b)
    told = [[(row.event, row.rule, row.match) for row in rows[: found.common]] for rows in (mine, theirs)]
    assert told[0] == told[1]
    assert (mine[found.common - 1].tx, theirs[found.common - 1].tx) == (found.a_tx, found.b_tx)
    shared = diff(store, "poor", found.a_tx, found.b_tx, other="again")
    assert {row.key for row in shared} == {"started", "ended", "attributes"}


def test_inputs_count_and_search_attributes_do_not(store):
    found = parted(store, "poor", "rich")
    assert (found.common, found.a_tx, found.b_tx) == (0, 0, 0)
    assert [side.params["inputs"] for side in (found.a, found.b)] == [{"name": "poor"}, {"name": "rich"}]


def test_a_run_and_an_earlier_state_of_it_part_where_that_ends(store):
    assert parted(store, "poor", "poor") is None
    until = store.version("poor", "HEAD~1").tx
    found = parted(store, "poor", "poor", b_until=until)
    rows = list(log(store, "poor"))
    assert found.b is None
    assert (found.a.seq, found.a_tx, found.b_tx) == (0, until, until)
    assert rows[found.common] == found.a
    for mine, theirs in zip_longest(rows[: found.common], log(store, "poor", until=until)):
        assert mine == theirs


def test_runs_with_other_inputs_part_there_then_in_data_and_at_last_in_their_paths(store):
    found = list(partings(store, "poor", "rich"))
    assert (found[0].what, found[0].common) == ("inputs", 0)
    assert found[0].keys == ("name",)
    assert [row.what for row in found if row.what != "data"] == ["inputs", "path"]
    last = found[-1]
    mine, theirs = list(log(store, "poor")), list(log(store, "rich"))
    assert (mine[last.common], theirs[last.common]) == (last.a, last.b)
    told = [[(row.event, row.rule, row.match) for row in rows[: last.common]] for rows in (mine, theirs)]
    assert told[0] == told[1]
    assert last.keys
    assert all(getattr(last.a, key) != getattr(last.b, key) for key in last.keys)
    assert parted(store, "poor", "rich") == found[0]
    rows = query(store, "CALL itonami.parted('rich') YIELD common, what, keys, a", graph="poor").to_dicts()
    assert [(row["common"], row["what"], tuple(row["keys"])) for row in rows] == [
        (row.common, row.what, row.keys) for row in found
    ]
    assert list(partings(store, "poor", "poor")) == []
