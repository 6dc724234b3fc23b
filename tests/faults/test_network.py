"""Runners and people behind a bad network: nothing is lost, doubled or out of order, and a lost runner stops itself."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

import msgspec
import pytest

from callboard.client import Client, RetryPolicy
from callboard.client.calls import runs
from callboard.wire.requests import CreateRun
from callboard.wire.responses import RunCreated
from tests.conftest import FaultRound
from tests.faults.times import LATE, SOON
from tests.support.coordinator import Coordinator, payload_of, until
from tests.support.history import assert_promises_kept
from tests.support.processes import agents_of
from tests.support.toxic_proxy import FATES, ToxicProxy, toxic_proxy
from tests.support.world import World, hold

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

EVENTS: Final = 5000
BAD_DAY: Final = dict.fromkeys(FATES, 0.06)
"""More than every third request meets with something."""


@pytest.fixture
def coordinator(world: World) -> Coordinator:
    """Return a coordinator that calls nobody lost in a hurry."""
    return world.coordinator(**LATE | {"unheard_seconds": 2})


@pytest.fixture
def proxied(coordinator: Coordinator, fault_round: FaultRound) -> Iterator[ToxicProxy]:
    """Yield a way to the coordinator with the random source of the round."""
    with toxic_proxy(coordinator.url, fault_round.source()) as proxy:
        yield proxy


def test_r4_five_thousand_events_of_a_cut_off_runner_that_is_restarted_arrive_once_in_order(
    world: World, fault_round: FaultRound
) -> None:
    """R4: cut off past its lease, killed and started again meanwhile; the agent goes on, its journal is the spool."""
    source = fault_round.source()
    coordinator = world.coordinator(**SOON, lost_run_seconds=60)
    with toxic_proxy(coordinator.url, source) as proxy:
        runner = world.runner(coordinator, url=proxy.url)
        run = coordinator.start_run(f"say ready\n{hold('go')}\nemit {EVENTS} 20\nresult done")
        coordinator.until_event(run, "message", role="assistant")
        source.choice((proxy.refuse, proxy.half_open))()
        (world.project / "go").touch()
        if source.random() < 0.5:
            coordinator.until_event(run, "run_interrupted")
        runner.kill()
        runner.program.close()
        runner.program = runner._started()
        proxy.restore()
        ended = coordinator.ended(run.run_id, 60)
    assert (ended.status, ended.attempt, ended.result_text) == ("completed", 1, "done")
    assert keys_of_messages(coordinator, run) == [f"r1a1.message{number}" for number in (1, *range(3, EVENTS + 3))]
    assert_promises_kept(coordinator, run.session_id)


def keys_of_messages(coordinator: Coordinator, run: RunCreated) -> list[str]:
    """The keys of what the agent said, in the order of the log."""
    told = [payload_of(event) for event in coordinator.events(run.session_id, "message")]
    return [str(payload["message_key"]) for payload in told if payload["role"] == "assistant"]


def test_r4_connections_that_die_in_silence_cost_no_lease(world: World) -> None:
    """R4: a router forgot them and tells nobody; heartbeats go another way in time, stops arrive, work goes on."""
    coordinator = world.coordinator(**SOON | {"lease_seconds": 3, "lost_runner_seconds": 4, "heartbeat_seconds": 0.5})
    with toxic_proxy(coordinator.url, FaultRound(1, 1).source()) as proxy:
        runner = world.runner(coordinator, url=proxy.url)
        run = coordinator.start_run("say ready\nhang", on_lost="fail")
        coordinator.until_event(run, "message", role="assistant")
        for _ in range(3):
            proxy.forget()
            before = coordinator.run(run.run_id).lease_expires_at
            until(partial(lease_moved, coordinator, run, before), 10, "the lease is renewed")
        assert coordinator.events(run.session_id, "run_interrupted") == []
        coordinator.http.post(f"/runs/{run.run_id}/stop").raise_for_status()
        assert coordinator.ended(run.run_id).status == "stopped"
        assert coordinator.http.get(f"/runners/{runner.runner_id}").json()["state"] == "online"
    assert_promises_kept(coordinator, run.session_id)


def lease_moved(coordinator: Coordinator, run: RunCreated, before: str | None) -> bool:
    """Whether the run's lease ends later than it did, or the run is not live any more."""
    return coordinator.run(run.run_id).lease_expires_at != before


