"""What comes into a session's log of what an agent's process printed: bounded, and the same at each reading."""

from callboard.executors.journal import Record
from callboard.runner.printed import MAX_CHARACTERS, MAX_LINE_CHARACTERS, MAX_LINES, Printed


def texts(*lines: bytes) -> list[str]:
    """The texts of the events that these lines on stderr become."""
    printed = Printed()
    records = [Record(1, at, at + 1, 0, "e", line) for at, line in enumerate(lines)]
    return [emit.payload["text"] for record in records for emit in printed.take(record)]


def test_of_very_much_the_beginning_is_kept_and_that_there_was_more_is_told_once() -> None:
    told = texts(*[b"line %d" % number for number in range(MAX_LINES + 500)])
    assert (len(told), told[0], told[-2]) == (MAX_LINES + 1, "line 0", f"line {MAX_LINES - 1}")
    assert told[-1].startswith("…more was printed")
    told = texts(*[b"x" * 10_000] * 100)
    assert all(one.startswith("x" * MAX_LINE_CHARACTERS + "…[cut 6000") for one in told[:-1])
    assert len(told) - 1 <= MAX_CHARACTERS // MAX_LINE_CHARACTERS
    assert told[-1].startswith("…more was printed")


def test_an_empty_line_is_no_event_and_bytes_that_are_no_text_are_replaced() -> None:
    assert texts(b"", b"  \r", b"a\xff\0b") == ["a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"]
