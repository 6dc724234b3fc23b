"""The log of one session: numbers without gaps, repeats stored once (R6), pages, and sizes."""

import asyncio
import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callboard.domain.errors import NotFound
from callboard.domain.event import MAX_PAYLOAD_BYTES
from callboard.store.database import Database, Transaction
from callboard.store.events import (
    HEADS_AT_ONCE,
    MAX_HEAD_READS,
    EventPage,
    NewEvent,
    StoredEvent,
    append,
    cut,
    page_by_seq,
)
from callboard.store.hints import Appended, Hint
from tests.store.harness import new_attempt, new_session


def event(key: str | None = None, event_type: str = "message", **payload: object) -> NewEvent:
    return NewEvent(type=event_type, payload=msgspec.json.encode(payload), client_key=key)


async def post(
    database: Database,
    attempt: tuple[str, str],
    events: list[NewEvent],
    *,
    attempt_number: int = 1,
    keyed: bool = True,
) -> list[int]:
    session_id, run_id = attempt
    return await database.write(
        lambda tx: append(tx, session_id, session_id, events, run_id=run_id, attempt=attempt_number, keyed=keyed)
    )


async def write(database: Database, session_id: str, events: list[NewEvent]) -> list[int]:
    return await database.write(lambda tx: append(tx, session_id, session_id, events))


async def page(
    database: Database, session_id: str, after: int = 0, limit: int = 200, types: frozenset[str] = frozenset()
) -> EventPage:
    return await database.read(lambda tx: page_by_seq(tx, session_id, after, limit, types))


async def everything(database: Database, session_id: str, limit: int = 200) -> list[StoredEvent]:
    """The whole log, page by page."""
    found: list[StoredEvent] = []
    after: int | None = 0
    while after is not None:
        part = await page(database, session_id, after, limit)
        assert len(part.events) <= limit
        found += part.events
        after = part.next_after
    return found


async def counted(database: Database, run_id: str) -> tuple[int, str]:
    row = await database.read(lambda tx: tx.one("run_by_id", run_id=run_id))
    assert row is not None
    return row["event_count"], row["last_key"]


async def test_events_come_back_as_they_went_in(database: Database) -> None:
    session_id, run_id = await database.write(new_attempt)
    went = NewEvent(type="message", payload=b'{"role":"assistant","n":1.50}', source_at=123, client_key="k1")
    before = await database.now_ms()
    assert await post(database, (session_id, run_id), [went]) == [1]
    (came,) = (await page(database, session_id)).events
    assert (came.session_id, came.root_session_id, came.seq, came.type) == (session_id, session_id, 1, "message")
    assert (came.run_id, came.attempt, came.source_at) == (run_id, 1, 123)
    assert bytes(came.payload) == went.payload
    assert before <= came.at <= await database.now_ms()


async def test_numbers_have_no_gap_under_many_writers(database: Database) -> None:
    attempts = [await database.write(new_attempt) for _ in range(3)]

    async def writes(writer: int) -> None:
        attempt = attempts[writer % 3]
        for turn in range(20):
            events = [event(f"{writer:03d}.{turn:03d}.{index}", writer=writer, turn=turn) for index in range(4)]
            seqs = await post(database, attempt, events)
            assert seqs == list(range(seqs[0], seqs[0] + 4))

    await asyncio.gather(*(writes(writer) for writer in range(12)))
    for session_id, run_id in attempts:
        log = await everything(database, session_id, limit=33)
        assert [one.seq for one in log] == list(range(1, 321))
        assert (await counted(database, run_id))[0] == 320
        for writer in range(12):
            turns = [json.loads(bytes(one.payload)) for one in log]
            mine = [turn["turn"] for turn in turns if turn["writer"] == writer]
            assert mine == sorted(mine)


async def test_a_work_that_fails_gives_its_numbers_back(database: Database) -> None:
    session_id, run_id = await database.write(new_attempt)

    def fails(tx: Transaction) -> None:
        append(tx, session_id, session_id, [event("a")], run_id=run_id, attempt=1, keyed=True)
        raise NotFound("It fails after it has appended.")

    with pytest.raises(NotFound):
        await database.write(fails)
    assert await post(database, (session_id, run_id), [event("a")]) == [1]


async def test_r6_the_same_batch_twice_is_stored_once(database: Database) -> None:
    """R6: a batch whose answer was lost is posted again, and gets the same answer and one row."""
    attempt = await database.write(new_attempt)
    events = [event(f"{number:03d}") for number in range(5)]
    first = await post(database, attempt, events)
    assert await post(database, attempt, events) == first
    assert len(await everything(database, attempt[0])) == 5
    assert await counted(database, attempt[1]) == (5, "004")


async def test_r6_both_copies_at_once_are_stored_once(database: Database) -> None:
    """R6: the repeat arrives while the first is in flight."""
    attempt = await database.write(new_attempt)
    events = [event(f"{number:03d}") for number in range(5)]
    answers = await asyncio.gather(*(post(database, attempt, events) for _ in range(8)))
    assert answers == [[1, 2, 3, 4, 5]] * 8


