"""What the benchmarks ask a coordinator for: runs, runners, claims, events. Bytes made by hand, so that making them
costs the load next to nothing.
"""

import hashlib
import itertools
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from bench.children import Coordinator
from bench.connection import Connection, request, request_head
from callboard.wire.requests import AdditionalDemands, CreateRun
from callboard.wire.runner import Claim, Ended, PollAnswer, Register, Registered, Started

PROMPT = "Fix the flaky login test and say in one sentence what was wrong with it. " * 3
TEXT = "The login test waited for a fixed time instead of the page; it now waits for the form to appear. "
EVENT = (
    b'{"client_key":"1.%012d.00","type":"message","source_at":1790000000000,'
    b'"payload":{"role":"assistant","content":[{"type":"text","text":"' + TEXT.encode() + b'"}]}}'
)


class Api:
    """Calls of one token over one connection, for setting up and for measuring one at a time."""

    def __init__(self, connection: Connection, port: int, token: str) -> None:
        self._connection = connection
        self._port = port
        self.token = token

    @classmethod
    async def open(cls, port: int, token: str) -> "Api":
        """A connection of its own."""
        return cls(await Connection.open("127.0.0.1", port), port, token)

    async def call(self, method: str, path: str, body: Any = None) -> bytes:
        """The body of the answer; RuntimeError when the call is refused."""
        encoded = b"" if body is None else msgspec.json.encode(body)
        status, answer = await self._connection.ask(
            request(request_head(method, path, self._port, self.token), encoded)
        )
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer[:500].decode(errors='replace')}")
        return answer

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


class BenchRunner:
    """A registered runner that only talks."""

    def __init__(self, api: Api, registered: Registered) -> None:
        self.api = api
        self.runner_id = registered.runner_id
        self.epoch = registered.epoch

    @classmethod
    async def register(
        cls,
        coordinator: Coordinator,
        hostname: str = "bench",
        *,
        tags: Sequence[str] = (),
        executor_type: str = "scripted",
    ) -> "BenchRunner":
        """A new runner."""
        secret = secrets.token_urlsafe(32)
        join = await Api.open(coordinator.port, coordinator.join_token)
        wanted = Register(
            hostname=hostname,
            project_dir="/srv",
            credential_sha256=hashlib.sha256(secret.encode()).hexdigest(),
            launch_token=secrets.token_hex(8),
            executor_types=[executor_type],
            tags=list(tags),
            slots=10_000,
        )
        answer = await join.call("POST", "/runner/register", wanted)
        join.close()
        return cls(await Api.open(coordinator.port, secret), msgspec.json.decode(answer, type=Registered))

    async def claim(self, slots: int, wait_seconds: float) -> list[Claim]:
        """Runs that are there within the time."""
        where = f"/runner/runs?runner_id={self.runner_id}&epoch={self.epoch}&wait={wait_seconds}&slots={slots}"
        answer = await self.api.call("GET", where)
        return msgspec.json.decode(answer, type=PollAnswer).runs if answer else []

    async def start(self, claim: Claim) -> None:
        """Asks for the permission to launch."""
        secret = hashlib.sha256(claim.run_id.encode()).hexdigest()
        report = Started(runner_id=self.runner_id, epoch=self.epoch, attempt=claim.attempt, session_token_sha256=secret)
        await self.api.call("POST", f"/runner/runs/{claim.run_id}/started", report)

    async def complete(self, claim: Claim) -> None:
        """Reports a good end without events."""
        report = Ended(runner_id=self.runner_id, epoch=self.epoch, attempt=claim.attempt, event_count=0)
        await self.api.call("POST", f"/runner/runs/{claim.run_id}/completed", report)


async def hold_claims(owner: Api, runner: BenchRunner, runs: int, tag: str | None = None) -> list[Claim]:
    """Creates runs, only for runners with the tag if one is given, and lets the runner claim and start them."""
    demands = AdditionalDemands(tags=[tag]) if tag else None
    for _ in range(runs):
        await owner.call("POST", "/runs", new_run(additional_demands=demands))
    claims: list[Claim] = []
    while len(claims) < runs:
        claims += await runner.claim(runs - len(claims), wait_seconds=5)
    for claim in claims:
        await runner.start(claim)
    return claims


def new_run(**more: Any) -> CreateRun:
    """The body of POST /runs for a new session."""
    return CreateRun(type="start_session", prompt=PROMPT, executor_type="scripted", **more)


def creations(port: int, token: str) -> Iterator[bytes]:
    """Endless requests that each create a session with its first run."""
    return itertools.repeat(request(request_head("POST", "/runs", port, token), msgspec.json.encode(new_run())))


def posts(port: int, token: str, claim: Claim, batch: int, numbers: Iterator[int]) -> Iterator[bytes]:
    """Endless requests that each post a batch of new events of an attempt; `numbers` make their keys."""
    head = request_head("POST", f"/sessions/{claim.session_id}/events", port, token)
    template = b'{"run_id":"%b","attempt":%d,"events":[' % (claim.run_id.encode(), claim.attempt)
    template = template.replace(b"%", b"%%") + b",".join([EVENT] * batch) + b"]}"
    while True:
        yield request(head, template % tuple(itertools.islice(numbers, batch)))
