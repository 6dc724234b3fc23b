"""The noun `token`."""

import os
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Part, span
from callboard.cli.text import seconds_of
from callboard.client import calls
from callboard.domain.errors import InvalidRequest
from callboard.wire.requests import CreateToken
from callboard.wire.responses import Token, TokenCreated

_COLUMNS: Final = ("TOKEN", "KIND", "LABEL", "CREATED AT", "EXPIRES AT", "REVOKED AT")
TokenKind = Literal["user", "read_only", "runner_join"]


def create(
    kind: Annotated[TokenKind, Parameter(help="What it may do: user, read_only or runner_join.")] = "user",
    /,
    *,
    label: Annotated[str, Parameter(help="What it is for.")] = "",
    expires: Annotated[
        str | None, Parameter(help="How long it lives, such as 12h or 30d; default: until revoked.")
    ] = None,
    output_file: Annotated[
        Path | None, Parameter(help="Write the secret to this new file (0600) instead of stdout.")
    ] = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Make a token. Its secret is shown this once."""
    context = Context(show, where)
    body = CreateToken(kind=kind, label=label, expires_in_seconds=None if expires is None else seconds_of(expires))
    if output_file is not None:
        return _create_in_file(context, body, output_file)
    _show_created(context, context.client.send(calls.tokens.create(body)))
    return 0


def list_tokens(*, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """All tokens, without their secrets."""
    context = Context(show, where)
    page = context.client.send(calls.tokens.list_(limit=200))
    context.output.listing(page, _COLUMNS, [_row(one) for one in page.items], flexible=2)
    return 0


def revoke(
    token_id: Annotated[str, Parameter(help="The token's id, tok_…")],
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask, even for an owner's token.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """End a token. What it holds open is closed within seconds; an owner's token only after a question."""
    context = Context(show, where)
    if not yes and _is_owners(context, token_id):
        context.confirm(f"{token_id} is an owner's: who has only this one is locked out. End it?", yes=yes)
    token = context.client.send(calls.tokens.revoke(token_id))
    if context.output.json_wanted:
        context.output.value(token)
    else:
        context.output.line(token_id if context.output.quiet else f"{token_id}  revoked")
    return 0


def _is_owners(context: Context, token_id: str) -> bool:
    """Whether a list of tokens has it as an owner's that is not revoked."""
    mark: str | None = None
    while True:
        page = context.client.send(calls.tokens.list_(page=mark, limit=200))
        found = next((one for one in page.items if one.token_id == token_id), None)
        mark = page.next_page
        if found is not None or mark is None:
            return found is not None and found.kind == "owner" and found.revoked_at is None


def _row(token: Token) -> list[Part]:
    ended = span(token.revoked_at, "red") if token.revoked_at else ""
    return [token.token_id, token.kind, token.label, token.created_at, token.expires_at or "", ended]


def _show_created(context: Context, created: TokenCreated) -> None:
    output = context.output
    if output.json_wanted:
        output.value(created)
    elif output.quiet:
        output.line(created.token_id)
    else:
        output.line(created.token)
        output.note(span(f"{created.token_id}, {created.kind}. This is the only time that it is shown.", "dim"))


def _create_in_file(context: Context, body: CreateToken, file: Path) -> int:
    try:
        # Made first and never over an old file: a secret that could not be kept would have to be revoked.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as problem:
        raise InvalidRequest(
            f"{file} cannot be made: {problem.strerror}.", hint="Name a file that is not there yet."
        ) from problem
    with os.fdopen(descriptor, "w") as opened:
        try:
            created = context.client.send(calls.tokens.create(body))
        except BaseException:
            file.unlink()
            raise
        opened.write(created.token + "\n")
    if context.output.json_wanted:
        context.output.value({"token_id": created.token_id, "kind": created.kind, "file": str(file)})
    else:
        context.output.line(created.token_id)
    return 0
