"""The noun `callbacks`: ends of children on their way to a parent."""

from typing import Annotated, Final

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Part, span
from callboard.client import calls
from callboard.domain.callback import CallbackStatus
from callboard.wire.steering import Callback

_COLUMNS: Final = ("CALLBACK", "STATUS", "CHILD", "PARENT", "TRIES", "WHY")


def list_callbacks(
    *,
    status: Annotated[CallbackStatus | None, Parameter(help="Only these.")] = None,
    limit: Annotated[int, Parameter(help="How many at most, newest first.")] = 50,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Ends of children that a parent waits for, and how far each has come."""
    context = Context(show, where)
    page = context.client.send(calls.callbacks.list_(status=status, limit=limit))
    context.output.listing(page, _COLUMNS, [_row(one) for one in page.items], flexible=5)
    return 0


def deliver(
    callback_id: Annotated[str, Parameter(help="The callback's id, cbk_…")],
    /,
    *,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Let a callback that is held or undeliverable go out again."""
    context = Context(show, where)
    callback = context.client.send(calls.callbacks.deliver(callback_id))
    if context.output.json_wanted:
        context.output.value(callback)
    else:
        context.output.line(callback_id if context.output.quiet else f"{callback_id}  {callback.status}")
    return 0


def _row(callback: Callback) -> list[Part]:
    child, parent = callback.child_session_id, callback.receiver_session_id
    status = span(callback.status, "red") if callback.status == "undeliverable" else callback.status
    return [callback.callback_id, status, child, parent, str(callback.tries), callback.why or ""]
