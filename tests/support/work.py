"""Projects, issues and spawns as a person makes them through the API, and a runner that does jobs by hand."""

from typing import Any

import httpx2

from tests.support.coordinator import Coordinator
from tests.support.hand_runner import HandRunner

REPOSITORY = "/srv/by-hand/web"


class Workshop:
    """A project of a coordinator at the place where a runner by hand may work."""

    def __init__(self, coordinator: Coordinator, name: str = "web", path: str = REPOSITORY, **project: Any) -> None:
        self.coordinator = coordinator
        body = {"name": name, "hostname": "by-hand", "path": path, "default_branch": "main"} | project
        answer = coordinator.http.post("/projects", json=body)
        assert answer.status_code == 201, answer.text
        self.project_id: str = answer.json()["project_id"]

    def issue(self, title: str, body: str = "") -> int:
        """A new issue; its number."""
        answer = self.coordinator.http.post(f"/projects/{self.project_id}/issues", json={"title": title, "body": body})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["number"])

    def issues(self, count: int) -> None:
        """Issues with the numbers 1, 2, 3 and so on."""
        for number in range(1, count + 1):
            assert self.issue(f"Issue {number}") == number

    def spawn(self, *issues: int, **fields: Any) -> httpx2.Response:
        """The answer to a spawn."""
        body = {"issues": list(issues)} | fields
        return self.coordinator.http.post(f"/projects/{self.project_id}/spawn", json=body)

    def spawned(self, *issues: int, **fields: Any) -> dict[str, Any]:
        """A spawn that was taken."""
        answer = self.spawn(*issues, **fields)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def job(self, job_id: str, seconds: float = 20) -> dict[str, Any]:
        """A job, once it has ended."""
        answer = self.coordinator.http.get(f"/jobs/{job_id}/wait", params={"timeout": seconds})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def session(self, session_id: str) -> dict[str, Any]:
        """A session as it is answered."""
        answer = self.coordinator.http.get(f"/sessions/{session_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def next_job(runner: HandRunner, kind: str) -> dict[str, Any]:
    """The job that the runner's poll brings, which must be of this kind."""
    answer = runner.poll()
    assert answer is not None, f"no job {kind} was given"
    (order,) = answer["jobs"]
    assert order["kind"] == kind, order
    return dict(order)


def report(runner: HandRunner, order: dict[str, Any], answer: Any = None, **error: Any) -> httpx2.Response:
    """Report the end of a job."""
    body = {"runner_id": runner.runner_id, "epoch": runner.epoch, "answer": answer} | error
    return runner.http.post(f"/runner/jobs/{order['job_id']}", json=body)


def made(order: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What a runner answers that has prepared a worktree."""
    asked = order["request"]
    parent = order["path"].rpartition("/")[0]
    return {
        "hostname": "by-hand",
        "path": f"{parent}/{asked['directory_name']}",
        "branch": asked["branch"],
        "base_branch": asked.get("base_branch", "main"),
        "base_commit": "0" * 40,
        "branch_created": True,
        "issues": asked["issues"],
    } | changes