@pytest.mark.parametrize(
    ("posts", "expected"),
    [
        ([["a", "b"], ["b", "c"]], [[1, 2], [2, 3]]),
        ([["m"], ["a"], ["z"], ["a", "m", "z"]], [[1], [2], [3], [2, 1, 3]]),
        ([["a", "a", "b", "a"]], [[1, 1, 2, 1]]),
        ([["c", "b", "a"], ["a", "b", "c"]], [[1, 2, 3], [3, 2, 1]]),
        ([["a", "c"], ["b"], ["b", "b", "c", "d"]], [[1, 2], [3], [3, 3, 2, 4]]),
        ([["9", "10"], ["10", "9"]], [[1, 2], [2, 1]]),
        ([["ä", "😀"], ["😀", "z", "ä"]], [[1, 2], [2, 3, 1]]),
    ],
)
async def test_repeats_are_found_whatever_their_order(
    database: Database, posts: list[list[str]], expected: list[list[int]]
) -> None:
    attempt = await database.write(new_attempt)
    answers = [await post(database, attempt, [event(key, of=key) for key in keys]) for keys in posts]
    assert answers == expected
    log = await everything(database, attempt[0])
    keys = [json.loads(bytes(one.payload))["of"] for one in log]
    assert len(keys) == len(set(keys)) == len({key for one in posts for key in one})
    assert await counted(database, attempt[1]) == (len(keys), max(keys))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(posts=st.lists(st.lists(st.integers(0, 30).map(str), min_size=1, max_size=8), max_size=12))
async def test_any_sequence_of_posts_equals_a_dictionary(database: Database, posts: list[list[str]]) -> None:
    attempt = await database.write(new_attempt)
    model: dict[str, int] = {}
    for keys in posts:
        answer = await post(database, attempt, [event(key) for key in keys])
        assert answer == [model.setdefault(key, len(model) + 1) for key in keys]
    assert await counted(database, attempt[1]) == (len(model), max(model, default=""))


async def test_keys_belong_to_one_attempt(database: Database) -> None:
    one, other = await database.write(new_attempt), await database.write(new_attempt)
    assert await post(database, one, [event("a")]) == [1]
    assert await post(database, other, [event("a")]) == [1]
    assert await post(database, one, [event("a")], attempt_number=2) == [2]


async def test_what_we_write_ourselves_needs_no_key_and_is_not_counted(database: Database) -> None:
    attempt = await database.write(new_attempt)
    await post(database, attempt, [event("a")])
    assert await post(database, attempt, [event(), event()], keyed=False) == [2, 3]
    assert await counted(database, attempt[1]) == (1, "a")
    assert await post(database, attempt, [event("b"), event("a")]) == [4, 1]
    with pytest.raises(ValueError, match="no key"):
        await post(database, attempt, [event()])


async def test_nothing_is_stored_for_an_unknown_session_or_an_empty_list(database: Database) -> None:
    with pytest.raises(NotFound) as refused:
        await database.write(lambda tx: append(tx, "ses_nobody", "ses_nobody", [event()]))
    assert refused.value.code == "session_not_found"
    session_id = await database.write(new_session)
    assert await database.write(lambda tx: append(tx, session_id, session_id, [])) == []


async def test_a_stored_batch_is_told_and_a_repeat_is_not(database: Database) -> None:
    heard: list[Hint] = []
    database.subscribe(heard.extend)
    attempt = await database.write(new_attempt)
    await post(database, attempt, [event("a"), event("b")])
    await post(database, attempt, [event("b"), event("a")])
    (hint,) = [one for one in heard if isinstance(one, Appended)]
    assert (hint.session_id, hint.root_session_id) == (attempt[0], attempt[0])


