import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from mlops.serving.logs import log


def test_an_event_is_one_line_of_json(capfd):
    log("info", "release served", path=Path("releases"), text="two\nlines")
    said = json.loads(capfd.readouterr().out)
    assert datetime.fromisoformat(said.pop("at"))
    assert said == {"level": "info", "event": "release served", "path": "releases", "text": "two\nlines"}


@pytest.mark.parametrize(("text", "status"), [("log('info', 'x')", {0}), ("print('x', flush=True)", {1, 120})])
def test_a_log_that_takes_nothing_stops_nothing(text, status):
    code = f"import sys; sys.path.insert(0, 'src'); from mlops.serving.logs import log; {text}; sys.stdout = None"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.DEVNULL, check=False)
    assert done.returncode in status
