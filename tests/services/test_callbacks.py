"""Callbacks: every end of a child that a session waits for reaches it, accepted exactly once, whatever happens."""

from typing import Any

import pytest

from callboard.coordinator.services.dispatch import Dispatch
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, InvalidRequest
from callboard.wire.requests import AdditionalDemands, Limits
from callboard.wire.responses import RunCreated
from callboard.wire.runner import Claim
from callboard.wire.steering import Callback
from tests.services.world import OWNER, PlayedRunner, World


async def parent_at_work(world: World) -> tuple[PlayedRunner, Claim, Caller]:
    """A runner, a parent's live run, and the token of that run."""
    runner = await world.runner(slots=10)
    await world.start("say parent")
    (claim,) = await runner.claim()
    await runner.started(claim)
    return runner, claim, token_of(claim)


def token_of(claim: Claim) -> Caller:
    """What the session token of an attempt proves."""
    return Caller(
        token_id="tok_s", kind="session", session_id=claim.session_id, run_id=claim.run_id, attempt=claim.attempt
    )


async def children(world: World, caller: Caller, count: int = 1) -> list[RunCreated]:
    """Children that are to call back."""
    return [await world.start(f"say child {n}", caller, execution_mode="async_callback") for n in range(count)]


async def end_child(world: World, runner: PlayedRunner, claim: Claim, **how: Any) -> None:
    """A child's whole run, and the look at the parent that follows."""
    await runner.started(claim)
    await runner.end(claim, **({"result_text": f"result of {claim.session_id}"} | how))
    await world.callbacks.sweep_once()


async def shown(world: World, **filters: Any) -> list[Callback]:
    """Callbacks, newest first."""
    wanted = {"status": None, "session_id": None, "page": None, "limit": 200} | filters
    return (await world.callbacks.list(OWNER, **wanted)).items


async def take(runner: PlayedRunner, claim: Claim) -> None:
    """The agent takes its prompt."""
    await runner.started(claim)
    await runner.post(claim, ("message", {"role": "user", "content": [{"type": "text", "text": claim.prompt}]}))


