"""Checks a request for a run, as far as it can be checked without the store: words, sizes, schema, executor."""

import posixpath
import re

from callboard.domain.demands import Demands
from callboard.domain.errors import InvalidRequest
from callboard.domain.ids import RUN, SESSION, is_id
from callboard.domain.text import MAX_PROMPT_BYTES, check_text, check_tree
from callboard.wire.requests import CreateRun

BUILT_IN_EXECUTORS = ("claude-code", "codex", "acp", "command", "scripted")
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


def check_request(request: CreateRun) -> None:
    """InvalidRequest says what is wrong with the request; whether its parameters fit is for the agent's schema."""
    if request.type == "resume_session" and request.session_id is None:
        raise InvalidRequest(
            "resume_session needs session_id.", errors=[{"pointer": "/session_id", "message": "missing"}]
        )
    if request.type == "start_session" and request.session_id is not None:
        raise InvalidRequest(
            "start_session takes no session_id: the coordinator gives it.",
            errors=[{"pointer": "/session_id", "message": "not allowed with start_session"}],
        )
    for name in ("session_id", "parent_session_id"):
        value = getattr(request, name)
        if value is not None:
            check_id(SESSION, value, f"/{name}")
    if request.type == "resume_session":
        _check_unchangeable(request)
        _check_budget(request)
    if request.from_log and request.type != "resume_session":
        raise InvalidRequest(
            "from_log goes on from a stored log, so it needs resume_session.",
            errors=[{"pointer": "/from_log", "message": "only with resume_session"}],
        )
    _check_on_lost(request)
    _check_project_dir(request)
    _check_input(request)


def _check_unchangeable(request: CreateRun) -> None:
    for name in ("title", "labels", "project", "portable"):
        if getattr(request, name) is not None:
            raise InvalidRequest(
                f"A resume does not change the {name} of its session.",
                hint="PATCH /sessions/{id} changes title and labels; the others stay.",
                errors=[{"pointer": f"/{name}", "message": "not allowed with resume_session"}],
            )


def _check_budget(request: CreateRun) -> None:
    """A budget is a session's, so that only what creates one may say it."""
    for name in ("budget_microdollars", "budget_tokens"):
        if request.limits is not None and getattr(request.limits, name) is not None:
            raise InvalidRequest(
                "A resume does not change the budget of its session.",
                hint=f"A person raises or lowers it: callboard budget {request.session_id}",
                errors=[{"pointer": f"/limits/{name}", "message": "not allowed with resume_session"}],
            )


def _check_on_lost(request: CreateRun) -> None:
    if request.on_lost == "retry" and not request.repeatable:
        raise InvalidRequest(
            "on_lost=retry is only for runs that may be repeated.",
            hint="Add repeatable: true if doing it twice does no harm, or use on_lost=wait.",
            errors=[{"pointer": "/on_lost", "message": "needs repeatable"}],
        )


def _check_project_dir(request: CreateRun) -> None:
    more = request.additional_demands
    for pointer, value in (
        ("/project_dir", request.project_dir),
        ("/additional_demands/project_dir", more.project_dir if more else None),
    ):
        if value is not None and (not value.startswith("/") or ".." in value.split("/")):
            raise InvalidRequest(
                f"{pointer[1:]} must be an absolute path without '..'.",
                errors=[{"pointer": pointer, "message": "not an absolute path without '..'"}],
            )


def check_id(prefix: str, value: str, pointer: str) -> str:
    """The id itself; InvalidRequest `invalid_id` when it has not the form of its kind."""
    if not is_id(prefix, value):
        raise InvalidRequest(
            f"{value[:80]!r} is not an id of the form {prefix}_….",
            code="invalid_id",
            errors=[{"pointer": pointer, "message": f"not of the form {prefix}_…"}],
        )
    return value


def check_run_id(value: str) -> str:
    """The run id itself, checked."""
    return check_id(RUN, value, "/run_id")


def check_session_id(value: str) -> str:
    """The session id itself, checked."""
    return check_id(SESSION, value, "/session_id")


def _check_input(request: CreateRun) -> None:
    if (request.prompt is None) == (request.parameters is None):
        raise InvalidRequest(
            "Give exactly one of prompt and parameters.",
            errors=[{"pointer": "/prompt", "message": "exactly one of prompt and parameters"}],
        )
    if request.prompt is not None:
        check_text(request.prompt, "/prompt", limit_bytes=MAX_PROMPT_BYTES, empty=False)
    check_tree(request.parameters, "/parameters")


def named_executor(request: CreateRun) -> str | None:
    """The executor that a request names, itself or among its additional demands; None leaves it to others."""
    more = request.additional_demands
    return request.executor_type or (more.executor_type if more else None)


def requested_demands(request: CreateRun, executor_type: str) -> tuple[Demands, Demands | None]:
    """What the request itself demands, and what its additional demands add."""
    own = Demands(executor_type=request.executor_type or executor_type, project_dir=_plain(request.project_dir))
    more = request.additional_demands
    if more is None:
        return own, None
    return own, Demands(
        executor_type=more.executor_type or own.executor_type,
        hostname=more.hostname,
        project_dir=_plain(more.project_dir),
        tags=tuple(more.tags),
    )


def _plain(directory: str | None) -> str | None:
    """A directory without what does not change it: a slash at its end, doubled slashes, dots."""
    return None if directory is None else posixpath.normpath("/" + directory.lstrip("/"))


def valid_traceparent(value: str | None) -> str | None:
    """The W3C traceparent header, or None when it has not that form."""
    return value if value and _TRACEPARENT.match(value) else None
