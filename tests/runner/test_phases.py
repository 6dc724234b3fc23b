"""What is wanted of an attempt may change in every phase of it, and every phase may be the runner's last."""

import shutil
import signal

import msgspec
import pytest

from callboard.client import AsyncClient
from callboard.client.calls import approvals, runners
from callboard.client.calls import runner as reports
from callboard.domain.ids import uuid_of
from callboard.domain.invocation import Invocation
from callboard.runner.attempt_files import Attempt, AttemptFiles, Progress
from callboard.runner.unstarted import boot_id
from callboard.wire.requests import Decide
from callboard.wire.responses import RunCreated
from tests.runner.programs import read_token
from tests.runner.proxy import Forward, Gate, answer, problem
from tests.runner.world import World, alive, payload_of, said_by_agent, types_of

pytestmark = pytest.mark.slow

ONCE = "append marks x\nsay done"


def _marks(world: World) -> list[str]:
    path = world.project / "marks"
    return path.read_text().split() if path.exists() else []


async def test_r15_a_stop_before_the_permission_starts_nothing(world: World) -> None:
    """R15: asked while `started` is on its way; the agent is never launched."""
    await world.start_coordinator(unheard_seconds=30)
    gate = Gate("/started")
    async with world.meddling(gate) as url:
        runner = await world.start_runner(url=url)
        made = await world.start_run(ONCE)
        await gate.reached.wait()
        await world.stop(made.session_id)
        gate.opened.set()
        run = await world.ended(made.run_id)
        after = await world.start_run("say after")
        assert (await world.ended(after.run_id)).status == "completed"
    assert (run.status, run.reason) == ("stopped", "stopped")
    assert _marks(world) == []
    assert await world.left_on_disk(runner) == []


async def test_r15_a_stop_between_the_agents_end_and_its_report_comes_too_late(world: World) -> None:
    """R15: the agent had finished; what it did is reported as it was."""
    await world.start_coordinator()
    gate = Gate("/completed")
    async with world.meddling(gate) as url:
        await world.start_runner(url=url)
        made = await world.start_run(ONCE)
        await gate.reached.wait()
        await world.stop(made.session_id)
        gate.opened.set()
        run = await world.ended(made.run_id)
    assert run.status == "completed"
    assert types_of(await world.events(made.session_id)).count("run_completed") == 1


async def test_a_runner_that_ends_while_it_asks_for_permission_launches_once(world: World) -> None:
    """The answer that nobody heard is asked for again by the next process; the agent runs once."""
    await world.start_coordinator(unheard_seconds=30)
    gate = Gate("/started")
    async with world.meddling(gate) as url:
        runner = await world.start_runner(url=url)
        made = await world.start_run(ONCE)
        await gate.reached.wait()
        assert await runner.end(signal.SIGTERM) == 0
    await world.start_runner(joined=True)
    assert (await world.ended(made.run_id)).status == "completed"
    assert _marks(world) == ["x"]


async def test_a_runner_killed_after_the_permission_and_before_it_heard_of_it_launches_once(world: World) -> None:
    """Promise 2: `started` was accepted and its answer lost with the process."""
    await world.start_coordinator()

    async def lose(route: str, forward: Forward) -> bytes | None:
        told = await forward()
        return None if route.endswith("/started") else told

    async with world.meddling(lose) as url:
        runner = await world.start_runner(url=url)
        made = await world.start_run(ONCE)
        await world.of_type(made.session_id, "run_start")
        await runner.kill()
    await world.start_runner(joined=True)
    run = await world.ended(made.run_id)
    assert (run.status, run.attempt) == ("completed", 1)
    assert _marks(world) == ["x"]


async def test_r19_a_claim_that_was_never_asked_for_is_given_back_after_a_restart(world: World) -> None:
    """R19: without the mark on the disk nothing ran: `not_launched`, and no try is counted."""
    await world.start_coordinator(unheard_seconds=30)
    runner = await world.start_runner()
    runner_id = (await runner.line("registered")).split()[1]
    await runner.end()
    made, held = await _claimed_by_hand(world, runner_id)
    AttemptFiles(world.folder / "state" / "runners" / runner_id / "attempts" / held.tracking).make(held)
    await world.start_runner(joined=True)
    run = await world.ended(made.run_id)
    assert (run.status, run.attempt, run.tries) == ("completed", 2, 1)
    assert _marks(world) == ["x"]


@pytest.mark.parametrize(("boot", "status", "marks"), [("this one", "completed", ["x"]), ("earlier", "failed", [])])
async def test_r18_a_launch_that_was_marked_and_never_happened(
    world: World, boot: str, status: str, marks: list[str]
) -> None:
    """R18: within one boot it is certain that nothing ran, so it is launched; after another one it is not."""
    await world.start_coordinator(unheard_seconds=30)
    runner = await world.start_runner()
    runner_id = (await runner.line("registered")).split()[1]
    await runner.end()
    made, held = await _claimed_by_hand(world, runner_id)
    files = AttemptFiles(world.folder / "state" / "runners" / runner_id / "attempts" / held.tracking)
    files.make(held)
    files.note_asked()
    files.save_invocation(_invocation(world, held))
    marked = Progress(phase="launching", launch=1, boot_id=boot_id() if boot == "this one" else boot)
    files.save_progress(msgspec.json.encode(marked))
    await world.start_runner(joined=True)
    run = await world.ended(made.run_id)
    assert (run.status, run.attempt) == (status, 1)
    assert _marks(world) == marks


