"""A coordinator as a process of its own, and what a person does with it through its API."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx2
import msgspec
from anyio.from_thread import BlockingPortal

from callboard.client import Client, RetryPolicy
from callboard.client.calls import events, runners, runs, sessions
from callboard.wire.requests import CreateRun
from callboard.wire.responses import Binding, Event, Run, RunCreated, Session
from tests.support.programs import CALLBOARD, Program
from tests.support.stream import StreamReader

LISTENING: Final = "listening on "
PAGE: Final = 200
ASK_AGAIN_SECONDS: Final = 0.05
QUICK: Final[dict[str, float]] = {
    "heartbeat_seconds": 0.5,
    "lease_seconds": 3,
    "lost_runner_seconds": 3,
    "unheard_seconds": 3,
    "grace_seconds": 3,
    "sweep_seconds": 0.2,
}
"""Times of dispatch that are short enough for a test."""


class Coordinator:
    """`callboard serve` on a data directory; after a kill it starts again on the same port."""

    def __init__(self, data_dir: Path, portal: BlockingPortal, settings: Mapping[str, Any]) -> None:
        self.data_dir = data_dir
        self.settings: dict[str, Any] = {"default_executor": "scripted"} | dict(settings)
        self.database = str(self.settings.get("database", ""))
        self._portal = portal
        self._readers: list[StreamReader] = []
        self.url = ""
        self.program = self._started(0)
        self.token = self.secret("token")
        self.client = Client(self.url, self.token, retry=RetryPolicy(attempts=8))
        self.http = httpx2.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30, trust_env=False
        )

    # ------------------------------------------------------------------ the process

    def secret(self, name: str) -> str:
        """The token in a file of the data directory."""
        return (self.data_dir / name).read_text(encoding="ascii").strip()

    def restart(self) -> None:
        """Start again what was killed or has ended, on the same port and data."""
        self.program.close()
        self.program = self._started(int(self.url.rpartition(":")[2]))

    def kill(self) -> None:
        """End it as a power cut does."""
        self.program.kill()

    def close(self) -> None:
        """End it, and every connection to it."""
        self.program.close()
        for reader in self._readers:
            reader.close()
        self.client.close()
        self.http.close()

    def _started(self, port: int) -> Program:
        variables = {f"CALLBOARD_{name.upper()}": str(value) for name, value in self.settings.items()}
        argv = (*CALLBOARD, "serve", "--port", str(port), "--data-dir", str(self.data_dir))
        program = Program("coordinator", argv, variables, self.data_dir.parent)
        self.url = program.line(LISTENING)
        return program

    # ------------------------------------------------------------------ what a person does

    def start_run(self, prompt: str, **fields: Any) -> RunCreated:
        """A new session with its first run."""
        wanted = {"type": "start_session", "prompt": prompt} | fields
        return self.client.send(runs.create(msgspec.convert(wanted, CreateRun)))

    def resume(self, session_id: str, prompt: str, **fields: Any) -> RunCreated:
        """A further run of a session."""
        return self.start_run(prompt, type="resume_session", session_id=session_id, **fields)

    def ended(self, run_id: str, seconds: float = 30.0) -> Run:
        """The run, once it has ended."""
        run = self.client.send(runs.wait(run_id, seconds))
        assert run.ended_at is not None, f"{run_id} is {run.status} after {seconds} s"
        return run

    def completed(self, prompt: str, **fields: Any) -> Run:
        """A new session's first run, completed."""
        return self._completed(self.start_run(prompt, **fields))

    def resume_completed(self, session_id: str, prompt: str, **fields: Any) -> Run:
        """A further run of a session, completed."""
        return self._completed(self.resume(session_id, prompt, **fields))

    def _completed(self, created: RunCreated) -> Run:
        run = self.ended(created.run_id)
        assert run.reason == "completed", (run.reason, run.error)
        return run

    def run(self, run_id: str) -> Run:
        return self.client.send(runs.get(run_id))

    def session(self, session_id: str) -> Session:
        return self.client.send(sessions.get(session_id))

    def bindings(self, session_id: str) -> list[Binding]:
        """The session's bindings, first generation first."""
        found = self.client.send(sessions.bindings(session_id)).items
        return sorted(found, key=lambda binding: binding.generation)

    def events(self, session_id: str, *types: str) -> list[Event]:
        """The whole log of a session, read page by page."""
        found: list[Event] = []
        after: int | None = 0
        while after is not None:
            page = self.client.send(events.list_(session_id, after=after, types=types, limit=PAGE))
            found += page.items
            after = int(page.next_page) if page.next_page else None
        return found

    def said(self, session_id: str) -> list[str]:
        """What the agent said, message by message."""
        payloads = [payload_of(event) for event in self.events(session_id, "message")]
        return [text_of(payload) for payload in payloads if payload["role"] == "assistant"]

    def stream(self, *, token: str | None = None, **query: str) -> StreamReader:
        """A reader of the stream, connected; it is closed with the coordinator at the latest."""
        reader = StreamReader(self._portal, self.url, token or self.token, query)
        self._readers.append(reader)
        return reader.connect()

    def until_event(self, created: RunCreated, event_type: str, seconds: float = 30.0, **payload: Any) -> Event:
        """The first event of a type, of this run, with these values in its payload; there already or still to come."""

        def matching() -> Event | None:
            found = self.events(created.session_id, event_type)
            fitting = (one for one in found if payload.items() <= payload_of(one).items())
            return next((one for one in fitting if one.run_id == created.run_id), None)

        with self.stream(session_id=created.session_id, types=event_type) as reader:
            there = matching()
            if there is None:
                reader.until_event(event_type, seconds, run_id=created.run_id, **payload)
                there = matching()
        assert there is not None
        return there

    def until_runner(self, runner_id: str, state: str, seconds: float = 20.0) -> None:
        """Wait until a runner is in this state; nothing announces that, so it is asked again and again."""
        until(lambda: self.client.send(runners.get(runner_id)).state == state, seconds, f"{runner_id} {state}")

    def with_token(self, token: str) -> httpx2.Client:
        """A raw client with another token; close it."""
        return httpx2.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
        )


def payload_of(event: Event) -> dict[str, Any]:
    """The payload of an event, read."""
    payload: dict[str, Any] = msgspec.json.decode(bytes(event.payload))
    return payload


def text_of(message: dict[str, Any]) -> str:
    """The text of a message's payload."""
    return "".join(block["text"] for block in message["content"])


def until(reached: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask again and again, for what nothing announces. AssertionError when the time is over."""
    never, deadline = threading.Event(), time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        never.wait(ASK_AGAIN_SECONDS)


def lives(pid: int) -> bool:
    """Whether a process of this machine is there and no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    return state != "Z"
