"""Sending calls: errors come back as they were raised, and only what may be repeated is repeated."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from callboard.client import NO_RETRIES, AsyncClient, Call, Client, Nothing, RetryPolicy, Unreachable, calls
from callboard.domain.errors import CODES, CallboardError, Conflict, Internal, InvalidRequest, NotFound, Unavailable
from callboard.wire.health import Health
from callboard.wire.requests import CreateRun
from callboard.wire.runner import PollAnswer
from tests.client.answering import Answer, AnsweringServer, problem

QUICK = RetryPolicy(attempts=4, first_pause_seconds=0.001, longest_pause_seconds=0.002)
CREATED = Answer(201, b'{"run_id": "run_a", "session_id": "ses_a", "status": "pending"}')
OK = Answer(200, b'{"status": "ok"}')
Send = Callable[[str, Call[Any]], Any]


def _send_plainly(url: str, call: Call[Any]) -> Any:
    with Client(url, "a token", retry=QUICK) as client:
        return client.send(call)


def _send_in_a_coroutine(url: str, call: Call[Any]) -> Any:
    async def send() -> Any:
        async with AsyncClient(url, "a token", retry=QUICK) as client:
            return await client.send(call)

    return asyncio.run(send())


@pytest.fixture(params=[_send_plainly, _send_in_a_coroutine], ids=["plain", "async"])
def send(request: pytest.FixtureRequest) -> Send:
    sender: Send = request.param
    return sender


def _creation() -> Call[Any]:
    return calls.runs.create(CreateRun(type="start_session", prompt="hello"))


def _unused_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_call_carries_token_body_and_key(send: Send) -> None:
    with AnsweringServer(CREATED) as server:
        call = _creation()
        assert send(server.url, call).session_id == "ses_a"
        (request,) = server.requests
    assert request.headers["authorization"] == "Bearer a token"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == call.idempotency_key
    assert request.body == b'{"type":"start_session","prompt":"hello"}'


def test_a_read_is_repeated_until_the_coordinator_answers(send: Send) -> None:
    with AnsweringServer(problem(503, "unavailable"), Answer(breaks=True), OK) as server:
        assert send(server.url, calls.health.ready()) == Health(status="ok")
        assert len(server.requests) == 3


def test_a_creation_is_repeated_under_the_same_key(send: Send) -> None:
    with AnsweringServer(Answer(breaks=True), problem(409, "idempotency_in_flight"), CREATED) as server:
        send(server.url, _creation())
        assert len({request.headers["idempotency-key"] for request in server.requests}) == 1
        assert len(server.requests) == 3


def test_what_may_not_be_repeated_is_sent_once(send: Send) -> None:
    with AnsweringServer(Answer(breaks=True), OK) as server:
        with pytest.raises(Unreachable):
            send(server.url, Call(method="POST", path="/tokens", response=Nothing))
        assert len(server.requests) == 1


def test_an_error_that_does_not_pass_is_not_repeated(send: Send) -> None:
    with AnsweringServer(problem(409, "session_busy"), OK) as server:
        with pytest.raises(Conflict):
            send(server.url, calls.health.ready())
        assert len(server.requests) == 1


def test_repeating_is_bounded(send: Send) -> None:
    with AnsweringServer(*[problem(503, "store_timeout")] * 10) as server:
        with pytest.raises(Unavailable) as raised:
            send(server.url, calls.health.ready())
        assert raised.value.code == "store_timeout"
        assert len(server.requests) == QUICK.attempts


def test_nothing_is_repeated_when_asked_so() -> None:
    with AnsweringServer(problem(503, "unavailable"), OK) as server, Client(server.url) as client:
        with pytest.raises(Unavailable):
            client.send(calls.health.ready(), retry=NO_RETRIES)
        assert len(server.requests) == 1


def test_a_coordinator_that_is_not_there_is_unreachable(send: Send) -> None:
    with pytest.raises(Unreachable) as raised:
        send(f"http://127.0.0.1:{_unused_port()}", calls.health.ready())
    assert "callboard up" in raised.value.hint


def test_an_answer_that_takes_too_long_is_given_up(send: Send) -> None:
    """R13: every wait is bounded."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        call = Call(method="GET", path="/readyz", response=Health, timeout_seconds=0.2)
        with pytest.raises(Unreachable):
            send(url, call)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 421, 422, 429, 500, 503])
