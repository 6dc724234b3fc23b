"""The shape of the callboard itself: who needs somebody, what works, what waits, what is done."""

from typing import Annotated

from msgspec import Meta

from callboard.wire.queries import MAX_LIMIT, Query, ShortWord
from callboard.wire.responses import Response, Session


class BoardQuery(Query, kw_only=True):
    """GET /board."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="How many sessions of each group at most.")] = 50
    project: ShortWord | None = None


class BoardSession(Session, kw_only=True):
    """A session with the line that says what it is about now."""

    headline: str | None
    """What it asks for; why its budget lets nothing go on; else what its agent said or does; else its result or error.

    One line, cut.
    """
    since: str
    """When it began to be what its group says: asked, was interrupted, started, was queued, ended."""


class BoardGroup(Response, kw_only=True):
    """The sessions of a group, those that have waited longest first; of Done the newest first."""

    group: str
    total: int
    """All of the group; of Done only sessions without a parent, and at most a thousand."""
    sessions: list[BoardSession]


class Board(Response, kw_only=True):
    """GET /board: the groups in the order in which they matter."""

    at: str
    """The time of the coordinator's database, by which all ages are told."""
    groups: list[BoardGroup]
