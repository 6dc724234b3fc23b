"""Fifty runners that are played over bare connections, each of which may be cut between a request and its answer.

They launch nothing: what they were permitted to launch is written down, and told as done.
"""

import asyncio
import json
import random
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from tests.support.coordinator import Coordinator
from tests.support.hand_runner import HandRunner, sha256_of

CUT_SHARE: Final = 0.25
"""Of the requests that are cut off before their answer is read."""
DEATH_SHARE: Final = 0.2
"""Of the claimers that die for good with what they hold."""
ON_THE_WAY_SECONDS: Final = 0.03
POLL_SECONDS: Final = 2.0
BEAT_SECONDS: Final = 1.0
BOUND_SECONDS: Final = 30.0

Attempt = tuple[str, int]


class CutOff(Exception):
    """The request was sent; what became of it is not known."""


class Way:
    """How one runner asks coordinators: each time another connection, to whichever of them the source chooses."""

    def __init__(self, coordinators: Sequence[Coordinator], token: str, source: random.Random) -> None:
        self._ports = [int(one.url.rpartition(":")[2]) for one in coordinators]
        self._token = token
        self._source = source
        self.cuts = 0

    async def ask(self, method: str, target: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Status and answer; CutOff when the connection is cut before the answer is read."""
        content = b"" if body is None else json.dumps(body).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._source.choice(self._ports))
        try:
            writer.write(self._head(method, target, len(content), has_body=body is not None) + content)
            await writer.drain()
            if self._source.random() < CUT_SHARE:
                await self._until_cut(reader)
                raise CutOff
            return _read(await asyncio.wait_for(reader.read(), BOUND_SECONDS))
        finally:
            writer.transport.abort()

    async def surely(self, method: str, target: str, body: dict[str, Any]) -> tuple[int, Any]:
        """The same, asked again until an answer is read."""
        while True:
            with suppress(CutOff):
                return await self.ask(method, target, body)

    async def _until_cut(self, reader: asyncio.StreamReader) -> None:
        """At once, somewhere on the way, or when the answer lies there unread."""
        self.cuts += 1
        moment = self._source.choice(("at once", "on the way", "answered"))
        if moment == "on the way":
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), self._source.uniform(0, ON_THE_WAY_SECONDS))
        elif moment == "answered":
            await asyncio.wait_for(reader.read(1), BOUND_SECONDS)

    def _head(self, method: str, target: str, length: int, *, has_body: bool) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self._token}"]
        lines += ["Content-Type: application/json", f"Content-Length: {length}"] if has_body else []
        return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode()


def _read(data: bytes) -> tuple[int, Any]:
    head, _, body = data.partition(b"\r\n\r\n")
    assert head, "a coordinator closed the connection without an answer"
    return int(head.split(b" ", 2)[1]), json.loads(body) if body else None


class Claimer:
    """One runner. `permitted` counts how often it was permitted to launch which attempt."""

    def __init__(self, runner: HandRunner, slots: int, way: Way, source: random.Random) -> None:
        self.runner_id, self.slots, self.way = runner.runner_id, slots, way
        self.permitted: Counter[Attempt] = Counter()
        self.dead = False
        self._epoch = runner.epoch
        self._source = source
        self._tries: dict[Attempt, int] = {}
        """Of what it holds, how often each run had been started before."""
        self._lives_for = source.randint(1, 8) if source.random() < DEATH_SHARE else None
        """So many claims; None: for ever."""
        self.finished = False
        """Set before it is cancelled: a cancellation that meets the end of a wait may be lost."""
        self._freed = asyncio.Event()

    async def work(self) -> None:
        """Claims and reports until cancelled; ends when it dies."""
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(self._beat_for_ever())
            while not self._is_over:
                for claim in await self._claimed():
                    tasks.create_task(self._lead(claim))
            beating.cancel()

    @property
    def _is_over(self) -> bool:
        return self.dead or self.finished

    async def _claimed(self) -> list[dict[str, Any]]:
        """What one poll brings, as soon as there is room for it."""
        while len(self._tries) == self.slots:
            self._freed.clear()
            await self._freed.wait()
        free = self.slots - len(self._tries)
        target = f"/runner/runs?runner_id={self.runner_id}&epoch={self._epoch}&wait={POLL_SECONDS}&slots={free}"
        try:
            status, answer = await self.way.ask("GET", target)
        except CutOff:
            self._perhaps_die()
            return []
        assert status in (200, 204), answer
        runs: list[dict[str, Any]] = answer["runs"] if answer else []
        assert len(runs) <= free
        for claim in runs:
            self._tries[claim["run_id"], claim["attempt"]] = claim["tries"]
            self._lives_for = self._lives_for and max(self._lives_for - 1, 0)
        return runs

    def _perhaps_die(self) -> None:
        """Its time is over. Only first tries are lost: what was lost three times would rightly end as failed."""
        if self._lives_for == 0 and not any(self._tries.values()):
            self.dead = True
            self._freed.set()

    async def _lead(self, claim: dict[str, Any]) -> None:
        """From the claim to the acknowledged end; what has become another's meanwhile is let go."""
        attempt = run_id, number = claim["run_id"], claim["attempt"]
        token = sha256_of("cbs_" + secrets.token_urlsafe(32))
        if await self._is_accepted(run_id, "started", number, session_token_sha256=token):
            self.permitted[attempt] += 1
            self._perhaps_die()
            await self._is_accepted(run_id, "completed", number, event_count=0, result_text=f"{run_id} {number}")
        if not self.dead:
            del self._tries[attempt]
            self._freed.set()

    async def _is_accepted(self, run_id: str, what: str, number: int, **fields: Any) -> bool:
        """Reports, unless it is dead; false when the attempt is not its own any more."""
        if self.dead:
            return False
        sender = {"runner_id": self.runner_id, "epoch": self._epoch, "attempt": number}
        status, answer = await self.way.surely("POST", f"/runner/runs/{run_id}/{what}", sender | fields)
        assert status in (200, 409), (what, status, answer)
        return status == 200

    async def _beat_for_ever(self) -> None:
        while not self._is_over:
            held = [{"run_id": run_id, "attempt": number} for run_id, number in self._tries]
            body = {"runner_id": self.runner_id, "epoch": self._epoch, "attempts": held}
            await self.way.surely("POST", "/runner/heartbeat", body)
            await _pause(BEAT_SECONDS)


async def _pause(seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
