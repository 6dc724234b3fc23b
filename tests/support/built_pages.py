"""The pages as the package serves them, built first where they are not. Knows nothing of what is on them."""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from callboard.coordinator.http.pages import STATIC
from tests.architecture.tree import REPOSITORY

BUILD_SECONDS: Final = 600


def built_pages() -> Path:
    """The directory of the built pages; skips with a sentence where npm, which builds them, is missing."""
    if shutil.which("npm") is None:
        pytest.skip("There is no npm, which builds the pages; install it (Debian: apt-get install npm).")
    command = [sys.executable, str(REPOSITORY / "tools" / "build_web.py")]
    with (REPOSITORY / "web" / "package.json").open("rb") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return STATIC
