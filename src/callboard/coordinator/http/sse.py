"""The stream of events over HTTP: server-sent events, written as the connection takes them."""

import asyncio
from contextlib import aclosing
from typing import Final

import structlog

from callboard.coordinator.frames import RETRY, View, view_of
from callboard.coordinator.http.answer import ALREADY_SENT, SECURITY_HEADERS, Answer
from callboard.coordinator.http.call import Call
from callboard.coordinator.http.held import is_closing, transport_of
from callboard.coordinator.reader import Bounds, Reader, ReaderToken
from callboard.coordinator.services.feed import Cursor, parse_cursor
from callboard.domain.errors import CallboardError, InvalidRequest, NotFound

log = structlog.get_logger("callboard.http")

HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    *SECURITY_HEADERS,
)


async def stream(call: Call) -> Answer:
    """GET /sse/sessions. Last-Event-ID, which a browser sends when it connects again, outweighs `after`."""
    asked = call.query
    if asked.also is not None and asked.session_id is None:
        raise InvalidRequest(
            "`also` names sessions besides that of session_id.",
            hint="Name the first of them as session_id.",
            errors=[{"pointer": "?query/also", "message": "goes with session_id"}],
        )
    last_id = call.header(b"last-event-id") or asked.after
    after = parse_cursor(last_id) if last_id else None
    view = view_of(call.caller, asked.session_id, asked.root_session_id, asked.types, asked.everywhere, asked.also)
    for named in (asked.session_id, asked.root_session_id, *view.also):
        await _check_visible(call, view, named)
    token = ReaderToken(call.caller.token_id, call.secret)
    reader, bounds = await call.process.stream.open(view, token)
    try:
        await _write(call, reader, after, bounds)
    finally:
        call.process.stream.close(reader)
    return ALREADY_SENT


async def _check_visible(call: Call, view: View, session_id: str | None) -> None:
    if session_id is not None:
        lineage = await call.process.stream.feed.lineage(session_id)
        if lineage is None or not view.may_see(lineage):
            raise NotFound(f"There is no session {session_id}.", code="session_not_found")


async def _write(call: Call, reader: Reader, after: Cursor | None, bounds: Bounds) -> None:
    loop = asyncio.get_running_loop()
    transport = transport_of(call.scope)
    if transport is not None:
        reader.abort = transport.abort
    headers = [*HEADERS, (b"x-request-id", call.request_id.encode())]
    await call.send({"type": "http.response.start", "status": 200, "headers": headers})
    try:
        async with aclosing(reader.chunks(after, bounds)) as chunks:
            async for chunk in chunks:
                reader.sending_since = loop.time()
                await call.send({"type": "http.response.body", "body": chunk, "more_body": True})
                reader.sending_since = None
                if is_closing(call.scope):
                    return
    except CallboardError as error:
        log.warning("a stream broke off", request_id=call.request_id, code=error.code, detail=error.detail)
    await call.send({"type": "http.response.body", "body": RETRY})
