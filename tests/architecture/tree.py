"""The files of this repository and the functions in them, as the architecture tests look at them."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SOURCE = REPOSITORY / "src" / "callboard"
CODE = tuple(REPOSITORY / name for name in ("src", "tests", "tools", "bench", "plugins"))

# Made by tools or by make; dot directories are left out as well, except the one that holds our own script.
MADE = frozenset({"__pycache__", "build", "dist", "node_modules", "static"})
OWN_DOT_DIRECTORIES = frozenset({".ci", ".github"})


@dataclass(frozen=True)
class Function:
    """A function or method in a file."""

    path: Path
    name: str
    lines: int
    lines_without_docstring: int

    def __str__(self) -> str:
        """Return where it stands and how long it is."""
        return f"{self.path.relative_to(REPOSITORY)}: {self.name} has {self.lines} lines"


@dataclass(frozen=True)
class Module:
    """What a Python file says of itself, and what is defined in it at any depth."""

    docstring: str
    classes: list[str]
    functions: list[Function]


def files(*roots: Path) -> Iterator[Path]:
    """Yield every file that is our own below the roots, in a stable order."""
    for root in roots:
        for directory, names, leaves in os.walk(root):
            names[:] = sorted(name for name in names if _is_own(name))
            yield from (Path(directory, leaf) for leaf in sorted(leaves) if not leaf.endswith(".pyc"))


def python_files(*roots: Path) -> Iterator[Path]:
    """Yield our own Python files below the roots."""
    return (path for path in files(*roots) if path.suffix == ".py")


@cache
def module_of(path: Path) -> Module:
    """Return what a Python file holds, parsed once, like its text."""
    tree = ast.parse(text_of(path))
    nodes = list(ast.walk(tree))
    return Module(
        ast.get_docstring(tree) or "",
        [node.name for node in nodes if isinstance(node, ast.ClassDef)],
        [_function(path, node) for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)],
    )


def functions(path: Path) -> list[Function]:
    """Return the functions and methods of a Python file."""
    return module_of(path).functions


@cache
def text_of(path: Path) -> str:
    """Return what a file says, read once: many tests look at every file."""
    return path.read_text(encoding="utf-8", errors="replace")


def _function(path: Path, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    return Function(path, node.name, lines, lines - _docstring_lines(node))


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(node) is None:
        return 0
    return (node.body[0].end_lineno or 0) - node.body[0].lineno + 1


def _is_own(name: str) -> bool:
    return name not in MADE and (not name.startswith(".") or name in OWN_DOT_DIRECTORIES)
