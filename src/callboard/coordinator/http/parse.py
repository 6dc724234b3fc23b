"""Requests become typed values: bodies, query parameters, ids in paths. Every refusal names the place."""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive

from callboard.coordinator.http import text
from callboard.domain import ids
from callboard.domain.agent import is_name
from callboard.domain.choices import with_choices
from callboard.domain.errors import InvalidRequest, NotFound, TooLarge, UnsupportedMedia
from callboard.domain.idempotency import MAX_KEY
from callboard.domain.text import MAX_INTEGER, check_text

T = TypeVar("T")

MAX_QUERY_FIELDS: Final = 50
AT_ONCE_BYTES: Final = 256 * 1024
"""Reading a larger body takes so long that all others would feel it."""
NEVER_EMPTY: Final = frozenset({"ref"})
"""Who asks for the session of an empty reference has lost it, and must not get all sessions."""
MAX_SHOWN: Final = 300
"""How much of what was wrong is shown again, in characters."""
_AT: Final = re.compile(r" - at (?:`key` in )?`\$(.*)`$")
_FIELD: Final = re.compile(r"(?:unknown|required) field `([^`]*)`")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_KEY: Final = re.compile(r"[!-~]+")
PATH_IDS: Final[dict[str, tuple[str, str]]] = {
    "session_id": (ids.SESSION, "session_not_found"),
    "run_id": (ids.RUN, "run_not_found"),
    "runner_id": (ids.RUNNER, "runner_not_found"),
    "approval_id": (ids.APPROVAL, "approval_not_found"),
    "callback_id": (ids.CALLBACK, "callback_not_found"),
    "token_id": (ids.TOKEN, "token_not_found"),
    "project_id": (ids.PROJECT, "project_not_found"),
    "job_id": (ids.JOB, "job_not_found"),
    "task_id": (ids.TASK, "task_not_found"),
    "milestone_id": (ids.MILESTONE, "milestone_not_found"),
}


class ClientLeft(Exception):
    """The client closed the connection before its request was complete; nobody waits for an answer."""


