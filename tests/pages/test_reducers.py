"""A81: what the pages make of the stream is what the coordinator says: one recording feeds both sides' tests."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY
from tests.pages.recording import FIXTURE, Recorder, shape_of
from tests.support.world import World

WEB = REPOSITORY / "web"


@pytest.mark.slow
def test_the_recording_is_what_the_coordinator_does_today(short_directory: Path) -> None:
    """Else the reducers are tested against a past: `python -m tests.pages.recording` writes it again."""
    with World(short_directory) as world:
        today = Recorder(world).play()
    recorded = json.loads(FIXTURE.read_text(encoding="utf-8"))
    assert json.loads(json.dumps(shape_of(today))) == json.loads(json.dumps(shape_of(recorded)))


@pytest.mark.slow
def test_the_reducers_of_the_pages_agree_with_it() -> None:
    """A81: the tests in TypeScript, run by what built the pages."""
    vitest = WEB / "node_modules" / ".bin" / "vitest"
    if not vitest.exists():
        pytest.skip("The packages of the pages are not installed; `make web` does it (npm).")
    node = shutil.which("node")
    assert node is not None
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "CI": "1", "NO_COLOR": "1"}
    command = [str(vitest), "run", "--no-file-parallelism"]
    done = subprocess.run(command, cwd=WEB, env=environment, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
