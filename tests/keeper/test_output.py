"""R17: whatever an agent prints, and however much, ends up in the journal in order, bounded in memory and on disk."""

import asyncio
import resource
import time
from functools import partial
from pathlib import Path

import pytest

from callboard.executors.journal import Record
from callboard.keeper.agent import CHUNK_BYTES
from tests.keeper.kept import Keepers, Kept

MEGABYTE = 1 << 20


def memory_bytes(kept: Kept) -> int:
    """The most memory that the keeper ever held."""
    assert kept.keeper
    status = Path(f"/proc/{kept.keeper.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def far_from(offset: int, distance: int, record: Record) -> bool:
    """Whether a record lies that far behind an offset, or is the last one."""
    return record.is_last or record.end > offset + distance


async def test_lines_of_both_streams_and_the_exit_code_stand_in_the_journal(keepers: Keepers) -> None:
    kept = await keepers.start("sh", "-c", "echo one; echo two; echo three >&2; printf four; exit 3")
    await kept.end()
    assert kept.output() == ["one", "two", "four"]
    assert kept.output("e") == ["three"]
    assert kept.facts() == ["started", "exit", "gone"]
    assert kept.fact("exit") == {"fact": "exit", "code": 3, "signal": None}
    assert kept.fact("gone")["left"] == 0


async def test_r17_a_line_of_50_megabytes_is_cut_with_a_marker(keepers: Keepers) -> None:
    program = f"import os, sys; [os.write(1, b'x' * {MEGABYTE}) for _ in range(50)]; print(); sys.stdin.readline()"
    kept = await keepers.python(program)
    line = (await kept.until(lambda record: record.channel == "o")).data
    assert line == b"x" * MEGABYTE + f"…[cut {49 * MEGABYTE} bytes]".encode()
    assert memory_bytes(kept) < 60 * MEGABYTE
    await kept.link.close_input()
    await kept.end()


async def test_r17_invalid_bytes_and_nul_are_kept_raw_and_read_as_replacement_characters(keepers: Keepers) -> None:
    kept = await keepers.python(r"import os; os.write(1, b'a\xff\xfeb\x00c\n')")
    await kept.end()
    (line,) = [record for record in kept.records if record.channel == "o"]
    assert line.data == b"a\xff\xfeb\x00c"
    assert line.text == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


@pytest.mark.slow
async def test_r17_a_million_short_lines_arrive_in_order_with_bounded_memory(keepers: Keepers) -> None:
    program = "import sys; sys.stdout.write(''.join(f'{n}\\n' for n in range(1_000_000))); sys.stdin.readline()"
    kept = await keepers.python(program, journal_bytes=4 * MEGABYTE)
    expected = 0
    async with asyncio.timeout(50):
        async for record in kept.link.records():
            if record.channel == "o":
                assert record.data == b"%d" % expected
                expected += 1
                if expected % 10_000 == 0:
                    await kept.link.acknowledge(record.end)
            if expected == 1_000_000:
                break
    assert memory_bytes(kept) < 60 * MEGABYTE
    await kept.link.close_input()


async def test_r17_a_full_journal_makes_the_agent_wait_and_an_acknowledgement_lets_it_go_on(keepers: Keepers) -> None:
    limit = 256 * 1024
    program = "import sys; [print('x' * 1023) for _ in range(8192)]"
    kept = await keepers.python(program, journal_bytes=limit)
    path = kept.directory / "journal"
    await kept.until(lambda record: record.end >= limit - 2048)
    status = await kept.link.order("status")
    assert status["agent"] == "running"
    assert path.stat().st_size < limit + 4 * CHUNK_BYTES
    while not kept.records[-1].is_last:
        read = kept.records[-1].end
        await kept.link.acknowledge(read)
        await kept.until(partial(far_from, read, limit // 2))
    assert len(kept.output()) == 8192


async def test_r17_a_child_that_holds_stdout_does_not_hold_up_the_end(keepers: Keepers) -> None:
    kept = await keepers.start("sh", "-c", "sleep 60 & echo last words; exit 0", drain_seconds=0.3)
    exited = await kept.until(lambda record: record.is_fact("exit"))
    gone = await kept.end()
    assert kept.output() == ["last words"]
    assert gone.t_ms - exited.t_ms < 3000
    assert kept.fact("gone")["killed"] == 1


async def test_r17_what_others_print_within_the_drain_time_is_kept(keepers: Keepers) -> None:
    kept = await keepers.python(
        "import os, select\n"
        "if os.fork() == 0:\n"
        "    select.select([], [], [], 0.2)\n"
        "    os.write(1, b'late words\\n')\n",
        drain_seconds=10,
    )
    begun = time.monotonic()
    await kept.end()
    assert kept.output() == ["late words"]
    assert time.monotonic() - begun < 5


async def test_output_beyond_a_full_disk_waits_for_room(keepers: Keepers) -> None:
    kept = await keepers.python("import sys; sys.stdin.readline(); [print('y' * 1000) for _ in range(500)]")
    keeper = kept.keeper
    assert keeper
    size = (kept.directory / "journal").stat().st_size
    resource.prlimit(keeper.pid, resource.RLIMIT_FSIZE, (size + 100_000, resource.RLIM_INFINITY))
    await kept.link.send_input("go\n", "1")
    await kept.until(lambda record: record.end > size + 90_000)
    assert (kept.directory / "journal").stat().st_size <= size + 100_000
    resource.prlimit(keeper.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await kept.end()
    assert len(kept.output()) == 500
