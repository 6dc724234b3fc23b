"""Whose words in a tracker elsewhere may begin work: people of the project, or a text that a person has read. Pure."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

from callboard.domain.errors import InvalidRequest

OF_PROJECT: Final = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
"""What a tracker says of authors who may change the repository themselves."""
HASH_CHARACTERS: Final = 32
_ACCEPTED: Final = re.compile(r"([1-9][0-9]{0,15})=([0-9a-f]{32})", re.ASCII)


def content_hash(number: int, title: str, body: str) -> str:
    """By which exactly this text is known: the first half of a SHA-256, hexadecimal."""
    text = json.dumps([number, title, body], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARACTERS]


def is_of_project(author: str, association: str, named: Iterable[str]) -> bool:
    """Whether an author's words may begin work; names are those of the tracker, in whatever case."""
    return association in OF_PROJECT or (author != "" and author.lower() in {name.lower() for name in named})


def read_accepted(words: Sequence[str]) -> dict[str, str]:
    """The texts that a person accepts, as NUMBER=HASH each; InvalidRequest for words that are none."""
    found = [_ACCEPTED.fullmatch(word.removeprefix("#")) for word in words]
    wrong = [word for word, match in zip(words, found, strict=True) if match is None]
    if wrong:
        raise InvalidRequest(
            f"{wrong[0][:80]!r} names no text.", hint="As NUMBER=HASH; callboard spawn NUMBER --dry-run prints it."
        )
    return {match[1]: match[2] for match in found if match is not None}
