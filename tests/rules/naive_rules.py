"""An independent engine, by brute force: every assignment of variables to elements is tried.

It shares with the package only the rule as data. Terms are interpreted, not compiled; Kleene's logic is that of
minimum and maximum. And the strategies: small random graphs, rules and rule sets.
"""

from __future__ import annotations

import math
from itertools import product

from hypothesis import strategies as st

from itonami.graphstore import Edge, Graph, Head, Node
from itonami.rules.pattern import Assignment, EdgePattern, Nac, NodePattern, Pattern, Relabel
from itonami.rules.rule import Rule
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
    """All ways to extend `fixed` (variable -> element) to a pattern; distinct on what the pattern lists."""
    nodes, edges = list(graph.nodes()), list(graph.edges())
    node_vars = [n.variable for n in pattern.nodes]
    edge_vars = [e.variable for e in pattern.edges]
    choices = [[fixed[v]] if v in fixed else nodes for v in node_vars]
    choices += [[fixed[v]] if v in fixed else edges for v in edge_vars]
    for values in product(*choices):
        found = dict(zip(node_vars + edge_vars, values, strict=True))
        if injective:
            node_ids, edge_ids = [found[v].id for v in node_vars], [found[v].id for v in edge_vars]
            if len(set(node_ids)) < len(node_ids) or len(set(edge_ids)) < len(edge_ids):
                continue
        if all(set(n.labels) <= found[n.variable].labels for n in pattern.nodes) and all(
            (e.label is None or found[e.variable].label == e.label)
            and found[e.variable].source == found[e.source].id
            and found[e.variable].target == found[e.target].id
            for e in pattern.edges
        ):
            yield {**fixed, **found}


def naive_matches(rule, graph, injective=True, params=None):
    """The ids of every match, as a set."""
    result = set()
    for found in embeddings(rule.L, graph, {}, injective):
        if not all(evaluate(term, found, params) is True for term in rule.where):
            continue
        if any(
            all(evaluate(term, extended, params) is True for term in nac.where)
            for nac in rule.nacs
            for extended in embeddings(nac.pattern, graph, found, injective)
        ):
            continue
        result.add(tuple(found[v].id for v in rule.variables))
    return result


def naive_glues(rule, ids, graph):
    """Whether G - m(L - K) is a graph and nothing deleted coincides with anything else matched."""
    places = dict(zip(rule.variables, ids, strict=True))
    kinds = {n.variable: "node" for n in rule.L.nodes} | {e.variable: "edge" for e in rule.L.edges}
    for v in rule.delete:
        for w in rule.variables:
            if v != w and kinds[v] == kinds[w] and places[v] == places[w]:
                return False
    gone = {places[v] for v in rule.delete}
    return not any(e.id not in gone and {e.source, e.target} & gone for e in graph.edges())


def naive_applicable(rule, graph):
    """The ids of every injective match at which the rule applies."""
    return {ids for ids in naive_matches(rule, graph) if naive_glues(rule, ids, graph)}


# -- strategies ------------------------------------------------------------------------------------------------

LABELS, TYPES, KEYS, VALUES = ("A", "B"), ("x", "y"), ("p", "q"), ("u", "v", 1, True)
properties = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=2)
label_sets = st.sets(st.sampled_from(LABELS), max_size=2)


@st.composite
def graphs(draw, max_nodes=4, max_edges=5):
    nodes = [Node(f"n{k}", draw(label_sets), draw(properties)) for k in range(draw(st.integers(0, max_nodes)))]
    edges = []
    if nodes:
        ends = st.sampled_from([node.id for node in nodes])
        for k in range(draw(st.integers(0, max_edges))):
            edges.append(Edge(f"e{k}", draw(ends), draw(st.sampled_from(TYPES)), draw(ends), draw(properties)))
    return Graph().replaced([*nodes, *edges])


def head_in_order(graph, order):
    """A head of the graph whose dictionaries were filled in another order."""
    head, items = Head(), list(graph.items())
    order.shuffle(items)
    for item in sorted(items, key=lambda item: isinstance(item, Edge)):
        (head.put_edge if isinstance(item, Edge) else head.put_node)(item)
    head.settle()
    return head


