"""What is sent to an agent arrives once and in order, stands in the journal, and holds nothing else up."""

import asyncio

from tests.keeper.kept import Keepers

MEGABYTE = 1 << 20


async def test_input_arrives_in_order_and_stands_in_the_journal_before_its_effect(keepers: Keepers) -> None:
    kept = await keepers.start("cat")
    for number in range(3):
        assert await kept.link.send_input(f"line {number}\n", f"id.{number}")
    await kept.link.close_input()
    await kept.end()
    assert kept.output() == ["line 0", "line 1", "line 2"]
    inputs = [(record.input_id, record.input_text) for record in kept.records if record.channel == "i"]
    assert inputs == [("id.0", "line 0\n"), ("id.1", "line 1\n"), ("id.2", "line 2\n")]
    written = next(n for n, r in enumerate(kept.records) if r.channel == "i")
    answered = next(n for n, r in enumerate(kept.records) if r.channel == "o")
    assert written < answered


async def test_an_input_that_is_sent_twice_is_written_once(keepers: Keepers) -> None:
    kept = await keepers.start("cat")
    for text in ("first\n", "again\n"):
        assert await kept.link.send_input(text, "same")
    second = kept.new_link()
    await second.connect()
    assert await second.send_input("by another runner\n", "same")
    await second.close_input()
    assert [record.text async for record in second.records() if record.channel == "o"] == ["first"]
    await second.close()


async def test_an_agent_that_does_not_read_holds_up_neither_orders_nor_output(keepers: Keepers) -> None:
    kept = await keepers.python(
        "import sys, signal\nsignal.signal(signal.SIGUSR1, lambda *_: print('alive', flush=True))\n"
        "print('ready', flush=True)\nsignal.pause()\nprint(len(sys.stdin.read()))"
    )
    await kept.line()
    assert await kept.link.send_input("x" * 8 * MEGABYTE, "1")
    assert (await kept.link.order("status"))["ok"]
    await kept.link.close_input()
    await kept.link.signal("SIGUSR1")
    assert await kept.line() == "alive"
    assert await kept.line() == str(8 * MEGABYTE)
    await kept.end()


async def test_input_that_nobody_can_take_is_refused(keepers: Keepers) -> None:
    kept = await keepers.start("sleep", "600", stdin="null")
    assert not await kept.link.send_input("hello\n", "1")
    await kept.link.stop(after_interrupt=False)
    await kept.end()
    assert not await kept.link.send_input("hello\n", "2")


async def test_input_for_an_agent_that_closed_its_stdin_is_dropped(keepers: Keepers) -> None:
    kept = await keepers.python("import os, signal; os.close(0); print('closed', flush=True); signal.pause()")
    await kept.line()
    await kept.link.send_input("x" * MEGABYTE, "1")
    reply = await kept.link.order("input", data="y", id="2")
    assert reply == {"ok": False, "error": "input_closed"}
    await kept.link.stop(after_interrupt=False)
    await kept.end()


async def test_orders_that_make_no_sense_are_refused_and_nothing_else_happens(keepers: Keepers) -> None:
    kept = await keepers.start("cat")
    assert (await kept.link.order("dance"))["error"] == "unknown_order"
    assert (await kept.link.order("input"))["error"] == "bad_order"
    assert (await kept.link.order("signal", signal="SIGNOT"))["error"] == "bad_order"
    assert (await kept.link.order("ack", offset="far"))["error"] == "bad_order"
    replies = await asyncio.gather(*(kept.link.send_input(f"{n}\n", str(n)) for n in range(50)))
    assert replies == [True] * 50
    await kept.link.close_input()
    await kept.end()
    assert kept.output() == [str(n) for n in range(50)]
