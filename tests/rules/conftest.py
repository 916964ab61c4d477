"""The naive engine beside these tests is a plain module; let them import it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
