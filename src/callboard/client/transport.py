"""Sends calls over HTTP, from coroutines or from plain code; knows nothing of what a call means."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Self, TypedDict, TypeVar
from urllib.parse import urlsplit

import msgspec

from callboard import __version__
from callboard.client import clock
from callboard.client.call import Call, QueryValue
from callboard.client.errors import Unreachable, error_of, retry_after_seconds
from callboard.client.retry import RetryPolicy, is_passing
from callboard.domain.errors import CallboardError, Internal, InvalidRequest

if TYPE_CHECKING:  # it is imported where it is used: many commands need no connection
    import httpx2

T = TypeVar("T")
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 35.0
"""A little more than the coordinator gives its own store, so that its answer says what was wrong."""
IDLE_SECONDS: Final = 30.0
"""Connections are dropped before the coordinator, or a proxy, drops them (75 s, often 60 s)."""
SILENCE_SECONDS: Final = 40.0
"""A stream that is silent for longer is dead: the coordinator sends a comment each 15 s."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class AsyncClient:
    """Sends calls from coroutines. `connections` bounds how many are open at once; further calls wait for one."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        retry: RetryPolicy | None = None,
        connections: int = 100,
        transport: "httpx2.AsyncBaseTransport | None" = None,
    ) -> None:
        """`transport` takes the place of connections, to ask an application in the same process."""
        import httpx2  # noqa: PLC0415

        self.url = _checked(url)
        self._token = check_token(token, "the token")
        self._retry = retry or RetryPolicy()
        self._http = httpx2.AsyncClient(
            verify=_tls(self.url),
            trust_env=not is_loopback(self.url),
            limits=_limits(connections),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def send(self, call: Call[T], *, retry: RetryPolicy | None = None) -> T:
        """The answer to a call. Raises the CallboardError that the coordinator raised, or Unreachable."""
        tries = _Tries(call.may_repeat, retry or self._retry)
        while True:
            outcome = await self._try(call)
            if not isinstance(outcome, _Failure):
                return outcome.value
            await clock.pause_async(tries.pause_seconds(outcome))

    async def _try(self, call: Call[T]) -> "_Answer[T] | _Failure":
        import httpx2  # noqa: PLC0415

        seconds = call.timeout_seconds or ANSWER_SECONDS
        try:
            async with asyncio.timeout(seconds + CONNECT_SECONDS):
                answer = await self._http.request(**_request(self.url, self._token, call), timeout=_timeout(seconds))
        except (httpx2.TransportError, TimeoutError) as cause:
            return _Failure(_unreachable(self.url, cause))
        return _outcome(call, answer.status_code, answer.headers, answer.content)

    @asynccontextmanager
    async def open_stream(self, path: str, query: Mapping[str, QueryValue]) -> AsyncIterator["httpx2.EventSource"]:
        """One connection to a stream; Unreachable when it cannot be made or breaks while it is read."""
        import httpx2  # noqa: PLC0415

        sent = _request(self.url, self._token, Call(method="GET", path=path, query=query, response=object))
        try:
            async with self._http.sse(
                sent["url"], params=sent["params"], headers=sent["headers"], timeout=_timeout(SILENCE_SECONDS)
            ) as source:
                answer = source.response
                if answer.status_code != 200:
                    raise error_of(answer.status_code, answer.headers, await answer.aread())
                yield source
        except httpx2.TransportError as cause:
            raise _unreachable(self.url, cause) from cause


class Client:
    """Sends calls from plain code; safe to use from several threads."""

    def __init__(
        self, url: str, token: str | None = None, *, retry: RetryPolicy | None = None, connections: int = 10
    ) -> None:
        import httpx2  # noqa: PLC0415

        self.url = _checked(url)
        self._token = check_token(token, "the token")
        self._retry = retry or RetryPolicy()
        self._http = httpx2.Client(
            verify=_tls(self.url), trust_env=not is_loopback(self.url), limits=_limits(connections)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def send(self, call: Call[T], *, retry: RetryPolicy | None = None) -> T:
        """The answer to a call. Raises the CallboardError that the coordinator raised, or Unreachable."""
        tries = _Tries(call.may_repeat, retry or self._retry)
        while True:
            outcome = self._try(call)
            if not isinstance(outcome, _Failure):
                return outcome.value
            clock.pause(tries.pause_seconds(outcome))

    def _try(self, call: Call[T]) -> "_Answer[T] | _Failure":
        import httpx2  # noqa: PLC0415

        timeout = _timeout(call.timeout_seconds or ANSWER_SECONDS)
        try:
            answer = self._http.request(**_request(self.url, self._token, call), timeout=timeout)
        except httpx2.TransportError as cause:
            return _Failure(_unreachable(self.url, cause))
        return _outcome(call, answer.status_code, answer.headers, answer.content)

    @contextmanager
    def open_stream(self, path: str, query: Mapping[str, QueryValue]) -> Iterator["httpx2.EventSource"]:
        """One connection to a stream; Unreachable when it cannot be made or breaks while it is read."""
        import httpx2  # noqa: PLC0415

        sent = _request(self.url, self._token, Call(method="GET", path=path, query=query, response=object))
        try:
            with self._http.sse(
                sent["url"], params=sent["params"], headers=sent["headers"], timeout=_timeout(SILENCE_SECONDS)
            ) as source:
                answer = source.response
                if answer.status_code != 200:
                    raise error_of(answer.status_code, answer.headers, answer.read())
                yield source
        except httpx2.TransportError as cause:
            raise _unreachable(self.url, cause) from cause


@dataclass(frozen=True)
class _Answer(Generic[T]):
    value: T


@dataclass(frozen=True)
class _Failure:
    error: CallboardError
    retry_after_seconds: float | None = None


class _Tries:
    """Counts the failures of one call and decides whether there is another try."""

    def __init__(self, may_repeat: bool, policy: RetryPolicy) -> None:
        self._policy = policy
        self._left = policy.attempts if may_repeat else 1
        self._failures = 0

    def pause_seconds(self, failure: _Failure) -> float:
        """The pause before the next try; raises the failure's error when there is none."""
        self._failures += 1
        self._left -= 1
        if self._left < 1 or not is_passing(failure.error):
            raise failure.error
        return self._policy.pause_seconds(self._failures, clock.jitter(), failure.retry_after_seconds)


