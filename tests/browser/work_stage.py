"""What the tests of the pages of work look at: a project with work in several states. Knows no page."""

from typing import Any, Final

from tests.support.coordinator import QUICK, Coordinator, until
from tests.support.repository import Repository
from tests.support.work import Workshop
from tests.support.world import World, hold

HOSTILE: Final = "<img src=x onerror=alert(1)> [l](javascript:alert(2)) exe.\u202egnp"
CHECKS: Final = '[checks.test]\nargv = ["sh", "-c", "echo boom; exit 3"]\n'
TITLES: Final = ("The login test is flaky", "Use JWT", HOSTILE, "Taken soon", "Too late", "Fails its check", "Left")


class Stage:
    """A project with work in several states: two issues at work, a task that failed its check, a planned milestone."""

    def __init__(self, world: World) -> None:
        self.repository = Repository(world.project)
        self.coordinator: Coordinator = world.coordinator(**QUICK)
        self.shop = Workshop(self.coordinator, "shop", str(world.project), hostname="here")
        for title in TITLES:
            self.shop.issue(title, HOSTILE)
        world.runner(self.coordinator, hostname="here", tables=CHECKS)
        self.post("/agents", name="worker", executor="scripted", permission_mode="full", system_prompt=hold("never"))
        self.post("/agents", name="absent", executor="codex")
        self.held = self.shop.spawned(1, 2, agent_name="worker")
        task = self.post("/tasks", project_id=self.shop.project_id, number=6, checks=["test"], max_iterations=1)
        self.failed: str = self.post(f"/tasks/{task['task_id']}/run")["session_id"]
        self.post("/milestones", project_id=self.shop.project_id, title="First light", tasks=[7])
        self.until(self.held["session_id"], "working")
        self.until(self.failed, "stuck")

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.coordinator.http.post(path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def until(self, session_id: str, lifecycle: str) -> None:
        until(lambda: self.shop.session(session_id)["lifecycle"] == lifecycle, 20, lifecycle)
