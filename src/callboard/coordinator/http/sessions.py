"""Routes of sessions: what people and agents read and keep."""

import msgspec

from callboard.coordinator.http.answer import Answer, render_json
from callboard.coordinator.http.call import Call
from callboard.coordinator.services.pages import read_mark
from callboard.wire.affinity import Affinity
from callboard.wire.board import Board
from callboard.wire.budgets import BudgetChanged
from callboard.wire.messages import MessageSent
from callboard.wire.responses import EventPage, Page, Result, RunCreated, Session, SessionUsage, Stopped, Tree


async def create_external(call: Call) -> Answer:
    """POST /sessions: 201 for a new conversation, 200 for one that is known already."""
    header = call.header(b"x-agent-session-id")
    session, created = await call.services.external.create(call.caller, call.body, header, call.idempotency)
    return render_json(session, 201 if created else 200)


async def import_log(call: Call) -> Session:
    """POST /sessions/import."""
    return await call.services.sessions.import_log(call.caller, call.body.lines, call.idempotency)


async def show_board(call: Call) -> Board:
    """GET /board."""
    return await call.services.board.read(call.caller, call.query.limit, call.query.project)


async def list_sessions(call: Call) -> Page:
    """GET /sessions."""
    return await call.services.sessions.list(call.caller, **msgspec.structs.asdict(call.query))


async def show_session(call: Call) -> Session:
    """GET /sessions/{session_id}."""
    return await call.services.sessions.get(call.caller, call.id)


async def show_tree(call: Call) -> Tree:
    """GET /sessions/{session_id}/tree."""
    return await call.services.sessions.tree(call.caller, call.id)


async def list_bindings(call: Call) -> Page:
    """GET /sessions/{session_id}/bindings."""
    return await call.services.sessions.bindings(call.caller, call.id, page=call.query.page, limit=call.query.limit)


async def list_runs_of(call: Call) -> Page:
    """GET /sessions/{session_id}/runs."""
    return await call.services.sessions.runs(call.caller, call.id, page=call.query.page, limit=call.query.limit)


async def show_usage_of(call: Call) -> SessionUsage:
    """GET /sessions/{session_id}/usage."""
    return await call.services.usage.of_session(call.caller, call.id)


async def set_budget(call: Call) -> BudgetChanged:
    """POST /sessions/{session_id}/budget."""
    return await call.services.budgets.set(call.caller, call.id, call.body)


async def show_result(call: Call) -> Result:
    """GET /sessions/{session_id}/result."""
    return await call.services.sessions.result(call.caller, call.id)


async def show_affinity(call: Call) -> Affinity:
    """GET /sessions/{session_id}/affinity."""
    return await call.services.sessions.affinity(call.caller, call.id)


async def list_events(call: Call) -> EventPage:
    """GET /sessions/{session_id}/events."""
    asked = call.query
    after = int(read_mark("events", asked.page, str(asked.after)))
    types = asked.types.split(",") if asked.types else None
    return await call.services.events.list(call.caller, call.id, after, types, asked.limit)


async def send_message(call: Call) -> MessageSent:
    """POST /sessions/{session_id}/messages."""
    return await call.services.messages.send(call.caller, call.id, call.body, call.idempotency)


async def fork_session(call: Call) -> RunCreated:
    """POST /sessions/{session_id}/fork."""
    return await call.services.runs.fork(call.caller, call.id, call.body, call.idempotency)


async def stop_session(call: Call) -> Stopped:
    """POST /sessions/{session_id}/stop."""
    return await call.services.stops.stop_session(call.caller, call.id, call.body.subtree)


async def update_session(call: Call) -> Session:
    """PATCH /sessions/{session_id}."""
    return await call.services.sessions.update(call.caller, call.id, call.body)


async def archive_session(call: Call) -> Session:
    """POST /sessions/{session_id}/archive."""
    return await call.services.sessions.archive(call.caller, call.id)


async def unarchive_session(call: Call) -> Session:
    """POST /sessions/{session_id}/unarchive."""
    return await call.services.sessions.unarchive(call.caller, call.id)


async def delete_session(call: Call) -> None:
    """DELETE /sessions/{session_id}."""
    await call.services.sessions.delete(call.caller, call.id)
