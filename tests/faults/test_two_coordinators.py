"""One of two coordinators is gone, or is not the one that a client spoke to before: whoever asks notices nothing."""

import random
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conftest import FaultRound
from tests.faults.event_load import EventLoad
from tests.faults.going_on import LastingReader, Person, events_until_the_end, seeded
from tests.faults.times import LATE
from tests.faults.two import Two, two_coordinators
from tests.support.balancer import Balancer, balancer, reached_at
from tests.support.coordinator import until
from tests.support.history import assert_promises_kept

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

RULES: Final[dict[str, Any]] = LATE | {"lease_seconds": 60, "lost_runner_seconds": 60, "unheard_seconds": 3}
"""Nobody is lost, also a runner played by hand, which renews nothing; a claim that was lost on its way is, soon."""
KILLS: Final = 3
LOADS: Final = 2
PEOPLE: Final = 4
READERS: Final = 3
MORE_EVENTS: Final = 200
"""At most so many are acknowledged between two of the things that happen."""


@pytest.mark.rounds(1)
def test_one_of_two_coordinators_is_killed_under_load_and_clients_go_on_at_the_other(
    tmp_path: Path, fault_round: FaultRound
) -> None:
    """R12, R21, A36: kill -9 with streams, waits and polls open behind a load balancer; now one, now the other.

    Runners and clients have one address, as behind any load balancer; it leads to whoever listens.
    """
    source = fault_round.source()
    with (
        two_coordinators(tmp_path, **RULES) as two,
        balancer(*two.both) as way,
        reached_at(two.first, way.url) as front,
        ExitStack() as stack,
    ):
        for number in range(2):
            two.world.runner(two.first, url=way.url, name=f"number{number}", hostname=f"host{number}", slots=2)
        readers = [stack.enter_context(LastingReader(two.world, front)) for _ in range(READERS)]
        loads = [EventLoad(two.world, front, f"load{number}", seeded(source)) for number in range(LOADS)]
        following = two.world.meanwhile(lambda: events_until_the_end(way.url, front.token, loads[0].session_id))
        people = [Person(two.world, front, f"person{number}", seeded(source)) for number in range(PEOPLE)]
        for _ in range(KILLS):
            kill_one(two, loads, people, source)
        for person in people:
            person.finish()
        for load in loads:
            load.finish()
            load.assert_all_there()
        assert following.result(60) == [event.seq for event in front.events(loads[0].session_id)]
        assert_all_seen_once(two, readers, loads, people)
        assert all(reader.connections > 1 for reader in readers)
        assert_used_both(way)


def kill_one(two: Two, loads: list[EventLoad], people: list[Person], source: random.Random) -> None:
    """End one under load; while it is away all go on at the other; then it comes back."""
    until_more(loads, source)
    victim = source.choice(two.both)
    victim.kill()
    ended = [len(person.done) for person in people]
    until_more(loads, source)
    until(lambda: all(len(one.done) > was for one, was in zip(people, ended, strict=True)), 30, "runs end meanwhile")
    victim.restart()


def until_more(loads: list[EventLoad], source: random.Random) -> None:
    """Wait until each has more acknowledged events, by a number that the source chooses."""
    wanted = [(load, load.posted + source.randint(1, MORE_EVENTS)) for load in loads]
    until(lambda: all(load.posted >= number for load, number in wanted), 30, "events are acknowledged")


def assert_all_seen_once(two: Two, readers: list[LastingReader], loads: list[EventLoad], people: list[Person]) -> None:
    """Both coordinators have one log with every promise kept, and each reader got it without gap or repeat."""
    sessions = [load.session_id for load in loads] + [run.session_id for one in people for run in one.done]
    logs = {one: [(event.session_id, event.seq) for event in two.first.events(one)] for one in sessions}
    assert_promises_kept(two.first, *sessions)
    for one in sessions:
        events = two.second.events(one)
        assert [(event.session_id, event.seq) for event in events] == logs[one]
        assert [event.type for event in events].count("run_start") == 1
        assert "run_interrupted" not in {event.type for event in events}
    total = sum(map(len, logs.values()))
    for reader in readers:
        reader.until_count(total)
        seen = [(event["session_id"], event["seq"]) for event in reader.events]
        assert {one: [place for place in seen if place[0] == one] for one in sessions} == logs
    assert len({tuple(event["cursor"] for event in reader.events) for reader in readers}) == 1


def assert_used_both(way: Balancer) -> None:
    assert all(count > 0 for count in way.taken.values()), way.taken
