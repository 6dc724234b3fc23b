"""The shapes of a browser's login."""

from typing import Annotated

from msgspec import Meta

from callboard.wire.requests import Request
from callboard.wire.responses import Me, Response


class LogIn(Request, kw_only=True):
    """POST /login: the code of a one-time link."""

    code: Annotated[str, Meta(min_length=1, max_length=200)]


class LoginState(Response, kw_only=True):
    """GET /login: whether this browser is logged in, and as what."""

    me: Me | None
    person: str | None
    """The id of the token that let this browser in, over whatever browsers in between: the same at its next login."""


class LoginLink(Response, kw_only=True):
    """201 of POST /login/links. A link is the coordinator's address, `/ui/login#code=` and the code."""

    code: str
    """Works once."""
    expires_at: str
