"""Calls on tasks and milestones."""

from callboard.client.call import Call, PageOf, path, query
from callboard.client.idempotency import new_key
from callboard.wire.tasks import (
    EndMilestone,
    Milestone,
    NewMilestone,
    RunTask,
    SetAndRunTask,
    SetTask,
    Task,
    TaskStarted,
)


def set_task(body: SetTask) -> Call[Task]:
    """Say how an issue is worked on as a task; said again, what is given is changed."""
    return Call(method="POST", path=path("tasks"), body=body, response=Task, repeatable=True)


def list_tasks(
    *,
    project_id: str | None = None,
    milestone_id: str | None = None,
    number: int | None = None,
    page: str | None = None,
    limit: int | None = None,
) -> Call[PageOf[Task]]:
    """A page of tasks, newest first."""
    wanted = query(project_id=project_id, milestone_id=milestone_id, number=number, page=page, limit=limit)
    return Call(method="GET", path=path("tasks"), query=wanted, response=PageOf[Task], repeatable=True)


def get_task(task_id: str) -> Call[Task]:
    """One task."""
    return Call(method="GET", path=path("tasks", task_id), response=Task, repeatable=True)


def run_task(task_id: str, body: RunTask, *, idempotency_key: str | None = None) -> Call[TaskStarted]:
    """Work on a task until its checks pass."""
    key = idempotency_key or new_key()
    where = path("tasks", task_id, "run")
    return Call(method="POST", path=where, body=body, response=TaskStarted, idempotency_key=key)


def set_and_run_task(body: SetAndRunTask, *, idempotency_key: str | None = None) -> Call[TaskStarted]:
    """Say how an issue is worked on as a task, and work on it; both or neither."""
    key = idempotency_key or new_key()
    return Call(method="POST", path=path("tasks", "run"), body=body, response=TaskStarted, idempotency_key=key)


def create_milestone(body: NewMilestone, *, idempotency_key: str | None = None) -> Call[Milestone]:
    """Plan a milestone."""
    key = idempotency_key or new_key()
    return Call(method="POST", path=path("milestones"), body=body, response=Milestone, idempotency_key=key)


def list_milestones(
    *, project_id: str | None = None, number: int | None = None, page: str | None = None, limit: int | None = None
) -> Call[PageOf[Milestone]]:
    """A page of milestones, newest first."""
    wanted = query(project_id=project_id, number=number, page=page, limit=limit)
    return Call(method="GET", path=path("milestones"), query=wanted, response=PageOf[Milestone], repeatable=True)


def get_milestone(milestone_id: str) -> Call[Milestone]:
    """One milestone with its tasks."""
    return Call(method="GET", path=path("milestones", milestone_id), response=Milestone, repeatable=True)


def start_milestone(milestone_id: str, body: RunTask, *, idempotency_key: str | None = None) -> Call[TaskStarted]:
    """Work on all its tasks in one session."""
    key = idempotency_key or new_key()
    where = path("milestones", milestone_id, "start")
    return Call(method="POST", path=where, body=body, response=TaskStarted, idempotency_key=key)


def end_milestone(milestone_id: str, body: EndMilestone) -> Call[Milestone]:
    """Have its summary written, and close its session; said again, the same."""
    where = path("milestones", milestone_id, "end")
    return Call(method="POST", path=where, body=body, response=Milestone, repeatable=True)
