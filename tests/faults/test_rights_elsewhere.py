"""What is decided about a token at one coordinator holds at the other; whose an attempt is, both say alike."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import copy
from pathlib import Path
from typing import Any, Final

import httpx2
import psycopg
import pytest

from callboard.wire.responses import RunCreated
from tests.faults.going_on import at
from tests.faults.times import LATE
from tests.faults.two import Two, two_coordinators
from tests.support.coordinator import Coordinator, until
from tests.support.hand_runner import HandRunner

pytestmark = [pytest.mark.faults, pytest.mark.timeout(90)]

RECHECK_SECONDS: Final = 3
"""Less than usual, so that a busy machine is in time too: what a secret proves is remembered for five seconds more."""
ENDED_SECONDS: Final = 10.0
"""Within this time a revoked token has lost what it held open."""


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Two coordinators on one database, in a world that ends with the test."""
    with two_coordinators(tmp_path, **LATE | {"lease_seconds": 60, "token_recheck_seconds": RECHECK_SECONDS}) as made:
        yield made


def revoke_there(two: Two, token_id: str) -> None:
    """As its owner does, at the coordinator that the token is not used at."""
    assert two.first.http.delete(f"/tokens/{token_id}").status_code == 200


def revoke_unheard(two: Two, token_id: str) -> None:
    """The same when the message to the other coordinator is lost."""
    with psycopg.connect(two.first.database) as server:
        server.execute("UPDATE tokens SET revoked_at = 1 WHERE token_id = %s", [token_id])


REVOKED: Final = pytest.mark.parametrize("revoke", [revoke_there, revoke_unheard])


@REVOKED
def test_s6_a_token_revoked_at_one_coordinator_loses_its_stream_and_its_wait_at_the_other(
    two: Two, revoke: Callable[[Two, str], None]
) -> None:
    """S6: within ten seconds, and the next request is refused; others go on."""
    token = two.first.http.post("/tokens", json={"kind": "user", "label": "for a while"}).json()
    run = two.first.start_run("waits for a runner")
    kept = two.second.stream()
    reader = two.second.stream(token=token["token"])
    with two.second.with_token(token["token"]) as http:
        waiting = two.world.meanwhile(lambda: http.get(f"/runs/{run.run_id}/wait", params={"timeout": 60}, timeout=90))
        until(lambda: has_waiters(two.second), 10, "the wait is held")
        revoke(two, token["token_id"])
        reader.broken(ENDED_SECONDS)
        assert waiting.result(ENDED_SECONDS).status_code == 401
        assert http.get(f"/runs/{run.run_id}").status_code == 401
    made = two.first.start_run("somebody else still reads")
    kept.until_event("run_queued", run_id=made.run_id)
    assert made.run_id not in {event["run_id"] for event in reader.events}


@REVOKED
def test_s6_a_runner_whose_token_is_revoked_at_one_coordinator_is_given_nothing_at_the_other(
    two: Two, revoke: Callable[[Two, str], None]
) -> None:
    """S6: the poll that it holds ends within ten seconds; what is queued then waits for somebody else."""
    runner = two.world.hand_runner(two.second, "revoked")
    polling = two.world.meanwhile(lambda: ask_for_runs(runner))
    until(lambda: gauge(two.second, "callboard_polls_held") == 1, 10, "the poll is held")
    revoke(two, runner.http.get("/tokens/self").json()["token_id"])
    assert polling.result(ENDED_SECONDS).status_code == 401
    run = two.first.start_run("not for it")
    assert ask_for_runs(runner).status_code == 401
    assert two.first.run(run.run_id).status == "pending"


def ask_for_runs(runner: HandRunner) -> httpx2.Response:
    query: dict[str, str | int] = {"runner_id": runner.runner_id, "epoch": runner.epoch, "wait": 30, "slots": 1}
    return runner.http.get("/runner/runs", params=query, timeout=60)


def gauge(coordinator: Coordinator, name: str) -> float:
    lines = coordinator.http.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def has_waiters(coordinator: Coordinator) -> bool:
    """Whether somebody has asked for a run's end and got no answer yet."""
    return gauge(coordinator, "callboard_requests_held") > 0


