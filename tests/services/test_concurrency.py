"""Works that are done at the same time by two coordinators: every promise holds as if they had waited in one line."""

from collections.abc import AsyncIterator
from itertools import cycle
from pathlib import Path

import pytest

from callboard.coordinator.services.limits import TreeLimits
from callboard.domain.errors import CallboardError
from callboard.domain.idempotency import Idempotency
from callboard.wire.requests import AdditionalDemands, CreateRun
from callboard.wire.responses import RunCreated
from callboard.wire.runner import Claim
from tests.services.reading_world import agent_of
from tests.services.two_coordinators import Coordinators, at_once, open_coordinators
from tests.services.world import OWNER, PlayedRunner
from tests.support.database import FAST_ON_SQLITE

ROUNDS = 8
LIMITS = TreeLimits(children_per_session=5, sessions_per_root=8)


@pytest.fixture(params=FAST_ON_SQLITE)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Coordinators]:
    """Two coordinators with narrow limits on trees."""
    async with open_coordinators(request.param, tmp_path, LIMITS) as opened:
        yield opened
        assert await opened.problems() == []


@pytest.fixture(params=FAST_ON_SQLITE)
async def hasty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Coordinators]:
    """Two coordinators whose leases last no time at all."""
    opening = open_coordinators(request.param, tmp_path, lease_ms=1, unheard_ms=60_000, grace_ms=0, lost_run_ms=0)
    async with opening as opened:
        yield opened
        assert await opened.problems() == []


def codes(refused: list[CallboardError]) -> list[str]:
    """What a program sees of refusals."""
    return sorted(error.code for error in refused)


async def test_twenty_children_at_once_are_as_many_as_the_limit_allows(pair: Coordinators) -> None:
    """10: children per session, enforced at creation."""
    parent = await pair.first.start()
    worlds = cycle(pair.both)
    made, refused = await at_once(*(next(worlds).start(caller=agent_of(parent)) for _ in range(20)))
    assert (len(made), codes(refused)) == (5, ["limit_reached"] * 15)
    assert len(await pair.rows("children_of", session_id=parent.session_id)) == 5


async def test_a_tree_grows_to_its_limit_from_all_its_sessions_at_once(pair: Coordinators) -> None:
    """10: sessions per root, enforced at creation."""
    root = await pair.first.start()
    parents = [root, *[await pair.first.start(caller=agent_of(root)) for _ in range(3)]]
    calls = [world.start(caller=agent_of(parent)) for parent in parents for world in pair.both]
    made, refused = await at_once(*calls)
    assert (len(made), codes(refused)) == (4, ["limit_reached"] * 4)


async def test_r6_the_same_key_at_two_coordinators_creates_one_session(pair: Coordinators) -> None:
    """20: same key and body, same answer; also where the first took the last place."""
    root = await pair.first.start()
    request = CreateRun(type="start_session", prompt="say hello")
    for number in range(5):
        key = Idempotency(token_id="tok_owner", key=f"key {number}", body_hash="the same")
        calls = [world.runs.create(agent_of(root), request, None, None, key) for world in pair.both * 3]
        made, refused = await at_once(*calls)
        assert (len({one.run_id for one in made}), refused) == (1, [])
    assert len(await pair.rows("children_of", session_id=root.session_id)) == 5


async def test_r6_the_same_key_without_a_parent_creates_one_session(pair: Coordinators) -> None:
    """20: where nothing else makes the second wait for the first, it loses the race and is done again."""
    request = CreateRun(type="start_session", prompt="say hello")
    for number in range(ROUNDS):
        key = Idempotency(token_id="tok_owner", key=f"key {number}", body_hash="the same")
        calls = [world.runs.create(OWNER, request, None, None, key) for world in pair.both * 3]
        made, refused = await at_once(*calls)
        assert (len({one.run_id for one in made}), refused) == (1, [])
    assert len(await pair.rows("list_runs_by_status", status="pending", before="run_~", limit=100)) == ROUNDS


