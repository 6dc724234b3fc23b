"""What people and agents may ask for: retries, children, refusals that create nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, Conflict, Forbidden, InvalidRequest, NotFound
from callboard.domain.run import CONTINUATION_PROMPT
from callboard.wire.requests import AdditionalDemands
from callboard.wire.runner import PostDelta, PostedEvent, PostEvents
from tests.services.world import OWNER, World, first_claim, open_world

UNKNOWN = "ses_00000000000000000000000000"


async def test_retry_repeats_a_failed_prompt_and_continues_an_interrupted_one(world: World) -> None:
    """A44, decision 5."""
    runner, claim = await first_claim(world, "try this", on_lost="fail")
    await runner.bind(claim, "native")
    with pytest.raises(Conflict) as refused:
        await world.runs.retry(OWNER, claim.run_id, None)
    assert refused.value.code == "run_not_retryable"
    await runner.end(claim, "failed", error_message="no")
    again = await world.runs.retry(OWNER, claim.run_id, None)
    (second,) = await runner.claim()
    assert (second.prompt, second.executor_session_id) == ("try this", "native")
    assert (await world.run(again.run_id)).retry_of == claim.run_id
    await runner.started(second)
    await runner.bind(second, "native-2")
    await runner.post(second, ("message", {"role": "user", "content": []}))
    await world.pass_time(60)
    await runner.beat()
    await world.runs.retry(OWNER, second.run_id, None)
    (third,) = await runner.claim()
    assert third.prompt == CONTINUATION_PROMPT


async def test_deltas_pass_through_and_are_never_stored(world: World) -> None:
    """10: token deltas are not events."""
    runner, claim = await first_claim(world)
    delta = PostDelta(run_id=claim.run_id, attempt=claim.attempt, message_key="m1", offset=0, text="hel")
    await world.events.delta(runner.caller, claim.session_id, delta)
    assert len(world.deltas) == 1
    stranger = await world.runner("stranger")
    with pytest.raises(Forbidden):
        await world.events.delta(stranger.caller, claim.session_id, delta)


async def test_a_session_token_may_note_and_nothing_else_and_only_below_itself(world: World) -> None:
    """40, S6."""
    runner, claim = await first_claim(world)
    token = Caller(
        token_id="tok_s", kind="session", session_id=claim.session_id, run_id=claim.run_id, attempt=claim.attempt
    )

    def posting(kind: str) -> PostEvents:
        return PostEvents(events=[PostedEvent(client_key="1", type=kind)])

    await world.events.post(token, claim.session_id, posting("note"))
    for kind in ("message", "run_completed", "usage"):
        with pytest.raises(Forbidden):
            await world.events.post(token, claim.session_id, posting(kind))
    other = await world.start("somebody else's")
    for forbidden in (
        world.events.post(token, other.session_id, posting("note")),
        world.stops.stop_session(token, other.session_id, subtree=False),
        world.resume(other.session_id, caller=token),
        world.stops.stop_session(token, claim.session_id, subtree=False),
        world.runs.get(token, other.run_id),
    ):
        with pytest.raises((Forbidden, NotFound)):
            await forbidden
    await runner.say(claim, "its runner still counts its own events only")
    await runner.end(claim)


async def test_children_are_proven_and_the_tree_is_bounded(world: World) -> None:
    """A22, A23, A24, A25, S7."""
    _, claim = await first_claim(world)
    token = Caller(
        token_id="tok_s", kind="session", session_id=claim.session_id, run_id=claim.run_id, attempt=claim.attempt
    )
    child = await world.start("child", caller=token)
    row = await world.database.read(lambda tx: tx.one("session_by_id", session_id=child.session_id))
    assert row is not None
    assert (row["parent_session_id"], row["root_session_id"], row["depth"]) == (claim.session_id, claim.session_id, 1)
    with pytest.raises(Forbidden) as forged:
        await world.start("forged", caller=token, parent_session_id=child.session_id)
    assert forged.value.code == "foreign_parent"
    with pytest.raises(NotFound) as unknown:
        await world.start("orphan", parent_session_id=UNKNOWN)
    assert unknown.value.code == "parent_not_found"
    for _ in range(19):
        await world.start("child", caller=token)
    with pytest.raises(Conflict) as full:
        await world.start("one too many", caller=token)
    assert full.value.code == "limit_reached"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"executor_type": "nonsense"}, "unknown_executor"),
        ({"agent_name": "nobody"}, "agent_not_found"),
        ({"project": "nothing"}, "project_not_found"),
        ({"execution_mode": "async_callback"}, "callback_without_session"),
        ({"prompt": ""}, "invalid_text"),
        ({"prompt": None, "parameters": {"prompt": 5, "x": 1}}, "invalid_parameters"),
        ({"prompt": "a", "parameters": {"prompt": "b"}}, "invalid_request"),
        ({"project_dir": "relative"}, "invalid_request"),
        ({"project_dir": "/srv/../etc"}, "invalid_request"),
        ({"on_lost": "retry"}, "invalid_request"),
        ({"project_dir": "/a", "additional_demands": AdditionalDemands(project_dir="/b")}, "contradicting_demands"),
        (
            {"executor_type": "scripted", "additional_demands": AdditionalDemands(executor_type="command")},
            "contradicting_demands",
        ),
        ({"parent_session_id": "ses_nonsense"}, "invalid_id"),
    ],
)
async def test_a_bad_request_creates_nothing_and_the_next_write_works(
    world: World, more: dict[str, Any], code: str
) -> None:
    """A14, A15, 20: refused before anything is created."""
    with pytest.raises(CallboardError) as refused:
        await world.start(**({"prompt": "say x"} | more))
    assert refused.value.code == code
    assert await world.count("claimable_runs", demand_class="", queue_key=0, run_id="", limit=10) == 0
    await world.start()


async def test_parameters_without_an_agent_are_the_prompt(world: World) -> None:
    """A14."""
    runner = await world.runner()
    created = await world.start(prompt=None, parameters={"prompt": "say hi"})
    (claim,) = await runner.claim()
    assert (claim.prompt, claim.run_id) == ("say hi", created.run_id)


async def test_busy_sessions_reject_enqueue_or_interrupt_as_asked(world: World) -> None:
    """10: on_busy."""
    runner, claim = await first_claim(world)
    with pytest.raises(Conflict) as busy:
        await world.resume(claim.session_id, on_busy="reject")
    assert busy.value.code == "session_busy"
    await world.resume(claim.session_id, "instead", on_busy="interrupt")
    (stop,) = (await runner.beat(claim)).stops
    assert stop.run_id == claim.run_id
    await runner.end(claim, "stopped")
    assert (await world.run(claim.run_id)).stopped_by == "busy"
    (after,) = await runner.claim()
    assert after.prompt == "instead"


async def test_waiting_for_a_run_returns_as_soon_as_it_ends(world: World) -> None:
    """20: /runs/{id}/wait."""
    runner, claim = await first_claim(world)
    waiting = asyncio.ensure_future(world.runs.wait(OWNER, claim.run_id, 30))
    await runner.end(claim, result_text="now")
    assert (await asyncio.wait_for(waiting, 5)).result_text == "now"


async def test_the_queue_survives_a_restart_of_the_coordinator(tmp_path: Path, kind: str) -> None:
    """A33."""
    async with open_world(tmp_path, kind) as before:
        for prompt in ("one", "two", "three"):
            await before.start(prompt)
            before.clock.advance(1)
    async with open_world(tmp_path, kind) as after:
        runner = await after.runner()
        await after.dispatch.load()
        assert [claim.prompt for claim in await runner.claim(slots=9)] == ["one", "two", "three"]


async def test_an_executor_may_be_named_among_the_additional_demands(world: World) -> None:
    """30: each part may only add; what nobody asked for contradicts nothing."""
    created = await world.start(additional_demands=AdditionalDemands(executor_type="command"))
    assert (await world.run(created.run_id)).executor_type == "command"
    with pytest.raises(InvalidRequest) as refused:
        await world.start(executor_type="scripted", additional_demands=AdditionalDemands(executor_type="command"))
    assert refused.value.code == "contradicting_demands"
    assert "the request demands 'scripted'" in refused.value.detail
