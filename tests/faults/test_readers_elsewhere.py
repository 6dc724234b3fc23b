"""Readers of the stream that come back at the other coordinator, too late, or hardly read at all."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

import psutil
import psycopg
import pytest

from tests.conftest import FaultRound
from tests.faults.event_load import EventLoad
from tests.faults.going_on import at, seeded
from tests.faults.times import LATE
from tests.faults.two import Two, two_coordinators
from tests.support.coordinator import Coordinator, until
from tests.support.hand_runner import HandRunner
from tests.support.stream import StreamReader
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

MOVES: Final = 6
AWAY_EVENTS: Final = 300
"""At most so many are acknowledged while a reader is away: what ten seconds are to a reader of flesh and blood."""
SECONDS_A_DAY: Final = 86_400
KEPT_SECONDS: Final = 2
FORGETTING: Final = LATE | {"retention_days": KEPT_SECONDS / SECONDS_A_DAY, "retention_sweep_seconds": 0.1}
OLD: Final = 500
SLOW_READERS: Final = 10
"""At each coordinator."""
BYTE_SECONDS: Final = 1.0
"""A slow reader takes one byte in this time: the case itself."""
LARGE_EVENTS: Final = 50
LARGE_BYTES: Final = 200_000
"""So many of this size are more than the buffers on the way of a reader take in."""
GROWTH_BYTES: Final = 128 << 20
"""The frames that are kept for all readers (32 MiB), and a few copies of large ones on their way."""
PIECES: Final = 60
LARGE_PIECE: Final = "large 🙂\x01" * 1_500
"""More than a message of PostgreSQL takes, with characters of several bytes there."""
OF_COORDINATORS: Final = "WHERE application_name = 'callboard' AND datname = current_database()"
LAG_SECONDS: Final = 1.0
QUICK_SHARE: Final = 0.9
"""Of the events come in that time, however busy the machine is otherwise; the bound for all is the reader's."""


@pytest.mark.rounds(1)
def test_r21_a_reader_that_comes_back_at_the_other_coordinator_misses_and_repeats_nothing(
    tmp_path: Path, fault_round: FaultRound
) -> None:
    """R21: away for some events, back with its last id at the other one, again and again, while both are written to."""
    source = fault_round.source()
    with two_coordinators(tmp_path, **LATE) as two, ExitStack() as stack:
        loads = [EventLoad(two.world, one, f"load{at}", seeded(source)) for at, one in enumerate(two.both)]
        kept = [stack.enter_context(one.stream(after="0.0.0")) for one in two.both]
        moving = stack.enter_context(two.second.stream(after="0.0.0"))
        for number in range(MOVES):
            until_posted(loads, source.randint(1, AWAY_EVENTS))
            moving.close()
            until_posted(loads, source.randint(1, AWAY_EVENTS))
            move(moving, two.both[number % 2])
        for load in loads:
            load.finish()
            load.assert_all_there()
            run_id = two.first.events(load.session_id)[-1].run_id
            for reader in (*kept, moving):
                reader.until_event("run_completed", run_id=run_id)
        for reader in (*kept, moving):
            for load in loads:
                seen = [event["seq"] for event in reader.events if event["session_id"] == load.session_id]
                assert seen == [event.seq for event in two.first.events(load.session_id)]
        assert cursors(moving) == cursors(kept[0]) == cursors(kept[1])


def move(reader: StreamReader, coordinator: Coordinator) -> None:
    """Connect at another coordinator, behind the last frame that was read."""
    reader._url = f"{coordinator.url}/sse/sessions"
    reader._headers = {"Authorization": f"Bearer {coordinator.token}"}
    reader.connect()


def until_posted(loads: Sequence[EventLoad], more: int) -> None:
    """Wait until each load has so many more events acknowledged."""
    wanted = [(load, load.posted + more) for load in loads]
    until(lambda: all(load.posted >= number for load, number in wanted), 30, "events are acknowledged")


def cursors(reader: StreamReader) -> list[str]:
    return [event["cursor"] for event in reader.events]


