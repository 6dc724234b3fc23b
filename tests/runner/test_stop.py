"""Stops, in every phase: what is shown as stopped has no process left."""

import asyncio

import pytest

from tests.runner.world import World, alive, payload_of, types_of

pytestmark = pytest.mark.slow

NO_WORD_OF_ITS_END = "say ready\nhang"


async def test_r15_a_running_agent_is_stopped_and_the_report_says_how_sure_that_is(world: World) -> None:
    """R15: the stop reaches the agent through the waiting poll; asked twice it is one stop."""
    await world.start_coordinator()
    await world.start_runner()
    made = await world.start_run(NO_WORD_OF_ITS_END)
    await world.said(made.session_id, "ready")
    await asyncio.gather(world.stop(made.session_id), world.stop(made.session_id))
    run = await world.ended(made.run_id, 10)
    assert (run.status, run.reason, run.stopped_by) == ("stopped", "stopped", "person")
    assert run.certainty in ("cgroup", "descendants")
    assert alive(made) == []
    assert types_of(await world.events(made.session_id)).count("run_completed") == 1


async def test_r15_a_run_that_waits_never_starts(world: World) -> None:
    await world.start_coordinator()
    made = await world.start_run("write started x")
    await world.stop(made.session_id)
    await world.start_runner()
    assert (await world.ended(made.run_id)).status == "stopped"
    after = await world.start_run("say after")
    await world.ended(after.run_id)
    assert not (world.project / "started").exists()


async def test_r15_an_agent_that_ignores_sigterm_is_killed(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner()
    made = await world.start_run("ignore-term\nsay ready\nhang")
    await world.said(made.session_id, "ready")
    await world.stop(made.session_id)
    run = await world.ended(made.run_id, 15)
    assert run.status == "stopped"
    assert alive(made) == []
    told = [payload_of(one) for one in await world.events(made.session_id) if one.type == "output"]
    assert [one["text"].split()[0] for one in told if one["stream"] == "runner"][:3] == ["the", "SIGTERM", "SIGKILL"]


async def test_r16_daemons_and_a_crowd_of_processes_are_gone_when_stopped_is_shown(world: World) -> None:
    """R16: what left the session, what forked twice, and two hundred others."""
    await world.start_coordinator()
    await world.start_runner(allow_shell=True)
    crowd = "for i in $(seq 200); do sleep 300 & done; setsid -f sleep 300; env -i sleep 300 & echo ready; wait"
    made = await world.start_run(crowd, executor_type="command")
    await world.said(made.session_id, "ready")
    assert len(alive(made)) > 200
    await world.stop(made.session_id)
    run = await world.ended(made.run_id, 20)
    assert run.status == "stopped"
    assert alive(made) == []


async def test_r17_a_child_that_holds_stdout_does_not_hold_up_the_end(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner()
    made = await world.start_run("hold-stdout 300\nsay bye")
    run = await world.ended(made.run_id, 10)
    assert run.status == "completed"
    assert alive(made) == []


async def test_r17_huge_lines_and_garbage_cost_no_other_session_anything(world: World) -> None:
    """R17: a line of 50 MB, bytes that are no text, NUL: cut or replaced; the one beside it ends as always."""
    await world.start_coordinator()
    await world.start_runner(allow_shell=True)
    flood = "head -c 50000000 /dev/zero | tr '\\0' x; echo; printf 'a\\377\\000b\\n'; echo last"
    loud = await world.start_run(flood, executor_type="command")
    quiet = await world.start_run("say fine")
    assert (await world.ended(quiet.run_id, 20)).status == "completed"
    run = await world.ended(loud.run_id, 40)
    assert (run.status, (run.result_text or "")[-4:]) == ("completed", "last")


async def test_a_natural_end_before_the_stop_stands(world: World) -> None:
    """R15: the first committed end stands, and a stop of an ended run changes nothing."""
    await world.start_coordinator()
    await world.start_runner()
    made = await world.start_run("say quick")
    await world.ended(made.run_id)
    await world.stop(made.session_id)
    assert (await world.run(made.run_id)).status == "completed"


async def test_a31_the_second_run_of_a_session_can_be_stopped(world: World) -> None:
    """A31: a stop is about the live run, whichever it is."""
    await world.start_coordinator()
    await world.start_runner()
    first = await world.start_run("say one")
    await world.ended(first.run_id)
    second = await world.start_run("say two\nhang", session_id=first.session_id)
    await world.said(first.session_id, "two")
    await world.stop(first.session_id)
    assert (await world.ended(second.run_id, 10)).status == "stopped"
    assert alive(second) == []


async def test_a_run_over_its_time_is_stopped_with_that_reason(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner()
    made = await world.start_run("hang", limits={"timeout_seconds": 1})
    run = await world.ended(made.run_id, 15)
    assert (run.status, run.reason) == ("failed", "timeout")
    assert alive(made) == []
