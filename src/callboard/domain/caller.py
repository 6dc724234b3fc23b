"""Who is asking, as the token's row proves it, and what each kind of token may do at all."""

from typing import Final, Literal

import msgspec

TokenKind = Literal["owner", "user", "runner_join", "runner", "session", "read_only", "browser"]

_PEOPLE: Final = ("owner", "user", "browser", "read_only")
_WRITERS: Final = ("owner", "user", "browser")


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A proven identity. A session token names its session, run and attempt; a runner's its runner."""

    token_id: str
    kind: TokenKind
    project_id: str | None = None
    runner_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None
    attempt: int | None = None
    ended: bool = False
    """The token died with its attempt a short while ago: it may repeat the report of that end and nothing else."""
    let_in_by: str | None = None
    """Of a browser: the token behind its login, over the browsers that let one another in."""

    @property
    def kind_in_words(self) -> str:
        """The kind of token with its article, to begin a sentence with."""
        return f"An {self.kind}" if self.kind == "owner" else f"A {self.kind}"

    @property
    def is_person(self) -> bool:
        """Whether a person, or a person's program, holds the token."""
        return self.kind in _PEOPLE

    @property
    def person_id(self) -> str:
        """The token that stays the same when a browser is logged in anew: whose repeat a request is."""
        return self.let_in_by or self.token_id

    @property
    def may_write(self) -> bool:
        """Whether the token may change anything that people change."""
        return self.kind in _WRITERS

    @property
    def is_owner(self) -> bool:
        """Whether the token may manage tokens and runners."""
        return self.kind == "owner"

    def sees_project(self, project_id: str | None) -> bool:
        """Whether the token's project, if it has one, is this one."""
        return self.project_id is None or self.project_id == project_id


SYSTEM: Final = Caller(token_id="system", kind="owner")
"""The coordinator itself, for what its own loops do."""
