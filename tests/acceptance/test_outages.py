"""What lives through an outage: agents, their events and their runs, whoever is killed or asleep meanwhile."""

import psutil
import pytest

from callboard.client.calls import runs
from tests.conftest import DEFAULT_ROUNDS
from tests.support.coordinator import QUICK, Coordinator, payload_of, until
from tests.support.processes import agent_of, agents_of
from tests.support.world import World, hold

SHORT_OUTAGE_SECONDS = 5
LONG_OUTAGE_SECONDS = 60
WORDS = 12
FLOOD = 12_000


@pytest.fixture
def outage_seconds(request: pytest.FixtureRequest) -> int:
    """Longer than a lease; with more rounds than usual as long as the requirement says."""
    many = request.config.getoption("--rounds") > DEFAULT_ROUNDS
    return LONG_OUTAGE_SECONDS if many else SHORT_OUTAGE_SECONDS


def counting(first: int, last: int) -> str:
    """Lines of a script that say numbers."""
    return "\n".join(f"say {number}" for number in range(first, last))


def assert_said_once(coordinator: Coordinator, session_id: str, count: int) -> None:
    """The agent's words are all there, each once, in order; the log has no gap."""
    assert coordinator.said(session_id) == [str(number) for number in range(count)]
    seqs = [event.seq for event in coordinator.events(session_id)]
    assert seqs == list(range(1, len(seqs) + 1))


def assert_never_interrupted(coordinator: Coordinator, session_id: str) -> None:
    """Nobody believed that the run was lost."""
    types = [event.type for event in coordinator.events(session_id)]
    assert {"run_interrupted", "run_reconnected"} & set(types) == set()
    assert (types.count("run_claimed"), types.count("run_start"), types.count("run_completed")) == (1, 1, 1)


@pytest.mark.timeout(180)
def test_a37_agents_live_through_an_outage_of_the_coordinator(world: World, outage_seconds: int) -> None:
    coordinator = world.coordinator(**QUICK)
    runner = world.runner(coordinator)
    script = f"{counting(0, WORDS)}\n{hold('away')}\n{counting(WORDS, 2 * WORDS)}\n{hold('back')}\nsay {2 * WORDS}"
    created = coordinator.start_run(script)
    ended_meanwhile = coordinator.start_run(f"{hold('away')}\nresult done")
    for one in (created, ended_meanwhile):
        coordinator.until_event(one, "pre_tool")
    agent = agent_of(created.run_id)

    coordinator.kill()
    world.let_go("away")
    until(lambda: not agents_of(ended_meanwhile.run_id), 20, "the other agent's end")
    with pytest.raises(psutil.TimeoutExpired):
        agent.wait(outage_seconds)
    assert runner.program.lives
    coordinator.restart()

    assert coordinator.ended(ended_meanwhile.run_id).result_text == "done"
    coordinator.until_event(created, "message", content=[{"type": "text", "text": str(2 * WORDS - 1)}])
    assert agent.is_running()
    world.let_go("back")
    run = coordinator.ended(created.run_id)
    assert (run.reason, run.attempt, run.tries) == ("completed", 1, 1)
    assert_said_once(coordinator, created.session_id, 2 * WORDS + 1)
    for one in (created, ended_meanwhile):
        assert_never_interrupted(coordinator, one.session_id)


@pytest.mark.parametrize("times", [1, 3])
def test_a41_a_runner_killed_and_restarted_attaches_to_its_agents(world: World, times: int) -> None:
    coordinator = world.coordinator(**QUICK)
    runner = world.runner(coordinator)
    parts = [f"{counting(part * WORDS, (part + 1) * WORDS)}\n{hold(f'part-{part}')}" for part in range(times + 1)]
    created = coordinator.start_run("\n".join([*parts, "usage small 10 1 100", "result done"]))
    ended_meanwhile = coordinator.start_run(f"{hold('part-0')}\nsay 0\nresult done too")
    coordinator.until_event(ended_meanwhile, "pre_tool")
    for part in range(times):
        coordinator.until_event(created, "pre_tool", tool_input={"command": hold(f"part-{part}")[4:]})
        agent = agent_of(created.run_id)
        runner.kill()
        assert agent.is_running()
        world.let_go(f"part-{part}")
        until(lambda: not agents_of(ended_meanwhile.run_id), 20, "the other agent's end")
        runner.restart()
        assert agent_of(created.run_id) == agent
    world.let_go(f"part-{times}")

    for one, result in ((created, "done"), (ended_meanwhile, "done too")):
        run = coordinator.ended(one.run_id)
        assert (run.reason, run.result_text, run.attempt, run.tries) == ("completed", result, 1, 1)
        assert_never_interrupted(coordinator, one.session_id)
    assert_said_once(coordinator, created.session_id, (times + 1) * WORDS)
    assert_said_once(coordinator, ended_meanwhile.session_id, 1)
    assert coordinator.run(created.run_id).usage.input_tokens == 10
    until(lambda: runner.attempts() == [], 10, "the runner keeps nothing of what has ended")
    events = coordinator.events(created.session_id)
    used = [event for event in events if event.type in ("pre_tool", "post_tool")]
    assert [event.type for event in used] == ["pre_tool", "post_tool"] * (times + 1)
    told = [event for event in events if event.type == "message" and b'"user"' in bytes(event.payload)]
    assert len(told) == 1


