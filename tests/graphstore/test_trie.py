"""The trie is a function of its content; updates, deletes and diff agree with a dict."""

from hypothesis import given
from hypothesis import strategies as st

from itonami.graphstore import Node, trie

keys = st.sampled_from([f"{i:02x}{j:02x}" for i in (0, 1, 16, 17, 255) for j in (0, 1, 16, 240)])
contents = st.dictionaries(keys, st.integers(0, 3), max_size=12)


def record(path: str, value: int) -> Node:
    return Node(path, ("T",), {"v": value})


def build(content: dict[str, int], order: list[str]) -> trie.Tree:
    tree: trie.Tree = None
    for path in order:
        tree = trie.put(tree, path, record(path, content[path]))
    return tree


@given(contents, st.randoms(), st.sets(keys))
def test_same_content_same_root_whatever_the_order_of_puts_and_deletes(content, rng, extra):
    tree = build(content, sorted(content))
    order = list(content)
    rng.shuffle(order)
    other = build(content, order)
    for path in extra - content.keys():
        other = trie.put(other, path, record(path, 9))
    for path in extra - content.keys():
        other = trie.delete(other, path)
    assert trie.root(tree) == trie.root(other)
    assert [item.id for item in trie.items(tree)] == sorted(content)


@given(contents, contents)
def test_equal_roots_mean_equal_content(a, b):
    assert (trie.root(build(a, list(a))) == trie.root(build(b, list(b)))) == (a == b)


@given(contents, contents)
def test_differing_finds_just_the_items_that_differ(a, b):
    only_a, only_b = trie.differing(build(a, list(a)), build(b, list(b)))
    assert {i.id: i.data["v"] for i in only_a} == {k: v for k, v in a.items() if b.get(k) != v}
    assert {i.id: i.data["v"] for i in only_b} == {k: v for k, v in b.items() if a.get(k) != v}


@given(contents, keys, st.sampled_from(["", "0", "00", "001", "1", "ff"]))
def test_reading_agrees_with_a_dict(content, path, prefix):
    tree = build(content, list(content))
    found = trie.get(tree, path)
    assert (None if found is None else found.data["v"]) == content.get(path)
    assert [i.id for i in trie.items(tree, prefix)] == sorted(k for k in content if k.startswith(prefix))


def test_an_update_shares_all_but_one_path():
    items = [Node(str(i)) for i in range(2_000)]
    tree = None
    for item in items:
        tree = trie.put(tree, item.path, item)
    changed = Node("7", data={"x": 1})
    after = trie.put(tree, changed.path, changed)
    before_ids, after_ids = ({id(node) for node in nodes(t)} for t in (tree, after))
    assert len(after_ids - before_ids) <= 6


def nodes(tree):
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, trie.Branch):
            stack.extend(node.children.values())
