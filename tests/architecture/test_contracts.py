"""The folder list is the layer list: imports point down, and two modules stand alone."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import REPOSITORY, SOURCE

CHEAP_MODULES = 3  # callboard itself, and at most two that the interpreter adds


def _imported_roots(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_keeper_needs_only_the_standard_library() -> None:
    foreign = set(_imported_roots(SOURCE / "keeper.py")) - set(sys.stdlib_module_names)
    assert foreign == set()


def test_importing_the_package_costs_nothing() -> None:
    script = (
        "import sys, json; before = set(sys.modules); import callboard; print(json.dumps([*set(sys.modules) - before]))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert len(json.loads(done.stdout)) <= CHEAP_MODULES
