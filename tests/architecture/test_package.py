"""What is installed elsewhere is what stands here."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY, SOURCE, files
from tests.support.built_pages import built_pages

STATIC = "callboard/coordinator/http/static/"
WITHOUT_NPM = {"PATH": str(Path(sys.executable).parent), "HOME": "/nonexistent"}


def built(place: Path, target: str, to: Path, environment: dict[str, str] | None = None) -> Path:
    """The archive of this kind, built from a source tree."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(to)]
    subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=50, check=True)
    (archive,) = to.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return archive


def packed_in(wheel: Path) -> set[str]:
    """The files of the package in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if name.startswith("callboard/")}


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_the_pages(tmp_path: Path) -> None:
    """Also one that is built from the source archive, where there is no npm."""
    plugin = REPOSITORY / "plugins" / "callboard"
    ours = {str(path.relative_to(SOURCE.parent)) for path in files(SOURCE)}
    ours |= {
        f"callboard/plugin/{path.relative_to(plugin)}"
        for path in plugin.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    built_pages()
    with tarfile.open(built(REPOSITORY, "sdist", tmp_path)) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    for number, (place, environment) in enumerate(((REPOSITORY, None), (source, WITHOUT_NPM))):
        packed = packed_in(built(place, "wheel", tmp_path / str(number), environment))
        assert {name for name in packed if not name.startswith(STATIC)} == ours
        assert {STATIC + "ui/index.html", STATIC + "chat/index.html", STATIC + "manifest.json"} < packed


@pytest.mark.slow
def test_nothing_is_built_without_the_pages(tmp_path: Path) -> None:
    """60: the pages are inside the wheel, or there is no wheel."""
    copy = tmp_path / "copy"
    shutil.copytree(REPOSITORY, copy, ignore=shutil.ignore_patterns(".*", "node_modules", "static", "tests", "docs"))
    with pytest.raises(subprocess.CalledProcessError) as refused:
        built(copy, "wheel", tmp_path / "wheel", WITHOUT_NPM)
    assert "npm is missing; it builds the pages" in refused.value.stderr
    assert not list(tmp_path.glob("**/*.whl"))


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


@pytest.mark.parametrize("directory", ["tests/clients", "web"])
def test_a_lock_of_npm_names_no_address(directory: str) -> None:
    lock = (REPOSITORY / directory / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in lock
    assert '"integrity": "sha512-' in lock


def test_the_generated_references_are_current() -> None:
    command = [sys.executable, "tools/generate_references.py", "--check"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr


def _pins(name: str) -> dict[str, str]:
    text = (REPOSITORY / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^(\S+)==(\S+)", text, re.MULTILINE))
