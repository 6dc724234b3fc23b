"""The journal's writer and reader agree, however the bytes are cut."""

import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.executors.journal import JournalBroken, JournalReader, Record
from callboard.keeper.journal import Journal, Lines


@given(
    data=st.lists(st.sampled_from([b"\n", b"a", b"bc", b"d" * 7, b"\n\n", b"e\nf", b"\0\xff"]), max_size=40),
    limit=st.integers(min_value=1, max_value=9),
)
def test_lines_are_the_same_however_the_stream_is_cut(data: list[bytes], limit: int) -> None:
    whole, pieces = Lines(limit), Lines(limit)
    together = [*whole.feed(b"".join(data)), whole.take()]
    one_by_one = [line for piece in data for line in pieces.feed(piece)] + [pieces.take()]
    assert together == one_by_one
    for line, original in zip(together, b"".join(data).split(b"\n"), strict=True):
        cut = len(original) - limit
        assert line == (original if cut <= 0 else original[:limit] + f"…[cut {cut} bytes]".encode())


@given(records=st.lists(st.tuples(st.sampled_from("oeik"), st.binary(max_size=300)), max_size=30), step=st.data())
def test_records_are_read_as_they_were_written_also_while_they_are_written(
    records: list[tuple[str, bytes]], step: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "journal")
        writer = Journal(path, limit=1 << 20)
        for channel, data in records:
            writer.append(channel, data)
        whole = path.read_bytes()
        growing = Path(name, "growing")
        growing.touch()
        reader, read, written = JournalReader(growing, 1), list[Record](), 0
        while written < len(whole):
            size = step.draw(st.integers(min_value=1, max_value=len(whole) - written))
            with growing.open("ab") as file:
                file.write(whole[written : written + size])
            written += size
            read += reader.read()
    assert [(record.channel, record.data) for record in read] == records
    assert reader.offset == len(whole)
    assert all(after.offset == before.end for before, after in itertools.pairwise(read))


@pytest.mark.parametrize("junk", [b"x" * 40, b"12 o 3\nabcd" + b"y" * 40, b"12 o 999999999\n" + b"z" * 40])
def test_bytes_that_are_no_journal_are_an_error_with_their_place(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "journal"
    Journal(path, limit=1 << 20).append("o", b"good")
    good = path.stat().st_size
    with path.open("ab") as file:
        file.write(junk)
    reader = JournalReader(path, 1)
    with pytest.raises(JournalBroken) as problem:
        list(reader.read())
    assert problem.value.offset == good


def test_a_reader_that_is_left_in_the_middle_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path, limit=1 << 20).append("o", b"one", b"two", b"three")
    reader = JournalReader(path, 1)
    assert next(reader.read()).data == b"one"
    assert [record.data for record in reader.read()] == [b"two", b"three"]
    assert list(reader.read()) == []


def test_keys_ascend_as_text_in_the_order_of_events() -> None:
    records = [Record(launch, offset, 0, 0, "o", b"") for launch in (1, 2) for offset in (0, 9, 10, 10**11)]
    keys = [record.key(index) for record in records for index in (0, 1, 10, 99)]
    assert keys == sorted(keys)
    assert max(len(key) for key in keys) <= 64