async def test_each_run_is_claimed_once_and_none_is_forgotten(pair: Coordinators) -> None:
    """80: at most one run of a session is live, and one attempt of it accepted."""
    runners = await pair.runner()
    created = [await pair.first.start() for _ in range(40)]
    await pair.catch_up()
    claimed: list[str] = []
    while len(claimed) < len(created):
        answers, refused = await at_once(*(runner.claim(7) for runner in runners * 2))
        assert refused == []
        assert any(answers)
        claimed += [claim.run_id for answer in answers for claim in answer]
    assert sorted(claimed) == sorted(one.run_id for one in created)
    for one in created:
        assert (await pair.first.types(one.session_id)).count("run_claimed") == 1


async def claim_and_start(runner: PlayedRunner) -> list[Claim]:
    """Takes what there is, and asks for the permission to launch it."""
    claims = await runner.claim(4)
    for claim in claims:
        await runner.started(claim)
    return claims


async def test_r15_a_stop_beside_a_claim_and_a_start_stops(pair: Coordinators) -> None:
    """80: what a person cancelled does not run again, and ends once."""
    runner, other = await pair.runner()
    for _ in range(ROUNDS):
        created = await pair.first.start()
        await pair.catch_up()
        taken, refused = await at_once(claim_and_start(other), pair.first.stops.stop_run(OWNER, created.run_id))
        assert refused == []
        (run,) = await pair.rows("run_by_id", run_id=created.run_id)
        if run["status"] == "running":
            assert run["stop_requested_at"] is not None
            assert isinstance(taken[0], list)
            await runner.end(taken[0][0], "stopped")
        assert (await pair.first.run(created.run_id)).status == "stopped"


async def test_a_stop_and_an_end_at_once_leave_one_end(pair: Coordinators) -> None:
    """30: stop and natural end race, the first committed stands; resumes beside them keep their places."""
    runner, _ = await pair.runner()
    for _ in range(ROUNDS):
        created = await pair.first.start()
        (claim,) = await claim_and_start(runner)
        _, refused = await at_once(
            runner.end(claim),
            pair.second.resume(created.session_id),
            pair.second.stops.stop_run(OWNER, created.run_id),
            pair.first.resume(created.session_id, on_busy="interrupt"),
            pair.readings[1].sessions.archive(OWNER, created.session_id),
        )
        assert set(codes(refused)) <= {"session_archived", "session_busy"}
        await pair.first.stops.stop_session(OWNER, created.session_id, subtree=False)
        assert (await pair.first.run(created.run_id)).status in ("completed", "stopped")
        assert await pair.problems() == []


async def test_two_sweeps_at_once_lose_and_requeue_each_run_once(hasty: Coordinators) -> None:
    """R4, R5: what several coordinators find lapsed happens once."""
    runner, _ = await hasty.runner()
    created = [await hasty.first.start(on_lost="retry", repeatable=True) for _ in range(12)]
    for _ in range(3):
        await claim_and_start(runner)
    await hasty.lapsed(12)
    swept, refused = await at_once(*(world.leases.sweep_once() for world in hasty.both * 2))
    assert refused == []
    assert (sum(one.interrupted for one in swept), sum(one.requeued for one in swept)) == (12, 12)
    for one in created:
        assert (await hasty.first.types(one.session_id)).count("run_interrupted") == 1
        assert (await hasty.first.run(one.run_id)).status == "pending"


