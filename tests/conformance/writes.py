"""CREATE, MERGE, SET, REMOVE and DELETE, for the tests alone: what the openCypher TCK needs to set graphs up.

The product has no writing clauses: state changes by rules. This small interpreter runs them over the product's parser
and its expressions, clause by clause, each eagerly on all rows. Its graphs hold any value of a query (the TCK stores
dates and durations), so they have no canonical bytes and never meet a store.
"""

from __future__ import annotations

import itertools

from itonami.graphstore.graph import Edge, Graph, Node
from itonami.query.context import Context
from itonami.query.cypher import ast
from itonami.query.cypher.checks import check
from itonami.query.cypher.errors import (
    EntityNotFound,
    QueryError,
    QuerySyntaxError,
    QueryTypeError,
    SemanticError,
)
from itonami.query.cypher.grouping import mentions
from itonami.query.cypher.parser import parse
from itonami.query.engine.clauses import ClauseCompiler
from itonami.query.engine.limits import Limits, Meter
from itonami.query.engine.program import compiled
from itonami.query.engine.runtime import HERE, Runtime, chained
from itonami.query.engine.scope import Binding, Frame, Scope
from itonami.query.engine.source import ValueSource
from itonami.query.engine.version import Version
from itonami.query.functions import FUNCTIONS
from itonami.query.path import Path
from itonami.query.values import type_name

WRITING = (ast.Create, ast.Merge, ast.Set, ast.Remove, ast.Delete)


class ConstraintFailed(QueryError):
    """A node was deleted that has relationships."""

    kind = "ConstraintVerificationFailed"


class Sandbox:
    """A mutable graph: the current value, and ids for what is created."""

    def __init__(self):
        self.graph = Graph()
        self.ids = itertools.count()

    def new_id(self, kind):
        return f"{kind}{next(self.ids):06}"


def run(text, sandbox, params, now, procedures=None):
    """(columns, rows) of any query, writing or not."""
    procedures = procedures or {}
    query = parse(text, writes=True)
    columns = check(query, FUNCTIONS, procedures)
    if not any(isinstance(clause, WRITING) for part in query.parts for clause in part.clauses):
        program = compiled(query, columns, procedures)
        runtime = program.runtime(ValueSource(sandbox.graph), params, Meter(Limits(seconds=4)), now=now)
        return columns, list(program.execute(runtime))
    interpreter = Interpreter(query, sandbox, procedures)
    return columns, interpreter.run(columns, params, now)