@pytest.mark.parametrize("limit", [1, 2, 7, 200])
async def test_a35_pages_join_without_gap_also_by_type(database: Database, limit: int) -> None:
    """A35: pages follow each other without gap or repeat; a filter leaves out what it should, across batches."""
    session_id = await database.write(new_session)
    types = ["message", "note", "pre_tool"]
    for start in range(0, 60, 5):
        events = [event(event_type=types[(start + index) // 7 % 3]) for index in range(5)]
        await write(database, session_id, events)
    log = await everything(database, session_id, limit)
    assert [one.seq for one in log] == list(range(1, 61))
    for chosen in ({"note"}, {"note", "message"}, {"nothing"}, {"mess"}):
        found: list[StoredEvent] = []
        after: int | None = 0
        while after is not None:
            part = await page(database, session_id, after, limit, frozenset(chosen))
            found += part.events
            after = part.next_after
        assert found == [one for one in log if one.type in chosen]


@pytest.mark.slow
async def test_a35_ten_thousand_events_in_small_batches_page_without_a_gap(database: Database) -> None:
    """A35: a log of many rows, with a rare type far behind its beginning; an empty page says where to go on."""
    session_id = await database.write(new_session)

    def fill(tx: Transaction) -> None:
        for number in range(10_500):
            rare = number == 10_450
            append(tx, session_id, session_id, [event(event_type="note" if rare else "message")])

    await database.write(fill)
    log = await everything(database, session_id)
    assert [one.seq for one in log] == list(range(1, 10_501))
    first = await page(database, session_id, types=frozenset({"note"}))
    assert (first.events, first.next_after) == ([], HEADS_AT_ONCE * MAX_HEAD_READS)
    second = await page(database, session_id, after=first.next_after or 0, types=frozenset({"note"}))
    assert ([one.seq for one in second.events], second.next_after) == ([10_451], None)


async def test_a_page_begins_inside_a_batch_and_ends_with_the_log(database: Database) -> None:
    session_id = await database.write(new_session)
    await database.write(lambda tx: append(tx, session_id, session_id, [event() for _ in range(10)]))
    part = await page(database, session_id, after=3, limit=4)
    assert ([one.seq for one in part.events], part.next_after) == ([4, 5, 6, 7], 7)
    part = await page(database, session_id, after=7, limit=3)
    assert ([one.seq for one in part.events], part.next_after) == ([8, 9, 10], None)
    assert await page(database, session_id, after=10) == EventPage([], None)
    assert await page(database, "ses_nobody") == EventPage([], None)


async def test_a_page_is_bounded_in_bytes_too(database: Database) -> None:
    session_id = await database.write(new_session)
    large = [NewEvent(type="note", payload=b'"' + b"x" * 250_000 + b'"') for _ in range(40)]
    await database.write(lambda tx: append(tx, session_id, session_id, large))
    part = await page(database, session_id)
    assert 1 <= len(part.events) < 40
    assert len(await everything(database, session_id)) == 40


@pytest.mark.parametrize(
    "payload",
    [
        b'{"text":"\xf0\x9f\x98\x80 \xe2\x80\xa8 \xc3\xa4"}',
        rb'{"text":"\u0000 \ud83d\ude00 \" \\ : %(x)s %s ? $1 :name"}',
        b'"only a text"',
        b"null",
        b'{"deep":' + b"[" * 60 + b"]" * 60 + b"}",
        b'{"exact":0.1000000000000000055511151231257827,"large":12345678901234567890}',
    ],
)
async def test_a_payload_is_kept_byte_by_byte(database: Database, payload: bytes) -> None:
    attempt = await database.write(new_attempt)
    await post(database, attempt, [NewEvent(type="note", payload=payload, client_key="😀 : % ' \"")])
    (came,) = (await page(database, attempt[0])).events
    assert bytes(came.payload) == payload


async def test_a_payload_over_many_lines_is_stored_on_one(database: Database) -> None:
    session_id = await database.write(new_session)
    pretty = json.dumps({"text": "a\nb", "list": [1, 2]}, indent=2).replace("\n", "\r\n").encode()
    await database.write(lambda tx: append(tx, session_id, session_id, [NewEvent(type="note", payload=pretty)]))
    (came,) = (await page(database, session_id)).events
    assert bytes(came.payload) == b'{"text":"a\\nb","list":[1,2]}'


async def test_a_payload_that_is_too_large_is_cut_and_says_so(database: Database) -> None:
    session_id = await database.write(new_session)
    fields = {"tool_use_id": "toolu_1", "tool_name": "Bash", "is_error": False, "role": "x" * 300}
    payload = msgspec.json.encode(fields | {"tool_output": "ä" * MAX_PAYLOAD_BYTES})
    await database.write(lambda tx: append(tx, session_id, session_id, [NewEvent(type="post_tool", payload=payload)]))
    (came,) = (await page(database, session_id)).events
    kept = json.loads(bytes(came.payload))
    assert (kept["truncated"], kept["bytes"]) == (True, len(payload))
    assert (kept["tool_use_id"], kept["tool_name"], kept["is_error"]) == ("toolu_1", "Bash", False)
    assert "role" not in kept
    assert payload.decode().startswith(kept["head"])


@pytest.mark.parametrize("size", [MAX_PAYLOAD_BYTES - 1, MAX_PAYLOAD_BYTES])
def test_a_payload_of_just_the_limit_is_whole(size: int) -> None:
    payload = b'"' + b"x" * (size - 2) + b'"'
    assert cut(payload) == payload


@pytest.mark.parametrize("piece", [b"x", rb"\"", rb"\u0001", "😀".encode()])
def test_what_is_left_of_any_large_payload_fits(piece: bytes) -> None:
    payload = b'["' + piece * (MAX_PAYLOAD_BYTES // len(piece) + 1) + b'"]'
    left = cut(payload)
    assert len(left) < MAX_PAYLOAD_BYTES
    assert json.loads(left)["truncated"] is True