async def test_a05_the_end_of_a_child_resumes_the_idle_session_that_started_it(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    (child,) = await children(world, token)
    await runner.end(parent)
    await end_child(world, runner, (await runner.claim())[0])
    (resumed,) = await runner.claim()
    assert (resumed.session_id, resumed.trigger, resumed.run_number) == (parent.session_id, "callback", 2)
    assert f'session="{child.session_id}"' in resumed.prompt
    assert f"result of {child.session_id}" in resumed.prompt
    nonce = resumed.parameters["callback_nonce"]
    assert f'nonce="{nonce}"' in resumed.prompt
    assert [one.status for one in await shown(world)] == ["assigned"]
    await take(runner, resumed)
    (accepted,) = await shown(world, status="accepted")
    assert (accepted.run_id, accepted.child_run_id, accepted.tries) == (resumed.run_id, child.run_id, 0)
    await runner.end(resumed)
    await world.callbacks.sweep_once()
    assert await runner.claim() == []
    told = [kind for kind in await world.types(parent.session_id) if kind.startswith("callback_")]
    assert told == ["callback_waiting", "callback_assigned", "callback_accepted"]


async def test_a06_ends_of_five_children_wait_for_a_busy_parent_and_go_out_together(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    started = await children(world, token, 5)
    for claim in await runner.claim(5):
        await end_child(world, runner, claim)
    assert {one.status for one in await shown(world)} == {"waiting"}
    assert await runner.claim() == []
    await runner.end(parent)
    await world.callbacks.sweep_once()
    (resumed,) = await runner.claim(5)
    assert [resumed.prompt.count(f'run="{child.run_id}"') for child in started] == [1] * 5
    await take(runner, resumed)
    assert {(one.status, one.run_id) for one in await shown(world)} == {("accepted", resumed.run_id)}


async def test_a06_what_ends_while_a_callback_run_waits_to_be_claimed_goes_with_it(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token, 2)
    await runner.end(parent)
    one, other = await runner.claim(2)
    await end_child(world, runner, one)
    await end_child(world, runner, other)
    (resumed,) = await runner.claim(5)
    assert resumed.prompt.count("<agent-callback ") == 2


async def test_a07_a_parent_is_told_the_error_of_a_child_that_failed(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(parent)
    await end_child(
        world, runner, (await runner.claim())[0], kind="failed", error_code="boom", error_message="a < b", exit_code=3
    )
    (resumed,) = await runner.claim()
    assert 'status="failed" reason="failed"' in resumed.prompt
    assert '<error code="boom">\na &lt; b\n</error>' in resumed.prompt


async def test_a10_the_parent_of_a_child_that_no_runner_fits_is_told(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await world.start(
        "say x", token, execution_mode="async_callback", additional_demands=AdditionalDemands(tags=["gpu"])
    )
    await runner.end(parent)
    await world.pass_time(world.rules.no_match_ms / 1000 + 10, (runner, []))
    await world.callbacks.sweep_once()
    (resumed,) = await runner.claim()
    assert 'reason="no_matching_runner"' in resumed.prompt


async def test_a_parent_is_told_once_of_a_child_that_is_stopped_before_it_began(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    (child,) = await children(world, token)
    await world.stops.stop_session(OWNER, child.session_id, subtree=False)
    await world.stops.stop_session(OWNER, child.session_id, subtree=False)
    await runner.end(parent)
    await world.callbacks.sweep_once()
    (resumed,) = await runner.claim()
    assert resumed.prompt.count('status="stopped"') == 1


async def test_a_run_without_callback_tells_nobody(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await world.start("say x", token, execution_mode="async_poll")
    await end_child(world, runner, (await runner.claim())[0])
    await runner.end(parent)
    assert await shown(world) == []


async def test_a_run_that_ends_before_acceptance_returns_its_callbacks_and_the_third_time_gives_up(
    world: World,
) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(parent)
    await end_child(world, runner, (await runner.claim())[0])
    nonces = set()
    for tries in (1, 2, 3):
        (resumed,) = await runner.claim()
        nonces.add(resumed.parameters["callback_nonce"])
        await runner.started(resumed)
        await runner.end(resumed, "failed", error_message="no agent")
        await world.callbacks.sweep_once()
        assert [each.tries for each in await shown(world)] == [tries]
    (one,) = await shown(world)
    assert (one.status, one.run_id) == ("undeliverable", None)
    assert await runner.claim() == []
    assert len(nonces) == 3
    delivered = await world.callbacks.deliver(OWNER, one.callback_id)
    assert (delivered.status, delivered.tries) == ("waiting", 0)
    await world.callbacks.sweep_once()
    (resumed,) = await runner.claim()
    await take(runner, resumed)
    assert [each.status for each in await shown(world)] == ["accepted"]


async def test_accepted_is_final_even_when_the_run_fails_afterwards(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(parent)
    await end_child(world, runner, (await runner.claim())[0])
    (resumed,) = await runner.claim()
    await take(runner, resumed)
    await runner.end(resumed, "failed", error_message="later")
    await world.callbacks.sweep_once()
    assert [one.status for one in await shown(world)] == ["accepted"]
    assert await runner.claim() == []
    with pytest.raises(Conflict) as refused:
        await world.callbacks.deliver(OWNER, (await shown(world))[0].callback_id)
    assert refused.value.code == "callback_not_deliverable"


async def test_a_message_without_the_nonce_accepts_nothing(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(parent)
    await end_child(world, runner, (await runner.claim())[0])
    (resumed,) = await runner.claim()
    await runner.started(resumed)
    await runner.post(resumed, ("message", {"role": "user", "content": [{"type": "text", "text": "something else"}]}))
    await runner.say(resumed, resumed.parameters["callback_nonce"])
    assert [one.status for one in await shown(world)] == ["assigned"]


async def test_a_claim_that_comes_back_keeps_its_prompt_and_counts_no_try(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(parent)
    await end_child(world, runner, (await runner.claim())[0])
    (first,) = await runner.claim()
    await runner.give_back(first)
    (second,) = await runner.claim()
    assert (second.prompt, second.attempt) == (first.prompt, 2)
    await take(runner, second)
    (one,) = await shown(world)
    assert (one.status, one.tries) == ("accepted", 0)


async def test_callbacks_of_a_session_that_a_person_stopped_are_held_and_go_with_the_next_run_somebody_starts(
    world: World,
) -> None:
    runner, parent, token = await parent_at_work(world)
    (child,) = await children(world, token)
    await world.stops.stop_session(OWNER, parent.session_id, subtree=False)
    await runner.end(parent, "stopped")
    await end_child(world, runner, (await runner.claim())[0])
    assert await runner.claim() == []
    (one,) = await shown(world, status="held")
    assert one.why
    await world.resume(parent.session_id, "say go on")
    (resumed,) = await runner.claim()
    assert resumed.trigger == "user"
    assert resumed.prompt.endswith("\n\nsay go on")
    assert f'run="{child.run_id}"' in resumed.prompt
    await take(runner, resumed)
    assert [each.status for each in await shown(world)] == ["accepted"]


async def test_stopping_a_callback_run_holds_what_it_carried_and_counts_no_try(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(parent)
    await end_child(world, runner, (await runner.claim())[0])
    (resumed,) = await runner.claim()
    await runner.started(resumed)
    await world.stops.stop_session(OWNER, parent.session_id, subtree=False)
    await runner.end(resumed, "stopped")
    await world.callbacks.sweep_once()
    (one,) = await shown(world)
    assert (one.status, one.tries, one.run_id) == ("held", 0, None)
    assert await runner.claim() == []


async def test_a_callback_run_that_is_replaced_by_a_persons_run_comes_again_after_it(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(parent)
    await end_child(world, runner, (await runner.claim())[0])
    await world.resume(parent.session_id, "say mine first", on_busy="enqueue")
    (callback,) = await runner.claim()
    await runner.started(callback)
    await world.resume(parent.session_id, "say now", on_busy="interrupt")
    await runner.end(callback, "stopped")
    await world.callbacks.sweep_once()
    (one,) = await shown(world)
    assert (one.status, one.tries) == ("waiting", 0)
    for _ in range(2):
        (mine,) = await runner.claim()
        assert "<agent-callback" not in mine.prompt
        await runner.work(mine)
        await world.callbacks.sweep_once()
    (again,) = await runner.claim()
    assert "<agent-callback" in again.prompt


async def test_nothing_that_a_tree_stop_ended_runs_again(world: World) -> None:
    """The root is idle when it is stopped: what its children then tell is held."""
    runner, parent, token = await parent_at_work(world)
    await children(world, token, 3)
    await runner.end(parent)
    claims = await runner.claim(2)
    for claim in claims:
        await runner.started(claim)
    await world.stops.stop_session(OWNER, parent.session_id, subtree=True)
    for claim in claims:
        await runner.end(claim, "stopped")
        await world.callbacks.sweep_once()
    assert await runner.claim(5) == []
    assert [one.status for one in await shown(world)] == ["held"] * 3


async def test_a_person_may_deliver_what_is_held(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await world.stops.stop_session(OWNER, parent.session_id, subtree=False)
    await runner.end(parent, "stopped")
    await end_child(world, runner, (await runner.claim())[0])
    (one,) = await shown(world, status="held")
    await world.callbacks.deliver(OWNER, one.callback_id)
    await world.callbacks.sweep_once()
    (resumed,) = await runner.claim()
    assert resumed.trigger == "callback"


async def test_a_callback_to_an_archived_session_is_undeliverable_until_it_is_taken_out(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(parent)
    await world.database.write(
        lambda tx: tx.run("archive_session", session_id=parent.session_id, archived_at=tx.now_ms, now=tx.now_ms)
    )
    await end_child(world, runner, (await runner.claim())[0])
    (one,) = await shown(world)
    assert (one.status, one.why) == ("undeliverable", "The session that was to be told is archived.")
    with pytest.raises(Conflict) as refused:
        await world.callbacks.deliver(OWNER, one.callback_id)
    assert refused.value.code == "session_archived"


async def test_a_callback_run_has_no_deadline_in_the_queue(world: World) -> None:
    runner = await world.runner(slots=10)
    await world.start("say parent", limits=Limits(queue_timeout_seconds=60, timeout_seconds=100))
    (parent,) = await runner.claim()
    await runner.started(parent)
    await children(world, token_of(parent))
    await runner.end(parent)
    await end_child(world, runner, (await runner.claim())[0])
    await world.pass_time(120, (runner, []))
    (resumed,) = await runner.claim()
    assert resumed.limits == {"timeout_seconds": 100}


async def test_a24_the_end_of_a_grandchild_goes_up_level_by_level(world: World) -> None:
    runner, top, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(top)
    (middle,) = await runner.claim()
    await runner.started(middle)
    await children(world, token_of(middle))
    await end_child(world, runner, (await runner.claim())[0])
    await runner.end(middle, result_text="not yet")
    await world.callbacks.sweep_once()
    first, second = sorted(await runner.claim(5), key=lambda claim: claim.session_id)
    assert (first.session_id, second.session_id) == (top.session_id, middle.session_id)
    await take(runner, first)
    await runner.end(first)
    await take(runner, second)
    await runner.end(second, result_text="all done")
    await world.callbacks.sweep_once()
    (last,) = await runner.claim(5)
    assert (last.session_id, "all done" in last.prompt) == (top.session_id, True)


async def test_two_looks_at_once_make_one_run(world: World) -> None:
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(parent)
    (claim,) = await runner.claim()
    await runner.started(claim)
    await runner.end(claim)
    assert (await world.callbacks.sweep_once(), await world.callbacks.sweep_once()) == (1, 0)
    assert len(await runner.claim(5)) == 1


async def test_a_child_whose_end_is_on_its_way_is_not_deleted(world: World) -> None:
    from callboard.coordinator.services.sessions import SessionService  # noqa: PLC0415 - one test of this file needs it

    sessions = SessionService(world.database, world.ids)
    runner, parent, token = await parent_at_work(world)
    (child,) = await children(world, token)
    await end_child(world, runner, (await runner.claim())[0])
    with pytest.raises(Conflict) as refused:
        await sessions.delete(OWNER, child.session_id)
    assert refused.value.code == "callback_waiting"
    await runner.end(parent)
    await world.callbacks.sweep_once()
    (resumed,) = await runner.claim()
    await take(runner, resumed)
    await runner.end(resumed)
    await sessions.delete(OWNER, child.session_id)
    assert await shown(world) == []


async def test_a_claim_that_is_lost_in_a_crash_before_it_was_heard_is_given_again(world: World) -> None:
    """A39: a coordinator that dies after the claim is followed by another one with an empty memory."""
    runner, parent, token = await parent_at_work(world)
    await children(world, token)
    await runner.end(parent)
    await end_child(world, runner, (await runner.claim())[0])
    (unheard,) = await runner.claim()
    await world.pass_time(world.rules.unheard_ms / 1000 + 1, (runner, []))
    world.dispatch = Dispatch(world.database, world.fleet, world.signals, world.rules, world.ids)
    await world.dispatch.load()
    (again,) = await runner.claim()
    assert (again.run_id, again.prompt) == (unheard.run_id, unheard.prompt)


async def test_a_callback_without_a_calling_session_is_refused(world: World) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await world.start("say x", execution_mode="async_callback")
    assert refused.value.code == "callback_without_session"
    assert await shown(world) == []
