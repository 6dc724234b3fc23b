"""Routes of runners: registration, claims, heartbeats, and what they report of their attempts."""

from typing import Final, Literal, get_args

from callboard.coordinator.http.answer import ALREADY_SENT, Answer, render_json, write
from callboard.coordinator.http.call import Call
from callboard.coordinator.http.held import is_closing
from callboard.coordinator.http.route import Handler
from callboard.wire.responses import Binding
from callboard.wire.runner import (
    EndedAnswer,
    EventsStored,
    HeartbeatAnswer,
    Registered,
    StartedAnswer,
    TranscriptPart,
    TranscriptWanted,
)

EndKind = Literal["completed", "failed", "stopped"]
KINDS: Final[tuple[EndKind, ...]] = get_args(EndKind)


async def register(call: Call) -> Registered:
    """POST /runner/register."""
    return await call.services.runners.register(call.caller, call.body)


async def heartbeat(call: Call) -> HeartbeatAnswer:
    """POST /runner/heartbeat."""
    return await call.services.runners.heartbeat(call.caller, call.body)


async def deregister(call: Call) -> None:
    """POST /runner/deregister."""
    await call.services.runners.deregister(call.caller, call.body)


async def poll(call: Call) -> Answer:
    """GET /runner/runs. What cannot be delivered is given back: a poll whose client left loses no run."""
    asked, held, dispatch = call.query, call.process.held, call.services.dispatch
    async with held.watch(call.receive, call.check_token) as gone:
        found = await dispatch.poll(call.caller, asked.runner_id, asked.epoch, asked.wait, asked.slots, gone)
        if found is None:
            return render_json(None)
        if is_closing(call.scope) or (gone.is_set() and not held.draining):
            await dispatch.undelivered(found, asked.runner_id)
        else:
            await write(call.send, render_json(found), call.request_id.encode())
    return ALREADY_SENT


async def report_started(call: Call) -> StartedAnswer:
    """POST /runner/runs/{run_id}/started."""
    return await call.services.reports.started(call.caller, call.id, call.body)


async def report_not_launched(call: Call) -> EndedAnswer:
    """POST /runner/runs/{run_id}/not_launched."""
    return await call.services.reports.not_launched(call.caller, call.id, call.body)


async def report_usage(call: Call) -> EndedAnswer:
    """POST /runner/runs/{run_id}/usage; of an external session by its own token."""
    if call.caller.kind == "session":
        return await call.services.reports.external_usage(call.caller, call.id, call.body)
    return await call.services.reports.usage(call.caller, call.id, call.body)


def report_end(kind: EndKind) -> Handler:
    """POST /runner/runs/{run_id}/completed, failed or stopped; of an external session by its own token."""

    async def report(call: Call) -> EndedAnswer:
        if call.caller.kind == "session":
            call.body.reason = kind
            return await call.services.reports.external_ended(call.caller, call.id, call.body)
        return await call.services.reports.ended(call.caller, call.id, call.body, kind)

    report.__name__ = f"report_{kind}"
    return report


async def post_events(call: Call) -> EventsStored:
    """POST /sessions/{session_id}/events."""
    return await call.services.events.post(call.caller, call.id, call.body)


async def post_delta(call: Call) -> None:
    """POST /sessions/{session_id}/deltas."""
    await call.services.events.delta(call.caller, call.id, call.body)


async def bind(call: Call) -> Binding:
    """POST /sessions/{session_id}/bind."""
    return await call.services.bindings.bind(call.caller, call.id, call.body)


async def announce_transcript(call: Call) -> TranscriptWanted:
    """POST /sessions/{session_id}/transcript."""
    return await call.services.transcripts.announce(call.caller, call.id, call.body)


async def put_transcript_part(call: Call) -> None:
    """POST /sessions/{session_id}/transcript/parts."""
    await call.services.transcripts.put_part(call.caller, call.id, call.body)


async def read_transcript_part(call: Call) -> TranscriptPart:
    """GET /sessions/{session_id}/transcript/parts."""
    asked, transcripts = call.query, call.services.transcripts
    return await transcripts.part(call.caller, call.id, asked.run_id, asked.attempt, asked.sha256)
