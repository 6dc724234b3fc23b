"""A PostgreSQL that restarts, crashes, hangs and tells nobody: refused honestly meanwhile, nothing lost or doubled."""

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import httpx2
import pytest

from callboard.client.call import Call
from callboard.client.calls import runs
from callboard.domain.errors import Unavailable
from callboard.wire.requests import CreateRun
from callboard.wire.responses import Run, RunCreated
from tests.conftest import REPOSITORY, FaultRound
from tests.faults.database_way import DatabaseWay, Moment, database_way
from tests.faults.event_load import EventLoad
from tests.faults.times import LATE, SOON
from tests.support.coordinator import Coordinator, lives, until
from tests.support.history import assert_promises_kept
from tests.support.own_server import WAYS, OwnServer
from tests.support.processes import agents_of
from tests.support.server_guard import postmaster_of
from tests.support.world import World, hold

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

T = TypeVar("T")
SESSIONS_A_ROUND: Final = 8
PEOPLE: Final = 6
BREAKS: Final = (*WAYS, *WAYS, "connections", "coordinator", "both")
AWAY_SECONDS: Final = 0.7
PATIENCE_SECONDS: Final = 60.0
CUTS: Final = 10
FULL_SECONDS: Final = 3600
SOON_SECONDS: Final = 4.0
"""A look each second, and a busy machine; whatever waits for something else waits much longer."""
DEFECTS: Final = ("request_failed", "loop_ended", "Traceback")


def pause(seconds: float) -> None:
    """How long something stays broken."""
    threading.Event().wait(seconds)


def persist(coordinator: Coordinator, call: Call[T]) -> T:
    """The answer to a call that is sent with the same key until there is one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return coordinator.client.send(call)
        except Unavailable:
            assert time.monotonic() < deadline
            pause(0.1)


# ------------------------------------------------------------------ R9


class Person:
    """Asks for one session after the other and waits for each."""

    def __init__(self, coordinator: Coordinator, numbers: list[int]) -> None:
        self.done: list[tuple[int, RunCreated, Run]] = []
        self._coordinator = coordinator
        self._numbers = numbers

    def work(self) -> None:
        for number in self._numbers:
            script = f"append ran-{number} x\nsay at it\nsleep 0.2\nresult {number}"
            created = persist(self._coordinator, runs.create(CreateRun(type="start_session", prompt=script)))
            run = persist(self._coordinator, runs.wait(created.run_id, 30))
            assert run.ended_at is not None, (run.status, run.attempt)
            self.done.append((number, created, run))


@pytest.mark.timeout(FULL_SECONDS)
def test_r9_every_session_ends_right_while_database_and_coordinator_come_and_go(
    server: OwnServer, world: World, request: pytest.FixtureRequest
) -> None:
    """R9: one world, which grows with --rounds; every acknowledged event is kept, every agent ran once, all is told."""
    rounds, seed = request.config.getoption("--rounds"), request.config.getoption("--seed")
    source = FaultRound(rounds, seed).source()
    coordinator = world.coordinator(**LATE, database=server.url)
    for name in ("one", "two"):
        world.runner(coordinator, name=name, slots=4)
    load = EventLoad(world, coordinator, "load", random.Random(source.random()))  # noqa: S311 - sizes, no secrets
    people = [Person(coordinator, list(range(first, rounds * SESSIONS_A_ROUND, PEOPLE))) for first in range(PEOPLE)]
    working = [world.meanwhile(person.work) for person in people]
    said: list[str] = []
    broken: Counter[str] = Counter()
    while not all(one.done() for one in working):
        wanted = load.posted + source.randint(100, 1500)
        until(lambda: load.posted >= wanted or all(one.done() for one in working), PATIENCE_SECONDS, "it goes on")  # noqa: B023
        what = source.choice(BREAKS)
        broken[what] += 1
        said += break_one(what, coordinator, server, source.uniform(0, AWAY_SECONDS))
    for one in working:
        one.result()
    load.finish()
    load.assert_all_there()
    ended = [done for person in people for done in person.done]
    assert sorted(number for number, _, _ in ended) == list(range(rounds * SESSIONS_A_ROUND))
    for number, created, run in ended:
        assert (run.run_id, run.reason, run.result_text) == (created.run_id, "completed", str(number))
        assert (world.project / f"ran-{number}").read_text() == "x\n"
    assert_promises_kept(coordinator, load.session_id, *(created.session_id for _, created, _ in ended))
    sessions = server.rows("SELECT count(*) FROM sessions")
    assert sessions == [(len(ended) + 1,)]
    sys.stdout.write(f"{len(ended)} sessions, broken meanwhile: {dict(broken)}\n")
    assert broken.total() >= rounds
    said += coordinator.program.lines
    assert [line for line in said if any(word in line for word in DEFECTS)] == []


def break_one(what: str, coordinator: Coordinator, server: OwnServer, seconds: float) -> list[str]:
    """Break one of the BREAKS; it is whole again in the end. What a coordinator said that was ended for it."""
    said: list[str] = []
    if what == "connections":
        server.end_connections()
    if what in ("coordinator", "both"):
        coordinator.kill()
        said = coordinator.program.lines
    if what in WAYS or what == "both":
        server.stop("killed" if what == "both" else what)
        pause(seconds)
        server.start()
    if what in ("coordinator", "both"):
        coordinator.restart()
    return said


# ------------------------------------------------------------------ R10


def test_r9_r10_while_the_database_is_away_all_is_refused_honestly_and_nothing_is_half_done(
    server: OwnServer, world: World
) -> None:
    """R9, R10: red at once with a reason that tells no secret, green by itself; what was answered 2xx stays."""
    coordinator = world.coordinator(**LATE, database=server.url)
    world.runner(coordinator)
    run = coordinator.start_run(f"say ready\n{hold('go')}\nsay done")
    coordinator.until_event(run, "message", role="assistant")
    asked = {}
    with httpx2.Client(base_url=coordinator.url, timeout=10, trust_env=False) as http:
        for way in WAYS:
            server.stop(way)
            assert_refused(http.get("/readyz"), server)
            assert http.get("/healthz").status_code == 200
            began = time.monotonic()
            asked[way] = partial(create, coordinator, way)
            assert_refused(asked[way](), server)
            for path in ("/runs", "/sse/sessions"):
                assert_refused(coordinator.http.get(path), server)
            assert time.monotonic() - began < SOON_SECONDS
            assert agents_of(run.run_id)
            server.start()
            until(lambda: http.get("/readyz").status_code == 200, 10, "it is green again")
            answers = [asked[way]() for _ in range(2)]
            assert [answer.status_code for answer in answers] == [201, 201]
            assert answers[0].json() == answers[1].json()
    world.let_go("go")
    ended = coordinator.ended(run.run_id)
    assert (ended.status, ended.attempt) == ("completed", 1)
    assert coordinator.events(run.session_id, "run_interrupted") == []
    assert server.rows("SELECT count(*) FROM sessions") == [(1 + len(WAYS),)]
    for way in WAYS:
        assert coordinator.ended(asked[way]().json()["run_id"]).reason == "completed"
    assert_promises_kept(coordinator, run.session_id)


def create(coordinator: Coordinator, key: str) -> httpx2.Response:
    """A new session under a key of its own."""
    body = {"type": "start_session", "prompt": f"say {key}"}
    return coordinator.http.post("/runs", json=body, headers={"Idempotency-Key": f"key-{key}"})


def assert_refused(answer: httpx2.Response, server: OwnServer) -> None:
    """503 with a reason and a time, and without a word about where the database is."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert "database" in answer.json()["detail"]
    assert str(server.data) not in answer.text


