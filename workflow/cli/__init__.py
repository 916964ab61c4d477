"""The `itonami` command: the packages' faces as small functions, one a command.

    app        options, errors to sentences, exit codes      documents   what `--json` prints
    runs       run, resume, cancel, terminate                output      how text is printed
    views      ps, show, log, diff                           progress    what is seen while a run goes on
    audit      replay, verify, check                         subject     the store and the graph that are meant
    proofs     checkpoint, prove, verify-proof               kept        the files that are kept outside the store
    care       stats, backup, compact, prune, ...            grammars    the files of rules that are meant
    rules      rules explore, run, match, pairs, show        history     history, blame, causes
    query      query

A command looks up, asks and prints. What a workflow, a store or a drawing is may not live here.
"""

# The order of these is the order of `itonami --help`.
from itonami.workflow.cli import runs  # isort: skip
from itonami.workflow.cli import views  # isort: skip
from itonami.workflow.cli import history  # isort: skip
from itonami.workflow.cli import query  # isort: skip
from itonami.workflow.cli import audit  # isort: skip
from itonami.workflow.cli import proofs  # isort: skip
from itonami.workflow.cli import care  # isort: skip
from itonami.workflow.cli import rules  # isort: skip
from itonami.workflow.cli.app import app, main  # isort: skip

__all__ = ["app", "audit", "care", "history", "main", "proofs", "query", "rules", "runs", "views"]
