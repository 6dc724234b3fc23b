"""Names say what a thing is, never the pattern that it follows."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import CODE, REPOSITORY, module_of, python_files

EMPTY_WORDS = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?)(_|$)")
EMPTY_CLASSES = re.compile(r"(Utils?|Helpers?|Common|Misc|Managers?)$")


def _empty_names(path: Path) -> Iterator[str]:
    place = path.relative_to(REPOSITORY)
    if any(EMPTY_WORDS.search(part) for part in place.with_suffix("").parts):
        yield str(place)
    module = module_of(path)
    yield from (f"{place}: class {name}" for name in module.classes if EMPTY_CLASSES.search(name))
    yield from (f"{place}: def {one.name}" for one in module.functions if EMPTY_WORDS.search(one.name))


def test_no_module_class_or_function_has_an_empty_name() -> None:
    assert [name for path in python_files(*CODE) for name in _empty_names(path)] == []


def test_every_module_says_what_it_does() -> None:
    silent = [path for path in python_files(*CODE) if not module_of(path).docstring]
    assert [str(path.relative_to(REPOSITORY)) for path in silent] == []
