"""An error on stderr: what happened and why, the next command, the code and the request's id; never a traceback."""

import msgspec

from callboard.cli.exit_codes import NOT_ALLOWED, UNREACHABLE, USAGE, of_error
from callboard.cli.output import Output, span
from callboard.cli.plain_words import plain_error, plain_hint
from callboard.client.errors import Unreachable
from callboard.domain.errors import CallboardError, Unauthenticated

_CANDIDATES = 20
_SAID = ("illegal_move",)
"""Errors whose sentence has all that their details have."""


class Failure(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An error as `--json` prints it on stderr."""

    code: str
    detail: str
    exit_code: int
    hint: str = ""
    request_id: str = ""
    errors: list[dict[str, object]] = []


def report_error(output: Output, error: CallboardError) -> int:
    """Print an error and return its exit code."""
    exit_code = of_error(error)
    hint = error.hint or _hint(error)
    if output.json_wanted:
        failure = Failure(
            code=error.code,
            detail=error.detail,
            exit_code=exit_code,
            hint=hint,
            request_id=error.request_id,
            errors=error.errors[:_CANDIDATES],
        )
        output.warn(msgspec.json.encode(failure).decode())
        return exit_code
    plain = plain_error(error.errors)
    output.warn(span("error: ", "red", "bold"), plain or error.detail)
    for one in error.errors[:_CANDIDATES] if not plain and error.code not in _SAID else ():
        output.warn("  - ", _line(one))
    if hint:
        output.warn(span("next:  ", "bold"), plain_hint(hint))
    if not isinstance(error, Unreachable):
        request = f"  request {error.request_id}" if error.request_id else ""
        output.warn(span(f"code:  {error.code}{request}", "dim"))
    return exit_code


def report_usage(output: Output, sentence: str, command: str, *, code: str = "usage", exit_code: int = USAGE) -> None:
    """Print what is wrong with a command line, or with where its output goes."""
    if output.json_wanted:
        failure = Failure(code=code, detail=sentence, exit_code=exit_code, hint=command)
        output.warn(msgspec.json.encode(failure).decode())
        return
    output.warn(span("error: ", "red", "bold"), sentence)
    output.warn(span("next:  ", "bold"), command)


def _hint(error: CallboardError) -> str:
    if isinstance(error, Unauthenticated):
        return "Set CALLBOARD_TOKEN_FILE to a file with a valid token; the owner's is `token` in the data directory."
    if of_error(error) == UNREACHABLE:
        return "Try again shortly; `callboard doctor` looks for the reason."
    if of_error(error) == NOT_ALLOWED:
        return "Use a token that allows this; `callboard token list` shows which there are."
    if of_error(error) == USAGE:
        return "Correct that; the command with --help shows what it takes."
    return ""


def _line(one: dict[str, object]) -> str:
    if "session_id" in one:
        return f"{one['session_id']}  {one.get('status', '')}  {one.get('title') or ''}"
    where = str(one.get("pointer", ""))
    message = str(one.get("message", ""))
    if not where and not message:
        return ", ".join(f"{name} {value}" for name, value in one.items() if value is not None)
    return f"{where}: {message}" if where and message else where or message
