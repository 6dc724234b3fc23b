"""The pages of the documentation and what is in them: blocks, marks, words in backticks, links. Judges nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from tests.conftest import REPOSITORY

_BLOCK: Final = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?^```(?P<kind>\w*) ?(?P<name>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_WORDS: Final = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
_MADE: Final = re.compile(r"<!-- (?:Generated|Written) ")


@dataclass(frozen=True)
class Block:
    """A fenced block: ```kind name, and why it is not run when the line before it says so."""

    place: str
    kind: str
    name: str
    text: str
    not_run: str | None


@dataclass(frozen=True)
class Page:
    """A page of Markdown."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(REPOSITORY))

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @property
    def is_made(self) -> bool:
        """Whether a program writes it; what it says is tested where that program takes it from."""
        return _MADE.match(self.text) is not None

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Every fenced block, from the top."""
        return tuple(
            Block(self._place(one.start("kind")), *one.group("kind", "name", "text", "reason"))
            for one in _BLOCK.finditer(self.text)
        )

    def _place(self, position: int) -> str:
        return f"{self}:{self.text.count(chr(10), 0, position) + 1}"

    @property
    def words(self) -> Iterator[str]:
        """What stands in backticks outside of blocks; a line end in it is a space."""
        return (one.replace("\n", " ") for one in _WORDS.findall(_FENCED.sub("", self.text)))

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        return _LINK.findall(_FENCED.sub("", self.text))

    @cached_property
    def anchors(self) -> set[str]:
        """Its headings, as links name them."""
        headings = _HEADING.findall(_FENCED.sub("", self.text))
        return {re.sub(r"[^\w -]", "", one.lower()).strip().replace(" ", "-") for one in headings}


PAGES: Final = tuple(
    Page(path)
    for path in (
        REPOSITORY / "README.md",
        REPOSITORY / "CONTRIBUTING.md",
        *sorted((REPOSITORY / "docs").rglob("*.md")),
    )
)
WRITTEN: Final = tuple(page for page in PAGES if not page.is_made)
"""The pages that people write."""
