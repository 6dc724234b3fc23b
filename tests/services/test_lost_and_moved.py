"""Runs that come back to the queue, sessions whose place becomes known later, and reports that cross a loss."""

import contextlib
import json

import pytest

from callboard.coordinator.services.external import ExternalService
from callboard.coordinator.services.fleet import record_class
from callboard.coordinator.services.limits import TreeLimits
from callboard.domain.caller import Caller
from callboard.domain.demands import Demands, canonical
from callboard.domain.errors import Conflict, Forbidden, InvalidRequest, Unavailable
from callboard.domain.run import CONTINUATION_PROMPT
from callboard.domain.usage import UsageRow
from callboard.wire.requests import CreateExternalSession
from callboard.wire.runner import Deregister, PostDelta, UsageReport
from tests.services.world import OWNER, World, first_claim

TWO = Demands(executor_type="scripted", hostname="two")


async def test_a_run_queued_before_the_first_binding_goes_to_the_bindings_host(world: World) -> None:
    """A28: affinity is that of the binding when the run becomes claimable, not when it was asked for."""
    one, two = await world.runner("one"), await world.runner("two")
    created = await world.start()
    await world.resume(created.session_id)
    (claim,) = await one.claim()
    await one.started(claim)
    await one.bind(claim, "conversation-1")
    await one.end(claim)
    assert await two.claim() == []
    (later,) = await one.claim()
    assert later.executor_session_id == "conversation-1"


async def test_a_retry_of_a_bound_attempt_goes_to_the_bindings_host(world: World) -> None:
    """A28, 10: a retry with a bound conversation resumes it, so it goes where the conversation is."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    other = await world.runner("two")
    await runner.bind(claim, "conversation-1")
    await world.pass_time(31, (other, []))
    assert (await world.run(claim.run_id)).status == "pending"
    assert await other.claim() == []
    await runner.beat()
    (again,) = await runner.claim()
    assert again.executor_session_id == "conversation-1"


async def test_a_lost_run_is_claimed_again_after_its_demand_class_was_forgotten(world: World) -> None:
    """10: interrupted -> pending; R2."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    await world.leases.prune_once()
    await world.pass_time(31)
    assert (await world.run(claim.run_id)).status == "pending"
    await runner.beat()
    assert [again.run_id for again in await runner.claim()] == [claim.run_id]


async def test_a_claim_given_back_is_claimed_again_after_its_demand_class_was_forgotten(world: World) -> None:
    """10: claimed -> pending."""
    runner = await world.runner()
    created = await world.start()
    await runner.claim()
    await world.leases.prune_once()
    await world.pass_time(11, (runner, []))
    assert [again.run_id for again in await runner.claim()] == [created.run_id]


async def test_a_stop_of_a_lost_run_that_waits_for_its_retry_is_not_shown_as_stopped(world: World) -> None:
    """30 Stop, promise 6: its agent may be alive on the unreachable host."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    await world.pass_time(31)
    assert (await world.run(claim.run_id)).status == "pending"
    outcome = await world.stops.stop_run(OWNER, claim.run_id)
    assert (outcome.status, outcome.stopping) == ("interrupted", [claim.run_id])
    other = await world.runner("two")
    assert await other.claim() == []
    answer = await runner.beat(claim)
    assert [order.run_id for order in answer.stops] == [claim.run_id]
    await runner.end(claim, "stopped")
    assert (await world.run(claim.run_id)).status == "stopped"


async def test_a_stopped_lost_run_ends_when_its_runner_stays_away(world: World) -> None:
    """30 Stop, 10."""
    _, claim = await first_claim(world, on_lost="retry", repeatable=True)
    await world.pass_time(31)
    await world.stops.stop_session(OWNER, claim.session_id, subtree=False)
    await world.pass_time(970)
    run = await world.run(claim.run_id)
    assert (run.status, run.reason) == ("failed", "interrupted")


async def test_a_stop_of_a_retry_whose_agent_is_known_to_be_gone_ends_it_at_once(world: World) -> None:
    """30 Stop: pending never starts."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    assert (await runner.end(claim, "failed", reason="interrupted")).status == "pending"
    outcome = await world.stops.stop_run(OWNER, claim.run_id)
    assert (outcome.status, outcome.cancelled) == ("stopped", [claim.run_id])


