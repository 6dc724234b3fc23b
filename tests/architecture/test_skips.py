"""In CI nothing is left out unseen, and fault tests run the rounds that were asked for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import REPOSITORY
from tests.conftest import DEFAULT_ROUNDS

LEFT_OUT = """
import pytest

@pytest.mark.skip(reason="no time")
def test_one(): ...

def test_two():
    pytest.skip("no client")

@pytest.mark.xfail(strict=True)
def test_three():
    raise AssertionError
"""
WHOLE_FILE = 'import pytest\npytest.skip("not here", allow_module_level=True)\n'
ROUNDS = """
def test_breaks(fault_round):
    assert fault_round.source().random() == fault_round.source().random()
"""


def _pytest(directory: Path, text: str, *arguments: str, **environment: str) -> str:
    shutil.copy(REPOSITORY / "tests" / "conftest.py", directory)
    (directory / "test_inner.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:schemathesis", "-p", "no:cacheprovider", *arguments, "."]
    scrubbed = {name: value for name, value in os.environ.items() if not name.startswith(("CALLBOARD_", "PYTEST_"))}
    scrubbed["PYTHONPATH"] = str(REPOSITORY)  # what conftest.py takes from the tests' own rooms
    done = subprocess.run(
        command, cwd=directory, env=scrubbed | environment, capture_output=True, text=True, timeout=50, check=False
    )
    return done.stdout.splitlines()[-1]


def test_a_skip_is_a_failure_in_ci_and_a_skipped_file_an_error(tmp_path: Path) -> None:
    (tmp_path / "test_whole.py").write_text(WHOLE_FILE, encoding="utf-8")
    said = _pytest(tmp_path, LEFT_OUT, "--continue-on-collection-errors", CALLBOARD_CI="1")
    assert re.search(r"1 failed, 1 xfailed, 2 errors", said)


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    assert re.search(r"2 skipped, 1 xfailed", _pytest(tmp_path, LEFT_OUT))


def test_a_fault_test_runs_its_rounds(tmp_path: Path) -> None:
    wanted = DEFAULT_ROUNDS + 1
    assert re.search(rf"\b{wanted} passed", _pytest(tmp_path, ROUNDS, f"--rounds={wanted}", "--seed=9"))
