"""What the documents say is tried: every YAML example is a definition, every link leads somewhere."""

import re
from pathlib import Path

import pytest

from itonami.workflow.definition import loads

DOCS = sorted((Path(__file__).parent.parent / "docs").glob("*.md"))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_yaml_example_is_a_definition(path):
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL)):
        assert loads(text, "yaml", f"{path.name}#{number}").id


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target
