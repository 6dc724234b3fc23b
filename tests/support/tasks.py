"""Tasks and milestones as a person makes them, and a runner by hand that says what their checks said."""

from typing import Any

import httpx2

from callboard.domain.worker_prompt import history_words_in
from tests.support.coordinator import Coordinator
from tests.support.hand_runner import HandRunner
from tests.support.work import Workshop, made, next_job, report
from tests.support.world import World

FAILING = "E   assert 41 == 42"


class TaskShop(Workshop):
    """A project, its tasks, and the runner that works on them."""

    def __init__(self, world: World, coordinator: Coordinator, issues: int) -> None:
        super().__init__(coordinator)
        self.issues(issues)
        self.runner: HandRunner = world.hand_runner(coordinator)
        self.prompts: list[str] = []
        self.files: list[dict[str, Any]] = []
        """Each state file that was asked for."""

    def set(self, number: int, **settings: Any) -> httpx2.Response:
        """The answer to what is said of a task."""
        body = {"project_id": self.project_id, "number": number} | settings
        return self.coordinator.http.post("/tasks", json=body)

    def task(self, number: int, **settings: Any) -> str:
        """The id of a task that was set."""
        answer = self.set(number, **({"checks": ["test"]} | settings))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["task_id"])

    def milestone(self, title: str, *tasks: int) -> str:
        """The id of a planned milestone."""
        body = {"project_id": self.project_id, "title": title, "tasks": list(tasks)}
        answer = self.coordinator.http.post("/milestones", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["milestone_id"])

    def get(self, path: str) -> dict[str, Any]:
        """What is answered there."""
        answer = self.coordinator.http.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def begun(self, path: str, **body: Any) -> dict[str, Any]:
        """What is begun there, with its worktree."""
        answer = self.coordinator.http.post(path, json=body) if body else self.coordinator.http.post(path)
        assert answer.status_code == 201, answer.text
        order = next_job(self.runner, "prepare")
        assert report(self.runner, order, made(order)).status_code == 200
        started: dict[str, Any] = answer.json()
        return started

    def claim(self) -> dict[str, Any]:
        """The run that waits, with the permission to launch; its prompt says nothing of a past."""
        runs: list[dict[str, Any]] = []
        while not runs:
            answer = self.runner.poll()
            assert answer is not None
            for order in answer.get("jobs", []):
                self.files.append(order["request"]["content"])
                assert report(self.runner, order).status_code == 200
            runs = answer["runs"]
        (claim,) = runs
        assert self.runner.started(claim["run_id"], claim["attempt"]).status_code == 200
        self.prompts.append(claim["prompt"])
        assert history_words_in(claim["prompt"]) == []
        return dict(claim)

    def iterate(self, *exit_codes: int, output: int = 10, **fields: Any) -> dict[str, Any]:
        """One iteration: each check exits with its code, and the agent has used that many tokens."""
        claim = self.claim()
        checks = [
            {"name": one["name"], "exit_code": code, "tail": FAILING if code else "", "duration_ms": 5}
            for one, code in zip(claim["checks"], exit_codes, strict=True)
        ]
        answer = self.runner.complete(
            claim["run_id"], claim["attempt"], checks=checks, usage=[used(claim, output)], **fields
        )
        assert answer.status_code == 200, answer.text
        return claim

    def fails(self, message: str, output: int = 10) -> dict[str, Any]:
        """One iteration whose agent fails."""
        claim = self.claim()
        end = {"event_count": 0, "error_message": message, "usage": [used(claim, output)]}
        assert self.runner.report(claim["run_id"], "failed", claim["attempt"], **end).status_code == 200
        return claim


def used(claim: dict[str, Any], output: int) -> dict[str, Any]:
    """A row of usage of a run."""
    return {"model": "m", "message_id": f"msg-{claim['run_id']}", "output_tokens": output}
