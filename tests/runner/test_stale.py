"""Attempts that are not ours any more: refused, ended, and without effect on what the owner does."""

import pytest

from callboard.client import AsyncClient
from callboard.client.calls import runner as reports
from callboard.client.calls import runners
from callboard.domain.errors import Conflict
from callboard.wire.runner import Ended
from tests.runner.programs import read_token
from tests.runner.world import World, alive, said_by_agent, types_of

pytestmark = pytest.mark.slow


async def test_r2_a_paused_runner_that_wakes_ends_its_agent_and_changes_nothing(world: World) -> None:
    """R2, R1: stopped past its lease and claimed elsewhere; awake again it is refused, its tree ends in ten seconds."""
    await world.start_coordinator(lost_run_seconds=2)
    first = await world.start_runner(name="first", state="one")
    made = await world.start_run("say by the first\nhang", on_lost="retry", repeatable=True, context="fresh")
    await world.said(made.session_id, "by the first")
    await world.start_runner(name="second", state="two", hostname="elsewhere")
    first.pause()
    again = await world.event(made.session_id, lambda one: one.type == "run_start" and one.attempt != 1)
    first.go_on()
    await first.line_with("attempt_stale")
    await world.gone(made, 1, 10)
    await world.stop(made.session_id)
    run = await world.ended(made.run_id)
    assert (run.status, run.attempt) == ("stopped", again.attempt)
    assert types_of(await world.events(made.session_id)).count("run_completed") == 1
    assert await world.left_on_disk(first, "one") == []


async def test_a34_a_foreign_runner_may_not_report_and_a_repeated_end_gets_the_first_answer(world: World) -> None:
    """A34: another runner's report is refused; completed twice has one effect; failed afterwards changes nothing."""
    await world.start_coordinator()
    await world.start_runner(state="one", name="one")
    await world.start_runner(state="two", name="two", executors={}, offer=["scripted"], tags=["other"])
    made = await world.start_run("say one", additional_demands={"tags": []})
    run = await world.ended(made.run_id)
    by_id = {one.runner_id: one for one in (await world.send(runners.list_())).items}
    for state in ("one", "two"):
        folder = next((world.folder / state).glob("runners/*"))
        owner = folder.name == run.runner_id
        epoch = by_id[folder.name].epoch
        end = Ended(runner_id=folder.name, epoch=epoch, attempt=1, event_count=0, reason="failed")
        async with AsyncClient(world.url, read_token(folder / "credential")) as client:
            if owner:
                assert (await client.send(reports.ended(made.run_id, "failed", end))).status == "completed"
            else:
                with pytest.raises(Conflict) as refused:
                    await client.send(reports.ended(made.run_id, "failed", end))
                assert refused.value.code == "stale_attempt"
    assert (await world.run(made.run_id)).status == "completed"


async def test_strays_of_an_earlier_attempt_are_ended_before_the_next_one(world: World) -> None:
    """R18: the keeper of the first attempt was killed with its runner; what the agent left must not meet the second."""
    await world.start_coordinator(lost_run_seconds=2)
    first = await world.start_runner(name="first", state="one", allow_shell=True)
    script = "setsid -f sleep 300; echo ready; sleep 300"
    made = await world.start_run(script, executor_type="command", on_lost="retry", repeatable=True)
    await world.said(made.session_id, "ready")
    await first.kill()
    world.kill_keeper(made)
    assert alive(made)
    await world.start_runner(name="second", state="two", allow_shell=True)
    await world.event(made.session_id, lambda one: said_by_agent(one) == "ready" and one.attempt == 2)
    assert alive(made, 1) == []
    await world.stop(made.session_id)
    await world.ended(made.run_id)


async def test_r14_a_drained_runner_claims_nothing_and_finishes_what_it_has(world: World) -> None:
    """R14: new runs wait; the agent ends by itself; afterwards the runner is there and idle, and resumes."""
    await world.start_coordinator()
    program = await world.start_runner()
    runner_id = (await program.line("registered")).split()[1]
    made = await world.start_run("say ready\nsleep 1\nsay done")
    await world.said(made.session_id, "ready")
    await world.send(runners.drain(runner_id))
    waiting = await world.start_run("say later")
    assert (await world.ended(made.run_id)).status == "completed"
    assert (await world.run(waiting.run_id)).status == "pending"
    assert (await world.send(runners.get(runner_id))).state == "draining"
    await world.send(runners.resume(runner_id))
    assert (await world.ended(waiting.run_id)).status == "completed"


async def test_a_removed_runner_says_so_and_ends(world: World) -> None:
    await world.start_coordinator()
    program = await world.start_runner()
    runner_id = (await program.line("registered")).split()[1]
    await world.send(runners.remove(runner_id))
    await program.line("refused unauthenticated")
    assert await program.ended() == 100
    await world.start_runner()