class Interpreter:
    """Runs one query that writes."""

    def __init__(self, query, sandbox, procedures):
        self.text = query.text
        self.sandbox = sandbox
        self.frame = Frame()
        self.compiler = ClauseCompiler(query.text, self.frame, procedures)
        self.plans = []
        for part in query.parts:
            scope, steps = Scope(), []
            for clause in part.clauses:
                if isinstance(clause, WRITING):
                    step, scope = getattr(self, "_" + type(clause).__name__.lower())(clause, scope)
                else:
                    stages, scope = self.compiler.clause(clause, scope)
                    step = self._reading(stages)
                steps.append(step)
            self.plans.append((steps, scope, isinstance(part.clauses[-1], ast.Return)))

    def run(self, columns, params, now):
        source = ValueSource(self.sandbox.graph)
        context = Context(now=now)
        self.runtime = Runtime(source, params, context, Meter(Limits(seconds=4)), self.frame.width)
        self.result = []
        self.start = self.sandbox.graph
        for steps, scope, returns in self.plans:
            self._see(self.sandbox.graph)
            rows = [self.runtime.first_row()]
            for step in steps:
                rows = step(rows)
            if returns:
                slots = [scope.names[name].slot for name in columns]
                self.result += [tuple(row[slot] for slot in slots) for row in rows]
        return self.result

    def _reading(self, stages):
        def step(rows):
            return [row.copy() for row in chained(stages, self.runtime, iter(rows))]

        return step

    # -- the graph ---------------------------------------------------------------------------------------

    @property
    def graph(self):
        return self.sandbox.graph

    def _see(self, graph):
        self.sandbox.graph = graph
        self.runtime.fixed[HERE] = Version(graph)

    def _change(self, puts=(), drops=()):
        self._see(self.graph.replaced(puts, drops))

    def _fresh(self, value):
        """A value with every element as it is now."""
        if type(value) is Node:
            return self.graph.find(value.id) or _gone(value)
        if type(value) is Edge:
            return self.graph.find_edge(value.id) or _gone(value)
        if type(value) is Path:
            return Path(tuple(map(self._fresh, value.nodes)), tuple(map(self._fresh, value.relationships)))
        if type(value) is list:
            return [self._fresh(item) for item in value]
        if type(value) is dict:
            return {key: self._fresh(item) for key, item in value.items()}
        return self.runtime.fixed[HERE] if type(value) is Version else value

    def _seeing(self, rows):
        """Rows that read the graph as it is now; none of their elements changed."""
        for row in rows:
            row[HERE] = self.runtime.fixed[HERE]
        return rows

    def _refresh(self, rows):
        for row in rows:
            for slot in range(1, len(row)):
                row[slot] = self._fresh(row[slot])
        return rows

    def _storable(self, properties):
        for key, value in properties.items():
            for item in value if type(value) is list else [value]:
                if isinstance(item, Node | Edge | Path | dict | list):
                    raise QueryTypeError(f"{key} cannot be a {type_name(item)}", detail="InvalidPropertyType")
        return {key: value for key, value in properties.items() if value is not None}

    # -- CREATE ------------------------------------------------------------------------------------------

    def _scope_of(self, patterns, scope):
        names = {}
        for pattern in patterns:
            for element in pattern.elements:
                if element.variable is not None and element.variable not in scope.names:
                    names.setdefault(element.variable, Binding(self.frame.slot()))
            if pattern.variable is not None:
                names[pattern.variable] = Binding(self.frame.slot())
        return scope.with_names(names)

    def _maker(self, pattern, before, scope):
        """What creates one pattern in a row."""
        parts = []
        for element in pattern.elements:
            slot = self.frame.slot() if element.variable is None else scope.names[element.variable].slot
            bound = element.variable is not None and element.variable in before.names
            data = None if element.properties is None else self.compiler.compile(element.properties, scope)
            parts.append((element, slot, bound, data))
        path = None if pattern.variable is None else scope.names[pattern.variable].slot

        def make(row, made):
            for element, slot, bound, data in parts[::2]:
                if bound or slot in made:
                    if row[slot] is None:
                        raise SemanticError("an end is null")
                    continue
                made.add(slot)
                node = Node(self.sandbox.new_id("n"), _labels(element.labels), self._data(data, row))
                row[slot] = node
                self._change([node])
            for at in range(1, len(parts), 2):
                element, slot, _, data = parts[at]
                left, right = row[parts[at - 1][1]], row[parts[at + 1][1]]
                if element.direction == "<-":
                    left, right = right, left
                (label,) = _labels(element.labels)
                edge = Edge(self.sandbox.new_id("r"), left.id, label, right.id, self._data(data, row))
                row[slot] = edge
                self._change([edge])
            if path is not None:
                slots = [slot for _, slot, _, _ in parts]
                row[path] = Path(tuple(row[s] for s in slots[::2]), tuple(row[s] for s in slots[1::2]))

        return make

    def _data(self, data, row):
        return {} if data is None else self._storable(dict(data(row) or {}))

    def _create(self, clause, scope):
        self._check_created(clause.patterns, scope)
        after = self._scope_of(clause.patterns, scope)
        makers, names = [], dict(scope.names)
        for pattern in clause.patterns:
            makers.append(self._maker(pattern, Scope(names), after))
            names |= {e.variable: after.names[e.variable] for e in pattern.elements if e.variable}

        def step(rows):
            for row in rows:
                made = set()
                for make in makers:
                    make(row, made)
            return self._seeing(rows)

        return step, after

    def _check_created(self, patterns, scope, merge=False):
        seen = set(scope.names)
        for pattern in patterns:
            for at, element in enumerate(pattern.elements):
                if at % 2:
                    self._check_link(element, seen, merge)
                elif element.variable in seen and (
                    len(pattern.elements) == 1 or element.labels or element.properties is not None
                ):
                    raise self._error("it is bound already", "VariableAlreadyBound", element)
                names = () if element.properties is None else _mentioned(element.properties)
                for name in names:
                    if name not in seen:
                        raise self._error(f"{name} is not defined", "UndefinedVariable", element)
                if isinstance(element.properties, ast.Parameter) and merge:
                    raise self._error("no parameter here", "InvalidParameterUse", element)
            seen |= {element.variable for element in pattern.elements if element.variable is not None}

    def _check_link(self, element, seen, merge):
        if isinstance(element, ast.QuantifiedPath) or element.length is not None:
            raise self._error("one step each", "CreatingVarLength", element)
        if not isinstance(element.labels, ast.LabelName):
            raise self._error("one type each", "NoSingleRelationshipType", element)
        if element.direction == "-" and not merge:
            raise self._error("a direction", "RequiresDirectedRelationship", element)
        if element.variable in seen:
            raise self._error("it is bound already", "VariableAlreadyBound", element)

    def _error(self, what, detail, node):
        return QuerySyntaxError(what, detail=detail, text=self.text, at=node.at)

    # -- MERGE -------------------------------------------------------------------------------------------

    def _merge(self, clause, scope):
        self._check_created((clause.pattern,), scope, merge=True)
        match = ast.Match((clause.pattern,))
        stages, matched = self.compiler.clause(match, scope)
        after = matched
        elements = clause.pattern.elements
        properties = [
            self.compiler.compile(element.properties, after)
            for element in elements
            if isinstance(element.properties, ast.MapLiteral)
        ]
        make = self._maker(clause.pattern, scope, after)
        on_create = [self._item(item, after) for item in clause.on_create]
        on_match = [self._item(item, after) for item in clause.on_match]

        def step(rows):
            found = []
            for row in rows:
                self._refresh([row])
                if any(value is None for data in properties for value in data(row).values()):
                    raise SemanticError("MERGE on null", detail="MergeReadOwnWrites")
                matches = [match.copy() for match in chained(stages, self.runtime, iter([row.copy()]))]
                if not matches:
                    made = row.copy()
                    make(made, set())
                    matches, items = [made], on_create
                else:
                    items = on_match
                for match in matches:
                    for item in items:
                        self._refresh([match])
                        item(match)
                found += matches
            return self._refresh(found)

        return step, after

    # -- SET, REMOVE -------------------------------------------------------------------------------------

    def _set(self, clause, scope, removes=False):
        items = [self._item(item, scope, removes) for item in clause.items]

        def step(rows):
            for item in items:
                for row in rows:
                    self._refresh([row])
                    item(row)
            return self._refresh(rows)

        return step, scope

    def _remove(self, clause, scope):
        return self._set(clause, scope, removes=True)

    def _check_item(self, item, scope):
        names = _mentioned(item)
        if isinstance(item, ast.SetLabels | ast.SetVariable):
            names.append(item.variable)
        for name in names:
            if name not in scope.names:
                raise self._error(f"{name} is not defined", "UndefinedVariable", item)
        if any(isinstance(node, ast.PatternPredicate) for node in _nodes(item)):
            raise self._error("a pattern stands where a value should", "UnexpectedSyntax", item)

    def _item(self, item, scope, removes=False):
        self._check_item(item, scope)
        if isinstance(item, ast.SetLabels):
            slot = scope.names[item.variable].slot
            return lambda row: self._set_labels(row[slot], set(item.labels), removes)
        if isinstance(item, ast.SetVariable):
            slot, value = scope.names[item.variable].slot, self.compiler.compile(item.value, scope)
            return lambda row: self._set_all(row[slot], value(row), item.adds)
        if isinstance(item.target, ast.Index):
            key = self.compiler.compile(item.target.index, scope)
        else:
            name = item.target.key

            def key(row):
                return name

        subject = self.compiler.compile(item.target.subject, scope)
        value = self.compiler.compile(item.value or ast.Literal(None), scope)

        def put(row):
            element = subject(row)
            if element is not None:
                data = dict(element.data)
                data[key(row)] = value(row)
                self._put(element, data)

        return put

    def _put(self, element, data):
        data = self._storable(data)
        if type(element) is Node:
            self._change([Node(element.id, element.labels, data)])
        else:
            self._change([Edge(element.id, element.source, element.label, element.target, data)])

    def _set_all(self, element, value, adds):
        if element is None:
            return
        if isinstance(value, Node | Edge):
            value = dict(value.data)
        if value is None:
            value = {}
        self._put(element, {**element.data, **value} if adds else value)

    def _set_labels(self, element, labels, removes):
        if element is not None:
            after = element.labels - labels if removes else element.labels | labels
            self._change([Node(element.id, after, element.data)])

    # -- DELETE ------------------------------------------------------------------------------------------

    def _delete(self, clause, scope):
        for target in clause.targets:
            if isinstance(target, ast.LabelTest):
                raise self._error("labels are removed", "InvalidDelete", target)
            self._check_item(target, scope)
            if not isinstance(target, ast.Variable | ast.Index | ast.Property | ast.FunctionCall):
                raise self._error("no node, relationship or path", "InvalidArgumentType", target)
        targets = [self.compiler.compile(target, scope) for target in clause.targets]

        def step(rows):
            nodes, edges = {}, {}
            for row in rows:
                for target in targets:
                    self._collect(target(row), nodes, edges)
            for id in nodes:
                touching = list(self.graph.out(id)) + list(self.graph.into(id))
                left = [edge for edge in touching if edge.id not in edges]
                if left and not clause.detach:
                    raise ConstraintFailed("the node has relationships", detail="DeleteConnectedNode")
                edges |= {edge.id: edge for edge in left}
            self._change((), [*edges.values(), *nodes.values()])
            return self._refresh(rows)

        return step, scope

    def _collect(self, value, nodes, edges):
        if value is None:
            return
        if type(value) is Path:
            for item in value.items():
                self._collect(item, nodes, edges)
        elif type(value) is Node:
            if self.graph.find(value.id) is not None:
                nodes[value.id] = self.graph.find(value.id)
        elif type(value) is Edge:
            if self.graph.find_edge(value.id) is not None:
                edges[value.id] = self.graph.find_edge(value.id)
        else:
            raise QueryTypeError(f"a {type_name(value)} cannot be deleted", detail="InvalidArgumentType")


class _Gone(dict):
    """The properties, or labels, of what was deleted: not to be read."""

    def get(self, key, default=None):
        raise EntityNotFound("it was deleted", detail="DeletedEntityAccess")

    def __iter__(self):
        return self.get(None)


def _gone(element):
    """A deleted element: it can be returned, and its type asked for, and nothing else."""
    if type(element) is Edge:
        return Edge(element.id, element.source, element.label, element.target, _Gone())
    node = Node(element.id, (), _Gone())
    node.labels = _Gone()
    return node


def _nodes(node):
    yield node
    for child in ast.children(node):
        yield from _nodes(child)


def _labels(labels):
    if labels is None:
        return ()
    if isinstance(labels, ast.LabelAnd):
        return tuple(label.name for label in labels.operands)
    return (labels.name,)


def _mentioned(node):
    return [name for name, _ in mentions(node, lambda _: False)]
