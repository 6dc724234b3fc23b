"""What the agent of a run adds to its request: defaults, demands, and how its parameters become a prompt.

Knows neither where agents are kept nor the tree.
"""

import html
import json
from typing import Any, Final

import msgspec

from callboard.domain.agent import AgentDemands, AgentLimits, plain_directory
from callboard.domain.demands import Demands
from callboard.domain.errors import InvalidRequest
from callboard.domain.json_schema import misfits
from callboard.domain.text import check_text
from callboard.wire.requests import CreateRun

Snapshot = dict[str, Any]
PROMPT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"prompt": {"type": "string", "minLength": 1}},
    "required": ["prompt"],
    "additionalProperties": False,
}


def prompt_of(request: CreateRun, agent: Snapshot | None) -> str:
    """The prompt that the agent gets. InvalidRequest `invalid_parameters` when the parameters do not fit.

    With a parameters_schema the parameters are the whole input of a new session; a later run may also just be told
    something.
    """
    schema = (agent or {}).get("parameters_schema")
    parameters = request.parameters
    if parameters is None and (schema is None or request.type == "resume_session"):
        return request.prompt or ""
    if parameters is None:
        errors = [{"pointer": "/parameters", "message": "missing", "schema": schema}]
        raise _unfit(f"The agent {(agent or {})['name']!r} takes parameters instead of a prompt.", errors)
    found = misfits(schema or PROMPT_SCHEMA, parameters, "/parameters")
    if found and schema is None:
        raise _unfit('The parameters do not fit: without a schema of an agent they are {"prompt": text}.', found)
    if found:
        raise _unfit(f"The parameters do not fit the schema of the agent {(agent or {})['name']!r}.", found)
    return _inputs(parameters) if schema else check_text(str(parameters["prompt"]), "/parameters/prompt", empty=False)


def _inputs(parameters: dict[str, Any]) -> str:
    """The parameters as JSON inside an element that none of their texts can close."""
    text = html.escape(json.dumps(parameters, indent=2, ensure_ascii=False), quote=False)
    return check_text(f"<inputs>\n{text}\n</inputs>", "/parameters")


def _unfit(detail: str, errors: list[dict[str, Any]]) -> InvalidRequest:
    return InvalidRequest(detail, code="invalid_parameters", errors=errors)


def with_defaults(request: CreateRun, agent: Snapshot) -> CreateRun:
    """The request, with what it leaves open as the agent says; rights and limits are for services.inheritance."""
    directory = agent.get("demands", {}).get("project_dir")
    return msgspec.structs.replace(
        request,
        model=request.model or agent.get("model"),
        project_dir=request.project_dir or (None if directory is None else plain_directory(directory)),
    )


def limits_of(agent: Snapshot | None) -> AgentLimits:
    """The limits that hold where the request names none."""
    return msgspec.convert((agent or {}).get("limits", {}), AgentLimits)


def demands_of(agent: Snapshot | None, executor_type: str, *, tags_only: bool) -> Demands | None:
    """What the agent demands; of one that a session goes on with the tags, as the session has its place by now."""
    if agent is None:
        return None
    asked = msgspec.convert(agent.get("demands", {}), AgentDemands)
    tags = tuple(asked.tags)
    if tags_only:
        return Demands(executor_type=executor_type, tags=tags)
    directory = None if asked.project_dir is None else plain_directory(asked.project_dir)
    executor = agent.get("executor") or executor_type
    return Demands(executor_type=executor, hostname=asked.hostname, project_dir=directory, tags=tags)


def is_demanding(agent: Snapshot | None) -> bool:
    """Whether the agent itself says on which machine it runs."""
    asked = (agent or {}).get("demands", {})
    return bool(asked.get("hostname") or asked.get("tags"))


def output_misfits(agent: str | None, data: Any) -> str | None:
    """What of a result does not fit the output schema of a run's agent (JSON text), in words; None when all fits."""
    schema = None if agent is None else json.loads(agent).get("output_schema")
    if schema is None:
        return None
    found = misfits(schema, data)
    return "\n".join(f"{one['pointer'] or '/'}: {one['message']}" for one in found) or None
