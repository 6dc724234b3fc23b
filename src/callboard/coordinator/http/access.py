"""Which kinds of token a route takes at all. Whose sessions and runs a token may touch is for the services."""

from typing import Final, Literal, get_args

from callboard.domain.caller import Caller, TokenKind
from callboard.domain.errors import Forbidden

Access = Literal[
    "open", "any", "read", "overview", "write", "person", "owner", "register", "runner", "report", "upload"
]

_PEOPLE: Final[tuple[TokenKind, ...]] = ("owner", "user", "browser")

KINDS: Final[dict[Access, frozenset[TokenKind]]] = {
    "open": frozenset(),
    "any": frozenset(get_args(TokenKind)),
    "read": frozenset({*_PEOPLE, "read_only", "session"}),
    "overview": frozenset({*_PEOPLE, "read_only"}),
    "write": frozenset({*_PEOPLE, "session"}),
    "person": frozenset(_PEOPLE),
    "owner": frozenset({"owner"}),
    "register": frozenset({"runner_join", "runner"}),
    "runner": frozenset({"runner"}),
    "report": frozenset({"runner", "session"}),
    "upload": frozenset({*_PEOPLE, "runner"}),
}
"""The token kinds of each class of route; `open` alone needs no token."""

MEANING: Final[dict[Access, str]] = {
    "open": "no token",
    "any": "any valid token",
    "read": "people and, for what is below it, a session",
    "overview": "people",
    "write": "people who may write and, for what is below it, a session",
    "person": "people who may write",
    "owner": "the owner",
    "register": "a token for joining, or the runner's own",
    "runner": "the runner itself",
    "upload": "people who may write and, for its own machine, a runner",
    "report": "the runner that holds the attempt, or the token of an external session",
}
"""Each class in words, for the documentation."""


def require(caller: Caller, access: Access) -> None:
    """Forbidden unless the caller's kind of token is one that the route takes."""
    if caller.kind not in KINDS[access]:
        raise Forbidden(f"{caller.kind_in_words} token does not allow this.", hint=f"This is for: {MEANING[access]}.")