@st.composite
def conditions(draw, variables, depth=2):
    """A term over some variables that is mostly a condition."""
    if depth == 0 or draw(st.booleans()):
        variable = draw(st.sampled_from(variables))
        place = Property(variable, draw(st.sampled_from(KEYS)))
        kind = draw(st.integers(0, 5))
        value = Literal(draw(st.sampled_from(VALUES)))
        other = Property(draw(st.sampled_from(variables)), draw(st.sampled_from(KEYS)))
        return [
            Binary("=", place, value),
            Binary("<>", place, value),
            Binary("in", place, ListOf((value, Literal("u")))),
            IsNull(place, draw(st.booleans())),
            Binary("=", place, other),
            Binary("in", Literal("A"), Labels(variable)),
        ][kind]
    inner = conditions(variables, depth=depth - 1)
    if draw(st.booleans()):
        return Unary("not", draw(inner))
    return Logic(draw(st.sampled_from(("and", "or"))), (draw(inner), draw(inner)))


@st.composite
def patterns(draw, prefix, nodes, edges, shared=()):
    own = [NodePattern(f"{prefix}{k}", tuple(draw(label_sets))) for k in range(nodes)]
    listed = [NodePattern(v, tuple(draw(label_sets)) if draw(st.booleans()) else ()) for v in shared]
    ends = [node.variable for node in listed + own]
    drawn = []
    if ends:
        for k in range(edges):
            source, target = draw(st.sampled_from(ends)), draw(st.sampled_from(ends))
            drawn.append(EdgePattern(f"{prefix}e{k}", source, draw(st.sampled_from((*TYPES, None))), target))
    return Pattern(tuple(listed + own), tuple(drawn))


@st.composite
def nacs(draw, left):
    nodes = [node.variable for node in left.nodes]
    shared = draw(st.lists(st.sampled_from(nodes), max_size=2, unique=True)) if nodes else []
    pattern = draw(patterns("m", draw(st.integers(0, 2)), draw(st.integers(0, 2)), tuple(shared)))
    if left.edges and draw(st.integers(0, 3)) == 0:
        edge = draw(st.sampled_from(left.edges))
        ends = tuple(NodePattern(v) for v in dict.fromkeys((edge.source, edge.target)) if v not in shared)
        pattern = Pattern(pattern.nodes + ends, (*pattern.edges, edge))
    variables = (*pattern.variables, *left.variables)
    where = (draw(conditions(variables, depth=1)),) if variables and draw(st.integers(0, 2)) == 0 else ()
    return Nac(pattern, where)


@st.composite
def rules(draw, name="r", max_nodes=3, max_edges=3, creates=True):
    nodes = draw(st.integers(0, max_nodes))
    left = draw(patterns("a", nodes, draw(st.integers(0, max_edges)) if nodes else 0))
    deleted = set()
    if left.edges:
        deleted |= set(draw(st.lists(st.sampled_from([e.variable for e in left.edges]), max_size=2)))
    if left.nodes and draw(st.integers(0, 2)) == 0:
        gone = draw(st.sampled_from([n.variable for n in left.nodes]))
        deleted |= {gone, *(edge.variable for edge in left.at(gone))}
    kept = [n.variable for n in left.nodes if n.variable not in deleted]
    kept_edges = [e.variable for e in left.edges if e.variable not in deleted]
    create = Pattern()
    if creates and any(e.variable in deleted for e in left.edges) and draw(st.booleans()):
        new = tuple(NodePattern(f"c{k}", tuple(draw(label_sets))) for k in range(draw(st.integers(0, 1))))
        ends = kept + [node.variable for node in new]
        count = draw(st.integers(0, 2)) if ends else 0
        create = Pattern(
            new,
            tuple(
                EdgePattern(
                    f"d{k}",
                    draw(st.sampled_from(ends)),
                    draw(st.sampled_from(TYPES)),
                    draw(st.sampled_from(ends)),
                )
                for k in range(count)
            ),
        )
    places = [(v, key) for v in (*kept, *kept_edges, *create.variables) for key in KEYS]
    assignments = []
    for v, key in draw(st.lists(st.sampled_from(places), max_size=2, unique=True)) if places else []:
        values = [Literal(draw(st.sampled_from((*VALUES, None))))]
        values += [Property(w, "p") for w in left.variables]
        assignments.append(Assignment(v, key, draw(st.sampled_from(values))))
    relabels = []
    if kept and draw(st.integers(0, 2)) == 0:
        label = draw(st.sampled_from(LABELS))
        added = draw(st.booleans())
        relabels.append(Relabel(draw(st.sampled_from(kept)), (label,) if added else (), () if added else (label,)))
    variables = left.variables
    where = draw(st.lists(conditions(variables), max_size=2)) if variables else []
    return Rule(
        name=name,
        L=left,
        delete=tuple(deleted),
        create=create,
        where=tuple(where),
        nacs=tuple(draw(st.lists(nacs(left), max_size=2))),
        assignments=tuple(assignments),
        relabels=tuple(relabels),
        priority=draw(st.integers(-1, 1)),
    )