def test_r9_r3_a_lease_does_not_lapse_while_the_database_hangs_for_all_coordinators(
    server: OwnServer, world: World
) -> None:
    """R9, R10: the server is frozen for longer than a lease; whoever looks first when it thaws interrupts nobody."""
    settings = SOON | {"grace_seconds": 4}
    both = [world.coordinator(**settings, database=server.url) for _ in range(2)]
    runner = world.hand_runner(both[0])
    run = both[0].start_run("by hand")
    attempt = runner.begin(run.run_id)
    until(lambda: bool(runner.heartbeat((run.run_id, attempt))) and grace_is_over(server), 20, "leases may lapse")
    assert both[1].run(run.run_id).status == "running"
    with server.frozen():
        until(partial(is_ready, both[0], False), 20, "readiness turns red")
    for coordinator in both:
        until(partial(is_ready, coordinator, True), 20, "readiness turns green")
    pause(10 * SOON["sweep_seconds"])  # in which each would interrupt the run, if it did
    assert both[0].run(run.run_id).status == "running"
    runner.heartbeat((run.run_id, attempt))
    assert runner.complete(run.run_id, attempt).status_code == 200
    assert both[1].events(run.session_id, "run_interrupted") == []
    assert_promises_kept(both[1], run.session_id)


def grace_is_over(server: OwnServer) -> bool:
    """Whether the time has passed in which nothing lapses after a start."""
    now = "extract(epoch FROM clock_timestamp()) * 1000"
    return server.rows(f"SELECT value::BIGINT < {now} FROM meta WHERE key = 'leases_expire_from'") == [(True,)]  # noqa: S608


def is_ready(coordinator: Coordinator, ready: bool) -> bool:
    """Whether it says so."""
    with httpx2.Client(base_url=coordinator.url, timeout=20, trust_env=False) as http:
        return http.get("/readyz").status_code == (200 if ready else 503)


# ------------------------------------------------------------------ a lost COMMIT


