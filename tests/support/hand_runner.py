"""A runner that a test leads by hand: it registers, claims and reports through raw HTTP, and launches nothing."""

import hashlib
import secrets
from typing import Any

import httpx2

from tests.support.coordinator import Coordinator


def sha256_of(secret: str) -> str:
    """What the coordinator stores of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


class HandRunner:
    """One process of one runner."""

    def __init__(self, coordinator: Coordinator, name: str, **offer: Any) -> None:
        self._credential = "cbr_" + secrets.token_urlsafe(32)
        self._order = {
            "hostname": "by-hand",
            "project_dir": "/srv/by-hand",
            "name": name,
            "credential_sha256": sha256_of(self._credential),
            "launch_token": secrets.token_urlsafe(16),
            "executor_types": ["scripted"],
            "slots": 10,
        } | offer
        with coordinator.with_token(coordinator.secret("runner-token")) as joining:
            answer = joining.post("/runner/register", json=self._order)
        assert answer.status_code == 200, answer.text
        registered = answer.json()
        self.runner_id: str = registered["runner_id"]
        self.epoch: int = registered["epoch"]
        self.http = coordinator.with_token(self._credential)
        self.session_tokens: dict[str, str] = {}

    @property
    def token(self) -> str:
        return self._credential

    def close(self) -> None:
        """Close its connections."""
        self.http.close()

    def poll(self, wait: float = 10, slots: int = 1) -> dict[str, Any] | None:
        """What one poll brings; None when that is nothing."""
        query: dict[str, str | float] = {"runner_id": self.runner_id, "epoch": self.epoch, "wait": wait, "slots": slots}
        answer = self.http.get("/runner/runs", params=query)
        if answer.status_code == 204:
            return None
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def claim(self, run_id: str) -> dict[str, Any]:
        """Claim the run that waits, which must be this one."""
        answer = self.poll()
        assert answer is not None, "no run was given"
        (claim,) = answer["runs"]
        assert claim["run_id"] == run_id
        return dict(claim)

    def report(self, run_id: str, what: str, attempt: int, **fields: Any) -> httpx2.Response:
        """Post one of /runner/runs/{id}/…."""
        return self.http.post(f"/runner/runs/{run_id}/{what}", json=self._sender(attempt) | fields)

    def started(self, run_id: str, attempt: int = 1, **fields: Any) -> httpx2.Response:
        """Ask for the permission to launch, with a fresh session token."""
        token = self.session_tokens.setdefault(run_id, "cbs_" + secrets.token_urlsafe(32))
        return self.report(run_id, "started", attempt, session_token_sha256=sha256_of(token), **fields)

    def begin(self, run_id: str) -> int:
        """Claim a run and get the permission to launch; the number of the attempt."""
        attempt = int(self.claim(run_id)["attempt"])
        answer = self.started(run_id, attempt)
        assert answer.status_code == 200, answer.text
        return attempt

    def complete(self, run_id: str, attempt: int = 1, **fields: Any) -> httpx2.Response:
        """Report that the attempt completed."""
        return self.report(run_id, "completed", attempt, **({"event_count": 0} | fields))

    def post_events(self, session_id: str, run_id: str, attempt: int, *events: dict[str, Any]) -> httpx2.Response:
        """Add events to the session's log."""
        body = self._sender(attempt) | {"run_id": run_id, "events": list(events)}
        return self.http.post(f"/sessions/{session_id}/events", json=body)

    def bind(self, session_id: str, run_id: str, attempt: int, native_id: str, **fields: Any) -> httpx2.Response:
        """Say which conversation carries the session."""
        bound = {"executor_session_id": native_id, "executor_type": "scripted", "hostname": "by-hand"}
        body = self._sender(attempt) | {"run_id": run_id, "project_dir": "/srv/by-hand"} | bound | fields
        return self.http.post(f"/sessions/{session_id}/bind", json=body)

    def heartbeat(self, *attempts: tuple[str, int]) -> dict[str, Any]:
        """Renew the leases of these attempts."""
        held = [{"run_id": run_id, "attempt": attempt} for run_id, attempt in attempts]
        body = {"runner_id": self.runner_id, "epoch": self.epoch, "attempts": held}
        answer = self.http.post("/runner/heartbeat", json=body)
        assert answer.status_code == 200, answer.text
        beat: dict[str, Any] = answer.json()
        return beat

    def _sender(self, attempt: int) -> dict[str, Any]:
        return {"runner_id": self.runner_id, "epoch": self.epoch, "attempt": attempt}
