"""R15: the checks that a keeper runs after its agent's end, and that a stop ends them as it ends an agent."""

import sys
from pathlib import Path

from callboard.domain.invocation import CheckOrder
from tests.keeper.kept import ENVIRONMENT, PYTHON, Keepers, Kept, lives

AGENT = "print('done', flush=True)"
WAITS = "import signal\nprint('here', flush=True)\nwhile True: signal.pause()\n"
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS


def check(name: str, program: str, *, seconds: float = 30.0) -> CheckOrder:
    """A check that is a Python program."""
    argv = [*PYTHON, program]
    return CheckOrder(name=name, argv=argv, env=ENVIRONMENT, cwd="/tmp", timeout_seconds=seconds)


async def begun(keepers: Keepers, *checks: CheckOrder, agent: str = AGENT, **limits: float) -> Kept:
    """A launch whose agent has ended and whose checks were asked for."""
    kept = await keepers.python(agent, checks=checks, **limits)
    await kept.until(lambda record: record.is_fact("agent_over"))
    assert await kept.link.check(run=True)
    return kept


def ended(kept: Kept) -> list[tuple[str, int | None, bool]]:
    """What became of the checks: name, exit code, whether the time was over."""
    facts = [record.fact for record in kept.records if record.is_fact("check_ended")]
    return [(fact["name"], fact["exit_code"], fact["timed_out"]) for fact in facts]


async def test_checks_run_one_after_another_after_the_agent_and_only_their_last_output_is_kept(
    keepers: Keepers, tmp_path: Path
) -> None:
    leaves = (
        "import os, time\nif os.fork() == 0: time.sleep(600)\nprint('x' * 20_000 + 'é broken')\nraise SystemExit(3)"
    )
    missing = CheckOrder(name="none", argv=["/no/such"], env=ENVIRONMENT, cwd=str(tmp_path), timeout_seconds=9.0)
    kept = await begun(keepers, check("fails", leaves), missing, check("good", "print('fine')"), drain_seconds=0.2)
    await kept.end()
    assert ended(kept) == [("fails", 3, False), ("none", 127, False), ("good", 0, False)]
    assert kept.output() == ["done"]
    tail = kept.fact("check_ended")["tail"]
    assert tail.endswith("xé broken\n")
    assert len(tail.encode()) <= 8_000
    assert kept.facts()[-1] == "gone"
    assert kept.fact("gone")["left"] == 0
    assert kept.facts().count("agent_over") == kept.facts().count("exit") == 1


async def test_a_check_that_takes_too_long_is_ended_and_the_next_one_runs(keepers: Keepers) -> None:
    checks = (check("slow", DEAF, seconds=0.5), check("next", "pass"))
    kept = await begun(keepers, *checks, term_seconds=0.2)
    await kept.end()
    assert ended(kept) == [("slow", None, True), ("next", 0, False)]
    assert "signal" not in kept.facts(), "how the agent ended has nothing to do with that"


async def test_checks_that_are_not_wanted_never_run(keepers: Keepers) -> None:
    kept = await keepers.python(AGENT, checks=(check("test", "pass"),))
    await kept.until(lambda record: record.is_fact("agent_over"))
    assert await kept.link.check(run=False)
    await kept.end()
    assert ended(kept) == []
    assert "check_started" not in kept.facts()


async def test_r15_a_stop_amid_a_check_ends_it_and_begins_no_other(keepers: Keepers) -> None:
    kept = await begun(keepers, check("deaf", DEAF), check("next", "pass"), term_seconds=0.2)
    await kept.until(lambda record: record.is_fact("check_started"))
    assert await kept.link.check(run=True), "said again it changes nothing"
    assert await kept.link.stop(after_interrupt=False)
    await kept.end()
    assert ended(kept) == []
    assert kept.facts().count("check_started") == 1
    assert not lives(kept.fact("started")["pid"])


async def test_r15_a_stop_while_the_keeper_waits_for_the_word_ends_it(keepers: Keepers) -> None:
    kept = await keepers.python(AGENT, checks=(check("test", "pass"),))
    await kept.until(lambda record: record.is_fact("agent_over"))
    assert await kept.link.stop(after_interrupt=False)
    await kept.end()
    assert "check_started" not in kept.facts()


async def test_an_agent_that_was_done_and_did_not_exit_is_checked_all_the_same(keepers: Keepers) -> None:
    kept = await keepers.python(WAITS, checks=(check("test", "pass"),))
    await kept.line()
    assert await kept.link.finish(0.1)
    await kept.until(lambda record: record.is_fact("agent_over"))
    assert await kept.link.check(run=True)
    await kept.end()
    assert ended(kept) == [("test", 0, False)]


async def test_checks_see_no_input_and_outlive_a_runner(keepers: Keepers) -> None:
    reads = "import sys\nraise SystemExit(len(sys.stdin.read()))"
    kept = await begun(keepers, check("reads", reads), check("more", f"print({sys.maxsize})"))
    await kept.link.close()
    other = kept.new_link()
    assert await other.connect()
    async for record in other.records():
        if record.is_fact("check_ended"):
            kept.records.append(record)
    await other.close()
    assert ended(kept) == [("reads", 0, False), ("more", 0, False)]
