"""An independent engine, by brute force: every assignment of variables to elements is tried.

It shares with the package only the rule as data. Terms are interpreted, not compiled; Kleene's logic is that of
minimum and maximum. And the strategies: small random graphs, rules and rule sets.
"""

from __future__ import annotations

import math
from itertools import product
from random import Random

from hypothesis import strategies as st

from itonami.graphstore import Edge, Graph, Head, Node
from itonami.rules.pattern import Assignment, EdgePattern, Nac, NodePattern, Pattern, Relabel
from itonami.rules.rule import Rule
from itonami.rules.step import Step
from itonami.rules.term import (
    Binary,
    Id,
    IsNull,
    Labels,
    ListOf,
    Literal,
    Logic,
    Parameter,
    Property,
    Unary,
)

# -- terms -----------------------------------------------------------------------------------------------------


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    return a == b


def evaluate(term, elements, params=None):
    """The value of a term; `elements` maps variables to nodes and edges."""

    def go(part):
        return evaluate(part, elements, params)

    match term:
        case Literal(value):
            return value
        case ListOf(items):
            return [go(item) for item in items]
        case Property(variable, key):
            return elements[variable].data.get(key)
        case Parameter(name):
            return (params or {}).get(name)
        case Id(variable):
            return elements[variable].id
        case Labels(variable):
            element = elements[variable]
            return sorted(element.labels) if isinstance(element, Node) else [element.label]
        case Unary("not", operand):
            value = go(operand)
            return None if not isinstance(value, bool) else not value
        case Unary("-", operand):
            value = go(operand)
            return in_range(-value) if number(value) else None
        case IsNull(operand, negated):
            return (go(operand) is None) != negated
        case Logic(operator, items):
            ranks = [{True: 2, False: 0}[v] if isinstance(v, bool) else 1 for v in map(go, items)]
            return (False, None, True)[min(ranks) if operator == "and" else max(ranks)]
        case Binary(operator, left, right):
            return binary(operator, go(left), go(right))


def number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def in_range(value):
    if isinstance(value, int):
        return value if -(2**63) <= value <= 2**63 - 1 else None
    return value if math.isfinite(value) else None


def binary(operator, a, b):
    if operator == "in":
        if not isinstance(b, list):
            return None
        found = [binary("=", a, item) for item in b]
        return True if True in found else None if None in found else False
    if a is None or b is None:
        return None
    if operator in ("=", "<>"):
        return same(a, b) == (operator == "=")
    if operator in ("starts with", "ends with", "contains"):
        if not (isinstance(a, str) and isinstance(b, str)):
            return None
        return {"starts with": a.startswith(b), "ends with": a.endswith(b), "contains": b in a}[operator]
    if operator in ("<", "<=", ">", ">="):
        if not ((number(a) and number(b)) or (type(a) is type(b) and isinstance(a, str))):
            return None
        return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator]
    if operator == "+" and type(a) is type(b) and isinstance(a, str | list):
        return a + b
    if not (number(a) and number(b)):
        return None
    try:
        return in_range(arithmetic(operator, a, b))
    except (ZeroDivisionError, OverflowError):
        return None