def test_a41_a_runner_killed_amid_a_flood_repeats_and_loses_nothing(world: World) -> None:
    """A41: the runner is killed while thousands of events are on their way, with answers outstanding."""
    coordinator = world.coordinator(**QUICK)
    runner = world.runner(coordinator)
    reader = coordinator.stream(types="message")
    created = coordinator.start_run(f"emit {FLOOD} 200\n{hold('back')}\nemit 10 200")
    for count in (500, FLOOD // 2):
        reader.until_count(count)
        runner.kill()
        runner.restart()
    world.let_go("back")
    run = coordinator.ended(created.run_id)
    assert (run.reason, run.attempt) == ("completed", 1)
    said = [payload_of(event) for event in coordinator.events(created.session_id, "message")]
    keys = [message["message_key"] for message in said if message["role"] == "assistant"]
    assert len(keys) == FLOOD + 10
    assert keys == sorted(set(keys), key=lambda key: int(key.rpartition("message")[2]))
    assert_never_interrupted(coordinator, created.session_id)


def test_a41_an_agent_that_died_with_its_runner_is_reported_after_the_restart(world: World) -> None:
    """A41: what the agent did before is kept, and the run does not hang."""
    coordinator = world.coordinator(**QUICK)
    runner = world.runner(coordinator)
    created = coordinator.start_run(f"usage small 10 1 100\n{counting(0, WORDS)}\n{hold('never')}")
    coordinator.until_event(created, "pre_tool")
    agent = agent_of(created.run_id)
    runner.kill()
    agent.kill()
    agent.wait(10)
    runner.restart()
    run = coordinator.ended(created.run_id)
    assert (run.status, run.attempt, run.usage.input_tokens) == ("failed", 1, 10)
    assert_said_once(coordinator, created.session_id, WORDS)
    until(lambda: not agents_of(created.run_id), 10, "the end of what the agent left")


def test_a42_an_outage_longer_than_the_leases_interrupts_nothing(world: World, outage_seconds: int) -> None:
    coordinator = world.coordinator(**QUICK)
    world.runner(coordinator)
    working = [coordinator.start_run(f"say 0\n{hold('back')}\nsay 1") for _ in range(3)]
    for created in working:
        coordinator.until_event(created, "pre_tool")
    agent = agent_of(working[0].run_id)
    coordinator.kill()
    with pytest.raises(psutil.TimeoutExpired):
        agent.wait(outage_seconds)
    coordinator.restart()
    # Longer than the sweep's pause and the grace: whatever would lapse wrongly has lapsed then.
    with pytest.raises(psutil.TimeoutExpired):
        agent.wait(QUICK["grace_seconds"] + QUICK["lease_seconds"])
    world.let_go("back")
    for created in working:
        assert coordinator.ended(created.run_id).reason == "completed"
        assert_said_once(coordinator, created.session_id, 2)
        assert_never_interrupted(coordinator, created.session_id)


@pytest.mark.either_database
@pytest.mark.parametrize("first", ["coordinator", "runner"])
def test_a42_a_machine_that_slept_longer_than_the_leases_interrupts_nothing(world: World, first: str) -> None:
    """A42: all stand still together and wake up together, one of them a little earlier than the other."""
    coordinator = world.coordinator(**QUICK)
    runner = world.runner(coordinator)
    created = coordinator.start_run(f"say 0\n{hold('awake')}\nsay 1")
    coordinator.until_event(created, "pre_tool")
    agent = agent_of(created.run_id)
    programs = [coordinator.program, runner.program]
    for program in programs:
        program.freeze()
    with pytest.raises(psutil.TimeoutExpired):
        agent.wait(2 * QUICK["lease_seconds"])
    for program in programs if first == "coordinator" else reversed(programs):
        program.thaw()
        with pytest.raises(psutil.TimeoutExpired):
            agent.wait(1)
    world.let_go("awake")
    run = coordinator.ended(created.run_id)
    assert (run.reason, run.attempt) == ("completed", 1)
    assert_said_once(coordinator, created.session_id, 2)
    assert_never_interrupted(coordinator, created.session_id)


def test_a42_a_runner_that_slept_alone_is_interrupted_and_reconnects(world: World) -> None:
    """A42: the other side of it: when only the runner is away, the run is interrupted, and goes on afterwards."""
    coordinator = world.coordinator(**QUICK)
    runner = world.runner(coordinator)
    created = coordinator.start_run(f"say 0\n{hold('awake')}\nsay 1")
    coordinator.until_event(created, "pre_tool")
    runner.program.freeze()
    coordinator.until_event(created, "run_interrupted")
    assert coordinator.run(created.run_id).status == "interrupted"
    session = coordinator.session(created.session_id)
    assert (session.status, session.group) == ("interrupted", "needs_you")
    why = coordinator.client.send(runs.why(created.run_id))
    assert why.code == "interrupted"
    assert why.lost_deadline_at is not None
    world.let_go("awake")
    runner.program.thaw()
    assert coordinator.ended(created.run_id).reason == "completed"
    types = [event.type for event in coordinator.events(created.session_id)]
    assert (types.count("run_interrupted"), types.count("run_reconnected"), types.count("run_completed")) == (1, 1, 1)
    assert_said_once(coordinator, created.session_id, 2)
