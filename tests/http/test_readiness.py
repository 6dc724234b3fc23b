"""R10: a database that does not answer turns readiness red and stops nothing else; afterwards all goes on."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import pytest

from tests.http.world import START, serving

HOLD = """
import sys
import apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.faults
def test_r10_a_writer_that_waits_turns_readiness_red_until_it_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path / "data", sweep_seconds=0.2) as coordinator:
        command = [sys.executable, "-c", HOLD, str(coordinator.data_dir / "callboard.db")]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        answers: list[httpx2.Response] = []
        writing = threading.Thread(target=lambda: answers.append(coordinator.call("POST", "/runs", START)))
        writing.start()
        deadline = time.monotonic() + 20
        while (ready := coordinator.call("GET", "/readyz", token=None)).status_code == 200:
            assert time.monotonic() < deadline, "the write has not begun"
        assert (ready.status_code, ready.json()["errors"][0]["check"]) == (503, "store")
        assert coordinator.call("GET", "/healthz", token=None).status_code == 200
        assert coordinator.call("GET", "/runs").status_code == 200, "readers go on"
        holder.stdin.close()
        holder.wait(10)
        holder.stdout.close()
        writing.join(30)
        assert answers[0].status_code in (201, 503)
        assert coordinator.call("GET", "/readyz", token=None).status_code == 200
        coordinator.create_run()
