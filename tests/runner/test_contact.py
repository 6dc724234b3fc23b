"""Contact with the coordinator: as long as it takes, but never for what no repetition cures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from callboard.client import AsyncClient
from callboard.client.calls import runner
from callboard.domain.errors import Conflict, Internal
from callboard.runner.clock import SystemClock
from callboard.runner.contact import Contact, Dismissed
from callboard.wire.runner import Heartbeat, HeartbeatAnswer

CALL = runner.heartbeat(Heartbeat(runner_id="rnr_" + "0" * 20, epoch=1))
Answer = tuple[int, dict[str, Any]]
OK: Answer = (200, {"stops": [], "stale": []})
AWAY: Answer = (503, {"code": "unavailable"})
DEFECT: Answer = (500, {"code": "internal"})


@asynccontextmanager
async def answering(*answers: Answer) -> AsyncIterator[Contact]:
    """A contact to somebody who gives these answers, the last one again and again."""
    waiting = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        await reader.readexactly(length)
        status, body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        told = msgspec.json.encode(
            body | {"type": "about:blank", "title": "x", "status": status, "detail": "x", "request_id": "r"}
        )
        writer.write(
            b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (status, len(told), told)
        )
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    contact = Contact(AsyncClient(f"http://127.0.0.1:{port}", "token"), SystemClock(), lambda: 0.0)
    try:
        yield contact
    finally:
        await contact.close()
        server.close()


async def test_a_call_is_repeated_until_it_is_answered() -> None:
    async with answering(AWAY, DEFECT, AWAY, OK) as contact:
        assert await contact.send_until_answered(CALL) == HeartbeatAnswer()


async def test_nobody_there_is_no_answer_either() -> None:
    async with answering(OK) as contact:
        await contact.send(CALL)
        heard = contact.silent_seconds
    assert contact.silent_seconds >= heard


async def test_a_coordinator_that_fails_at_one_call_is_not_asked_for_ever() -> None:
    async with answering(DEFECT) as contact:
        with pytest.raises(Internal):
            await contact.send_until_answered(CALL, defects=2)


async def test_what_the_coordinator_refuses_is_raised_at_once() -> None:
    async with answering((409, {"code": "stale_attempt"})) as contact:
        with pytest.raises(Conflict) as refused:
            await contact.send_until_answered(CALL)
        assert refused.value.code == "stale_attempt"
        assert not contact.dismissal.done()


@pytest.mark.parametrize(
    ("status", "code"), [(401, "unauthenticated"), (409, "runner_superseded"), (404, "runner_not_found")]
)
async def test_an_error_about_the_runner_itself_dismisses_the_process(status: int, code: str) -> None:
    async with answering((status, {"code": code})) as contact:
        with pytest.raises(Dismissed):
            await contact.send_until_answered(CALL)
        assert contact.dismissal.result().cause.code == code
