"""A call of the API as a value: what is sent and what comes back; sends nothing itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote

import msgspec

T = TypeVar("T")
Item = TypeVar("Item")
QueryValue = str | int | float | bool


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request and the type of its answer.

    `repeatable` says that sending it twice has the effect of sending it once; a call with an
    `idempotency_key` is as good. `if_match` is the ETag of what the call changes, without quotes.
    `timeout_seconds` is how long the answer may take, None the client's default.
    An answer without a body is read as an empty object, so `response` then has only defaults.
    """

    method: str
    path: str
    response: type[T]
    query: Mapping[str, QueryValue] = field(default_factory=dict)
    body: msgspec.Struct | None = None
    repeatable: bool = False
    idempotency_key: str | None = None
    if_match: str | None = None
    timeout_seconds: float | None = None

    @property
    def may_repeat(self) -> bool:
        """Whether the client may send it again when it does not know what became of it."""
        return self.repeatable or self.idempotency_key is not None


class Nothing(msgspec.Struct):
    """An answer that says only that it was done."""


class PageOf(msgspec.Struct, Generic[Item], kw_only=True):
    """A page of a list; `next_page` is opaque and None on the last page."""

    items: list[Item]
    next_page: str | None = None
    limit: int = 0


def path(*parts: str) -> str:
    """An absolute path of the API; every part is quoted, so that no id leads elsewhere."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def query(**values: QueryValue | None) -> dict[str, QueryValue]:
    """The values that are not None, under their names."""
    return {name: value for name, value in values.items() if value is not None}