async def test_a_sweep_beside_heartbeats_ends_and_a_stop_leaves_everything_in_order(hasty: Coordinators) -> None:
    """R5: a lost runner that speaks while it is given up on is either back or too late, never both."""
    runner, other = await hasty.runner()
    for _ in range(ROUNDS):
        for _ in range(4):
            await hasty.first.start()
        claims = await claim_and_start(runner)
        _, refused = await at_once(
            hasty.first.leases.sweep_once(),
            runner.beat(*claims[:3]),
            other.beat(*claims[1:]),
            hasty.second.leases.sweep_once(),
            *(other.end(claim) for claim in claims),
            hasty.second.stops.stop_run(OWNER, claims[0].run_id),
        )
        assert set(codes(refused)) <= {"stale_attempt"}
        assert await hasty.problems() == []
        await hasty.first.leases.sweep_once()
        await hasty.first.leases.sweep_once()


async def test_two_starts_extend_the_grace_to_the_later_time(pair: Coordinators) -> None:
    """30: a row that all coordinators obey, and no write of which is lost."""
    await at_once(*(world.leases.sweep_once() for world in pair.both * 4))
    (row,) = await pair.rows("meta_value", key="leases_expire_from")
    assert int(row["value"]) >= await pair.first.database.now_ms() + pair.first.rules.grace_ms - 5_000


async def test_a_class_that_comes_while_its_runner_registers_is_matched(pair: Coordinators) -> None:
    """30: no_matching_runner counts only while no registered runner fits."""
    for number in range(ROUNDS):
        tags = AdditionalDemands(tags=[f"tag-{number}"])
        created, _ = await at_once(
            pair.first.start(additional_demands=tags),
            pair.second.runner(f"host-{number}", tags=[f"tag-{number}"]),
            pair.second.start(additional_demands=tags),
        )
        assert isinstance(created[0], RunCreated)
        (run,) = await pair.rows("run_by_id", run_id=created[0].run_id)
        (known,) = await pair.rows("known_class", demand_class=run["demand_class"])
        assert known["unmatched_since"] is None


async def test_a_class_is_not_forgotten_under_a_run_that_comes_into_it(pair: Coordinators) -> None:
    """30: a run whose class nobody knew would wait for ever. What is wrong with it is looked for in the end."""
    runner, _ = await pair.runner(slots=64)
    for _ in range(ROUNDS):
        await at_once(
            *(world.start() for world in pair.both),
            *(world.leases.prune_once() for world in pair.both),
            *(world.start() for world in pair.both),
        )
        assert await pair.problems() == []
        await pair.catch_up()
        assert len(await runner.claim(16)) == 4


async def test_a_conversation_bound_by_two_sessions_at_once_belongs_to_one(pair: Coordinators) -> None:
    """10: a native id belongs to one session."""
    runners = await pair.runner(slots=64)
    for number in range(ROUNDS):
        for world in pair.both:
            await world.start()
        await pair.catch_up()
        claims = await claim_and_start(runners[0])
        bound, refused = await at_once(
            *(runner.bind(claim, f"native-{number}") for runner, claim in zip(runners, claims, strict=True))
        )
        assert (len(bound), codes(refused)) == (1, ["executor_session_in_use"])


async def test_an_attempt_that_binds_twice_at_once_has_one_conversation(pair: Coordinators) -> None:
    """10: other values inside the same attempt are refused, at most one binding is open."""
    runners = await pair.runner(slots=64)
    for number in range(ROUNDS):
        await pair.first.start()
        (claim,) = await claim_and_start(runners[0])
        bound, refused = await at_once(
            *(runner.bind(claim, f"native-{number}-{runner.world is pair.first}") for runner in runners)
        )
        assert (len(bound), codes(refused)) == (1, ["binding_conflict"])


async def test_the_same_external_conversation_at_once_is_one_session(pair: Coordinators) -> None:
    """20: same native id, same session."""
    for number in range(ROUNDS):
        said = f"0190aaaa-bbbb-7ccc-8ddd-eeeeffff{number:04d}"
        made, refused = await at_once(*(reading.take_in(executor_session_id=said) for reading in pair.readings * 3))
        assert refused == []
        assert len({one.session_id for one, _ in made}) == len({one.run_id for one, _ in made}) == 1
        assert [new for _, new in made].count(True) == 1
        working = await pair.rows("working_tokens_of_session", session_id=made[0][0].session_id)
        assert len(working) == 1


