"""R18, A41: the keeper outlives its runner, the agent does not outlive its keeper, and who comes back reads it all."""

import asyncio
import json
import os
import resource
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from callboard.domain.invocation import LAUNCH_FILES, Launch
from callboard.executors.journal import JournalReader
from callboard.executors.process import (
    KeeperFailed,
    KeeperLink,
    KeeperTaken,
    close_journal,
    end_strays,
    find_strays,
    keeper_process,
    start_keeper,
)
from callboard.keeper.processes import send_signal
from tests.keeper.kept import BOUND_SECONDS, Keepers, Kept, lives

STARTER = """
import asyncio, os, signal, sys
from pathlib import Path
from callboard.domain.invocation import Launch
from callboard.executors.process import KeeperLink, start_keeper

async def main():
    launch = Launch(argv=["sh", "-c", "echo hello; read line; echo $line"], env={"PATH": "/usr/bin:/bin"}, cwd="/")
    directory = Path(sys.argv[1])
    await start_keeper(directory, launch, tracking=sys.argv[2])
    link = KeeperLink(directory, 1, sys.argv[2])
    await link.connect()
    async for record in link.records():
        if record.channel == "o":
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def ended(link: KeeperLink, offset: int = 0) -> list[str]:
    """The lines of output from an offset to the end; lets the link go."""
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            return [record.text async for record in link.records(offset) if record.channel == "o"]
    finally:
        await link.close()


async def exit_of(pid: int) -> None:
    """Wait until a process has exited."""
    handle, gone = os.pidfd_open(pid), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, gone.set)
    try:
        await asyncio.wait_for(gone.wait(), BOUND_SECONDS)
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def keeper_ended(kept: Kept) -> None:
    """Wait until the keeper has exited, without connecting to it."""
    if keeper := kept.keeper:
        await exit_of(keeper.pid)


async def kill(kept: Kept) -> None:
    """Kill the keeper."""
    assert kept.keeper
    assert send_signal(kept.keeper, signal.SIGKILL)


async def test_a41_keeper_and_agent_live_on_when_their_starter_is_killed(tmp_path: Path) -> None:
    directory, tracking = tmp_path / "launch-1", "run_starter.1"
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTER, str(directory), tracking),
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert await asyncio.wait_for(starter.wait(), BOUND_SECONDS) == -signal.SIGKILL
    link = KeeperLink(directory, 1, tracking)
    assert await link.connect()
    assert (await link.order("status"))["agent"] == "running"
    await link.send_input("still here\n", "1")
    assert await ended(link) == ["hello", "still here"]
    await link.close()


async def test_the_kernel_ends_the_agent_when_its_keeper_is_killed(keepers: Keepers) -> None:
    kept = await keepers.start("sleep", "600")
    agent = (await kept.until(lambda record: record.is_fact("started"))).fact["pid"]
    await kill(kept)
    await exit_of(agent)


async def test_the_agent_dies_with_its_keeper_and_the_journal_is_closed_for_it(keepers: Keepers) -> None:
    kept = await keepers.start("sleep", "600")
    agent = (await kept.until(lambda record: record.is_fact("started"))).fact["pid"]
    await kill(kept)
    await kept.end()
    assert kept.facts() == ["started", "keeper_lost", "gone"]
    assert not lives(agent)


async def test_a_keeper_that_lives_is_never_closed_over(keepers: Keepers) -> None:
    """Whoever did not reach it a moment ago must not end it."""
    kept = await keepers.start("cat")
    await asyncio.to_thread(close_journal, kept.directory, kept.tracking)
    again = kept.new_link()
    assert await again.connect()
    await again.send_input("alive\n", "1")
    await again.close_input()
    assert await ended(again) == ["alive"]


@pytest.mark.slow
async def test_a_keeper_that_lives_and_cannot_be_reached_is_killed(keepers: Keepers) -> None:
    kept = await keepers.start("sleep", "600", connect=False)
    (kept.directory / "keeper.sock").unlink()
    await kept.end()
    assert kept.facts() == ["started", "keeper_lost", "gone"]
    assert kept.keeper is None


async def test_without_file_handles_nothing_is_concluded_of_a_keeper(keepers: Keepers) -> None:
    kept = await keepers.start("cat", connect=False)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            await kept.link.connect()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert await kept.link.connect()


async def test_half_a_record_of_a_killed_keeper_is_cut_off(keepers: Keepers) -> None:
    kept = await keepers.start("sleep", "600")
    await kept.until(lambda record: record.is_fact("started"))
    await kill(kept)
    with (kept.directory / "journal").open("ab") as journal:
        journal.write(b"1763700000000 o 500\nonly the begin")
    assert await ended(kept.new_link()) == []
    await kept.end()
    assert kept.facts() == ["started", "keeper_lost", "gone"]


async def test_a_keeper_that_never_came_to_its_journal_cannot_start_an_agent_later(keepers: Keepers) -> None:
    """A runner was killed between its decision and the keeper's first step; its successor closes the launch."""
    kept = await keepers.start("true")
    await kept.end()
    late = kept.directory.with_name("late")
    late.mkdir()
    (late / "launch.json").write_bytes((kept.directory / "launch.json").read_bytes())
    await asyncio.to_thread(close_journal, late, kept.tracking)
    keeper = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(Path(start_keeper.__code__.co_filename).parents[1] / "keeper/__main__.py")),
        str(late),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await asyncio.wait_for(keeper.communicate(), BOUND_SECONDS)
    assert said == b""
    assert b"FileExistsError" in complaint