def check_media_type(headers: Mapping[bytes, bytes], needs_body: bool) -> None:
    """UnsupportedMedia unless the body, if there is one, is declared as JSON in UTF-8."""
    declared = headers.get(b"content-type")
    if declared is None:
        if needs_body or headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            raise UnsupportedMedia("The body has no Content-Type.", hint="Send Content-Type: application/json.")
        return
    if declared == b"application/json":
        return
    media, _, parameters = declared.decode("latin-1").lower().partition(";")
    if media.strip() != "application/json" or parameters.strip().replace('"', "") not in ("", "charset=utf-8"):
        raise UnsupportedMedia(
            f"The body is declared as {declared[:100].decode('latin-1')!r}.",
            hint="Send Content-Type: application/json.",
        )


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit_bytes: int) -> bytes:
    """The whole body; TooLarge as soon as it is over its limit, ClientLeft when it breaks off."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and message["type"] == "http.request":
        return _within(body, limit_bytes)
    parts = [body]
    size = len(body)
    while message["type"] == "http.request" and message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit_bytes:
            raise _too_large(limit_bytes)
    if message["type"] != "http.request":
        raise ClientLeft
    return b"".join(parts)


def _within(body: bytes, limit_bytes: int) -> bytes:
    if len(body) > limit_bytes:
        raise _too_large(limit_bytes)
    return body


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The body is over {limit_bytes} bytes.", hint="Send less at once.")


async def beside(body: bytes, work: Callable[[], T]) -> T:
    """What is made of a body; of a large one in a thread, while the loop serves others."""
    return work() if len(body) <= AT_ONCE_BYTES else await asyncio.to_thread(work)


class BodyParser:
    """Reads one kind of body. Of people and agents bad texts are refused, in reports they are mended."""

    def __init__(self, kind: type[msgspec.Struct], *, report: bool, optional: bool) -> None:
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind)
        self._report = report
        self._optional = optional
        self._free = tuple(name for name, hint in get_type_hints(kind).items() if _holds_any_json(hint))

    def parse(self, body: bytes) -> Any:
        """The struct; InvalidRequest or TooLarge with the place of what is wrong."""
        if not body:
            if not self._optional:
                raise InvalidRequest("The body is empty.", code="invalid_json")
            body = b"{}"
        if self._report:
            text.check_unicode(body)
            if text.may_hold_bad_escapes(body):
                body = text.mend(body)
        decoded = self._decode(body)
        if not self._report and self._looks_odd(body, decoded):
            text.check_texts(decoded)
        return decoded

    def _looks_odd(self, body: bytes, decoded: Any) -> bool:
        return b"\\u" in body or len(body) > text.SMALL_BYTES or any(getattr(decoded, name) for name in self._free)

    def _decode(self, body: bytes) -> Any:
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise explain(error, self._kind) from None
        except msgspec.DecodeError as error:
            text.explain_bad_escapes(body)
            raise InvalidRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from None
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"The body is no UTF-8: {error.reason}.", code="invalid_json") from None
        except RecursionError:
            raise InvalidRequest("The body is nested too deeply.") from None


def _holds_any_json(hint: Any) -> bool:
    return hint is Any or any(_holds_any_json(part) for part in getattr(hint, "__args__", ()))


def explain(error: msgspec.ValidationError, kind: type[msgspec.Struct], prefix: str = "") -> InvalidRequest:
    """The refusal that says in words and by a JSON pointer what msgspec found, and what is allowed in place of it."""
    words = str(error)
    place = _AT.search(words)
    inner = _pointer(place[1]) if place else ""
    message = with_choices((words[: place.start()] if place else words)[:MAX_SHOWN], kind, inner)
    pointer = prefix + inner
    if field := _FIELD.search(message):
        pointer += f"/{field[1][:MAX_SHOWN]}"
    detail = f"{pointer}: {message}." if pointer else f"{message}."
    return InvalidRequest(detail, errors=[{"pointer": pointer, "message": message}])


def _pointer(path: str) -> str:
    return re.sub(r"\.|\[(\d+|\.\.\.)\]", lambda found: "/" + (found[1] or ""), path).replace("/...", "/*")


def parse_query(raw: bytes, kind: type[msgspec.Struct]) -> Any:
    """The query struct; empty parameters count as absent, a reference excepted; repeated, unknown ones are refused."""
    if not raw:
        return _convert({}, kind)
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS)
    except UnicodeDecodeError:
        raise InvalidRequest("The query is no UTF-8.", code="invalid_text") from None
    except ValueError:
        raise InvalidRequest(f"The query has more than {MAX_QUERY_FIELDS} parameters.") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise InvalidRequest(f"The parameter {name[:MAX_SHOWN]!r} is given twice.")
        if value or name in NEVER_EMPTY:
            values[check_text(name, "a parameter's name")] = check_text(value, f"?query/{name}")
    return _convert(values, kind)


def _convert(values: dict[str, str], kind: type[msgspec.Struct]) -> Any:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise explain(error, kind, "?query") from None


def parse_id(name: str, value: str) -> str:
    """An id in a path; NotFound when it has not even the form of one."""
    prefix, code = PATH_IDS[name]
    if not ids.is_id(prefix, value):
        raise NotFound(f"{value[:80]!r} is no {name}: those begin with {prefix}_ and are given in full.", code=code)
    return value


def parse_number(value: str) -> int:
    """The number of an issue in a path; NotFound when it cannot be one."""
    if not _NUMBER.fullmatch(value) or int(value) > MAX_INTEGER:
        raise NotFound(f"{value[:80]!r} is no number of an issue.", code="issue_not_found")
    return int(value)


def parse_name(value: str) -> str:
    """The name of an agent in a path; NotFound when it cannot be one."""
    if not is_name(value):
        raise NotFound(f"{value[:80]!r} is no name of an agent: those are plain words.", code="agent_not_found")
    return value


def parse_idempotency_key(headers: Mapping[bytes, bytes]) -> str | None:
    """The Idempotency-Key, or None; InvalidRequest when it is empty, too long or not printable."""
    raw = headers.get(b"idempotency-key")
    if raw is None:
        return None
    key = raw.decode("latin-1").strip()
    if len(key) > MAX_KEY or not _KEY.fullmatch(key):
        raise InvalidRequest(f"An Idempotency-Key has 1 to {MAX_KEY} printable ASCII characters without spaces.")
    return key
