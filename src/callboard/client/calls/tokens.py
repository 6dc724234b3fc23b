"""Calls on tokens."""

from callboard.client.call import Call, PageOf, path, query
from callboard.client.idempotency import new_key
from callboard.wire.requests import CreateToken
from callboard.wire.responses import Me, Token, TokenCreated


def list_(*, page: str | None = None, limit: int | None = None) -> Call[PageOf[Token]]:
    """A page of tokens, without their secrets."""
    wanted = query(page=page, limit=limit)
    return Call(method="GET", path=path("tokens"), query=wanted, response=PageOf[Token], repeatable=True)


def create(body: CreateToken) -> Call[TokenCreated]:
    """Make one; the answer is the only time that its secret is shown. Sent again by itself it makes no second one."""
    return Call(method="POST", path=path("tokens"), body=body, response=TokenCreated, idempotency_key=new_key())


def revoke(token_id: str) -> Call[Token]:
    """End it; what it holds open is closed within seconds."""
    return Call(method="DELETE", path=path("tokens", token_id), response=Token, repeatable=True)


def me() -> Call[Me]:
    """What the token of this client is."""
    return Call(method="GET", path=path("tokens", "self"), response=Me, repeatable=True)
