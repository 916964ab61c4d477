"""The `itonami` command."""

from itonami.workflow.cli import care, runs, views
from itonami.workflow.cli.app import app, main

__all__ = ["app", "care", "main", "runs", "views"]
