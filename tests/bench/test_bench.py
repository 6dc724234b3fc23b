"""The benchmarks themselves work: each measures something, in tiny amounts; no figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rates", "claims", "large"])
def test_a_benchmark_measures(name: str) -> None:
    """80: speed is measured by benchmarks, never by timed tests."""
    command = [sys.executable, "-m", "bench", "--quick", name]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["machine"]["cores"] >= 1
    if name == "rates":
        assert all(one["per_second"] > 0 for one in found["figures"].values())
    if name == "claims":
        assert found["idle"]["count"] == 20
    if name == "large":
        assert found["latencies"]["claim"]["count"] == 20
