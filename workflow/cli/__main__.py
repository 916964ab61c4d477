"""`python -m itonami.workflow.cli`: the console script, where it is not on the path."""

from itonami.workflow.cli import main

main()
