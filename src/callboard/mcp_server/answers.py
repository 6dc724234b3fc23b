"""Small answers for an agent, made from the API's: what it needs to go on, and no more."""

import json
from typing import Any, Final

import msgspec

from callboard.domain.errors import CallboardError, Unavailable
from callboard.mcp_server.arguments import RESULT_CHARACTERS
from callboard.wire.agents import AgentListed
from callboard.wire.responses import Run, Session

_HINTS: Final = {
    "session_not_found": "list_sessions shows the sessions that you may use.",
    "parent_not_found": "list_sessions shows the sessions that you may use.",
    "run_not_found": "list_sessions shows the sessions that you may use, each with its latest run.",
    "invalid_id": "Give an id as start_agent_session or list_sessions answered it, in full.",
    "run_not_finished": "Call wait_agent_session first.",
    "unauthenticated": "Your token has ended with your run, or was revoked. Do nothing more here: end your turn.",
    "idempotency_mismatch": "A request_id belongs to one request: use a new one for another.",
    "session_archived": "Start a new session instead.",
    "not_work": "Leave status out and give text: your session works on no issue.",
    "agent_not_found": "Call list_agents, or leave agent_name out to run the prompt as it is.",
}
"""Next steps where the API's own hint names commands for people."""
_MESSAGES: Final = {"idempotency_mismatch": "This request_id came with another request before."}
"""What an agent is told where the API's own sentence names what it never sees."""
LEAST_CHARACTERS: Final = 400
DESCRIPTION_CHARACTERS: Final = 300


def error_of(error: CallboardError) -> dict[str, Any]:
    """An error in the API's words, with a next step that an agent can take."""
    hint = _HINTS.get(error.code) or error.hint
    if isinstance(error, Unavailable):
        hint = "Call again in a moment, with the same request_id."
    more = present(hint=hint or None, errors=error.errors or None)
    return {"error": {"code": error.code, "message": _MESSAGES.get(error.code, error.detail)} | more}


def agent_line(agent: AgentListed) -> dict[str, Any]:
    """An agent in a list."""
    return present(
        agent_name=agent.name,
        description=" ".join(agent.description.split())[:DESCRIPTION_CHARACTERS] or None,
        executor_type=agent.executor,
        parameters_schema=agent.parameters_schema,
    )


def session_line(session: Session) -> dict[str, Any]:
    """A session in a list."""
    return present(
        session_id=session.session_id,
        status=session.status,
        title=session.title,
        agent_name=session.agent_name,
        parent_session_id=session.parent_session_id,
        latest_run_id=session.latest_run_id,
        queued_runs=session.queued_runs or None,
    )


def session_status(session: Session, run_status: str | None, why: str | None) -> dict[str, Any]:
    """How a session and its latest run are; `why` says why that waits."""
    return session_line(session) | present(
        latest_run_status=run_status,
        executor_type=session.executor_type,
        project_dir=session.project_dir,
        waiting_for=session.waiting_for,
        reason=session.reason,
        reason_text=session.reason_text,
        why=why,
        summary=session.summary,
        children=msgspec.to_builtins(session.children) if session.children.total else None,
        usage=present(
            input_tokens=session.usage.input_tokens,
            output_tokens=session.usage.output_tokens,
            cost_microdollars=session.usage.cost_microdollars,
        ),
        updated_at=session.updated_at,
    )


def run_line(run: Run) -> dict[str, Any]:
    """A run that has not ended."""
    return {"session_id": run.session_id, "run_id": run.run_id, "status": run.status}


def run_end(run: Run, characters: int = RESULT_CHARACTERS, offset: int = 0) -> dict[str, Any]:
    """A run that has ended, with so much of its result, and where the rest begins."""
    text = run.result_text
    data: Any = None
    if run.result_data is not None:
        text = json.dumps(run.result_data, ensure_ascii=False, separators=(",", ":"))
        if offset == 0 and len(text) <= characters:
            text, data = None, run.result_data
    end = offset + characters
    cut = text is not None and end < len(text)
    error = None if run.error is None else {"code": run.error.code, "message": run.error.message[:characters]}
    return run_line(run) | present(
        reason=run.reason if run.reason != run.status else None,
        error=error,
        result_text=None if text is None else text[offset:end],
        result_data=data,
        total_characters=len(text) if text is not None and cut else None,
        next_offset=end if cut else None,
    )


def share(count: int) -> int:
    """How much of each result fits into one answer, in characters."""
    return max(LEAST_CHARACTERS, RESULT_CHARACTERS // max(1, count))


def present(**values: Any) -> dict[str, Any]:
    """The values that are there."""
    return {name: value for name, value in values.items() if value is not None}