def test_s6_a_runner_writes_only_to_attempts_that_it_leases_at_either_coordinator(two: Two) -> None:
    """S6: what one runner claimed at one coordinator is another runner's nowhere; no runner acts as a person."""
    run = two.first.start_run("owned")
    owner = two.world.hand_runner(two.first, "owner")
    other = two.world.hand_runner(two.second, "other", hostname="elsewhere")
    attempt = owner.begin(run.run_id)
    before = two.first.events(run.session_id)
    for coordinator in two.both:
        with at(other, coordinator) as foreign:
            assert refusals_of(foreign, owner, run, attempt) == REFUSED
    assert two.second.events(run.session_id) == before
    for number, coordinator in enumerate(two.both):
        with at(owner, coordinator) as own:
            assert own.post_events(run.session_id, run.run_id, attempt, note(number)).status_code == 200
            assert own.post_events(run.session_id, run.run_id, attempt + 1, note(number)).status_code == 409
    with at(owner, two.second) as own:
        assert own.complete(run.run_id, attempt, event_count=2).status_code == 200
    with at(owner, two.first) as own:
        assert own.post_events(run.session_id, run.run_id, attempt, note(9)).status_code == 409, "it has ended"


REFUSED: Final = {
    "events": (409, "stale_attempt"),
    "started": (409, "stale_attempt"),
    "completed": (409, "stale_attempt"),
    "bind": (409, "stale_attempt"),
    "usage": (409, "stale_attempt"),
    "in the owner's name": (403, "forbidden"),
    "read": (403, "forbidden"),
    "read events": (403, "forbidden"),
    "follow": (403, "forbidden"),
    "stop": (403, "forbidden"),
    "start": (403, "forbidden"),
    "make a token": (403, "forbidden"),
}
"""What a runner is told that asks for what is not its own."""


def refusals_of(runner: HandRunner, owner: HandRunner, run: RunCreated, attempt: int) -> dict[str, tuple[int, str]]:
    """Every way of a runner to an attempt of another one."""
    run_id, session_id = run.run_id, run.session_id
    in_its_name = copy(runner)
    in_its_name.runner_id, in_its_name.epoch = owner.runner_id, owner.epoch
    answers = {
        "events": runner.post_events(session_id, run_id, attempt, note(1)),
        "started": runner.started(run_id, attempt),
        "completed": runner.complete(run_id, attempt),
        "bind": runner.bind(session_id, run_id, attempt, "native"),
        "usage": runner.report(run_id, "usage", attempt, rows=[]),
        "in the owner's name": in_its_name.complete(run_id, attempt),
        "read": runner.http.get(f"/sessions/{session_id}"),
        "read events": runner.http.get(f"/sessions/{session_id}/events"),
        "follow": runner.http.get("/sse/sessions", params={"session_id": session_id}),
        "stop": runner.http.post(f"/runs/{run_id}/stop"),
        "start": runner.http.post("/runs", json={"type": "start_session", "prompt": "x"}),
        "make a token": runner.http.post("/tokens", json={"kind": "user", "label": "x"}),
    }
    return {name: (answer.status_code, answer.json()["code"]) for name, answer in answers.items()}


def note(number: int) -> dict[str, Any]:
    return {"client_key": f"1.{number}", "type": "note", "payload": {"text": str(number)}}


def test_s6_a_session_sees_itself_alone_at_either_coordinator_and_its_token_ends_with_its_attempt(two: Two) -> None:
    """S6, S7: a session of somebody else is not there for it (404), its own it reads and does not steer (403)."""
    runner = two.world.hand_runner(two.first, "owner")
    run = two.first.start_run("owned")
    attempt = runner.begin(run.run_id)
    sibling = two.second.start_run("somebody else's")
    with ExitStack() as stack:
        asking = [stack.enter_context(one.with_token(runner.session_tokens[run.run_id])) for one in two.both]
        for http in asking:
            assert http.get(f"/sessions/{run.session_id}").status_code == 200
            assert http.post(f"/sessions/{run.session_id}/stop").status_code == 403
            for path in (f"/sessions/{sibling.session_id}", f"/runs/{sibling.run_id}"):
                assert http.get(path).status_code == 404
                assert http.post(f"{path}/stop").status_code == 404
            assert http.get("/sse/sessions", params={"session_id": sibling.session_id}).status_code == 404
        assert runner.complete(run.run_id, attempt).status_code == 200
        assert asking[0].get(f"/sessions/{run.session_id}").status_code == 401
        until(lambda: asking[1].get(f"/sessions/{run.session_id}").status_code == 401, ENDED_SECONDS, "it has ended")
