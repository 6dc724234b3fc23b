"""Runners that are killed, ended and started again: agents live on, and nothing is told twice or not at all."""

import json
import signal

import pytest

from callboard.client.calls import runners
from tests.runner.world import World, alive, said_by_agent, types_of

pytestmark = pytest.mark.slow

SLOW = "\n".join(f"say line {number}\nsleep 0.2" for number in range(20))


async def test_a41_a_killed_runner_attaches_again_and_repeats_nothing(world: World) -> None:
    """A41, R18: kill -9 in the middle; the agent lives on; every line arrives once and in order."""
    await world.start_coordinator()
    runner = await world.start_runner()
    made = await world.start_run(SLOW)
    await world.said(made.session_id, "line 2")
    before = alive(made)
    await runner.kill()
    assert set(before) & set(alive(made))
    second = await world.start_runner(joined=True)
    run = await world.ended(made.run_id)
    found = await world.events(made.session_id)
    assert run.status == "completed"
    assert [said_by_agent(one) for one in found if said_by_agent(one)] == [f"line {number}" for number in range(20)]
    assert types_of(found).count("run_completed") == 1
    assert await world.left_on_disk(second) == []


async def test_a08_a_restarted_runner_is_the_same_one(world: World) -> None:
    """A08: one entry, the same id, the next epoch; its own credential is enough."""
    await world.start_coordinator()
    first = await world.start_runner()
    told = await first.line("registered rnr_")
    assert await first.end() == 0
    second = await world.start_runner(joined=True)
    assert await second.line("registered rnr_") == told
    page = await world.send(runners.list_())
    assert [(one.runner_id, one.epoch) for one in page.items] == [(told.split()[1], 2)]


async def test_a_runner_that_is_told_to_end_leaves_its_agents_alive(world: World) -> None:
    """R14: SIGTERM ends the runner, not the agents; the next one goes on with them."""
    await world.start_coordinator()
    runner = await world.start_runner()
    made = await world.start_run("say ready\nsleep 2\nsay done")
    await world.said(made.session_id, "ready")
    assert await runner.end(signal.SIGTERM) == 0
    assert alive(made)
    await world.start_runner(joined=True)
    assert (await world.ended(made.run_id)).status == "completed"
    assert (await world.run(made.run_id)).attempt == 1


async def test_an_agent_that_ended_while_no_runner_was_there_is_reported_by_the_next_one(world: World) -> None:
    await world.start_coordinator()
    runner = await world.start_runner()
    made = await world.start_run("say ready\nsleep 0.5\nsay done\nresult ok")
    await world.said(made.session_id, "ready")
    await runner.kill()
    await world.gone(made)
    await world.start_runner(joined=True)
    run = await world.ended(made.run_id)
    assert (run.status, run.result_text, run.attempt) == ("completed", "ok", 1)


async def test_r18_an_attempt_of_an_earlier_version_keeps_the_count_of_its_events(world: World) -> None:
    """R18: what that version did not tell of a launch the next one does not tell, as its events are numbered."""
    await world.start_coordinator()
    runner = await world.start_runner()
    made = await world.start_run("say ready\nsleep 0.5\ncrash")
    await world.said(made.session_id, "ready")
    await runner.kill()
    await world.gone(made)
    (progress,) = world.folder.glob("state/runners/*/attempts/*/progress.json")
    told = json.loads(progress.read_bytes())
    assert told.pop("tells_checks") == told.pop("tells_output") is True
    progress.write_text(json.dumps(told), encoding="utf-8")
    await world.start_runner(joined=True)
    run = await world.ended(made.run_id)
    assert run.error is not None
    assert "this agent dies here" in run.error.message
    assert "output" not in types_of(await world.events(made.session_id))


async def test_r18_an_agent_lost_with_its_keeper_is_reported_as_interrupted(world: World) -> None:
    """R18: as after a reboot; what was seen until then is kept."""
    await world.start_coordinator()
    runner = await world.start_runner()
    made = await world.start_run("say ready\nhang")
    await world.said(made.session_id, "ready")
    await runner.kill()
    world.kill_keeper(made)
    await world.gone(made)
    await world.start_runner(joined=True)
    run = await world.ended(made.run_id)
    assert (run.status, run.reason) == ("failed", "interrupted")
    assert "ready" in [said_by_agent(one) for one in await world.events(made.session_id)]


async def test_r18_a_live_runner_notices_that_a_keeper_was_killed(world: World) -> None:
    """R18: the agent dies with its keeper, at once, and no process stays."""
    await world.start_coordinator()
    await world.start_runner()
    made = await world.start_run("daemon 300\nsay ready\nhang")
    await world.said(made.session_id, "ready")
    world.kill_keeper(made)
    run = await world.ended(made.run_id, 20)
    assert (run.status, run.reason) == ("failed", "interrupted")
    assert alive(made) == []


async def test_a_stop_asked_while_no_runner_was_there_reaches_the_agent_first(world: World) -> None:
    """R15: the runner that comes back gets the stop before anything else."""
    await world.start_coordinator()
    runner = await world.start_runner()
    made = await world.start_run("say ready\nhang")
    await world.said(made.session_id, "ready")
    await runner.kill()
    await world.stop(made.session_id)
    assert alive(made)
    await world.start_runner(joined=True)
    assert (await world.ended(made.run_id)).status == "stopped"
    assert alive(made) == []


async def test_two_processes_of_one_runner_on_one_machine_are_refused(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner()
    second = await world.spawn_runner(joined=True)
    await second.line("refused runner_superseded")


async def test_a_copy_of_the_state_folder_takes_over_and_the_older_process_ends(world: World) -> None:
    """The newer process gets the epoch; the older one says why and leaves the agents alone."""
    await world.start_coordinator()
    older = await world.start_runner()
    made = await world.start_run("say ready\nhang")
    await world.said(made.session_id, "ready")
    world.copy_state("state", "copy")
    await world.start_runner(state="copy", joined=True)
    await older.line("refused runner_superseded")
    assert alive(made)


async def test_a_runner_known_with_another_credential_is_refused(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner()
    stranger = await world.spawn_runner(state="elsewhere")
    await stranger.line("refused runner_known")