def arithmetic(operator, a, b):
    whole = isinstance(a, int) and isinstance(b, int)
    match operator:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return (abs(a) // abs(b)) * (1 if (a >= 0) == (b >= 0) else -1) if whole else a / b
        case "%":
            if b == 0:
                raise ZeroDivisionError
            return abs(a) % abs(b) * (1 if a >= 0 else -1) if whole else math.fmod(a, b)


# -- matching and gluing ---------------------------------------------------------------------------------------


def embeddings(pattern, graph, fixed, injective):
    """All ways to extend `fixed` (variable -> element) to a pattern; distinct on what the pattern lists: on all of it
    (True), on its nodes, its edges, or nothing (False)."""
    apart = {True: ("nodes", "edges"), False: ()}.get(injective, (injective,))
    nodes, edges = list(graph.nodes()), list(graph.edges())
    choices = [
        [
            node
            for node in ([fixed[n.variable]] if n.variable in fixed else nodes)
            if set(n.labels) <= node.labels
        ]
        for n in pattern.nodes
    ]
    for values in product(*choices):
        found = {**fixed, **dict(zip((n.variable for n in pattern.nodes), values, strict=True))}
        if "nodes" in apart and len({node.id for node in values}) < len(values):
            continue
        fitting = [
            [
                edge
                for edge in ([fixed[e.variable]] if e.variable in fixed else edges)
                if (e.label is None or edge.label == e.label)
                and (edge.source, edge.target) == (found[e.source].id, found[e.target].id)
            ]
            for e in pattern.edges
        ]
        for chosen in product(*fitting):
            if "edges" not in apart or len({edge.id for edge in chosen}) == len(chosen):
                yield {**found, **dict(zip((e.variable for e in pattern.edges), chosen, strict=True))}


def forbids(nac, graph, found, injective, params=None):
    """Whether a NAC forbids what was found: there is N without N'."""
    return any(
        all(evaluate(term, extended, params) is True for term in nac.where)
        and not any(forbids(inner, graph, extended, injective, params) for inner in nac.nacs)
        for extended in embeddings(nac.pattern, graph, found, injective)
    )


def naive_matches(rule, graph, injective=True, params=None, nac_injective=None):
    """The ids of every match, as a set."""
    result = set()
    nac_injective = injective if nac_injective is None else nac_injective
    for found in embeddings(rule.L, graph, {}, injective):
        if not all(evaluate(term, found, params) is True for term in rule.where):
            continue
        if any(forbids(nac, graph, found, nac_injective, params) for nac in rule.nacs):
            continue
        result.add(tuple(found[v].id for v in rule.variables))
    return result


def naive_glues(rule, ids, graph):
    """Whether G - m(L - K) is a graph, and nothing that goes (an element, a property's value, a label)
    coincides with anything else matched that is written."""
    places = dict(zip(rule.variables, ids, strict=True))
    kinds = {n.variable: "node" for n in rule.L.nodes} | {e.variable: "edge" for e in rule.L.edges}
    for v in rule.delete:
        for w in rule.variables:
            if v != w and kinds[v] == kinds[w] and places[v] == places[w]:
                return False
    written = [(places[a.variable], a.key) for a in rule.assignments if a.variable in places]
    written += [
        (places[r.variable], "label", label) for r in rule.relabels for label in (*r.added, *r.removed)
    ]
    if len(set(written)) < len(written):
        return False
    gone = {places[v] for v in rule.delete}
    return not any(e.id not in gone and {e.source, e.target} & gone for e in graph.edges())


def naive_applicable(rule, graph):
    """The ids of every injective match at which the rule applies."""
    return {ids for ids in naive_matches(rule, graph) if naive_glues(rule, ids, graph)}


# -- strategies ------------------------------------------------------------------------------------------------

LABELS, TYPES, KEYS, VALUES = ("A", "B"), ("x", "y"), ("p", "q"), ("u", "v", 1, True)

seeds = st.integers(0, 2**64).map(Random)
"""Draws come from a seed: rules and graphs of even sizes, a hundred times as fast as draw by draw."""


def some(rng, items, chance):
    return [item for item in items if rng.random() < chance]


def random_properties(rng):
    return {key: rng.choice(VALUES) for key in some(rng, KEYS, 0.6)}


def random_graph(rng, most_nodes=4, most_edges=5):
    nodes = [
        Node(f"n{k}", some(rng, LABELS, 0.5), random_properties(rng))
        for k in range(most_nodes - min(rng.randint(0, most_nodes), rng.randint(0, most_nodes)))
    ]
    count = most_edges - min(rng.randint(0, most_edges), rng.randint(0, most_edges)) if nodes else 0
    edges = [
        Edge(f"e{k}", rng.choice(nodes).id, rng.choice(TYPES), rng.choice(nodes).id, random_properties(rng))
        for k in range(count)
    ]
    return Graph().replaced([*nodes, *edges])


def head_in_order(graph, order):
    """A head of the graph whose dictionaries were filled in another order."""
    head, items = Head(), list(graph.items())
    order.shuffle(items)
    for item in sorted(items, key=lambda item: isinstance(item, Edge)):
        (head.put_edge if isinstance(item, Edge) else head.put_node)(item)
    head.settle()
    return head


def random_condition(rng, variables, depth=1):
    """A term over some variables that is mostly a condition."""
    if depth and rng.random() < 0.3:
        inner = random_condition(rng, variables, depth - 1)
        if rng.random() < 0.5:
            return Unary("not", inner)
        return Logic(rng.choice(("and", "or")), (inner, random_condition(rng, variables, depth - 1)))
    variable = rng.choice(variables)
    place = Property(variable, rng.choice(KEYS))
    value = Literal(rng.choice(VALUES))
    return rng.choice(
        [
            Binary("=", place, value),
            Binary("<>", place, value),
            Binary("in", place, ListOf((value, Literal("u")))),
            IsNull(place, rng.random() < 0.5),
            Binary("=", place, Property(rng.choice(variables), rng.choice(KEYS))),
            Binary("in", Literal("A"), Labels(variable)),
            Binary("<>", Id(variable), Id(rng.choice(variables))),
        ]
    )


def random_pattern(rng, prefix, nodes, edges, shared=()):
    listed = [NodePattern(v, tuple(some(rng, LABELS, 0.15))) for v in shared]
    own = [NodePattern(f"{prefix}{k}", tuple(some(rng, LABELS, 0.25))) for k in range(nodes)]
    ends = [node.variable for node in listed + own]
    drawn = [
        EdgePattern(f"{prefix}e{k}", rng.choice(ends), rng.choice((*TYPES, None)), rng.choice(ends))
        for k in range(edges if ends else 0)
    ]
    return Pattern(tuple(listed + own), tuple(drawn))


def random_nac(rng, outer, prefix="m", nested=0.4):
    """A NAC around which are L, or L and another NAC; `nested` is the chance that it has NACs of its own."""
    shared = some(rng, [node.variable for node in outer.nodes], 0.5)
    pattern = random_pattern(rng, prefix, rng.choice((0, 1, 1, 2)), rng.randint(0, 2), shared)
    if outer.edges and rng.random() < 0.2:
        edge = rng.choice(outer.edges)
        pattern = Pattern(pattern.nodes, (*pattern.edges, edge))
    own = tuple(v for v in pattern.variables if v not in outer.variables)
    variables = own if own and rng.random() < 0.7 else (*pattern.variables, *outer.variables)
    where = (random_condition(rng, variables),) if variables and rng.random() < 0.5 else ()
    inner = []
    if pattern and rng.random() < nested:
        around = outer.joined(pattern)
        inner = [random_nac(rng, around, f"k{n}", nested=0) for n in range(rng.choice((1, 1, 2)))]
    return Nac(pattern, where, tuple(nac for nac in inner if nac.pattern))


def random_creation(rng, kept):
    new = tuple(NodePattern(f"c{k}", tuple(some(rng, LABELS, 0.5))) for k in range(rng.randint(0, 1)))
    ends = kept + [node.variable for node in new]
    edges = [
        EdgePattern(f"d{k}", rng.choice(ends), rng.choice(TYPES), rng.choice(ends))
        for k in range(rng.randint(0, 2) if ends else 0)
    ]
    return Pattern(new, tuple(edges))


def random_rule(rng, name="r", most_nodes=3, most_edges=3):
    nodes = min(most_nodes, rng.choice((0, 1, 1, 1, 2, 2, 3)))
    left = random_pattern(rng, "a", nodes, min(most_edges, rng.choice((0, 0, 1, 1, 2, 3))))
    deleted = set(some(rng, [edge.variable for edge in left.edges], 0.3))
    if left.nodes and rng.random() < 0.3:
        gone = rng.choice(left.nodes).variable
        deleted |= {gone, *(edge.variable for edge in left.at(gone))}
    kept = [node.variable for node in left.nodes if node.variable not in deleted]
    may_create = rng.random() < 0.5 and any(edge.variable in deleted for edge in left.edges)
    create = random_creation(rng, kept) if may_create else Pattern()
    staying = [variable for variable in left.variables if variable not in deleted]
    places = [(v, key) for v in (*staying, *create.variables) for key in KEYS]
    values = [Literal(value) for value in (*VALUES, None)] + [Property(v, "p") for v in left.variables]
    relabels = []
    if kept and rng.random() < 0.4:
        parts = [(rng.choice(LABELS),), ()]
        rng.shuffle(parts)
        relabels.append(Relabel(rng.choice(kept), *parts))
    chosen = left.variables and rng.choice((0, 0, 0, 1, 2))
    nacs = [random_nac(rng, left) for _ in range(rng.choice((0, 0, 1, 1, 2)))]
    return Rule(
        name=name,
        L=left,
        delete=tuple(deleted),
        create=create,
        where=tuple(random_condition(rng, left.variables) for _ in range(chosen or 0)),
        nacs=tuple(nac for nac in nacs if nac.pattern),
        assignments=tuple(
            Assignment(*place, rng.choice(values))
            for place in rng.sample(places, min(len(places), rng.randint(0, 2)))
        ),
        relabels=tuple(relabels),
        priority=rng.randint(-1, 1),
    )


def graphs(most_nodes=4, most_edges=5):
    return seeds.map(lambda rng: random_graph(rng, most_nodes, most_edges))


def rules(name="r", most_nodes=3, most_edges=3):
    return seeds.map(lambda rng: random_rule(rng, name, most_nodes, most_edges))


def random_model(rng, rule):
    """A graph that was drawn after the rule: L, mostly a NAC and one of its own, and a little else. So an edit of it
    often decides whether the rule applies."""
    pattern = rule.L
    for nac in rng.sample(rule.nacs, min(len(rule.nacs), 1)) if rng.random() < 0.8 else ():
        pattern = pattern.joined(nac.pattern)
        for inner in rng.sample(nac.nacs, min(len(nac.nacs), 1)):
            pattern = pattern.joined(inner.pattern)
    ids, evolver = {}, random_graph(rng, 1, 1).evolver()
    for node in pattern.nodes:
        if ids and rng.random() < 0.1:
            ids[node.variable] = rng.choice(list(ids.values()))
            continue
        labels = {*node.labels, *some(rng, LABELS, 0.1)}
        id = f"v{len(ids)}"
        ids[node.variable] = evolver.add_node(*labels, id=id, properties=random_properties(rng))
    for edge in pattern.edges:
        ends = ids[edge.source], ids[edge.target]
        evolver.add_edge(ends[0], edge.label or rng.choice(TYPES), ends[1], properties=random_properties(rng))
    return evolver.persistent()


def edits(rng, graph, count):
    """Pairs of graphs an edit or two apart, both ways, each with the step from the one to the other."""
    for _ in range(count):
        evolver = graph.evolver()
        for _ in range(rng.choice((1, 1, 1, 2))):
            random_edit(rng, evolver)
        later, delta = evolver.persistent(), evolver.delta()
        yield graph, later, Step.of(delta)
        yield later, graph, Step.of(delta.inverse())


def found_from_seeds(triggers, head, step):
    """The ids of all matches that the finders find from the seeds of a change."""
    found = set()
    for number, id in triggers.seeds(head, step):
        finder = triggers.finder(number)
        found |= set(finder(head, None, id) if id else finder(head, None))
    return found


def random_edit(rng, evolver):
    """Make one free edit of a graph."""
    nodes, edges = [n.id for n in evolver.nodes()], [e.id for e in evolver.edges()]
    kinds = ["add"] + (
        ["connect", "update", "update", "unset", "relabel", "relabel", "remove"] if nodes else []
    )
    kinds += ["cut", "cut", "update edge", "update edge"] if edges else []
    match rng.choice(kinds):
        case "add":
            evolver.add_node(*some(rng, LABELS, 0.5), properties=random_properties(rng))
        case "connect":
            evolver.add_edge(rng.choice(nodes), rng.choice(TYPES), rng.choice(nodes))
        case "update":
            evolver.update(rng.choice(nodes), **{rng.choice(KEYS): rng.choice(VALUES)})
        case "unset":
            evolver.unset(rng.choice(nodes), rng.choice(KEYS))
        case "relabel":
            evolver.relabel(rng.choice(nodes), add=some(rng, LABELS, 0.5), remove=some(rng, LABELS, 0.5))
        case "remove":
            evolver.remove_node(rng.choice(nodes), detach=True)
        case "cut":
            evolver.remove_edge(rng.choice(edges))
        case "update edge":
            evolver.update(rng.choice(edges), **{rng.choice(KEYS): rng.choice(VALUES)})