async def _claimed_by_hand(world: World, runner_id: str) -> tuple[RunCreated, Attempt]:
    """A run that a runner has claimed, with its own credential, and not looked after."""
    made = await world.start_run(ONCE)
    folder = world.folder / "state" / "runners" / runner_id
    epoch = (await world.send(runners.get(runner_id))).epoch
    async with AsyncClient(world.url, read_token(folder / "credential")) as client:
        polled = await client.send(reports.poll(runner_id, epoch, slots=1, wait_seconds=10))
    (claim,) = polled.runs
    return made, Attempt(claim=claim, session_token="cbs_never_used")


def _invocation(world: World, held: Attempt) -> Invocation:
    return Invocation(
        run_id=held.claim.run_id,
        session_id=held.claim.session_id,
        attempt=held.claim.attempt,
        executor_type="scripted",
        chosen_session_uuid=str(uuid_of(held.claim.session_id)),
        prompt=held.claim.prompt,
        project_dir=str(world.project),
        state_dir=str(world.folder),
    )


async def test_events_that_the_coordinator_lost_are_posted_again_before_the_end(world: World) -> None:
    """A07-like loss in the middle: `events_missing` makes the runner read its journal again, with the same keys."""
    await world.start_coordinator()
    lied: list[str] = []

    async def lie(route: str, forward: Forward) -> bytes | None:
        if route.endswith("/events") and len(lied) < 3:
            lied.append(route)
            return answer(200, {"seqs": [1]})
        return await forward()

    async with world.meddling(lie) as url:
        await world.start_runner(url=url)
        made = await world.start_run("say one\nsleep 0.3\nsay two\nsleep 0.3\nsay three\nsleep 0.3\nsay four")
        run = await world.ended(made.run_id)
    said = [said_by_agent(one) for one in await world.events(made.session_id)]
    assert len(lied) == 3
    assert run.status == "completed"
    assert sorted(one for one in said if one) == ["four", "one", "three", "two"]


async def test_a27_a_conversation_that_belongs_to_another_session_ends_the_attempt(world: World) -> None:
    """A27: two sessions must not write one conversation, so the agent does not go on."""
    await world.start_coordinator()

    async def refuse(route: str, forward: Forward) -> bytes | None:
        return problem(409, "executor_session_in_use") if route.endswith("/bind") else await forward()

    async with world.meddling(refuse) as url:
        await world.start_runner(url=url)
        made = await world.start_run("say one\nhang")
        run = await world.ended(made.run_id)
    assert run.error is not None
    assert (run.status, run.error.code) == ("failed", "executor_session_in_use")
    assert alive(made) == []


async def test_a_conversation_that_is_gone_fails_the_run_and_is_never_silently_a_new_one(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner()
    first = await world.start_run("say one")
    await world.ended(first.run_id)
    shutil.rmtree(world.folder / "state" / "executors")
    second = await world.start_run("recall", session_id=first.session_id)
    run = await world.ended(second.run_id)
    assert (run.status, run.reason) == ("failed", "executor_session_missing")


async def test_a_lost_conversation_without_any_answer_is_started_again_under_its_id(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner()
    first = await world.start_run("fail nothing was said")
    assert (await world.ended(first.run_id)).status == "failed"
    bound = payload_of(await world.of_type(first.session_id, "session_bound"))["executor_session_id"]
    shutil.rmtree(world.folder / "state" / "executors")
    second = await world.start_run("say hello", session_id=first.session_id)
    run = await world.ended(second.run_id)
    session = await world.session(first.session_id)
    assert run.status == "completed", run.error
    assert session.binding is not None
    assert session.binding.executor_session_id == bound


async def test_a_permission_request_waits_for_its_decision(world: World) -> None:
    await world.start_coordinator()
    await world.start_runner()
    made = await world.start_run('ask Bash {"command": "ls"}\nsay after')
    await world.of_type(made.session_id, "approval_requested")
    (asked,) = (await world.send(approvals.list_(session_id=made.session_id))).items
    await world.send(approvals.decide(asked.approval_id, Decide(decision="deny", content_hash=asked.content_hash)))
    run = await world.ended(made.run_id)
    said = [said_by_agent(one) for one in await world.events(made.session_id)]
    assert run.status == "completed"
    assert any("denied Bash" in one for one in said)


async def test_s10_a_directory_that_becomes_a_link_before_the_launch_is_not_entered(world: World) -> None:
    """S10: swapped between the check and the use."""
    await world.start_coordinator(unheard_seconds=30)
    gate = Gate("/started")
    inner = world.project / "inner"
    inner.mkdir()
    async with world.meddling(gate) as url:
        await world.start_runner(url=url)
        made = await world.start_run(ONCE, project_dir=str(inner))
        await gate.reached.wait()
        inner.rmdir()
        inner.symlink_to(world.folder)
        gate.opened.set()
        run = await world.ended(made.run_id)
    assert run.error is not None
    assert (run.status, run.error.code) == ("failed", "project_dir_outside_roots")
    assert not (world.folder / "marks").exists()


async def test_a_runner_whose_disk_fails_gives_runs_back_and_goes_on_when_it_is_mended(world: World) -> None:
    """No run is lost or claimed in a circle: the runner rests between the tries."""
    await world.start_coordinator()
    runner = await world.start_runner()
    runner_id = (await runner.line("registered")).split()[1]
    await runner.line_with('"epoch": 1')
    attempts = world.folder / "state" / "runners" / runner_id / "attempts"
    attempts.rmdir()
    attempts.write_text("in the way")
    made = await world.start_run(ONCE)
    await world.event(made.session_id, lambda one: one.type == "run_claimed" and one.attempt == 3)
    attempts.unlink()
    attempts.mkdir(mode=0o700)
    run = await world.ended(made.run_id)
    assert (run.status, run.tries) == ("completed", 1)
    assert run.attempt <= 5
    assert _marks(world) == ["x"]