class _Request(TypedDict):
    method: str
    url: str
    params: dict[str, QueryValue]
    headers: dict[str, str]
    content: bytes | None


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest(f"{url!r} is no address of a coordinator.", hint="It looks like http://127.0.0.1:8765.")
    return url.rstrip("/")


def check_token(token: str | None, origin: str) -> str | None:
    """The token, if a request can carry it. InvalidRequest names the origin alone: what is shown is no secret."""
    if token is None or (token.isascii() and token.isprintable()):
        return token
    lines = len(token.splitlines()) > 1
    fault = "has more than one line" if lines else "holds a character that no token has"
    raise InvalidRequest(
        f"{origin[0].upper()}{origin[1:]} {fault}.",
        hint="A token is one word, as `callboard token create` prints it.",
    )


def is_loopback(url: str) -> bool:
    """Whether the address is this machine's own, so that no proxy lies between."""
    return urlsplit(url).hostname in LOOPBACK


def _request(url: str, token: str | None, call: Call[T]) -> _Request:
    headers = {"user-agent": f"callboard/{__version__}"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    if call.body is not None:
        headers["content-type"] = "application/json"
    if call.idempotency_key:
        headers["idempotency-key"] = call.idempotency_key
    if call.if_match is not None:
        headers["if-match"] = "*" if call.if_match == "*" else f'"{call.if_match}"'
    content = None if call.body is None else _encoded(call)
    return _Request(method=call.method, url=url + call.path, params=dict(call.query), headers=headers, content=content)


def _encoded(call: Call[T]) -> bytes:
    try:
        return msgspec.json.encode(call.body)
    except OverflowError:
        raise InvalidRequest("A number in the request is too large.", hint="Give a smaller one.") from None
    except UnicodeEncodeError:
        raise InvalidRequest(
            "The request holds bytes that are no text in UTF-8.",
            code="invalid_text",
            hint="Give text; the bytes of a file go into a file that the agent can read.",
        ) from None


def _outcome(call: Call[T], status: int, headers: Mapping[str, str], content: bytes) -> _Answer[T] | _Failure:
    if not 200 <= status < 300:
        return _Failure(error_of(status, headers, content), retry_after_seconds(headers))
    try:
        return _Answer(msgspec.json.decode(content or b"{}", type=call.response))
    except msgspec.DecodeError as cause:
        return _Failure(_unknown_form(call, headers.get("x-callboard-version"), cause))


def _unknown_form(call: Call[T], version: str | None, cause: msgspec.DecodeError) -> Internal:
    """Mostly the coordinator was started before the program that asks it was renewed."""
    said = f"its coordinator is {version}" if version else "its coordinator is older"
    return Internal(
        f"The answer to {call.method} {call.path} is not in the known form: {cause}. This is Callboard {__version__}, "
        f"{said}.",
        code="answer_unknown",
        hint="Start the coordinator anew from this installation (`callboard serve`, `callboard up`), or use the "
        "callboard that it came with.",
    )


def _unreachable(url: str, cause: Exception) -> Unreachable:
    return Unreachable(
        f"The coordinator at {url} does not answer: {str(cause) or type(cause).__name__}.",
        hint="Start one with `callboard up`, or set CALLBOARD_URL to where it runs.",
    )


def _tls(url: str) -> ssl.SSLContext | bool:
    # Reading the machine's certificates costs more CPU time than everything else that a short command does.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if urlsplit(url).scheme == "http" else True


def _limits(connections: int) -> "httpx2.Limits":
    import httpx2  # noqa: PLC0415

    return httpx2.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
    )


def _timeout(seconds: float) -> "httpx2.Timeout":
    import httpx2  # noqa: PLC0415

    return httpx2.Timeout(seconds, connect=CONNECT_SECONDS)
