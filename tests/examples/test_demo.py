"""`make demo`, once, as a newcomer runs it: every claim it prints is checked by itself, so its end says all."""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

DEMO = Path(__file__).parents[2] / "examples" / "order" / "demo.py"


def test_the_demo_kills_resumes_asks_and_verifies(tmp_path):
    pycache = Path(tempfile.gettempdir()) / "itonami-tests"
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = kept | {"TMPDIR": str(tmp_path), "PYTHONPYCACHEPREFIX": str(pycache)}
    demo = subprocess.run(
        [sys.executable, str(DEMO)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    for shown in (
        "died by SIGKILL",
        "▶ process_payment",
        "order-17 succeeded",
        '"confirmationId": "CONF-17"',
        "the service saw /pay again with key order-17/process_payment/1, and nothing else",
        "it took one payment: [129.5]",
        '~ process_payment.status: "running" -> "succeeded"',
        "replay: ok",
        "order-404 failed: UnexpectedRows",
        "RunFailed",
        "verify: ok",
    ):
        assert shown in demo.stdout, shown
    assert "Traceback" not in demo.stderr
    pictures = sorted(tmp_path.glob("itonami-demo-*/*.svg"))
    assert [picture.name for picture in pictures] == ["order-17.svg", "order-404.svg"]
    for picture in pictures:
        ElementTree.parse(picture)