async def test_a_stop_of_the_keeper_itself_stops_its_agent(keepers: Keepers) -> None:
    kept = await keepers.start("sleep", "600")
    assert kept.keeper
    send_signal(kept.keeper, signal.SIGTERM)
    await kept.end()
    assert kept.facts() == ["started", "terminated", "signal", "exit", "gone"]


async def test_without_a_runner_for_too_long_the_agent_is_stopped(keepers: Keepers) -> None:
    kept = await keepers.start("sleep", "600", orphan_seconds=0.3, connect=False)
    await keeper_ended(kept)
    await kept.end()
    assert kept.facts() == ["started", "orphaned", "signal", "exit", "gone"]


async def test_an_orphans_clock_stands_still_while_a_runner_is_there(keepers: Keepers) -> None:
    kept = await keepers.start("sh", "-c", "sleep 0.6; echo on; read line", orphan_seconds=0.3)
    assert await kept.line() == "on"
    await kept.link.close()
    await keeper_ended(kept)
    facts = [record.fact["fact"] for record in JournalReader(kept.directory / "journal", 1).read() if record.fact]
    assert facts == ["started", "orphaned", "signal", "exit", "gone"]


async def test_a_second_runner_takes_over_and_the_first_is_told(keepers: Keepers) -> None:
    kept = await keepers.start("sh", "-c", "echo one; read line; echo $line")
    await kept.line()
    second = kept.new_link()
    assert await second.connect()
    with pytest.raises(KeeperTaken):
        await kept.end()
    assert not await kept.link.send_input("from the first\n", "1")
    assert await second.send_input("from the second\n", "1")
    assert await ended(second) == ["one", "from the second"]
    await second.close()


async def test_reading_again_from_an_offset_repeats_nothing_before_it(keepers: Keepers) -> None:
    kept = await keepers.start("sh", "-c", "echo one; echo two; echo three")
    await kept.end()
    first = next(record for record in kept.records if record.text == "one")
    assert await ended(kept.new_link(), first.end) == ["two", "three"]
    again = [record async for record in kept.new_link().records()]  # ends: the last record is there
    assert [(r.offset, r.data, r.key(0)) for r in again] == [(r.offset, r.data, r.key(0)) for r in kept.records]
    assert sorted(record.key(0) for record in again) == [record.key(0) for record in again]


async def test_a_program_that_is_not_there_is_a_failed_launch(keepers: Keepers) -> None:
    kept = await keepers.start("no-such-program-anywhere", connect=False)
    last = await kept.end()
    assert last.fact["fact"] == "launch_failed"
    assert last.fact["message"] == "no-such-program-anywhere could not be started: No such file or directory."


async def test_a_working_directory_that_is_not_there_is_a_failed_launch(keepers: Keepers, tmp_path: Path) -> None:
    kept = await keepers.start("true", cwd=tmp_path / "nowhere", connect=False)
    last = await kept.end()
    assert "nowhere is not there" in last.fact["message"]


async def test_one_directory_keeps_one_launch(keepers: Keepers) -> None:
    kept = await keepers.start("true")
    with pytest.raises(FileExistsError):
        await start_keeper(kept.directory, Launch(argv=["true"], env={}, cwd="/"), tracking=kept.tracking)


async def test_a_keeper_that_cannot_begin_is_an_error_with_its_words(tmp_path: Path) -> None:
    launch = Launch(argv=["true"], env={}, cwd="/")
    broken: Any = {"orphan_seconds": "no"}
    with pytest.raises(KeeperFailed, match="TypeError"):
        await start_keeper(tmp_path / "launch", launch, tracking="run_x.1", limits=broken)


async def test_a_keeper_that_fails_later_ends_its_agent_and_says_so(keepers: Keepers) -> None:
    broken: Any = "no"
    kept = await keepers.start("sleep", "600", journal_bytes=broken)
    await kept.end()
    assert kept.facts() == ["started", "keeper_failed", "exit", "gone"]
    assert "TypeError" in kept.fact("keeper_failed")["message"]


