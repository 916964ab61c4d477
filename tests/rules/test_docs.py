"""`docs/rules.md` says what is so: its examples are run."""

import doctest
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_examples_of_the_tutorial_do_what_they_show():
    failed, tried = doctest.testfile(
        str(DOCUMENT), module_relative=False, encoding="utf-8", optionflags=doctest.ELLIPSIS
    )
    assert not failed
    assert tried > 40
