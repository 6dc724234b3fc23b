"""Calls on the log of a session: read it, and add to it as the attempt that owns the run."""

from callboard.client.call import Call, Nothing, path, query
from callboard.wire.responses import EventPage
from callboard.wire.runner import EventsStored, PostDelta, PostEvents


def list_(
    session_id: str, *, after: int | None = None, types: tuple[str, ...] = (), limit: int | None = None
) -> Call[EventPage]:
    """A page of the log, by number; `after` is the number of the last event already read."""
    wanted = query(after=after, types=",".join(types) or None, limit=limit)
    where = path("sessions", session_id, "events")
    return Call(method="GET", path=where, query=wanted, response=EventPage, repeatable=True)


def post(session_id: str, body: PostEvents) -> Call[EventsStored]:
    """Add a batch; each event's client key makes it repeatable."""
    return Call(method="POST", path=path("sessions", session_id, "events"), body=body, response=EventsStored)


def delta(session_id: str, body: PostDelta) -> Call[Nothing]:
    """Pass on a piece of a message that is being written."""
    return Call(method="POST", path=path("sessions", session_id, "deltas"), body=body, response=Nothing)
