"""The shapes of a browser's login."""

from typing import Annotated

from msgspec import Meta

from callboard.wire.requests import Request
from callboard.wire.responses import Response


class LogIn(Request, kw_only=True):
    """POST /login: the code of a one-time link."""

    code: Annotated[str, Meta(min_length=1, max_length=200)]


class LoginLink(Response, kw_only=True):
    """201 of POST /login/links. A link is the coordinator's address, `/ui/login#code=` and the code."""

    code: str
    """Works once."""
    expires_at: str