async def test_a_tree_that_is_stopped_while_it_grows_is_stopped_whole(pair: Coordinators) -> None:
    """30: subtree refuses new children and stops leaf first."""
    for _ in range(ROUNDS):
        root = await pair.first.start()
        child = await pair.first.start(caller=agent_of(root))
        made, refused = await at_once(
            *(world.start(caller=agent_of(child)) for world in pair.both),
            *(world.stops.stop_session(OWNER, root.session_id, subtree=True) for world in pair.both),
        )
        assert set(codes(refused)) <= {"tree_stopping"}
        for session in (root, child, *(one for one in made if isinstance(one, RunCreated))):
            assert await pair.first.status(session.session_id) == "stopped"
        reopened, _ = await at_once(*(world.stops.sweep_once() for world in pair.both))
        assert sum(reopened) >= 1
        await pair.first.start(caller=agent_of(child))


async def test_a_session_is_not_deleted_under_its_children(pair: Coordinators) -> None:
    """10: a parent is not deleted under its children."""
    for _ in range(ROUNDS):
        parent = await pair.first.start()
        await pair.first.stops.stop_run(OWNER, parent.run_id)
        _, refused = await at_once(
            pair.first.start(parent_session_id=parent.session_id),
            pair.readings[1].sessions.delete(OWNER, parent.session_id),
        )
        assert codes(refused) in (["parent_not_found"], ["session_has_children"])


async def test_events_that_are_posted_twice_at_once_are_stored_once(pair: Coordinators) -> None:
    """80: effects are exactly once, keyed (run_id, attempt, client key); the log has no gap."""
    runners = await pair.runner()
    await pair.first.start()
    (claim,) = await claim_and_start(runners[0])
    for number in range(ROUNDS):
        event = ("message", {"role": "assistant", "content": [{"type": "text", "text": f"{number}"}]})
        stored, refused = await at_once(*(runner.post(claim, event, first=number) for runner in runners * 2))
        assert refused == []
        assert len({tuple(one.seqs) for one in stored}) == 1
    assert (await pair.first.types(claim.session_id)).count("message") == ROUNDS


async def test_a_storm_of_everything_leaves_everything_in_order(pair: Coordinators) -> None:
    """80: the promises hold after each step; nobody waits in a ring, and nothing is refused for want of a turn."""
    runners = await pair.runner(slots=64)
    roots = [await pair.first.start() for _ in range(3)]
    children = [await pair.first.start(caller=agent_of(root)) for root in roots]
    everyone = [*roots, *children]
    seen: set[str] = set()
    for number in range(ROUNDS):
        await pair.catch_up()
        claims = await claim_and_start(runners[0])
        calls = [
            *(runner.say(claim, "at it") for claim in claims for runner in runners),
            *(runner.beat(*claims[::way]) for runner, way in zip(runners, (1, -1), strict=True)),
            *(claim_and_start(runner) for runner in runners),
            *(world.resume(one.session_id, on_busy="interrupt") for world in pair.both for one in everyone),
            *(world.start(caller=agent_of(child)) for world in pair.both for child in children),
            *(runners[1].end(claim) for claim in claims[::2]),
            *(world.stops.stop_session(OWNER, roots[number % 3].session_id, subtree=True) for world in pair.both),
            *(world.stops.sweep_once() for world in pair.both),
            *(world.leases.sweep_once() for world in pair.both),
            *(world.leases.prune_once() for world in pair.both),
            pair.second.runner(f"host-{number}", tags=[f"tag-{number}"]),
            pair.first.start(additional_demands=AdditionalDemands(tags=[f"tag-{number}"])),
        ]
        _, refused = await at_once(*calls)
        seen |= set(codes(refused))
        assert await pair.problems() == []
    assert seen <= {"stale_attempt", "limit_reached", "tree_stopping", "events_missing"}
