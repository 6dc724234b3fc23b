"""A run from its creation to a good end: claims, the fence, events and bindings."""

import asyncio

import pytest

from callboard.domain.errors import Conflict, InvalidRequest
from callboard.wire.requests import AdditionalDemands
from tests.services.world import World, first_claim


async def test_a_session_has_its_id_before_any_runner_exists(world: World) -> None:
    """A01, A26."""
    created = await world.start()
    assert created.session_id.startswith("ses_")
    assert created.status == "pending"
    assert await world.types(created.session_id) == ["session_created", "run_queued"]


async def test_a_good_run_is_told_in_order_and_ends_with_its_result_before_run_completed(world: World) -> None:
    """A01, A11."""
    runner = await world.runner()
    created = await world.start()
    (claim,) = await runner.claim()
    await runner.started(claim)
    await runner.bind(claim, "conversation-1")
    await runner.post(
        claim,
        ("message", {"role": "user", "content": []}),
        ("message", {"role": "assistant", "content": []}),
        ("result", {"result_text": "hello"}),
    )
    await runner.end(claim, result_text="hello", exit_code=0)
    assert await world.types(created.session_id) == [
        "session_created",
        "run_queued",
        "run_claimed",
        "run_start",
        "session_bound",
        "message",
        "message",
        "result",
        "run_completed",
    ]
    events = await world.log(created.session_id)
    assert [event.seq for event in events] == list(range(1, 10))
    run = await world.run(created.run_id)
    assert (run.status, run.reason, run.exit_code, run.result_text) == ("completed", "completed", 0, "hello")
    assert await world.status(created.session_id) == "finished"


async def test_a_resume_continues_the_conversation_on_the_hosts_of_the_binding_only(world: World) -> None:
    """A02, A28."""
    one, two = await world.runner("one"), await world.runner("two")
    created = await world.start()
    (claim,) = await one.claim()
    await one.started(claim)
    await one.bind(claim, "conversation-1")
    await one.end(claim)
    await world.resume(created.session_id)
    assert await two.claim() == []
    (again,) = await one.claim()
    assert (again.session_id, again.executor_session_id, again.run_number) == (created.session_id, "conversation-1", 2)


async def test_a_fresh_session_opens_a_generation_each_run_and_tells_the_earlier_turns(world: World) -> None:
    """A02 (fresh)."""
    runner = await world.runner()
    created = await world.start("write a poem </prompt>", context="fresh")
    (claim,) = await runner.claim()
    await runner.started(claim)
    assert (await runner.bind(claim, "same-uuid")).generation == 1
    await runner.end(claim, result_text="a poem")
    await world.resume(created.session_id, "shorter")
    (again,) = await runner.claim()
    await runner.started(again)
    assert again.executor_session_id is None
    assert "write a poem <\\/prompt>" in again.prompt
    assert "a poem" in again.prompt
    assert again.prompt.endswith("shorter")
    assert (await runner.bind(again, "same-uuid")).generation == 2


async def test_a_hand_over_begins_a_new_conversation_anywhere_and_tells_the_stored_turns(world: World) -> None:
    """10 Binding: resume --from-log after executor_session_missing."""
    one, two = await world.runner("one"), await world.runner("two")
    created = await world.start("write a poem")
    (claim,) = await one.claim()
    await one.started(claim)
    await one.bind(claim, "lost-conversation")
    await one.end(claim, result_text="a poem")
    await world.resume(created.session_id, "shorter", from_log=True)
    (again,) = await two.claim()
    assert again.executor_session_id is None
    assert again.conversation_uuid != claim.conversation_uuid
    assert "a poem" in again.prompt
    await two.started(again)
    bound = await two.bind(again, "new-conversation")
    assert (bound.generation, bound.reason, bound.hostname) == (2, "handoff", "two")


async def test_a_new_conversation_without_an_answer_is_not_answered_by_the_one_before(world: World) -> None:
    """10 Binding: started again under the same id if no assistant message *of it* is stored."""
    runner = await world.runner()
    created = await world.start("write a poem", on_lost="retry", repeatable=True)
    (claim,) = await runner.claim()
    assert not claim.answered
    await runner.started(claim)
    await runner.say(claim, "before it was bound")
    await runner.bind(claim, "lost-conversation")
    await runner.end(claim)
    await world.resume(created.session_id, "shorter")
    (second,) = await runner.claim()
    assert (second.executor_session_id, second.answered) == ("lost-conversation", True)
    await runner.started(second)
    await runner.bind(second, "lost-conversation")
    await runner.end(second, "failed", reason="executor_session_missing")

    await world.resume(created.session_id, "shorter", from_log=True)
    (third,) = await runner.claim()
    await runner.started(third)
    await runner.bind(third, "new-conversation")
    await runner.end(third, "failed")
    await world.resume(created.session_id, "once more")
    (fourth,) = await runner.claim()
    assert (fourth.executor_session_id, fourth.answered) == ("new-conversation", False)
    await runner.started(fourth)
    await runner.bind(fourth, "new-conversation")
    await runner.say(fourth, "at last")
    await runner.end(fourth)
    await world.resume(created.session_id, "and now")
    assert [(one.executor_session_id, one.answered) for one in await runner.claim()] == [("new-conversation", True)]


async def test_one_run_of_a_session_at_a_time_and_the_others_first_come_first_served(world: World) -> None:
    """A33."""
    runner = await world.runner()
    created = await world.start("one")
    await world.resume(created.session_id, "two")
    await world.resume(created.session_id, "three")
    for prompt in ("one", "two", "three"):
        claims = await runner.claim(slots=4)
        assert [claim.prompt for claim in claims] == [prompt]
        await runner.work(claims[0])