def test_the_class_that_the_service_raised_is_raised_again(status: int) -> None:
    code = "not_found" if status == 404 else "session_archived" if status == 409 else "internal"
    answer = problem(status, code, hint="do this", errors=[{"pointer": "/prompt"}])
    with (
        AnsweringServer(answer) as server,
        Client(server.url, retry=NO_RETRIES) as client,
        pytest.raises(CallboardError) as raised,
    ):
        client.send(calls.health.ready())
    error = raised.value
    assert (error.code, error.detail, error.hint, error.request_id) == (code, f"said {code}", "do this", "req_1")
    assert error.errors == [{"pointer": "/prompt"}]
    assert isinstance(error, NotFound) == (status == 404)
    assert isinstance(error, InvalidRequest) == (status in (400, 422))


def test_a_code_of_a_newer_coordinator_keeps_its_class_and_is_told() -> None:
    assert "of_the_future" not in CODES
    with (
        AnsweringServer(problem(409, "of_the_future")) as server,
        Client(server.url) as client,
        pytest.raises(Conflict, match="of_the_future"),
    ):
        client.send(calls.health.ready())


def test_something_else_at_the_address_is_told_from_a_coordinator(send: Send) -> None:
    page = Answer(404, b"<html>another program</html>")
    with AnsweringServer(page) as server, pytest.raises(NotFound, match="something else at this address"):
        send(server.url, calls.health.ready())


def test_an_answer_in_an_unknown_form_is_a_defect_and_no_crash(send: Send) -> None:
    bad = b'{"status": 5}'
    for answer, theirs in ((Answer(200, bad), "older"), (Answer(200, bad, {"x-callboard-version": "0.0.7"}), "0.0.7")):
        with AnsweringServer(answer) as server, pytest.raises(Internal, match="/readyz") as raised:
            send(server.url, calls.health.ready())
        assert (raised.value.code, f"its coordinator is {theirs}." in raised.value.detail) == ("answer_unknown", True)
        assert "Start the coordinator anew" in raised.value.hint


def test_fields_of_a_newer_coordinator_are_left_out(send: Send) -> None:
    with AnsweringServer(Answer(200, b'{"status": "ok", "of_the_future": [1]}')) as server:
        assert send(server.url, calls.health.ready()) == Health(status="ok")


def test_no_answer_to_a_poll_is_an_empty_answer(send: Send) -> None:
    with AnsweringServer(Answer(204, b"", {"connection": "close"})) as server:
        assert send(server.url, calls.runner.poll("rnr_a", 1, slots=1)) == PollAnswer()


def test_pauses_grow_and_are_bounded_and_heed_the_coordinator() -> None:
    policy = RetryPolicy(first_pause_seconds=0.1, longest_pause_seconds=2.0)
    assert [policy.pause_seconds(failures, 1.0) for failures in (1, 2, 3, 6, 10_000)] == [0.1, 0.2, 0.4, 2.0, 2.0]
    assert policy.pause_seconds(1, 0.0) == pytest.approx(0.05)
    assert policy.pause_seconds(1, 1.0, retry_after_seconds=1.5) == 1.5
    assert policy.pause_seconds(1, 1.0, retry_after_seconds=600) == 2.0


def test_no_proxy_stands_between_us_and_this_machine(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{_unused_port()}")
    with AnsweringServer(OK) as server:
        assert send(server.url, calls.health.ready()) == Health(status="ok")
