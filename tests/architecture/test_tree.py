"""What may stand in no file: traces of one machine, registry addresses, silenced checks, unfinished notes."""

import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.tree import CODE, REPOSITORY, SOURCE, files, python_files, text_of

# One letter of each pattern stands in brackets, so that this file does not find itself.
REGISTRIES = (r"pyp[i]\.org", r"pythonhoste[d]\.org", r"npmj[s]\.(org|com)", r"yarnpk[g]\.com", r"debia[n]\.org")
MACHINE_PATHS = (r"(?<![\w.-])/wor[k]/", r"/roo[t]/\.", r"/home/[a-z]+/")
MAKERS = (r"co-authore[d]-by", r"generate[d] (with|by) (claude|codex|gpt|copilot|an? ai\b)", r"as an a[i] language")
UNFINISHED = (r"TOD[O]\b", r"FIXM[E]\b", r"XX[X]\b", r"NotImplementedErro[r]")
SILENCED = (r"type:\s*ignore", r"pragma:\s*no cover", r"mypy:\s*ignore")
SESSION_NAME = r"(?i)session[_ -]?name"


def _lines_with(pattern: str, paths: list[Path]) -> list[str]:
    expression = re.compile(pattern)
    return [
        f"{path.relative_to(REPOSITORY)}:{number}"
        for path in paths
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if expression.search(line)
    ]


@pytest.fixture(scope="module")
def every_file() -> list[Path]:
    return list(files(REPOSITORY))


@pytest.mark.parametrize("pattern", REGISTRIES)
def test_no_registry_is_addressed(pattern: str, every_file: list[Path]) -> None:
    assert _lines_with(pattern, every_file) == []


@pytest.mark.parametrize("pattern", MACHINE_PATHS)
def test_no_path_of_one_machine_is_named(pattern: str, every_file: list[Path]) -> None:
    assert _lines_with(pattern, every_file) == []


@pytest.mark.parametrize("pattern", MAKERS)
def test_no_tool_is_named_as_an_author(pattern: str, every_file: list[Path]) -> None:
    assert _lines_with(f"(?i){pattern}", every_file) == []


def test_sessions_have_no_names() -> None:
    """A29: the words appear in no schema, route, column or field."""
    assert _lines_with(SESSION_NAME, list(files(SOURCE))) == []


@pytest.mark.parametrize("pattern", UNFINISHED)
def test_nothing_is_left_unfinished(pattern: str) -> None:
    assert _lines_with(pattern, list(files(*CODE))) == []


@pytest.mark.parametrize("pattern", SILENCED)
def test_no_check_is_silenced_in_a_comment(pattern: str) -> None:
    silenced = [
        place for path in python_files(*CODE) for place, comment in _comments(path) if re.search(pattern, comment)
    ]
    assert silenced == []


@cache
def _comments(path: Path) -> list[tuple[str, str]]:
    return [
        (f"{path.relative_to(REPOSITORY)}:{token.start[0]}", token.string)
        for token in tokenize.generate_tokens(io.StringIO(text_of(path)).readline)
        if token.type == tokenize.COMMENT
    ]
