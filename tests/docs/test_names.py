"""What the documentation names is there: files, links, routes, commands, targets of make, variables."""

import re
from pathlib import Path
from typing import Final

import pytest

from callboard.cli.commands import COMMANDS, NOUNS
from callboard.coordinator.http.routes import ROUTES
from tests.conftest import REPOSITORY
from tests.docs.pages import PAGES, WRITTEN, Page

SOURCE: Final = REPOSITORY / "src" / "callboard"
MADE: Final = frozenset({".venv", ".cache", "build", "dist"})
TOP: Final = frozenset(path.name for path in REPOSITORY.iterdir()) - MADE
ROOMS: Final = frozenset(path.name for path in SOURCE.iterdir() if path.is_dir())
PATTERNS: Final = [re.sub(r"\{\w+:path\}", "{}", route.path).split("/") for route in ROUTES]
METHODS: Final = {(route.method, tuple(pattern)) for route, pattern in zip(ROUTES, PATTERNS, strict=True)}
FIRST: Final = {pattern[1] for pattern in PATTERNS} - {""}
CALL: Final = re.compile(r"(?:(GET|POST|PATCH|PUT|DELETE) )?(/[\w{}/….-]*)(?:\?\S*)?")
COMMAND_WORDS: Final = {command.words for command in COMMANDS} | {noun.words for noun in NOUNS}
REFERENCE: Final = (REPOSITORY / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Page) -> None:
    broken = []
    for link in page.links:
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.path.parent / name if name else page.path
        if not target.exists() or (anchor and anchor not in Page(target).anchors):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_path_that_is_named_exists(page: Page) -> None:
    assert [word for word in page.words if not all(map(_exists, _paths(word)))] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_route_that_is_named_exists(page: Page) -> None:
    """Alone, or after a method; `…` and a word in braces stand for any id."""
    unknown = []
    for word in page.words:
        called = CALL.fullmatch(word)
        if called and called[2].split("/")[1] in FIRST and not _is_route(called[1], called[2]):
            unknown.append(word)
    assert unknown == []


@pytest.mark.parametrize("page", WRITTEN, ids=str)
def test_every_command_that_is_named_exists(page: Page) -> None:
    """With every option that is named behind it."""
    unknown = []
    for word in page.words:
        first, *rest = word.split()
        if first == "callboard" and rest and not _is_command(rest):
            unknown.append(word)
    assert unknown == []


def test_every_target_of_make_that_is_named_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {found for page in PAGES for word in page.words for found in re.findall(r"^make ([a-z][a-z-]*)", word)}
    blocks = [block for page in PAGES for block in page.blocks]
    typed = {found for block in blocks for found in re.findall(r"^make (\w+)", block.text, re.MULTILINE)}
    assert named | typed
    assert (named | typed) - targets == set()


def test_every_variable_that_is_named_is_read_somewhere() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in _sources())
    fields = {name.upper() for name in re.findall(r"^    (\w+): ", code, re.MULTILINE)}
    named = {found for page in WRITTEN for found in re.findall(r"\bCALLBOARD_([A-Z_]+)\b", page.text)}
    assert named
    assert {name for name in named if f"CALLBOARD_{name}" not in code} - fields == set()


def _sources() -> list[Path]:
    return [*SOURCE.rglob("*.py"), REPOSITORY / ".ci" / "run"]


def _paths(word: str) -> list[str]:
    """What in it looks like a path of the repository, or of a room of the package."""
    found = re.findall(r"(?<![\w./<~{-])([\w.-]+(?:/[\w.*-]+)+/?|[\w-]+\.(?:md|toml))(?![\w{<…])", word)
    return [one for one in found if one.split("/")[0] in TOP | ROOMS | {"callboard"}]


def _exists(path: str) -> bool:
    pattern = path.rstrip("/")
    return any(any(root.glob(pattern)) for root in (REPOSITORY, SOURCE, SOURCE.parent))


def _is_route(method: str | None, path: str) -> bool:
    wanted = path.split("/")
    fitting = [
        pattern
        for pattern in PATTERNS
        if len(pattern) == len(wanted) and all(map(_fits, pattern, wanted)) and _has(method, pattern)
    ]
    return bool(fitting)


def _has(method: str | None, pattern: list[str]) -> bool:
    return method is None or (method, tuple(pattern)) in METHODS


def _fits(pattern: str, word: str) -> bool:
    return pattern == word or (pattern.startswith("{") and bool(re.search(r"[{…]|_", word)))


def _is_command(words: list[str]) -> bool:
    known = next((" ".join(words[:length]) for length in (2, 1) if " ".join(words[:length]) in COMMAND_WORDS), None)
    if known is None:
        return words[0].startswith("-")
    is_noun = any(one.startswith(f"{known} ") for one in COMMAND_WORDS)
    if is_noun and known == words[0] and words[1:] and words[1].isalpha():
        return False
    section = re.search(rf"^## callboard {known}$.*?(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    text = (section[0] if section else "") + REFERENCE.partition("## Options of all commands")[2]
    return all(word in text for word in words if word.startswith("--"))


def test_what_is_not_there_is_told() -> None:
    """None of the judgements above says yes to everything."""
    assert _paths("see src/callboard/absent.py and docs/absent.md") == ["src/callboard/absent.py", "docs/absent.md"]
    assert not any(map(_exists, ("src/callboard/absent.py", "docs/absent.md", "store/absent")))
    assert _exists("coordinator/http/application.py")
    assert _is_route("GET", "/runs/run_…")
    assert not any((_is_route(None, "/runs/{id}/dance"), _is_route("DELETE", "/runs/{id}"), _is_route("GET", "/run")))
    assert _is_command(["runner", "drain", "rnr_…"])
    assert not any((_is_command(["runnner"]), _is_command(["run", "--absent"]), _is_command(["token", "mak"])))
    assert not _is_command(["runner", "drian", "rnr_…"])
