"""Routes of tasks and milestones."""

from callboard.coordinator.http.call import Call
from callboard.wire.responses import Page
from callboard.wire.tasks import Milestone, Task, TaskStarted


async def set_task(call: Call) -> Task:
    """POST /tasks."""
    return await call.services.tasks.set(call.caller, call.body)


async def list_tasks(call: Call) -> Page:
    """GET /tasks."""
    asked = call.query
    return await call.services.tasks.list(
        call.caller,
        project_id=asked.project_id,
        milestone_id=asked.milestone_id,
        number=asked.number,
        page=asked.page,
        limit=asked.limit,
    )


async def show_task(call: Call) -> Task:
    """GET /tasks/{task_id}."""
    return await call.services.tasks.get(call.caller, call.id)


async def run_task(call: Call) -> TaskStarted:
    """POST /tasks/{task_id}/run."""
    return await call.services.tasks.run(call.caller, call.id, call.body, call.idempotency)


async def set_and_run_task(call: Call) -> TaskStarted:
    """POST /tasks/run."""
    return await call.services.tasks.set_and_run(call.caller, call.body, call.idempotency)


async def create_milestone(call: Call) -> Milestone:
    """POST /milestones."""
    return await call.services.milestones.create(call.caller, call.body, call.idempotency)


async def list_milestones(call: Call) -> Page:
    """GET /milestones."""
    asked = call.query
    return await call.services.milestones.list(
        call.caller, project_id=asked.project_id, number=asked.number, page=asked.page, limit=asked.limit
    )


async def show_milestone(call: Call) -> Milestone:
    """GET /milestones/{milestone_id}."""
    return await call.services.milestones.get(call.caller, call.id)


async def start_milestone(call: Call) -> TaskStarted:
    """POST /milestones/{milestone_id}/start."""
    return await call.services.milestones.start(call.caller, call.id, call.body, call.idempotency)


async def end_milestone(call: Call) -> Milestone:
    """POST /milestones/{milestone_id}/end."""
    return await call.services.milestones.end(call.caller, call.id, call.body)
