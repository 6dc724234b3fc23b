"""Following the stream: over broken connections, without gap or duplicate (A36)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing, closing
from itertools import islice
from typing import Any

import msgspec
import pytest
from httpx2 import ServerSentEvent

from callboard.client import AsyncClient, Client, Delta, Gap, Ready, StreamFilter, StreamFrame, Unreachable
from callboard.client.stream import REMEMBERED_SESSIONS, Position, follow, follow_async
from callboard.domain.errors import Internal, InvalidRequest, Unauthenticated
from callboard.wire.responses import Event
from tests.client.answering import Answer, AnsweringServer, control, event, problem, stream

Take = Callable[..., list[StreamFrame]]


def _take_plainly(url: str, count: int, filters: StreamFilter | None = None, **more: Any) -> list[StreamFrame]:
    with Client(url, "a token") as client, closing(follow(client, filters, **more)) as frames:
        return list(islice(frames, count))


def _take_in_a_coroutine(url: str, count: int, filters: StreamFilter | None = None, **more: Any) -> list[StreamFrame]:
    async def take() -> list[StreamFrame]:
        taken: list[StreamFrame] = []
        async with AsyncClient(url, "a token") as client, aclosing(follow_async(client, filters, **more)) as frames:
            async for frame in frames:
                taken.append(frame)
                if len(taken) == count:
                    break
        return taken

    return asyncio.run(take())


@pytest.fixture(params=[_take_plainly, _take_in_a_coroutine], ids=["plain", "async"])
def take(request: pytest.FixtureRequest) -> Take:
    taker: Take = request.param
    return taker


def _seqs(frames: list[StreamFrame]) -> list[int]:
    return [frame.seq for frame in frames if isinstance(frame, Event)]


def test_a_stream_that_ends_is_followed_on_from_its_cursor(take: Take) -> None:
    """A36: after a restart of the coordinator, without gap or duplicate."""
    with AnsweringServer(stream(event(1), event(2)), stream(event(3))) as server:
        assert _seqs(take(server.url, 3)) == [1, 2, 3]
        assert [request.path for request in server.requests] == ["/sse/sessions", "/sse/sessions?after=0.2.0"]


def test_an_event_that_comes_twice_is_given_once(take: Take) -> None:
    with AnsweringServer(stream(event(1), event(2)), stream(event(2), event(3))) as server:
        assert _seqs(take(server.url, 3)) == [1, 2, 3]


def test_events_of_several_sessions_do_not_hide_each_other(take: Take) -> None:
    frames = (event(5), event(1, session_id="ses_b", cursor="0.6.0"), event(6, cursor="0.7.0"))
    with AnsweringServer(stream(*frames)) as server:
        assert _seqs(take(server.url, 3)) == [5, 1, 6]


def test_a_reader_that_has_seen_nothing_goes_on_from_where_the_log_ended(take: Take) -> None:
    with AnsweringServer(stream(control("ready", {"cursor": "0.9.0"})), stream(event(10))) as server:
        assert take(server.url, 2)[0] == Ready(cursor="0.9.0")
        assert server.requests[1].path.endswith("after=0.9.0")


def test_control_frames_move_no_cursor(take: Take) -> None:
    piece = {"session_id": "ses_a", "run_id": "run_a", "attempt": 1, "message_key": "m", "offset": 0, "text": "Hel"}
    frames = (event(1), control("delta", piece), control("gap", {"after": "0.1.0", "until": "0.5.0"}))
    with AnsweringServer(stream(*frames), stream(event(2))) as server:
        taken = take(server.url, 4)
        assert taken[1] == msgspec.convert(piece, Delta)
        assert taken[2] == Gap(data={"after": "0.1.0", "until": "0.5.0"})
        assert server.requests[1].path.endswith("after=0.1.0")


def test_what_is_asked_for_is_in_every_request(take: Take) -> None:
    filters = StreamFilter(session_id="ses_a", types=("message", "result"))
    with AnsweringServer(stream(event(1)), stream(event(2))) as server:
        take(server.url, 2, filters, after="0.0.0")
        assert [request.path.partition("?")[2] for request in server.requests] == [
            "session_id=ses_a&types=message%2Cresult&after=0.0.0",
            "session_id=ses_a&types=message%2Cresult&after=0.1.0",
        ]


def test_a_coordinator_that_is_away_for_a_while_is_waited_for(take: Take) -> None:
    with AnsweringServer(problem(503, "unavailable"), Answer(breaks=True), stream(event(1))) as server:
        assert _seqs(take(server.url, 1, patience_seconds=30)) == [1]


def test_patience_ends(take: Take) -> None:
    with AnsweringServer(*[Answer(breaks=True)] * 20) as server, pytest.raises(Unreachable):
        take(server.url, 1, patience_seconds=0.2)


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(401, "unauthenticated", Unauthenticated), (400, "invalid_cursor", InvalidRequest)]
)
def test_a_refusal_is_raised(take: Take, status: int, code: str, kind: type[Exception]) -> None:
    with AnsweringServer(problem(status, code)) as server, pytest.raises(kind):
        take(server.url, 1)


def test_a_frame_in_an_unknown_form_is_a_defect_and_no_crash(take: Take) -> None:
    broken = "id: 0.1.0\nevent: note\ndata: {\n\n"
    with AnsweringServer(stream(broken)) as server, pytest.raises(Internal):
        take(server.url, 1)


def test_what_is_remembered_of_sessions_is_bounded() -> None:
    position = Position(StreamFilter(), None)

    def seen(number: int) -> Iterator[StreamFrame]:

        lines = event(1, session_id=f"ses_{number}").splitlines()
        return position.take(ServerSentEvent(event="note", data=lines[2].removeprefix("data: "), id="0.1.0"))

    for number in range(REMEMBERED_SESSIONS + 50):
        assert len(list(seen(number))) == 1
    assert len(position._last_seq) == REMEMBERED_SESSIONS
