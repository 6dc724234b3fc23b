"""The API described in OpenAPI 3.1, made from the route table and the wire structs; `python -m` prints it."""

import re
import sys
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from callboard import __version__
from callboard.coordinator.http.access import MEANING
from callboard.coordinator.http.route import Route
from callboard.coordinator.http.routes import ROUTES
from callboard.domain.agent import AgentName
from callboard.domain.errors import CODES
from callboard.domain.idempotency import MAX_KEY
from callboard.wire import queries
from callboard.wire.responses import Page, Problem
from callboard.wire.work import IssueNumber

_REF: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_ID_TYPES: Final[dict[str, Any]] = {
    "session_id": queries.SessionId,
    "run_id": queries.RunId,
    "runner_id": queries.RunnerId,
    "approval_id": queries.ApprovalId,
    "callback_id": queries.CallbackId,
    "token_id": queries.TokenId,
    "project_id": queries.ProjectId,
    "job_id": queries.JobId,
    "task_id": queries.TaskId,
    "milestone_id": queries.MilestoneId,
    "number": IssueNumber,
    "name": AgentName,
}
_MEDIA: Final = {
    "openapi": "application/json",
    "metrics": "text/plain",
    "handle_mcp": "application/json",
    "stream": "text/event-stream",
}


def describe(routes: Iterable[Route] = ROUTES) -> dict[str, Any]:
    """The description as JSON values."""
    shown = [route for route in routes if ":path}" not in route.path]
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        paths.setdefault(_PARAMETER.sub(r"{\1}", route.path), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Callboard",
            "version": __version__,
            "description": "Generated from the route table; `make docs` writes it again.",
        },
        "paths": paths,
        "components": {
            "schemas": _components(shown),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def describe_as_json() -> bytes:
    """The description as the file that is checked in."""
    return msgspec.json.format(msgspec.json.encode(describe()), indent=2) + b"\n"


def _structs(routes: Iterable[Route]) -> list[type[msgspec.Struct]]:
    kinds: list[type[msgspec.Struct]] = [
        Problem,
        *(
            kind
            for route in routes
            for kind in (route.request, route.external_request, route.response, route.items)
            if kind is not None and kind is not Page
        ),
    ]
    return list(dict.fromkeys(kinds))


def _components(routes: Iterable[Route]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components(_structs(routes), ref_template=_REF)
    components["Problem"]["properties"]["code"] = {"type": "string", "enum": sorted(CODES)}
    return dict(sorted(components.items()))


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name if route.name != "page" else f"page_{route.path.strip('/')}",
        "summary": route.summary,
        "description": f"For {MEANING[route.access]}.",
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route),
    }
    if route.access == "open":
        operation["security"] = []
    if route.request is not None:
        operation["requestBody"] = {
            "required": not route.optional_body,
            "content": _json_content(_request_schema(route)),
        }
    return operation


def _request_schema(route: Route) -> dict[str, Any]:
    kinds = [kind for kind in (route.request, route.external_request) if kind is not None]
    references = [{"$ref": _REF.format(name=kind.__name__)} for kind in kinds]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(_ID_TYPES[name])}
        for name in _PARAMETER.findall(route.path)
        if name in _ID_TYPES
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = msgspec.json.schema(route.query)["$defs"][route.query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "schema": _without_null(about),
        }
        for name, about in schema["properties"].items()
    ]


def _without_null(about: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is null is not there."""
    kinds = [kind for kind in about.get("anyOf", ()) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else {name: value for name, value in about.items() if value is not None}


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    if route.conditional:
        about = {"type": "string", "pattern": '^(\\*|"[^"]*")$', "maxLength": 200}
        return [{"name": "If-Match", "in": "header", "required": True, "schema": about}]
    if not route.creates:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$"}
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema}]


def _responses(route: Route) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status in (route.status, *route.also):
        answers[str(status)] = {"description": _description(status)} | _success(route, status)
    problem = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    if route.repeated:
        answers["409"] = {"description": f"Refused; to a repeat: {route.repeated}.", "content": problem}
    answers["default"] = {"description": "Refused.", "content": problem}
    return dict(sorted(answers.items()))


def _description(status: int) -> str:
    return {201: "Created.", 204: "Done, or nothing to tell.", 307: "Elsewhere."}.get(status, "The answer.")


def _success(route: Route, status: int) -> dict[str, Any]:
    if status in (204, 307):
        return {}
    if route.items is not None:
        return {"content": _json_content(_page_of(route.items))}
    if route.response is not None:
        return {"content": _json_content({"$ref": _REF.format(name=route.response.__name__)})}
    return {"content": {_MEDIA.get(route.name, "text/html"): {}}}


def _page_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"$ref": _REF.format(name=kind.__name__)}},
            "next_page": {"type": ["string", "null"]},
            "limit": {"type": "integer"},
        },
        "required": ["items", "next_page", "limit"],
    }


def _json_content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


if __name__ == "__main__":
    sys.stdout.buffer.write(describe_as_json())