@pytest.mark.parametrize("moment", get_args(Moment))
def test_r9_r6_what_is_sent_again_after_a_lost_commit_is_done_once(
    server: OwnServer, world: World, moment: Moment
) -> None:
    """R9, R6: the connection dies before the COMMIT arrives, or before its answer does; nobody can know which."""
    with database_way(server.socket) as way:
        url = f"postgresql://postgres@127.0.0.1:{way.port}/postgres?sslmode=disable&gssencmode=disable"
        coordinator = world.coordinator(**LATE | {"sweep_seconds": 600}, database=url)
        runner = world.hand_runner(coordinator)
        again = partial(lost_then_again, way, moment)
        created = again(partial(create, coordinator, "once"))
        run_id, session_id = created["run_id"], created["session_id"]
        attempt = runner.claim(run_id)["attempt"]
        event = {"client_key": "1", "type": "note", "payload": {"text": "once"}}
        again(lambda: runner.started(run_id, attempt))
        again(lambda: runner.bind(session_id, run_id, attempt, "native"))
        again(lambda: runner.post_events(session_id, run_id, attempt, event))
        again(lambda: runner.report(run_id, "usage", attempt, rows=[{"model": "m", "message_id": "1", "turns": 1}]))
        again(lambda: coordinator.http.patch(f"/sessions/{session_id}", json={"title": "once"}))
        again(lambda: runner.complete(run_id, attempt, event_count=1, result_text="done"))
        run = coordinator.run(run_id)
        assert (run.status, run.attempt, run.result_text, run.usage.turns) == ("completed", 1, "done", 1)
        types = [one.type for one in coordinator.events(session_id)]
        assert sorted(set(types)) == sorted(types)
        assert server.rows("SELECT count(*) FROM runs") == [(1,)]
        assert_promises_kept(coordinator, session_id)


def lost_then_again(way: DatabaseWay, moment: Moment, send: Callable[[], httpx2.Response]) -> dict[str, Any]:
    """The one answer of all repeats of a request whose first COMMIT was lost."""
    way.cut_next_commit(moment)
    lost = send()
    assert not way.waits
    assert (lost.status_code, lost.headers.get("retry-after")) == (503, "1"), lost.text
    assert "not known" in lost.json()["detail"]
    answers = [send() for _ in range(2)]
    assert answers[0].is_success, answers[0].text
    assert answers[0].json() == answers[1].json()
    told: dict[str, Any] = answers[0].json()
    return told


# ------------------------------------------------------------------ hints


def test_r9_without_any_notify_the_look_suffices(server: OwnServer, world: World) -> None:
    """R9: NOTIFY does nothing at all; runs, stops, waits and streams of the other coordinator come within a look."""
    server.rows("CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS ''")
    server.rows("ALTER DATABASE postgres SET search_path = public, pg_catalog")
    assert_hints_arrive(world, *(world.coordinator(**LATE, database=server.url) for _ in range(2)))


def test_r9_hints_that_are_cut_off_again_and_again_come_back_within_a_look(server: OwnServer, world: World) -> None:
    """R9: every connection is ended, as often as it is made; afterwards nobody waits longer than for a lost hint."""
    both = [world.coordinator(**LATE, database=server.url) for _ in range(2)]
    for _ in range(CUTS):
        until(lambda: server.end_connections("LISTEN|ROLLBACK|DEALLOCATE") > 0, 20, "one that has looked is cut off")
    assert_hints_arrive(world, *both)


def assert_hints_arrive(world: World, here: Coordinator, there: Coordinator) -> None:
    """What is done at one coordinator is soon known to whoever waits at the other."""
    runner = world.hand_runner(here)
    reader = here.stream()
    polling = world.meanwhile(lambda: (runner.poll(wait=30), time.monotonic()))
    began = time.monotonic()
    created = there.start_run("by hand")
    answer, at = polling.result(40)
    assert answer is not None
    assert at - began < SOON_SECONDS
    (claim,) = answer["runs"]
    assert runner.started(created.run_id, claim["attempt"]).status_code == 200

    polling = world.meanwhile(lambda: (runner.poll(wait=30, slots=0), time.monotonic()))
    began = time.monotonic()
    there.http.post(f"/runs/{created.run_id}/stop").raise_for_status()
    answer, at = polling.result(40)
    assert answer is not None
    assert created.run_id in str(answer)
    assert at - began < SOON_SECONDS
    reader.until_event("stop_requested", SOON_SECONDS, run_id=created.run_id)


# ------------------------------------------------------------------ the tests themselves

OWNER: Final = """
import sys
from pathlib import Path
from tests.support.own_server import own_server
with own_server(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


def test_a_test_run_that_is_killed_leaves_no_server(short_directory: Path) -> None:
    """Whoever started it cannot clean up any more: its guard does."""
    directory = short_directory / "of-another-run"
    directory.mkdir()
    argv = [sys.executable, "-c", OWNER, str(directory)]
    with subprocess.Popen(argv, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline().startswith("postgresql://")
        postmaster = postmaster_of(directory / "data")
        owner.kill()
    assert postmaster is not None
    until(lambda: not directory.exists(), 20, "the directory is gone")
    assert postmaster_of(directory / "data") is None
    until(lambda: not lives(postmaster.pid), 20, "the server is gone")
