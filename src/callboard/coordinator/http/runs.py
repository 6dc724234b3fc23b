"""Routes of runs."""

from callboard.coordinator.http.call import Call
from callboard.coordinator.http.held import unless_gone
from callboard.wire.agents import AgentOfRun
from callboard.wire.responses import Page, Run, RunCreated, Stopped, Why


async def create_run(call: Call) -> RunCreated:
    """POST /runs."""
    agent_session_id, traceparent = call.header(b"x-agent-session-id"), call.header(b"traceparent")
    return await call.services.runs.create(call.caller, call.body, agent_session_id, traceparent, call.idempotency)


async def list_runs(call: Call) -> Page:
    """GET /runs."""
    asked = call.query
    return await call.services.runs.list(
        call.caller,
        status=asked.status,
        session_id=asked.session_id,
        runner_id=asked.runner_id,
        page=asked.page,
        limit=asked.limit,
    )


async def show_run(call: Call) -> Run:
    """GET /runs/{run_id}."""
    return await call.services.runs.get(call.caller, call.id)


async def explain_run(call: Call) -> Why:
    """GET /runs/{run_id}/why."""
    return await call.services.why.explain(call.caller, call.id)


async def show_agent_of_run(call: Call) -> AgentOfRun:
    """GET /runs/{run_id}/agent."""
    return await call.services.runs.agent(call.caller, call.id)


async def list_queue(call: Call) -> Page:
    """GET /queue."""
    return await call.services.why.queue(call.caller, call.query.page, call.query.limit)


async def wait_for_run(call: Call) -> Run:
    """GET /runs/{run_id}/wait; a drain of the coordinator answers early with the run as it is."""
    async with call.process.held.watch(call.receive, call.check_token) as gone:
        run = await unless_gone(gone, call.services.runs.wait(call.caller, call.id, call.query.timeout))
    return run or await call.services.runs.get(call.caller, call.id)


async def stop_run(call: Call) -> Stopped:
    """POST /runs/{run_id}/stop."""
    return await call.services.stops.stop_run(call.caller, call.id)


async def retry_run(call: Call) -> RunCreated:
    """POST /runs/{run_id}/retry."""
    return await call.services.runs.retry(call.caller, call.id, call.idempotency)
