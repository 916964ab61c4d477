"""The crash harness beside these tests (`crash/`) can be imported by the names of its modules."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "crash"))