async def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    directory = tmp_path.joinpath(*["long" * 10] * 4) / "launch-1"
    launch = Launch(argv=["echo", "hello"], env={"PATH": "/usr/bin:/bin"}, cwd="/")
    await start_keeper(directory, launch, tracking="run_long.1")
    link = KeeperLink(directory, 1, "run_long.1")
    await link.connect()
    assert await ended(link) == ["hello"]
    await link.close()


async def test_s13_nothing_of_the_agents_environment_can_be_read_from_its_keeper(keepers: Keepers) -> None:
    kept = await keepers.start("sleep", "600", env={"CALLBOARD_TOKEN": "canary"})
    assert kept.keeper
    keeper = psutil.Process(kept.keeper.pid)
    assert set(keeper.environ()) <= {"PATH", "LC_CTYPE"}
    assert "canary" not in " ".join(keeper.cmdline())


# Root may look into every process. Without these capabilities it is a user like any other, and so are its children.
DROP = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON = 24, 19, 21, 38
for capability in (CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON):
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
"""
LOOKER = STARTER.replace(
    "echo hello; read line; echo $line", "cat /proc/$$/environ >&2 && cat /proc/$PPID/environ; echo"
)


async def test_s13_an_agent_cannot_look_into_its_keeper_as_it_can_into_itself(tmp_path: Path) -> None:
    directory, tracking = tmp_path / "launch-1", "run_looker.1"
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DROP, LOOKER, str(directory), tracking), env={"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    await asyncio.wait_for(starter.wait(), BOUND_SECONDS)
    link = KeeperLink(directory, 1, tracking)
    async with asyncio.timeout(BOUND_SECONDS):
        records = [record async for record in link.records()]
    await link.close()
    errors = [record.text for record in records if record.channel == "e"]
    assert [record.text for record in records if record.channel == "o"] == [""]
    assert "CALLBOARD_TRACKING=run_looker.1" in errors[0]
    assert "Permission denied" in errors[-1]


async def test_a_signal_of_our_terminal_does_not_reach_the_keeper_or_the_agent(keepers: Keepers) -> None:
    kept = await keepers.start("sleep", "600")
    agent = (await kept.until(lambda record: record.is_fact("started"))).fact["pid"]
    assert kept.keeper
    assert len({os.getsid(0), os.getsid(agent), os.getsid(kept.keeper.pid)}) == 3


async def test_s13_the_agent_gets_exactly_the_environment_of_its_launch(keepers: Keepers) -> None:
    kept = await keepers.start("/usr/bin/env", env={"ONE": "1"})
    await kept.end()
    assert sorted(kept.output()) == ["CALLBOARD_TRACKING=" + kept.tracking, "ONE=1", "PATH=/usr/bin:/bin"]


async def test_s13_everything_in_the_directory_of_a_launch_is_private(tmp_path: Path) -> None:
    launch = Launch(argv=["cat", f"{LAUNCH_FILES}/a.txt"], env={}, cwd="/", files={"a.txt": "inside"}, stdin="null")
    directory = tmp_path / "launch-1"
    await start_keeper(directory, launch, tracking="run_files.1")
    link = KeeperLink(directory, 1, "run_files.1")
    assert await ended(link) == ["inside"]
    for path in [directory, *directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    await link.close()


async def test_the_agent_leads_a_session_of_its_own_with_plain_signals_and_the_starters_umask(keepers: Keepers) -> None:
    umask = os.umask(0o027)
    try:
        kept = await keepers.python(
            "import json, os, signal\n"
            "old = os.umask(0)\n"
            "ignored = [s for s in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(s) == signal.SIG_IGN]\n"
            "leads = os.getpid() == os.getsid(0) == os.getpgrp()\n"
            "print(json.dumps([leads, old, ignored, sorted(os.listdir('/proc/self/fd'))]))"
        )
    finally:
        os.umask(umask)
    leader, mask, ignored, handles = json.loads(await kept.line())
    assert (leader, mask, ignored) == (True, 0o027, [])
    assert handles == ["0", "1", "2", "3"]  # the last one is the listing itself


async def test_strays_of_other_attempts_are_left_alone(keepers: Keepers) -> None:
    first, second = await keepers.start("sleep", "600"), await keepers.start("sleep", "600")
    assert {one.pid for one in find_strays([first.tracking])} == {(await first.until(bool)).fact["pid"]}
    ended_processes = await asyncio.to_thread(end_strays, [first.tracking])
    assert ended_processes == (1, 0)
    await first.end()
    assert (await second.link.order("status"))["agent"] == "running"
    assert keeper_process(first.directory / "nowhere") is None
