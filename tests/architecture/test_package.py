"""What is installed elsewhere is what stands here."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY, SOURCE, files


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=50, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("callboard/")}
    assert packed == {str(path.relative_to(SOURCE.parent)) for path in files(SOURCE)}


def test_the_locks_hold_hashes_and_no_address() -> None:
    for name in ("runtime.txt", "dev.txt"):
        lines = (REPOSITORY / "requirements" / name).read_text(encoding="utf-8").splitlines()
        pinned = [number for number, line in enumerate(lines) if "==" in line and not line.startswith((" ", "#"))]
        assert pinned
        assert [lines[number] for number in pinned if "--hash=sha256:" not in lines[number + 1]] == []
        assert [line for line in lines if "://" in line or line.startswith("-")] == []


def test_development_runs_what_users_get() -> None:
    """Each package that users install is locked to the same version for tests."""
    users, developers = (_pins(name) for name in ("runtime.txt", "dev.txt"))
    assert users.items() <= developers.items()


def test_the_client_lock_names_no_address() -> None:
    lock = (REPOSITORY / "tests" / "clients" / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in lock
    assert '"integrity": "sha512-' in lock


def test_the_generated_references_are_current() -> None:
    command = [sys.executable, "tools/generate_references.py", "--check"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr


def _pins(name: str) -> dict[str, str]:
    text = (REPOSITORY / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^(\S+)==(\S+)", text, re.MULTILINE))
