"""The front end of the query language: openCypher 9 and GQL's spellings, read-only.

    text --parse--> tree (`ast`) --check--> the names of the result's columns, or an error with its place

Nothing here reads a graph or evaluates an expression.
"""

from __future__ import annotations

from itonami.query.cypher.checks import check
from itonami.query.cypher.parser import parse

__all__ = ["check", "parse"]
