"""All rows of the budgets table, by name: engine, store, rules, queries. Add a row where its like stand."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.engine_rows import ENGINE_ROWS
from benchmarks.query_rows import QUERY_ROWS
from benchmarks.row import Row
from benchmarks.rules_rows import RULES_ROWS
from benchmarks.store_rows import STORE_ROWS

__all__ = ["ROWS"]

ROWS: Mapping[str, Row] = {**ENGINE_ROWS, **STORE_ROWS, **RULES_ROWS, **QUERY_ROWS}
