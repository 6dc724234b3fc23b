"""Routes of work: projects, their issues and jobs, and spawn."""

from callboard.coordinator.http.call import Call
from callboard.coordinator.http.held import unless_gone
from callboard.domain.errors import Unavailable
from callboard.wire.jobs import DiffText
from callboard.wire.responses import Page
from callboard.wire.work import Issue, Job, Project, Spawned


async def add_project(call: Call) -> Project:
    """POST /projects."""
    return await call.services.projects.add(call.caller, call.body, call.idempotency)


async def list_projects(call: Call) -> Page:
    """GET /projects."""
    asked = call.query
    return await call.services.projects.list(
        call.caller, name=asked.name, hostname=asked.hostname, path=asked.path, page=asked.page, limit=asked.limit
    )


async def show_project(call: Call) -> Project:
    """GET /projects/{project_id}."""
    return await call.services.projects.get(call.caller, call.id)


async def change_project(call: Call) -> Project:
    """PATCH /projects/{project_id}."""
    return await call.services.projects.change(call.caller, call.id, call.body)


async def remove_project(call: Call) -> None:
    """DELETE /projects/{project_id}."""
    await call.services.projects.remove(call.caller, call.id)


async def remove_location(call: Call) -> Project:
    """DELETE /projects/{project_id}/locations."""
    asked = call.query
    return await call.services.projects.remove_location(call.caller, call.id, asked.hostname, asked.path)


async def create_issue(call: Call) -> Issue:
    """POST /projects/{project_id}/issues."""
    return await call.services.issues.create(call.caller, call.id, call.body, call.idempotency)


async def list_issues(call: Call) -> Page:
    """GET /projects/{project_id}/issues."""
    return await call.services.issues.list(call.caller, call.id, call.query)


async def show_issue(call: Call) -> Issue:
    """GET /projects/{project_id}/issues/{number}."""
    return await call.services.issues.get(call.caller, call.id, call.number)


async def change_issue(call: Call) -> Issue:
    """PATCH /projects/{project_id}/issues/{number}."""
    return await call.services.issues.change(call.caller, call.id, call.number, call.body)


async def spawn(call: Call) -> Spawned:
    """POST /projects/{project_id}/spawn."""
    return await call.services.spawn.spawn(call.caller, call.id, call.body, call.idempotency)


async def ask_project(call: Call) -> Job:
    """POST /projects/{project_id}/jobs."""
    return await call.services.job_requests.of_project(call.caller, call.id, call.body, call.idempotency)


async def ask_session(call: Call) -> Job:
    """POST /sessions/{session_id}/jobs."""
    return await call.services.job_requests.of_session(call.caller, call.id, call.body, call.idempotency)


async def show_diff(call: Call) -> DiffText:
    """GET /sessions/{session_id}/diff; held until a runner has told it."""
    async with call.process.held.watch(call.receive, call.check_token) as gone:
        found = await unless_gone(gone, call.services.job_requests.diff(call.caller, call.id))
    if found is None:
        raise Unavailable("The coordinator is being stopped.", hint="Try again shortly.")
    return found


async def show_job(call: Call) -> Job:
    """GET /jobs/{job_id}."""
    return await call.services.jobs.get(call.caller, call.id)


async def wait_for_job(call: Call) -> Job:
    """GET /jobs/{job_id}/wait; a drain of the coordinator answers early with the job as it is."""
    async with call.process.held.watch(call.receive, call.check_token) as gone:
        job = await unless_gone(gone, call.services.jobs.wait(call.caller, call.id, call.query.timeout))
    return job or await call.services.jobs.get(call.caller, call.id)


async def report_job(call: Call) -> Job:
    """POST /runner/jobs/{job_id}."""
    return await call.services.jobs.ended(call.caller, call.id, call.body)