async def test_priority_is_worth_waiting_time(world: World) -> None:
    """30: a step of priority is worth 60 s."""
    runner = await world.runner()
    await world.start("early")
    world.clock.advance(30)
    await world.start("urgent", priority=1)
    world.clock.advance(60)
    await world.start("late", priority=1)
    await runner.beat()
    assert [claim.prompt for claim in await runner.claim(slots=4)] == ["urgent", "early", "late"]


async def test_a_waiting_poll_is_woken_by_the_run_it_can_take_and_no_other(world: World) -> None:
    """30: an arriving run wakes exactly the pollers that can take it."""
    plain, gpu = await world.runner("plain"), await world.runner("gpu", tags=["gpu"])
    polls = [asyncio.ensure_future(runner.claim(wait_seconds=5)) for runner in (plain, gpu)]
    await world.database.check()
    assert world.dispatch.polls_held == 2
    await world.start(additional_demands=AdditionalDemands(tags=["gpu"]))
    (claim,) = await asyncio.wait_for(polls[1], 5)
    assert claim.attempt == 1
    assert not polls[0].done()
    polls[0].cancel()


async def test_a_poll_whose_client_went_away_claims_nothing_and_an_undelivered_claim_goes_back(world: World) -> None:
    """A32."""
    runner = await world.runner()
    created = await world.start()
    gone = asyncio.Event()
    gone.set()
    assert await world.dispatch.poll(runner.caller, runner.runner_id, runner.epoch, 1, 1, gone) is None
    answer = await world.dispatch.poll(runner.caller, runner.runner_id, runner.epoch, 0, 1, asyncio.Event())
    assert answer is not None
    await world.dispatch.undelivered(answer, runner.runner_id)
    assert (await world.run(created.run_id)).status == "pending"
    (claim,) = await runner.claim()
    assert claim.attempt == 2


async def test_a_claim_that_nobody_speaks_of_goes_back_without_a_try(world: World) -> None:
    """A32, 10: claimed → pending."""
    runner = await world.runner()
    created = await world.start()
    (lost,) = await runner.claim()
    await world.pass_time(12, (runner, []))
    run = await world.run(created.run_id)
    assert (run.status, run.tries) == ("pending", 0)
    (claim,) = await runner.claim()
    assert claim.attempt == 2
    with pytest.raises(Conflict) as refused:
        await runner.started(lost)
    assert refused.value.code == "stale_attempt"


async def test_a_foreign_runners_report_is_refused_and_an_end_has_one_effect(world: World) -> None:
    """A34, R6."""
    runner, claim = await first_claim(world)
    stranger = await world.runner("stranger")
    for report in (stranger.end(claim), stranger.say(claim, "x"), stranger.bind(claim, "x"), stranger.started(claim)):
        with pytest.raises(Conflict) as refused:
            await report
        assert refused.value.code == "stale_attempt"
        assert runner.runner_id in refused.value.detail
    first = await runner.end(claim, result_text="yes")
    assert await runner.end(claim, result_text="yes") == first
    assert await runner.end(claim, "failed", error_message="no") == first
    run = await world.run(claim.run_id)
    assert (run.status, run.result_text) == ("completed", "yes")
    assert (await world.types(claim.session_id)).count("run_completed") == 1


async def test_an_end_waits_for_all_its_events(world: World) -> None:
    """10: fewer stored → events_missing."""
    runner, claim = await first_claim(world)
    await runner.say(claim, "one")
    with pytest.raises(Conflict) as refused:
        await runner.end(claim, event_count=2)
    assert refused.value.code == "events_missing"
    await runner.say(claim, "two")
    assert (await runner.end(claim)).status == "completed"


async def test_events_posted_again_keep_their_numbers(world: World) -> None:
    """R6, promise 1."""
    runner, claim = await first_claim(world)
    first = await runner.post(claim, ("note", {"n": 1}), ("note", {"n": 2}))
    again = await runner.post(claim, ("note", {"n": 1}), ("note", {"n": 2}), ("note", {"n": 3}), first=0)
    assert again.seqs[:2] == first.seqs
    assert again.seqs[2] == first.seqs[1] + 1


async def test_a_runner_may_not_write_what_the_coordinator_writes(world: World) -> None:
    """40: forged run_completed."""
    runner, claim = await first_claim(world)
    with pytest.raises(InvalidRequest):
        await runner.post(claim, ("run_completed", {"reason": "completed"}))
    await runner.post(claim, ("brand_new_kind", {"x": 1}))
    assert "brand_new_kind" in await world.types(claim.session_id)


async def test_binding_is_repeatable_and_exclusive(world: World) -> None:
    """A27."""
    runner, claim = await first_claim(world)
    assert (await runner.bind(claim, "native-1")).generation == 1
    assert (await runner.bind(claim, "native-1")).generation == 1
    with pytest.raises(Conflict) as refused:
        await runner.bind(claim, "native-2")
    assert refused.value.code == "binding_conflict"
    await world.start("another")
    (other,) = await runner.claim()
    await runner.started(other)
    with pytest.raises(Conflict) as taken:
        await runner.bind(other, "native-1")
    assert taken.value.code == "executor_session_in_use"
    assert (await world.types(claim.session_id)).count("session_bound") == 1


async def test_a_later_attempt_with_another_conversation_opens_the_next_generation(world: World) -> None:
    """10 Binding."""
    runner, claim = await first_claim(world)
    await runner.bind(claim, "native-1")
    await runner.end(claim)
    await world.resume(claim.session_id)
    (again,) = await runner.claim()
    await runner.started(again)
    second = await runner.bind(again, "native-2")
    assert (second.generation, second.reason) == (2, "resume")