def test_r5_a_runner_that_is_cut_off_too_long_stops_its_agents_and_overwrites_nothing(world: World) -> None:
    """R5: it decides alone; meanwhile another runner has done the work, and what the first one reports is stale."""
    coordinator = world.coordinator(**SOON, stop_on_runner_seconds=3)
    with ExitStack() as stack:
        proxy = stack.enter_context(toxic_proxy(coordinator.url, FaultRound(1, 1).source()))
        first = world.runner(coordinator, name="first", url=proxy.url)
        script = "say ready\nhang"
        run = coordinator.start_run(script, context="fresh", on_lost="retry", repeatable=True)
        alone = coordinator.start_run(script)
        for one in (run, alone):
            coordinator.until_event(one, "message", role="assistant")
        proxy.refuse()
        began = time.monotonic()
        coordinator.until_event(run, "run_interrupted")
        assert agents_of(alone.run_id), "the agents of a runner that is lost work on"
        second = world.runner(coordinator, name="second", hostname="elsewhere")
        coordinator.until_event(run, "run_start", runner_id=second.runner_id)
        until(lambda: not agents_of(alone.run_id), 15, "the first runner stops its agents")
        assert time.monotonic() - began > 2.5
        proxy.restore()
        ended = coordinator.ended(alone.run_id)
        assert ended.error is not None
        assert (ended.status, ended.reason, ended.error.code) == ("failed", "interrupted", "out_of_contact")
        until(lambda: first.attempts() == [], 15, "the first runner lets go of the other run")
    assert coordinator.run(run.run_id).runner_id == second.runner_id
    assert coordinator.run(run.run_id).ended_at is None
    coordinator.http.post(f"/sessions/{run.session_id}/stop", json={}).raise_for_status()
    assert coordinator.ended(run.run_id).status == "stopped"
    assert_promises_kept(coordinator, run.session_id, alone.session_id)


WORK: Final = "\n".join((
    "say one",
    'tool look {"at": "it"}',
    "usage model-a 10 20 30",
    "emit 30 100",
    'tool look {"at": "it again"}',
    "usage model-b 1 2 3",
    "result well done",
))  # fmt: skip


@pytest.mark.rounds(1)
def test_r6_whatever_is_lost_cut_or_doubled_on_the_way_has_one_effect(
    world: World, coordinator: Coordinator, proxied: ToxicProxy
) -> None:
    """R6: polls, permissions, events, usage and ends; lost, answered by half, sent twice, late, or again much later."""
    world.runner(coordinator, url=proxied.url, slots=3)
    proxied.toxins = BAD_DAY
    created = [coordinator.start_run(WORK) for _ in range(5)]
    ends = [coordinator.ended(run.run_id, 60) for run in created]
    again = [coordinator.resume(run.session_id, WORK) for run in created[:3]]
    ends += [coordinator.ended(run.run_id, 60) for run in again]
    proxied.toxins = {}
    assert {(run.status, run.result_text, run.tries) for run in ends} == {("completed", "well done", 1)}
    assert {run.usage.cost_microdollars for run in ends} == {33}
    assert sum(proxied.counts.values()) > 10
    for run in created:
        runs_of_it = 1 + (run in created[:3])
        assert len(keys_of_messages(coordinator, run)) == 31 * runs_of_it
    assert_promises_kept(coordinator, *(run.session_id for run in created))


def test_r6_a_person_behind_the_same_network_creates_each_run_once(
    coordinator: Coordinator, proxied: ToxicProxy
) -> None:
    """R6: the client repeats with the key of its request, and the coordinator remembers."""
    proxied.toxins = BAD_DAY
    with Client(proxied.url, coordinator.token, retry=RetryPolicy(attempts=20)) as person:
        made = [person.send(runs.create(_start(number))) for number in range(30)]
    proxied.toxins = {}
    listed = coordinator.client.send(runs.list_(limit=100)).items
    assert sorted(run.run_id for run in listed) == sorted(run.run_id for run in made)
    assert sorted(run.prompt or "" for run in listed) == sorted(f"say {number}" for number in range(30))


def _start(number: int) -> CreateRun:
    return msgspec.convert({"type": "start_session", "prompt": f"say {number}"}, CreateRun)


def test_r2_a_network_that_comes_and_goes_never_makes_two_owners(
    world: World, coordinator: Coordinator, fault_round: FaultRound
) -> None:
    """R2, R4: two runners on bad ways, runs that may be repeated; every run has one end, every attempt one owner."""
    source = fault_round.source()
    coordinator = world.coordinator(**SOON | {"lease_seconds": 0.8, "lost_runner_seconds": 1})
    with ExitStack() as stack:
        ways = [stack.enter_context(toxic_proxy(coordinator.url, source)) for _ in range(2)]
        for number, way in enumerate(ways):
            world.runner(coordinator, name=f"number{number}", hostname=f"host{number}", url=way.url)
        fields: dict[str, Any] = {"context": "fresh", "on_lost": "retry", "repeatable": True}
        created = [coordinator.start_run("say one\nsleep 1.5\nsay two\nresult done", **fields) for _ in range(4)]
        for _ in range(6):
            way = source.choice(ways)
            cut: Callable[[], None] = source.choice((way.refuse, way.half_open))
            cut()
            coordinator.client.send(runs.wait(created[0].run_id, source.uniform(0.1, 1.2)))
            way.restore()
        ends = [coordinator.ended(run.run_id, 60) for run in created]
    assert {run.reason for run in ends} <= {"completed", "max_attempts"}
    assert_promises_kept(coordinator, *(run.session_id for run in created))
    until(lambda: not any(agents_of(run.run_id) for run in created), 20, "no agent is left")
