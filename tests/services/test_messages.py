"""Messages: ordered until the agent has them, to whichever attempt is live, and runs of their own after that."""

import asyncio
import json
from typing import Any

import pytest

from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.messages import MessageService
from callboard.coordinator.services.sessions import SessionService
from callboard.domain.errors import Conflict
from callboard.wire.messages import MessageSent, SendMessage
from callboard.wire.runner import Claim, MessageOrder
from tests.services.world import OWNER, PlayedRunner, World


async def at_work(world: World, *, listens: bool = True, **more: Any) -> tuple[PlayedRunner, Claim]:
    """A runner with a run whose agent can be spoken to, or not."""
    runner = await world.runner()
    await world.start(**more)
    (claim,) = await runner.claim()
    await runner.started(claim, takes_messages=listens)
    return runner, claim


async def send(world: World, session_id: str, text: str = "go on", **more: Any) -> MessageSent:
    """A person's message."""
    return await world.messages.send(OWNER, session_id, SendMessage(text=text, **more), None)


async def polled(runner: PlayedRunner) -> list[MessageOrder]:
    """The messages that a poll brings."""
    poll = runner.world.dispatch.poll(runner.caller, runner.runner_id, runner.epoch, 0.0, 0, asyncio.Event())
    answer = await poll
    return answer.messages if answer else []


async def take(runner: PlayedRunner, claim: Claim, message_id: str, role: str = "user") -> None:
    """What the runner posts when the agent has taken a message."""
    await runner.post(claim, ("message", {"role": role, "content": [], "message_id": message_id}))


async def told(world: World, session_id: str) -> list[tuple[str, str]]:
    """What the log says of messages."""
    events = [json.loads(bytes(event.payload)) for event in await world.log(session_id) if event.type == "guidance"]
    return [(one["message_id"], one["status"]) for one in events]


async def test_a_message_comes_with_one_poll_and_every_heartbeat_until_the_agent_took_it(world: World) -> None:
    runner, claim = await at_work(world)
    sent = await send(world, claim.session_id)
    assert (sent.delivery, sent.run_id) == ("live", claim.run_id)
    order = MessageOrder(run_id=claim.run_id, attempt=1, message_id=sent.message_id, text="go on")
    assert [await polled(runner), await polled(runner)] == [[order], []]
    assert [(await runner.beat(claim)).messages for _ in range(2)] == [[order], [order]]
    await take(runner, claim, sent.message_id, role="assistant")
    assert (await runner.beat(claim)).messages == [order], "only what the agent was told settles it"
    await take(runner, claim, sent.message_id)
    assert (await runner.beat(claim)).messages == []
    await runner.end(claim)
    assert await world.messages.sweep_once() == 0
    assert await told(world, claim.session_id) == [(sent.message_id, "offered")]


async def test_an_attempt_that_says_nothing_of_listening_is_not_spoken_to(world: World) -> None:
    """An older runner, or an executor that takes no messages."""
    runner, claim = await at_work(world, listens=False)
    sent = await send(world, claim.session_id)
    assert sent.delivery == "resume"
    with pytest.raises(Conflict) as refused:
        await send(world, claim.session_id, delivery="live")
    assert refused.value.code == "no_live_run"
    await runner.end(claim)
    (following,) = await runner.claim()
    assert (following.run_id, following.prompt) == (sent.run_id, "go on")


async def test_what_was_not_taken_becomes_runs_in_its_order_when_the_run_has_ended(world: World) -> None:
    runner, claim = await at_work(world, model="large", permission_mode="edit")
    first, second = [await send(world, claim.session_id, text) for text in ("first", "second")]
    await runner.end(claim)
    assert await world.messages.sweep_once() == 1
    assert await world.messages.sweep_once() == 0
    prompts = []
    for _ in range(2):
        (following,) = await runner.claim()
        prompts.append((following.prompt, following.model, following.permission_mode))
        await runner.work(following)
    assert prompts == [("first", "large", "edit"), ("second", "large", "edit")]
    queued = [json.loads(bytes(one.payload)) for one in await world.log(claim.session_id) if one.type == "run_queued"]
    assert [one.get("message_id") for one in queued] == [None, first.message_id, second.message_id]


async def test_a_message_goes_to_the_next_attempt_when_its_run_is_lost_and_tried_again(world: World) -> None:
    _, claim = await at_work(world, on_lost="retry", repeatable=True)
    sent = await send(world, claim.session_id)
    other = await world.runner("two")
    await world.pass_time(31, (other, []))
    (again,) = await other.claim()
    assert again.attempt == 2
    await other.started(again, takes_messages=True)
    (order,) = await polled(other)
    assert (order.attempt, order.message_id) == (2, sent.message_id)
    await take(other, again, sent.message_id)
    await other.end(again)
    assert await world.messages.sweep_once() == 0


async def test_a_message_for_a_run_that_is_given_up_is_not_lost(world: World) -> None:
    """10: the runner stayed away for 16 minutes; the run has failed, and what its agent was to hear follows."""
    _, claim = await at_work(world)
    await send(world, claim.session_id, "still there?")
    await world.pass_time(1000)
    assert (await world.run(claim.run_id)).status == "failed"
    assert await world.messages.sweep_once() == 1
    assert await world.status(claim.session_id) == "failed"
    runner = await world.runner("two")
    (following,) = await runner.claim()
    assert following.prompt == "still there?"


async def test_a_message_that_nothing_can_carry_is_refused_in_the_log(world: World) -> None:
    runner, claim = await at_work(world)
    sent = await send(world, claim.session_id)
    await runner.end(claim)
    await SessionService(world.database, world.ids).archive(OWNER, claim.session_id)
    assert await world.messages.sweep_once() == 1
    assert await world.messages.sweep_once() == 0
    assert await told(world, claim.session_id) == [(sent.message_id, "offered"), (sent.message_id, "refused")]


async def test_an_agent_that_takes_nothing_is_not_offered_without_end(world: World) -> None:
    world.messages = MessageService(world.database, world.ids, TreeLimits(waiting_runs_per_session=3))
    runner, claim = await at_work(world)
    for _ in range(3):
        await send(world, claim.session_id)
    with pytest.raises(Conflict) as refused:
        await send(world, claim.session_id)
    assert refused.value.code == "limit_reached"
    await runner.end(claim)
    assert await world.messages.sweep_once() == 1


async def test_a_session_is_deleted_with_its_messages(world: World) -> None:
    runner, claim = await at_work(world)
    await send(world, claim.session_id)
    await runner.end(claim)
    await SessionService(world.database, world.ids).delete(OWNER, claim.session_id)
    assert await world.count("offered_messages", session_id=claim.session_id) == 0
    assert await world.messages.sweep_once() == 0
