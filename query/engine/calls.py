"""Calls of functions, compiled.

A function is found by name once; its arguments are closures. startNode and endNode are no functions of values: an edge
knows only the ids of its ends, and they are looked up in the version that the edge was read from.

Aggregates are `projections`'.
"""

from __future__ import annotations

from itonami.graphstore.graph import Edge
from itonami.query.cypher.ast import Expression, FunctionCall, Variable
from itonami.query.cypher.errors import EntityNotFound, QueryError
from itonami.query.engine.expressions import counted, read
from itonami.query.engine.logic import LogicCompiler
from itonami.query.engine.place import placed
from itonami.query.engine.runtime import HERE, RUNTIME, Evaluate, Row
from itonami.query.engine.scope import Scope
from itonami.query.faults import wrong_type
from itonami.query.functions import FUNCTIONS, Function
from itonami.query.values import Value, spoken_type

__all__ = ["CallCompiler"]

_ENDS = {"startnode": "source", "endnode": "target"}


class CallCompiler(LogicCompiler):
    """Compiles function calls."""

    def graph_of(self, node: Expression, scope: Scope) -> int:
        """The slot of the version that a value was read from."""
        graph = scope.names[node.name].graph if isinstance(node, Variable) else scope.graph
        self.reads_default |= graph == HERE
        return graph

    def _call(self, node: FunctionCall, scope: Scope) -> Evaluate:
        if node.name in _ENDS:
            return self._end(node, scope)
        function = FUNCTIONS[node.name]
        arguments = [self.compile(argument, scope) for argument in node.arguments]
        text, at = self.text, node.at
        if len(arguments) == 1 and not function.contextual and function.null_in_null_out:
            return _simple_call(function, arguments[0], text, at)

        def run(row: Row) -> Value:
            try:
                values = [argument(row) for argument in arguments]
                return counted(row, function(row[RUNTIME].context, values))
            except QueryError as error:
                raise placed(error, text, at) from None

        return run

    def _end(self, node: FunctionCall, scope: Scope) -> Evaluate:
        """startNode and endNode: in the version that the relationship was read from."""
        subject, attribute = self.compile(node.arguments[0], scope), _ENDS[node.name]
        graph, text, at = self.graph_of(node.arguments[0], scope), self.text, node.at

        def run(row: Row) -> Value:
            edge = subject(row)
            if edge is None:
                return None
            if type(edge) is not Edge:
                fault = wrong_type(f"{node.name}() takes a relationship, not {spoken_type(edge)}")
                raise placed(fault, text, at)
            found = row[graph].find(getattr(edge, attribute))
            if found is None:
                raise EntityNotFound(
                    f"the {attribute} of {edge.id!r} is not in the version that is read here",
                    text=text,
                    at=at,
                )
            return found

        return run


def _simple_call(function: Function, argument: Evaluate, text: str, at: int) -> Evaluate:
    call = function.call

    def run(row: Row) -> Value:
        value = argument(row)
        if value is None:
            return None
        try:
            return counted(row, call(read(row, value)))
        except QueryError as error:
            raise placed(error, text, at) from None

    return run


CallCompiler.rules = {**LogicCompiler.rules, FunctionCall: CallCompiler._call}
