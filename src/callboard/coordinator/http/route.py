"""What a route is. Everything that is known of the API is derived from these values."""

from collections.abc import Awaitable
from dataclasses import KW_ONLY, dataclass
from typing import Literal, Protocol

import msgspec

from callboard.coordinator.http.access import Access
from callboard.coordinator.http.answer import Answer
from callboard.coordinator.http.call import Call

Manner = Literal["answer", "held", "stream", "page"]


class Handler(Protocol):
    """Calls one service. A struct is rendered with the route's status, None as 204; an Answer goes out as it is."""

    __name__: str

    def __call__(self, call: Call, /) -> Awaitable[msgspec.Struct | Answer | None]: ...


@dataclass(frozen=True, slots=True)
class Route:
    """One method at one path. Which tokens it takes (`access`) has no default: no route is open by omission."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """With parameters in Starlette's form: `{session_id}`, `{rest:path}`."""
    handler: Handler
    access: Access
    summary: str
    _: KW_ONLY
    query: type[msgspec.Struct] | None = None
    request: type[msgspec.Struct] | None = None
    external_request: type[msgspec.Struct] | None = None
    """What the token of an external session sends instead."""
    response: type[msgspec.Struct] | None = None
    items: type[msgspec.Struct] | None = None
    """What a page holds."""
    status: int = 200
    also: tuple[int, ...] = ()
    """Other statuses of success."""
    optional_body: bool = False
    imports: bool = False
    """Its body is a whole log."""
    report: bool = False
    """Sent by a runner: unknown fields are kept, bad texts are mended instead of refused."""
    ends_run: bool = False
    """Ends an external session, and its token: for a while that token may repeat it."""
    creates: bool = False
    """Takes an Idempotency-Key."""
    repeated: str = ""
    """What a repeat with the same key gets, where that is a 409 instead of the same answer."""
    conditional: bool = False
    """Changes what the caller has read: takes If-Match, and wants it."""
    manner: Manner = "answer"

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.handler.__name__

    @property
    def is_static_page(self) -> bool:
        """Whether it is the same for everybody: no token is asked for, nothing is changed, no data is in it."""
        return self.method == "GET" and self.manner == "page" and self.access == "open"

    @property
    def changes_nothing(self) -> bool:
        """Whether it may be asked with HEAD as well."""
        return self.method == "GET" and self.manner in ("answer", "page")
