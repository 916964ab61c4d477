"""Benchmarks: each budget of the design, measured as a ratio against the systems one would use instead.

    python -m benchmarks [NAME...] [--peer PEER] [--quick] [--json | --markdown]

`rows` says what is measured, `peers` who is measured, `harness` how it is made fair, `machine` where it ran
and `report` how it is told. Nothing here is a timed test: no figure passes or fails.
"""
