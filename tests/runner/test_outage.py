"""The coordinator away, for a while or for too long: agents live on, and afterwards nothing is missing."""

import pytest

from tests.runner.proxy import LoseFirstAnswers
from tests.runner.world import QUICK, World, alive, payload_of, said_by_agent, types_of

pytestmark = pytest.mark.slow

TALKER = "say ready\n" + "\n".join(f"sleep 0.1\nsay line {number}" for number in range(60))


async def test_a37_agents_live_through_an_outage_and_everything_arrives_once(world: World) -> None:
    """A37, R4: more than a lease without a coordinator, then every event once and in order, by the same attempt."""
    coordinator = await world.start_coordinator()
    await world.start_runner()
    made = await world.start_run(TALKER)
    await world.said(made.session_id, "ready")
    await coordinator.kill()
    await world.passes(QUICK["lease_seconds"] + 1)
    assert alive(made)
    await world.start_coordinator()
    run = await world.ended(made.run_id)
    found = await world.events(made.session_id)
    assert (run.status, run.attempt) == ("completed", 1)
    assert [said_by_agent(one) for one in found if said_by_agent(one)] == [
        "ready",
        *(f"line {number}" for number in range(60)),
    ]
    assert "run_interrupted" not in types_of(found)


async def test_r4_five_thousand_events_and_a_new_runner_process_within_an_outage(world: World) -> None:
    """R4: the journal is the spool; what the first process had in memory is not needed."""
    coordinator = await world.start_coordinator()
    runner = await world.start_runner(allow_shell=True)
    script = "echo ready; read go < go; for i in $(seq 5000); do echo line $i; done"
    world.pipe("go")
    made = await world.start_run(script, executor_type="command")
    await world.said(made.session_id, "ready")
    await coordinator.kill()
    world.write_pipe("go")
    await world.gone(made)
    await runner.kill()
    second = await world.spawn_runner(allow_shell=True, joined=True)
    await world.start_coordinator()
    await second.line("registered rnr_")
    run = await world.ended(made.run_id, 60)
    said = [said_by_agent(one) for one in await world.events(made.session_id)]
    assert run.status == "completed"
    assert [one for one in said if one] == ["ready", *(f"line {number}" for number in range(1, 5001))]


async def test_r5_a_runner_without_a_coordinator_for_too_long_stops_its_agents(world: World) -> None:
    """R5: it decides that itself, and says so when the coordinator is back."""
    coordinator = await world.start_coordinator(stop_on_runner_seconds=2)
    runner = await world.start_runner()
    made = await world.start_run("say ready\nhang")
    await world.said(made.session_id, "ready")
    await coordinator.kill()
    await world.gone(made)
    await runner.line_with("out_of_contact")
    await world.start_coordinator()
    run = await world.ended(made.run_id)
    assert run.error is not None
    assert (run.status, run.reason, run.error.code) == ("failed", "interrupted", "out_of_contact")


async def test_a_runner_waits_for_a_coordinator_that_is_not_there_yet(world: World) -> None:
    coordinator = await world.start_coordinator()
    await coordinator.kill()
    runner = await world.spawn_runner()
    await runner.line_with("coordinator_away")
    await world.start_coordinator()
    await runner.line("registered rnr_")


async def test_r6_reports_whose_answers_were_lost_have_one_effect(world: World) -> None:
    """R6, A34: a proxy that forwards every report and swallows the first answer to each."""
    await world.start_coordinator()
    meddler = LoseFirstAnswers()
    async with world.meddling(meddler) as url:
        await world.start_runner(url=url)
        made = await world.start_run("say one\nsay two\nusage m 1 2 3\nresult done")
        run = await world.ended(made.run_id)
    found = await world.events(made.session_id)
    assert len(meddler.lost) == 5
    assert (run.status, run.attempt, run.usage.cost_microdollars) == ("completed", 1, 3)
    assert [said_by_agent(one) for one in found if said_by_agent(one)] == ["one", "two"]
    assert types_of(found).count("run_start") == types_of(found).count("run_completed") == 1


async def test_a_full_journal_makes_the_agent_wait_and_loses_nothing(world: World) -> None:
    """The journal is bounded: without a coordinator the agent's output waits, and goes on afterwards."""
    coordinator = await world.start_coordinator()
    await world.start_runner(allow_shell=True, keeper={"journal_bytes": 65_536})
    script = "echo ready; read go < go; for i in $(seq 3000); do printf '%0100d\\n' $i; done; touch done"
    world.pipe("go")
    made = await world.start_run(script, executor_type="command")
    await world.said(made.session_id, "ready")
    await coordinator.kill()
    world.write_pipe("go")
    await world.passes(2)
    assert not (world.project / "done").exists()
    await world.start_coordinator()
    run = await world.ended(made.run_id, 60)
    said = [said_by_agent(one) for one in await world.events(made.session_id)]
    assert run.status == "completed"
    assert [int(one) for one in said if one.isdigit()] == list(range(1, 3001))


async def test_interrupted_and_back_is_one_attempt(world: World) -> None:
    """A38, A42: a runner that was stopped past its lease comes back online; the run reconnects and ends as it would."""
    await world.start_coordinator()
    runner = await world.start_runner()
    made = await world.start_run("say ready\nsleep 1\nsay back")
    await world.said(made.session_id, "ready")
    runner.pause()
    await world.of_type(made.session_id, "run_interrupted", 30)
    runner.go_on()
    run = await world.ended(made.run_id)
    found = types_of(await world.events(made.session_id))
    assert (run.status, run.attempt) == ("completed", 1)
    assert found.index("run_interrupted") < found.index("run_reconnected") < found.index("run_completed")
    assert payload_of((await world.events(made.session_id))[-1])["reason"] == "completed"
