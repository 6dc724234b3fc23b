"""Names say what a thing is, never the pattern that it follows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import CODE, REPOSITORY, python_files

EMPTY_WORDS = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?)(_|$)")
EMPTY_CLASSES = re.compile(r"(Utils?|Helpers?|Common|Misc|Managers?)$")


def _empty_names(path: Path) -> Iterator[str]:
    place = path.relative_to(REPOSITORY)
    if any(EMPTY_WORDS.search(part) for part in place.with_suffix("").parts):
        yield str(place)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and EMPTY_CLASSES.search(node.name):
            yield f"{place}: class {node.name}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and EMPTY_WORDS.search(node.name):
            yield f"{place}: def {node.name}"


def test_no_module_class_or_function_has_an_empty_name() -> None:
    assert [name for path in python_files(*CODE) for name in _empty_names(path)] == []


def test_every_module_says_what_it_does() -> None:
    silent = [
        str(path.relative_to(REPOSITORY))
        for path in python_files(*CODE)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []
