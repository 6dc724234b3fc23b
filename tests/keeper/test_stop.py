"""R15, R16: the stop ladder, and that nothing of an attempt outlives its end."""

import os
import signal

import pytest

from callboard.keeper.processes import Process, descendants, process, processes, send_signal, tracked
from tests.keeper.kept import Keepers, Kept, lives

WAIT = "import signal\nwhile True: signal.pause()\n"
ON_TERM = "import signal, sys\nsignal.signal(signal.SIGTERM, {handler})\nprint('ready', flush=True)\n" + WAIT
IGNORES_TERM = ON_TERM.format(handler="signal.SIG_IGN")
OBEYS_TERM = ON_TERM.format(handler="lambda *_: (print('bye'), sys.exit(7))")

# Each prints the pids of what it leaves behind, then exits or waits.
DAEMON = """
import os, signal
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(0), os.close(1), os.close(2)
        os.write(write, b"%d" % os.getpid())
        os.close(write)
        os.execve("/bin/sleep", ["renamed", "600"], {})
    os._exit(0)
os.close(write)
print(os.read(read, 100).decode(), flush=True)
"""
POOL = """
import os, signal
for number in range(200):
    pid = os.fork()
    if pid == 0:
        if number % 2: os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.closerange(0, 3)
        while True: signal.pause()
    print(pid, flush=True)
"""


async def stopped(kept: Kept, *, after_interrupt: bool = False) -> Kept:
    """Stop it, and read to the end."""
    assert await kept.link.stop(after_interrupt=after_interrupt)
    await kept.end()
    return kept


def signals(kept: Kept) -> list[str]:
    """The steps of the ladder that were climbed."""
    return [fact.get("signal") or fact["fact"] for fact in steps(kept)]


def steps(kept: Kept) -> list[dict[str, str]]:
    """The facts of the ladder."""
    return [record.fact for record in kept.records if record.is_fact("interrupt", "signal")]


async def test_r15_an_agent_that_obeys_sigterm_gets_nothing_else(keepers: Keepers) -> None:
    kept = await keepers.python(OBEYS_TERM)
    await kept.line()
    await stopped(kept)
    assert signals(kept) == ["SIGTERM"]
    assert kept.output() == ["ready", "bye"]
    assert kept.fact("exit")["code"] == 7


async def test_r15_an_agent_that_ignores_sigterm_is_killed_after_the_term_time(keepers: Keepers) -> None:
    kept = await keepers.python(IGNORES_TERM, term_seconds=0.2)
    await kept.line()
    await stopped(kept)
    assert signals(kept) == ["SIGTERM", "SIGKILL"]
    assert kept.fact("exit") == {"fact": "exit", "code": None, "signal": "SIGKILL"}
    assert not lives(kept.fact("started")["pid"])


async def test_r15_after_the_executors_interrupt_there_is_a_pause_before_sigterm(keepers: Keepers) -> None:
    kept = await keepers.python(OBEYS_TERM, interrupt_seconds=0.2)
    await kept.line()
    await stopped(kept, after_interrupt=True)
    assert signals(kept) == ["interrupt", "SIGTERM"]


async def test_r15_an_interrupt_that_is_heeded_ends_the_ladder(keepers: Keepers) -> None:
    kept = await keepers.start("cat", interrupt_seconds=60)
    assert await kept.link.stop(after_interrupt=True)
    await kept.link.close_input()
    await kept.end()
    assert signals(kept) == ["interrupt"]
    assert kept.fact("exit")["code"] == 0


async def test_r15_stopping_again_changes_nothing_and_stopping_harder_skips_the_pause(keepers: Keepers) -> None:
    kept = await keepers.python(IGNORES_TERM, interrupt_seconds=60, term_seconds=0.2)
    await kept.line()
    for _ in range(2):
        assert await kept.link.stop(after_interrupt=True)
    for _ in range(2):
        assert await kept.link.stop(after_interrupt=False)
    await kept.end()
    assert signals(kept) == ["interrupt", "SIGTERM", "SIGKILL"]


async def test_r15_a_stop_of_an_agent_that_is_gone_is_no_error(keepers: Keepers) -> None:
    kept = await keepers.start("true")
    await kept.end()
    await kept.link.stop(after_interrupt=False)
    assert signals(kept) == []


async def test_r15_an_agent_that_was_halted_can_be_stopped(keepers: Keepers) -> None:
    kept = await keepers.python(OBEYS_TERM)
    await kept.line()
    os.kill(kept.fact("started")["pid"], signal.SIGSTOP)
    await stopped(kept)
    assert signals(kept) == ["SIGTERM"]


async def test_r15_a_stop_does_not_wait_for_others_to_let_go_of_the_output(keepers: Keepers) -> None:
    program = "import os, signal\nif os.fork() == 0:\n    os.setsid()\n    print('ready', flush=True)\n"
    kept = await keepers.python(program + WAIT, drain_seconds=600)
    await kept.line()
    await stopped(kept)
    assert kept.fact("gone")["killed"] == 1


@pytest.mark.parametrize("cgroup", [True, False], ids=["cgroup", "no-cgroup"])
async def test_r16_a_double_forked_daemon_with_another_environment_is_ended(keepers: Keepers, cgroup: bool) -> None:
    kept = await keepers.python(DAEMON, cgroup=cgroup)
    daemon = int(await kept.line())
    gone = await kept.end()
    assert not lives(daemon)
    assert gone.fact["killed"] == 1
    assert gone.fact["left"] == 0
    assert cgroup or gone.fact["certainty"] == "descendants"


@pytest.mark.parametrize("cgroup", [True, False], ids=["cgroup", "no-cgroup"])
async def test_r16_two_hundred_processes_in_many_sessions_are_ended(keepers: Keepers, cgroup: bool) -> None:
    kept = await keepers.python(POOL + WAIT, cgroup=cgroup, term_seconds=0.2)
    pool = [int(await kept.line()) for _ in range(200)]
    assert all(lives(pid) for pid in pool)
    stop_asked = kept.records[-1].t_ms
    await stopped(kept)
    assert [pid for pid in pool if lives(pid)] == []
    assert kept.records[-1].t_ms - stop_asked < 5000


async def test_r16_a_process_that_was_handed_away_is_found_by_its_tracking_value(keepers: Keepers) -> None:
    """It hangs below nobody of ours: it was adopted while no keeper lived."""
    kept = await keepers.python(
        "import os, sys\nif os.fork() == 0:\n    os.setsid()\n    os.execv('/bin/sleep', ['sleep', '600'])\n"
        "print('forked', flush=True)\nsys.stdin.readline()",
        cgroup=False,
    )
    await kept.line()
    (agent, stray) = sorted(tracked([kept.tracking], processes()))
    assert kept.keeper
    assert send_signal(kept.keeper, signal.SIGKILL)
    await kept.end()
    assert not lives(agent.pid)
    assert not lives(stray.pid)
    assert kept.facts()[-2:] == ["keeper_lost", "gone"]
    assert kept.fact("gone")["certainty"] == "tracking"


def test_r16_a_pid_that_belongs_to_another_process_by_now_is_never_signalled() -> None:
    own = process(os.getpid())
    assert own
    earlier = own._replace(started=own.started - 1)
    assert not send_signal(earlier, signal.SIGKILL)
    assert send_signal(own, signal.SIGCONT)


def test_descendants_are_found_whatever_the_order_of_the_table() -> None:
    table = [Process(5, 4, 0), Process(3, 2, 0), Process(4, 3, 0), Process(9, 1, 0), Process(2, 1, 0)]
    assert [one.pid for one in descendants(2, table)] == [3, 4, 5]


async def test_an_agent_that_is_done_and_does_not_exit_is_stopped(keepers: Keepers) -> None:
    kept = await keepers.python(OBEYS_TERM)
    await kept.line()
    await kept.link.finish(0.1)
    await kept.end()
    assert kept.facts() == ["started", "overdue", "signal", "exit", "gone"]


async def test_a_finish_can_be_taken_back(keepers: Keepers) -> None:
    kept = await keepers.start("cat")
    await kept.link.finish(0.0)
    await kept.link.finish(None)
    await kept.link.close_input()
    await kept.end()
    assert kept.facts()[-2:] == ["exit", "gone"]
