"""A transaction that takes its place in the log first and commits last: no reader goes past it, nobody is held up."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg
import pytest

from callboard.store.cursor import parse_cursor
from callboard.store.database import Transaction
from callboard.store.events import NewEvent, append
from callboard.store.postgres import open_postgres
from callboard.wire.responses import RunCreated
from tests.conftest import FaultRound
from tests.faults.times import LATE
from tests.faults.two import Two, two_coordinators
from tests.support.coordinator import Coordinator
from tests.support.stream import StreamReader

pytestmark = [pytest.mark.faults, pytest.mark.timeout(90)]

HOLD_SECONDS: Final = 2.0
"""The case itself: so long is at least one transaction open behind its place in the log."""
BOUND_SECONDS: Final = 20.0
SESSIONS: Final = 6
WRITES: Final = 30
TRIES: Final = 12
HIDDEN_SECONDS: Final = 0.1
"""The case itself: both coordinators have looked in this time, and seen nothing."""
SOON_SECONDS: Final = 0.3
"""Who waits until each coordinator looks by itself, waits for half a second in the middle."""
LOOK_SECONDS: Final = 0.2
"""How long one poll of somebody who polls with a cursor stays at most when there is nothing."""


class LateWriter:
    """Writes one event and commits `HOLD_SECONDS` later or more, when it is told to."""

    def __init__(self, two: Two, session_id: str) -> None:
        self._url, self._session_id = two.first.database, session_id
        self._placed, self._released = threading.Event(), threading.Event()
        self.writing: Future[None] = two.world.meanwhile(lambda: asyncio.run(self._write()))
        assert self._placed.wait(BOUND_SECONDS)

    def commit(self) -> None:
        """Returns after the commit."""
        assert not self.writing.done(), "it is held until now"
        self._released.set()
        self.writing.result(BOUND_SECONDS)

    async def _write(self) -> None:
        database = await open_postgres(self._url)
        try:
            await database.write(self._work)
        finally:
            await database.close()

    def _work(self, tx: Transaction) -> None:
        tx.lock_session(self._session_id)
        append(tx, self._session_id, self._session_id, [NewEvent(type="note", payload=b'{"text":"late"}')])
        began = time.monotonic()
        self._placed.set()
        assert self._released.wait(BOUND_SECONDS), "what it does not lock goes on without it"
        threading.Event().wait(max(0.0, began + HOLD_SECONDS - time.monotonic()))


class Poller:
    """Reads with a cursor: asks one coordinator and the other in turn, leaves, and asks again behind what it saw."""

    def __init__(self, two: Two, after: str) -> None:
        self.reader = StreamReader(two.world._portal, two.first.url, two.first.token, {"after": after})
        self._places = [(one.url, one.token) for one in two.both]
        self._enough = threading.Event()
        self._polling = two.world.meanwhile(self._poll_for_ever)

    def finish(self) -> None:
        self._enough.set()
        self._polling.result(BOUND_SECONDS)

    def _poll_for_ever(self) -> None:
        while not self._enough.is_set():
            url, token = self._places[0]
            self._places.reverse()
            self.reader._url = f"{url}/sse/sessions"
            self.reader._headers = {"Authorization": f"Bearer {token}"}
            self.reader.connect()
            seen = len(self.reader.events)
            with self.reader._news:
                self.reader._news.wait_for(lambda: len(self.reader.events) > seen, LOOK_SECONDS)  # noqa: B023
            self.reader.close()


@contextmanager
def readers_of_all(two: Two, after: str) -> Iterator[list[StreamReader]]:
    """A stream at each coordinator, and somebody who polls at both."""
    poller = Poller(two, after)
    try:
        yield [*(one.stream(after=after) for one in two.both), poller.reader]
    finally:
        poller.finish()


def test_r8_whoever_has_read_past_nothing_gets_the_late_one_and_the_early_ones_in_one_order(
    tmp_path: Path, fault_round: FaultRound
) -> None:
    """R8: streams and polls at both coordinators; others write and read single sessions meanwhile and wait for none."""
    source = fault_round.source()
    with two_coordinators(tmp_path, **LATE) as two:
        created = [source.choice(two.both).start_run("waits") for _ in range(SESSIONS)]
        late, *others = [run.session_id for run in created]
        before = end_of_log(two, created)
        with readers_of_all(two, before) as readers:
            writer = LateWriter(two, late)
            titles = write_meanwhile(two, others, source)
            # Whoever comes now, from now, must not begin behind the late one either.
            readers += [one.stream() for one in two.both]
            assert_read_at_once(two, late, titles)
            assert [reader.events for reader in readers] == [[]] * len(readers), "it is not passed"
            writer.commit()
            wait_for_all(two.both, readers)
        assert_one_order(readers, late)
        log = [event["cursor"] for event in readers[0].events]
        assert {parse_cursor(cursor) > parse_cursor(before) for cursor in log} == {True}


def test_r8_what_an_older_work_hid_is_shown_soon_after_that_work_though_nobody_tells(tmp_path: Path) -> None:
    """R8, R21: a heartbeat that is under way when an event is stored costs its readers no second."""
    with two_coordinators(tmp_path, **LATE) as two, psycopg.connect(two.first.database) as other:
        session_id = two.first.start_run("waits").session_id
        readers = [one.stream(session_id=session_id) for one in two.both]
        lags = []
        for number in range(TRIES):
            other.execute("SELECT pg_current_xact_id()")
            answer = two.both[number % 2].http.patch(f"/sessions/{session_id}", json={"title": f"title {number}"})
            assert answer.status_code == 200
            threading.Event().wait(HIDDEN_SECONDS)
            other.commit()
            committed = time.monotonic()
            for reader in readers:
                reader.until_count(number + 1)
                lags.append(time.monotonic() - committed)
    assert median(lags) < SOON_SECONDS


def end_of_log(two: Two, created: Sequence[RunCreated]) -> str:
    """The cursor of the latest event, which both coordinators show."""
    readers = [one.stream(after="0.0.0") for one in two.both]
    for reader in readers:
        for run in created:
            reader.until_event("run_queued", run_id=run.run_id)
    (end,) = {reader.last_id for reader in readers}
    for reader in readers:
        reader.close()
    return end


def write_meanwhile(two: Two, session_ids: Sequence[str], source: random.Random) -> dict[str, list[str]]:
    """Writes to other sessions, each answered; the titles that each was given."""
    titles: dict[str, list[str]] = {session_id: [] for session_id in session_ids}
    for number in range(WRITES):
        session_id = source.choice(session_ids)
        answer = source.choice(two.both).http.patch(f"/sessions/{session_id}", json={"title": f"title {number}"})
        assert answer.status_code == 200, answer.text
        titles[session_id].append(f"title {number}")
    return titles


def assert_read_at_once(two: Two, late: str, titles: dict[str, list[str]]) -> None:
    """Whoever reads one session sees at once what is committed there, and of the late one nothing."""
    for one in two.both:
        for session_id, given in titles.items():
            assert [event["payload"]["title"] for event in updates(one, session_id)] == given
        assert updates(one, late, "note") == []
        assert one.session(late).session_id == late
    assert two.first.start_run("new ones are taken as well").status == "pending"


def updates(coordinator: Coordinator, session_id: str, kind: str = "session_updated") -> list[dict[str, Any]]:
    answer = coordinator.http.get(f"/sessions/{session_id}/events", params={"types": kind, "limit": 200})
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def wait_for_all(both: Sequence[Coordinator], readers: Sequence[StreamReader]) -> None:
    """One event more, and every reader has come to it."""
    run_id = both[0].start_run("the last one").run_id
    for reader in readers:
        reader.until_event("run_queued", run_id=run_id)


def assert_one_order(readers: Sequence[StreamReader], late: str) -> None:
    """Each reader got each event once, all in the same order, and the late one first: its place was taken first."""
    seen = [[(event["cursor"], event["session_id"], event["seq"]) for event in reader.events] for reader in readers]
    assert all(one == seen[0] for one in seen)
    assert len(set(seen[0])) == len(seen[0]) >= WRITES + 1
    cursors = [parse_cursor(cursor) for cursor, _, _ in seen[0]]
    assert cursors == sorted(cursors)
    assert seen[0][0][1] == late