def test_r21_a_cursor_that_is_older_than_what_is_kept_gets_a_gap_at_either_coordinator(
    tmp_path: Path, fault_round: FaultRound
) -> None:
    """R21: the range that is gone, once, then all that is kept, once; a cursor behind that range gets no gap."""
    source = fault_round.source()
    with two_coordinators(tmp_path, **FORGETTING) as two:
        reader = two.first.stream(after="0.0.0")
        old = EventLoad(two.world, two.first, "old", seeded(source))
        until(lambda: old.posted >= OLD, 30, "there is something to forget")
        old.finish()
        length = two.first.session(old.session_id).last_seq
        until(lambda: first_seq(two, old.session_id) == length + 1, 30, "it is forgotten")
        reader.until(lambda: any(event["seq"] == length for event in reader.events), what="the end of the old log")
        early, late = reader.events[source.randrange(len(reader.events) // 2)]["cursor"], reader.last_id
        kept = two.second.start_run("is kept while it waits")
        for one in two.both:
            behind_gap, told = one.stream(after=early), one.stream(after=late)
            for again in (behind_gap, told):
                again.until_event("run_queued", run_id=kept.run_id)
            assert [frame.name for frame in behind_gap.frames][:2] == ["ready", "gap"]
            assert [frame.name for frame in behind_gap.frames].count("gap") == 1
            assert cursors(behind_gap) == cursors(told)
            assert "gap" not in {frame.name for frame in told.frames}


def first_seq(two: Two, session_id: str) -> int:
    """With which number a log begins, as both coordinators say; 0 as long as they differ."""
    path, query = f"/sessions/{session_id}/events", {"limit": 1}
    found = {int(one.http.get(path, params=query).json()["first_seq"]) for one in two.both}
    return found.pop() if len(found) == 1 else 0


def test_r21_readers_of_a_byte_a_second_are_dropped_at_both_coordinators_and_delay_nobody(
    tmp_path: Path, fault_round: FaultRound
) -> None:
    """R21: with bounded memory; whoever reads beside them, here or there, is less than a second behind."""
    source = fault_round.source()
    with two_coordinators(tmp_path, **LATE, stream_slow_seconds=1) as two, ExitStack() as stack:
        run = two.first.start_run("by hand")
        runner = two.world.hand_runner(two.first, "talks")
        attempt = runner.begin(run.run_id)
        speaking = [stack.enter_context(at(runner, one)) for one in two.both]
        live = [stack.enter_context(one.stream()) for one in two.both]
        processes = [psutil.Process(one.program.pid) for one in two.both]
        slow = stack.enter_context(slow_readers(two.world, two.both))
        lags = []
        before = [process.memory_info().rss for process in processes]
        for number in range(LARGE_EVENTS):
            event = {"client_key": f"1.{number:06d}", "type": "note", "payload": {"text": "x" * LARGE_BYTES}}
            answer = source.choice(speaking).post_events(run.session_id, run.run_id, attempt, event)
            assert answer.status_code == 200, answer.text
            answered = time.monotonic()
            for reader in live:
                reader.until_count(number + 1)
            lags.append(time.monotonic() - answered)
        assert sum(lag < LAG_SECONDS for lag in lags) >= QUICK_SHARE * LARGE_EVENTS
        until(lambda: not established(slow), 60, "who hardly reads is cut off")
        grown = [process.memory_info().rss - was for process, was in zip(processes, before, strict=True)]
        assert max(grown) < GROWTH_BYTES
        for reader in live:
            assert [event["type"] for event in reader.events] == ["note"] * LARGE_EVENTS


class Speaker:
    """Posts the pieces of messages of one run, in turn at these coordinators."""

    def __init__(self, two: Two, runner: HandRunner, stack: ExitStack) -> None:
        run = two.first.start_run("by hand")
        self.run_id, self.session_id = run.run_id, run.session_id
        self.attempt = runner.begin(run.run_id)
        self.first, self.second = (stack.enter_context(at(runner, one)) for one in two.both)

    def say(self, key: str, offset: int, text: str, way: HandRunner) -> int:
        """Where the next piece begins."""
        piece = {"run_id": self.run_id, "attempt": self.attempt, "message_key": key, "offset": offset, "text": text}
        answer = way.http.post(f"/sessions/{self.session_id}/deltas", json=piece)
        assert answer.status_code == 204, answer.text
        return offset + len(text)

    def store(self, key: str, text: str) -> None:
        """The whole message."""
        payload = {"role": "assistant", "message_key": key, "content": [{"type": "text", "text": text}]}
        event = {"client_key": key, "type": "message", "payload": payload}
        answer = self.first.post_events(self.session_id, self.run_id, self.attempt, event)
        assert answer.status_code == 200, answer.text

    def until_heard(self, key: str, reader: StreamReader) -> None:
        """Speak at the first coordinator until a piece of it has come to the reader."""

        def heard() -> bool:
            self.say(key, 0, "hello", self.first)
            return bool(pieces(reader, key))

        until(heard, 30, f"a piece of {key} comes")


def pieces(reader: StreamReader, key: str) -> list[tuple[int, str]]:
    """The pieces of a message, as they came."""
    found = [frame.data for frame in list(reader.frames) if frame.name == "delta"]
    return [(data["offset"], data["text"]) for data in found if data["message_key"] == key]


def in_order(found: list[tuple[int, str]]) -> bool:
    """Whether none is doubled, or before the one that it follows."""
    return all(first + len(text) <= second for (first, text), (second, _) in pairwise(found))


def test_pieces_of_messages_come_to_the_readers_of_the_other_coordinator(tmp_path: Path) -> None:
    """60, S6: in order, once, to those who may see them, before the message, and again after a lost connection."""
    with two_coordinators(tmp_path, **LATE | {"lease_seconds": 60}) as two, ExitStack() as stack:
        runner = two.world.hand_runner(two.first, "talks")
        speaker, other = Speaker(two, runner, stack), Speaker(two, runner, stack)
        reader = stack.enter_context(two.second.stream())
        token = runner.session_tokens[other.run_id]
        stranger = stack.enter_context(two.second.stream(token=token, session_id=other.session_id))
        speaker.until_heard("first", reader)
        send_nonsense(two.first.database)

        offset, said = 0, [*(f"piece {number} " for number in range(PIECES)), LARGE_PIECE, "end"]
        for text in said:
            offset = speaker.say("one way", offset, text, speaker.first)
        whole = "".join(said)
        reader.until(lambda: "".join(text for _, text in pieces(reader, "one way")) == whole, what="the text")
        assert in_order(pieces(reader, "one way"))

        offset = 0
        for number, text in enumerate(said):
            offset = speaker.say("both ways", offset, text, (speaker.first, speaker.second)[number % 2])
        speaker.store("both ways", whole)
        reader.until_event("message", message_key="both ways")
        assert in_order(pieces(reader, "both ways"))

        with psycopg.connect(two.first.database, autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'callboard'"
            )
        speaker.until_heard("again", reader)
        other.until_heard("mine", stranger)
        assert {frame.data["session_id"] for frame in stranger.frames if frame.name == "delta"} == {other.session_id}


def send_nonsense(database: str) -> None:
    """What others may send on the channel."""
    with psycopg.connect(database, autocommit=True) as server:
        send = "SELECT pg_notify(value, %s) FROM meta WHERE key = 'pieces_channel'"
        for text in ("", "{}", '{"sender":"me","wants":true,"pieces":[{"text":"forged"}]}'):
            server.execute(send, [text])


@contextmanager
def slow_readers(world: World, coordinators: Sequence[Coordinator]) -> Iterator[list[socket.socket]]:
    """Connections that ask for the stream and take a byte a second of it."""
    enough = threading.Event()
    with ExitStack() as stack:
        made = [stack.enter_context(asking(one)) for one in coordinators for _ in range(SLOW_READERS)]
        reading = world.meanwhile(lambda: take_bytes(made, enough))
        try:
            yield made
        finally:
            enough.set()
            reading.result(10)


@contextmanager
def asking(coordinator: Coordinator) -> Iterator[socket.socket]:
    """A connection with a small buffer that has asked for the stream."""
    host, _, port = coordinator.url.removeprefix("http://").partition(":")
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.connect((host, int(port)))
        head = f"GET /sse/sessions HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n"
        made.sendall(f"{head}Authorization: Bearer {coordinator.token}\r\n\r\n".encode())
        made.setblocking(False)
        yield made


def take_bytes(connections: Sequence[socket.socket], enough: threading.Event) -> None:
    """A byte of each a second, of those that still have one."""
    left = list(connections)
    while not enough.wait(BYTE_SECONDS):
        left = [one for one in left if _goes_on(one)]


def _goes_on(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1))
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def established(connections: Sequence[socket.socket]) -> bool:
    """Whether the other side still has one of these connections."""
    here = {connection.getsockname() for connection in connections}
    found = psutil.net_connections("tcp4")
    return any(one.raddr and tuple(one.raddr) in here and one.status == psutil.CONN_ESTABLISHED for one in found)