async def test_a_heartbeat_that_crosses_the_end_of_its_attempt_brings_nothing_back(world: World) -> None:
    """10: repeated and late reports change nothing; R7."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    await runner.end(claim, "failed", reason="interrupted")
    answer = await runner.beat(claim)
    assert [held.run_id for held in answer.stale] == [claim.run_id]
    with pytest.raises(Conflict):
        await runner.say(claim, "late")
    assert (await world.run(claim.run_id)).status == "pending"


async def test_started_asked_again_after_a_loss_reconnects(world: World) -> None:
    """30: no answer, ask again; 10: interrupted -> running when the same attempt reports again."""
    runner, claim = await first_claim(world)
    await world.pass_time(31)
    assert (await world.run(claim.run_id)).status == "interrupted"
    answer = await runner.started(claim)
    assert (answer.ok, answer.stop) == (True, False)
    assert (await world.run(claim.run_id)).status == "running"


async def test_usage_of_a_lost_attempt_reconnects_it(world: World) -> None:
    """10: interrupted -> running when the same attempt reports again."""
    runner, claim = await first_claim(world)
    await world.pass_time(31)
    row = UsageRow(model="m", message_id="1", input_tokens=1)
    report = UsageReport(runner_id=runner.runner_id, epoch=runner.epoch, attempt=claim.attempt, rows=[row])
    answer = await world.reports.usage(runner.caller, claim.run_id, report)
    assert answer.status == "running"


async def test_a_lost_retry_of_a_later_run_continues_and_one_whose_prompt_was_not_taken_is_asked_again(
    world: World,
) -> None:
    """10: a retry with a bound conversation resumes it with a fixed continuation prompt, else uses the original one."""
    runner, claim = await first_claim(world)
    await runner.bind(claim, "conversation-1")
    await runner.say(claim, "hello")
    await runner.end(claim)
    for took, expected in ((True, CONTINUATION_PROMPT), (False, "second")):
        await world.resume(claim.session_id, "second", on_lost="retry", repeatable=True)
        (second,) = await runner.claim()
        await runner.started(second)
        await runner.bind(second, "conversation-1")
        if took:
            await runner.post(second, ("message", {"role": "user", "content": []}))
        await world.pass_time(31)
        await runner.beat()
        (again,) = await runner.claim()
        assert again.prompt == expected
        await runner.started(again)
        await runner.end(again)


async def test_a_removed_runner_joins_again_with_its_old_credential(world: World) -> None:
    """10: refused until a person removes it; then the same state folder works."""
    runner = await world.runner()
    await world.runners.deregister(runner.caller, Deregister(runner_id=runner.runner_id, epoch=runner.epoch))
    await world.runner()
    tokens = await world.database.read(lambda tx: tx.all("tokens_of_runner", runner_id=runner.runner_id))
    assert len(tokens) == 1


async def test_a_tree_with_an_external_session_is_stopped_around_it(world: World) -> None:
    """30 Stop: what another process leads is not ours to stop; all else of the tree is."""
    external = ExternalService(world.database, world.ids, world.rules, TreeLimits())
    request = CreateExternalSession(
        executor_type="claude-code", executor_session_id="native", hostname="one", project_dir="/srv"
    )
    led, _ = await external.create(OWNER, request, None, None)
    child = await world.start(parent_session_id=led.session_id)
    with pytest.raises(Conflict):
        await world.stops.stop_session(OWNER, led.session_id, subtree=False)
    outcome = await world.stops.stop_session(OWNER, led.session_id, subtree=True)
    assert (outcome.cancelled, outcome.status) == ([child.run_id], "running")


async def test_the_old_names_are_never_written(world: World) -> None:
    """A30."""
    runner, claim = await first_claim(world)
    for old in ("session_start", "session_stop"):
        with pytest.raises(InvalidRequest):
            await runner.post(claim, (old, {}))


async def test_an_agents_token_forges_no_pieces_of_messages(world: World) -> None:
    """40: everything but notes needs the credential of the runner that holds the attempt."""
    _, claim = await first_claim(world)
    agent = Caller(
        token_id="tok_agent", kind="session", session_id=claim.session_id, run_id=claim.run_id, attempt=claim.attempt
    )
    piece = PostDelta(run_id=claim.run_id, attempt=claim.attempt, message_key="m", offset=0, text="forged")
    with pytest.raises(Forbidden):
        await world.events.delta(agent, claim.session_id, piece)


async def test_the_context_of_a_session_is_fixed(world: World) -> None:
    """10 Session."""
    _, claim = await first_claim(world)
    with pytest.raises(InvalidRequest):
        await world.resume(claim.session_id, context="fresh")
    await world.resume(claim.session_id, context="persistent")


async def test_an_event_of_usage_tells_only_what_was_booked(world: World) -> None:
    """10 Usage."""
    runner, claim = await first_claim(world)
    one, two = (UsageRow(model="m", message_id=name, input_tokens=1) for name in ("1", "2"))
    for rows in ([one], [one, two]):
        report = UsageReport(runner_id=runner.runner_id, epoch=runner.epoch, attempt=claim.attempt, rows=rows)
        await world.reports.usage(runner.caller, claim.run_id, report)
    told = [json.loads(bytes(event.payload)) for event in await world.log(claim.session_id) if event.type == "usage"]
    assert [[row["message_id"] for row in event["rows"]] for event in told] == [["1"], ["2"]]


async def test_a_binding_without_a_directory_says_nothing_against_one(world: World) -> None:
    """A27."""
    runner, claim = await first_claim(world)
    await runner.bind(claim, "conversation-1")
    assert (await runner.bind(claim, "conversation-1", project_dir=None)).generation == 1


async def test_nothing_is_interrupted_after_a_sweep_that_the_store_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30: after any time the store did not answer, nothing is expired for 40 s; R3, R10."""
    runner, claim = await first_claim(world)
    await world.pass_time(25)

    async def refuse(_work: object) -> None:
        raise Unavailable("The disk is full.")

    with monkeypatch.context() as full:
        full.setattr(world.database, "write", refuse)
        for _ in range(3):
            world.clock.advance(5)
            with contextlib.suppress(Unavailable):
                await world.leases.sweep_once()
    await world.pass_time(30)
    assert await world.status(claim.session_id) == "running"
    await world.pass_time(20)
    assert await world.status(claim.session_id) == "interrupted"
    await runner.beat(claim)


