"""Work on issues whose runner and whose worker are the test: its worktree is said to be there, its runs are claimed."""

from typing import Any

import httpx2

from tests.support.coordinator import Coordinator, payload_of, until
from tests.support.hand_runner import HandRunner
from tests.support.work import Workshop, made, report
from tests.support.world import World


class HandWorker:
    """One work session from its spawn on. `told`: the prompt of each run; `files`: each state file asked for."""

    def __init__(self, world: World, coordinator: Coordinator, name: str, count: int = 1, guidance: str = "") -> None:
        place = f"/srv/by-hand/{name}"
        self.coordinator = coordinator
        self.shop = Workshop(coordinator, name, f"{place}/web")
        self.runner: HandRunner = world.hand_runner(coordinator, name, project_dir=place)
        self.shop.issues(count)
        spawned = self.shop.spawned(*range(1, count + 1))
        self.session_id: str = spawned["session_id"]
        self.first_run_id: str = spawned["run_id"]
        self.told: list[str] = []
        self.files: list[dict[str, Any]] = []
        self.stopping: list[str] = []
        self.run_id = ""
        self.attempt = 0
        self.at_work = False
        if guidance:
            self.acted("forward", text=guidance)
        until(self._is_prepared, 10, "the worktree")

    def _is_prepared(self) -> bool:
        self._look(1)
        return bool(self.session()["work"]["state"] == "prepared")

    def _look(self, wait: float = 0.0) -> list[dict[str, Any]]:
        """Does the jobs that one poll brings; the runs of that poll. Its heartbeat says which run it has in hand."""
        self.runner.heartbeat(*([(self.run_id, self.attempt)] if self.at_work else []))
        answer = self.runner.poll(wait) or {}
        self.stopping += [order["run_id"] for order in answer.get("stops", [])]
        for order in answer.get("jobs", []):
            if order["kind"] == "write_state":
                self.files.append(order["request"]["content"])
            done = report(self.runner, order, made(order) if order["kind"] == "prepare" else None)
            assert done.status_code == 200, done.text
        return list(answer.get("runs", []))

    def begin(self, **fields: Any) -> str:
        """Claim the next run and launch it; its id. The worker has its token from now on."""
        claims: list[dict[str, Any]] = []

        def claimed() -> bool:
            claims.extend(self._look(1))
            return claims != []

        until(claimed, 15, "a run")
        (claim,) = claims
        assert claim["session_id"] == self.session_id
        self.told.append(claim["prompt"])
        self.attempt = int(claim["attempt"])
        self.run_id = str(claim["run_id"])
        self.at_work = True
        started = self.runner.started(self.run_id, self.attempt, **fields)
        assert started.status_code == 200, started.text
        return self.run_id

    def no_run(self) -> bool:
        """Whether a poll brings no run."""
        return self._look(0.3) == []

    def until_stopped(self, seconds: float = 10) -> None:
        """Waits for the order to stop the run, and carries it out."""

        def told() -> bool:
            assert self._look(0.2) == []
            return self.run_id in self.stopping

        until(told, seconds, "a stop of the run")
        self.end("stopped")

    def end(self, how: str = "completed", **fields: Any) -> None:
        """The run ends so."""
        self.at_work = False
        answer = self.runner.report(self.run_id, how, self.attempt, **({"event_count": 0} | fields))
        assert answer.status_code == 200, answer.text

    @property
    def token(self) -> str:
        """The session token of the live run."""
        return self.runner.session_tokens[self.run_id]

    def reports(self, status: str, token: str | None = None, **fields: Any) -> httpx2.Response:
        """What the coordinator answers to a report of the worker, or of whoever has this token."""
        with self.coordinator.with_token(token or self.token) as caller:
            return caller.post(f"/sessions/{self.session_id}/lifecycle", json={"report": status} | fields)

    def act(self, action: str, **fields: Any) -> httpx2.Response:
        """What the coordinator answers to an action of a person."""
        body = {"action": action} | fields
        return self.coordinator.http.post(f"/sessions/{self.session_id}/lifecycle", json=body)

    def acted(self, action: str, **fields: Any) -> dict[str, Any]:
        """The session after an action that was taken."""
        answer = self.act(action, **fields)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def session(self) -> dict[str, Any]:
        """The session as people see it."""
        return self.shop.session(self.session_id)

    @property
    def lifecycle(self) -> str:
        """As people see it."""
        return str(self.session()["lifecycle"])

    def changes(self) -> list[tuple[str, str, str, str | None]]:
        """From, to, by whom and why, of every change of the lifecycle."""
        found = [payload_of(event) for event in self.coordinator.events(self.session_id, "lifecycle_changed")]
        return [(one["from"], one["to"], one["by"], one.get("reason")) for one in found]
