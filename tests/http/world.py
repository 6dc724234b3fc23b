"""A real coordinator process on loopback, with tokens of every kind and a runner that the test plays."""

import contextlib
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

SERVE = """
import os, sys
from callboard.coordinator import config, serve
from callboard.domain.errors import CallboardError
from callboard.mcp_server.mounted import LazyMcp
try:
    given = config.read_config([config.from_environment(os.environ)])[0]
    serve.run(given, lambda asgi, config: LazyMcp(asgi, config.body_bytes))
except CallboardError as error:
    sys.stderr.write(f"{error.code}: {error.detail} {error.hint}\\n")
    sys.exit(8 if type(error).__name__ == "Conflict" else 2)
"""
OWNER = "owner"
START = {"type": "start_session", "prompt": "say hello", "executor_type": "scripted"}
STARTED = "listening on "
KEPT = ("HOME", "PATH", "PYTHONPATH", "LANG")


@dataclass(frozen=True)
class Attempt:
    """An attempt that the played runner holds and has started."""

    run_id: str
    session_id: str
    attempt: int
    session_token: str


@dataclass(frozen=True)
class PlayedRunner:
    """A registered runner."""

    coordinator: "Coordinator"
    runner_id: str
    epoch: int
    credential: str

    def poll(self, **query: Any) -> httpx2.Response:
        """GET /runner/runs."""
        wanted = {"runner_id": self.runner_id, "epoch": self.epoch, "wait": 5, "slots": 1} | query
        return self.coordinator.call("GET", "/runner/runs", token=self.credential, params=wanted)

    def start(self, claim: dict[str, Any]) -> Attempt:
        """Gets the permission to launch a claimed run."""
        secret = secrets.token_urlsafe(32)
        attempt = Attempt(claim["run_id"], claim["session_id"], claim["attempt"], secret)
        report = {"session_token_sha256": sha256(secret)} | self.names(attempt)
        self.coordinator.done("POST", f"/runner/runs/{attempt.run_id}/started", report, token=self.credential)
        return attempt

    def begin(self, **request: Any) -> Attempt:
        """A new run, claimed and started."""
        created = self.coordinator.create_run(**request)
        while True:
            for claim in self.poll(slots=16).json()["runs"]:
                if claim["run_id"] == created["run_id"]:
                    return self.start(claim)

    def names(self, attempt: Attempt) -> dict[str, Any]:
        """How a report names its attempt."""
        return {"runner_id": self.runner_id, "epoch": self.epoch, "attempt": attempt.attempt}

    def post(self, attempt: Attempt, *events: dict[str, Any]) -> httpx2.Response:
        """POST events of an attempt."""
        body = {"events": list(events), "run_id": attempt.run_id} | self.names(attempt)
        return self.coordinator.call("POST", f"/sessions/{attempt.session_id}/events", body, token=self.credential)

    def end(self, attempt: Attempt, event_count: int = 0) -> httpx2.Response:
        """The attempt completes."""
        body = {"event_count": event_count, "exit_code": 0} | self.names(attempt)
        return self.coordinator.call("POST", f"/runner/runs/{attempt.run_id}/completed", body, token=self.credential)


@dataclass
class Coordinator:
    """A running coordinator."""

    url: str
    data_dir: Path
    database: str
    process: subprocess.Popen[str]
    log: list[str]
    drainer: threading.Thread
    client: httpx2.Client = field(repr=False)

    @property
    def owner(self) -> str:
        """The owner's token."""
        return (self.data_dir / "token").read_text().strip()

    @property
    def join(self) -> str:
        """The token that runners join with."""
        return (self.data_dir / "runner-token").read_text().strip()

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = OWNER, **more: Any
    ) -> httpx2.Response:
        """A request; `token` is a secret, `owner` for the owner's, None for none."""
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {self.owner if token == 'owner' else token}"
        if body is not None:
            more["json"] = body
        return self.client.request(method, self.url + path, headers=headers, **more)

    def done(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of an answer that must be a success."""
        answer = self.call(method, path, body, **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def create_run(self, **request: Any) -> dict[str, Any]:
        """POST /runs."""
        created: dict[str, Any] = self.done("POST", "/runs", START | request)
        return created

    def make_token(self, kind: str, **more: Any) -> dict[str, str]:
        """POST /tokens."""
        made: dict[str, str] = self.done("POST", "/tokens", {"kind": kind} | more)
        return made

    def register(self, name: str = "played") -> PlayedRunner:
        """Signs a runner in."""
        credential = secrets.token_urlsafe(32)
        request = {
            "hostname": "here",
            "project_dir": "/srv/project",
            "name": name,
            "credential_sha256": sha256(credential),
            "launch_token": secrets.token_hex(8),
            "executor_types": ["scripted"],
            "slots": 100,
        }
        made = self.done("POST", "/runner/register", request, token=self.join)
        return PlayedRunner(self, made["runner_id"], made["epoch"], credential)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        """Sends a signal and returns the exit code; the log is whole then."""
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        self.drainer.join(10)
        return code


def event(number: int, text: str = "hello", **more: Any) -> dict[str, Any]:
    """An event to post; its key ascends with its number."""
    payload = {"role": "assistant", "content": [{"type": "text", "text": text}]}
    return {"client_key": f"1.{number:012d}.00", "type": "message", "payload": payload} | more


def sha256(secret: str) -> str:
    """The hex hash of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def launch(directory: Path, **settings: Any) -> subprocess.Popen[str]:
    """A coordinator process in this data directory; settings by their names."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    wanted = {"port": 0, "data_dir": directory, "grace_seconds": 0.01} | settings
    environment |= {f"CALLBOARD_{name.upper()}": str(value) for name, value in wanted.items()}
    return subprocess.Popen(
        [sys.executable, "-c", SERVE], env=environment, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )


@contextlib.contextmanager
def serving(directory: Path, **settings: Any) -> Iterator[Coordinator]:
    """A coordinator that listens; ended with what is inside."""
    process = launch(directory, **settings)
    assert process.stderr is not None
    log: list[str] = []
    drainer = threading.Thread(target=log.extend, args=(process.stderr,), daemon=True)
    try:
        for line in process.stderr:
            log.append(line)
            if line.startswith(STARTED):
                break
        else:
            raise AssertionError(f"it ended: {''.join(log)}")
        url = log[-1].removeprefix(STARTED).strip()
        drainer.start()
        with httpx2.Client(timeout=20) as client:
            yield Coordinator(url, directory, str(settings.get("database", "")), process, log, drainer, client)
    finally:
        process.kill()
        process.wait(10)
        if drainer.is_alive():
            drainer.join(10)
        process.stderr.close()