async def test_a_runner_whose_run_another_process_leads_meanwhile_still_renews_its_others(world: World) -> None:
    """10: one run of a session at a time; a heartbeat is not refused for one attempt that cannot come back."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    await runner.bind(claim, "conversation-1")
    await world.start("another")
    (other,) = await runner.claim()
    await runner.started(other)
    await world.pass_time(31)
    external = ExternalService(world.database, world.ids, world.rules, TreeLimits())
    request = CreateExternalSession(
        executor_type="scripted", executor_session_id="conversation-1", hostname="one", project_dir="/srv"
    )
    led, created = await external.create(OWNER, request, None, None)
    assert (led.session_id, created) == (claim.session_id, False)
    answer = await runner.beat(claim, other)
    assert [held.run_id for held in answer.stale] == [claim.run_id]
    assert (await world.run(other.run_id)).status == "running"


async def test_a_run_whose_place_changed_while_it_was_queued_is_claimed_only_where_it_belongs(world: World) -> None:
    """A28: the queue in memory may be stale, the claim's compare-and-set is not."""
    runner, other = await world.runner("one"), await world.runner("two")
    created = await world.start()
    await world.database.write(
        lambda tx: tx.run(
            "direct_run",
            run_id=created.run_id,
            demands='{"executor_type":"scripted","hostname":"two"}',
            demand_class=record_class(tx, TWO, canonical(TWO)),
        )
    )
    assert await runner.claim() == []
    assert [claim.run_id for claim in await other.claim()] == [created.run_id]


async def test_interrupting_a_lost_run_that_waits_for_its_retry_recalls_it(world: World) -> None:
    """R16: on_busy=interrupt means the run that was begun; its agent may live, so it is stopped when it is heard of."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    await world.pass_time(40)
    assert (await world.run(claim.run_id)).status == "pending"
    instead = await world.resume(claim.session_id, "instead", on_busy="interrupt")
    recalled = await world.run(claim.run_id)
    assert (recalled.status, recalled.stopped_by) == ("interrupted", "busy")
    beat = await runner.beat(claim)
    assert [order.run_id for order in beat.stops] == [claim.run_id]
    await runner.end(claim, "stopped")
    (following,) = await runner.claim(slots=4)
    assert following.run_id == instead.run_id
    assert (await world.run(claim.run_id)).reason == "stopped"


async def test_interrupting_a_run_whose_agent_is_known_to_be_gone_ends_it_at_once(world: World) -> None:
    """R16: nothing of it can live; what never began keeps its place."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    await runner.end(claim, "failed", reason="interrupted")
    enqueued = await world.resume(claim.session_id, "second")
    instead = await world.resume(claim.session_id, "instead", on_busy="interrupt")
    gone = await world.run(claim.run_id)
    assert (gone.status, gone.stopped_by, gone.tries) == ("stopped", "busy", 1)
    for run in (enqueued, instead):
        (following,) = await runner.claim(slots=4)
        assert following.run_id == run.run_id
        await runner.work(following)
