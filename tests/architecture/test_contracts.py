"""The folder list is the layer list: imports point down, and two modules stand alone."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import REPOSITORY, SOURCE

CHEAP_MODULES = 3  # callboard itself, and at most two that the interpreter adds


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_keeper_needs_only_the_standard_library() -> None:
    names = {name for path in (SOURCE / "keeper").glob("*.py") for name in _imported(path)}
    own = {name for name in names if name == "callboard.keeper" or name.startswith("callboard.keeper.")}
    assert own
    assert {name for name in names - own if name.split(".")[0] not in sys.stdlib_module_names} == set()


def test_importing_the_package_costs_nothing() -> None:
    script = (
        "import sys, json; before = set(sys.modules); import callboard; print(json.dumps([*set(sys.modules) - before]))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert len(json.loads(done.stdout)) <= CHEAP_MODULES
