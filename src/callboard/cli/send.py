"""`send`: says something to a session's agent, at work or not."""

import sys
from typing import Annotated

from cyclopts import Parameter

from callboard.cli.context import STDIN, Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import span
from callboard.cli.references import session_id_of
from callboard.cli.run import SessionReference
from callboard.cli.text import short_id
from callboard.cli.waiting import wait_and_show
from callboard.client import calls
from callboard.domain.message import Delivery
from callboard.wire.messages import MessageSent, SendMessage


def send(
    reference: SessionReference,
    text: Annotated[str, Parameter(help="What to say; `-` reads it from stdin.")],
    /,
    *,
    delivery: Annotated[
        Delivery,
        Parameter(help="auto: to the agent at work if it listens, else as its next turn; live, resume: only so."),
    ] = "auto",
    wait: Annotated[bool, Parameter(help="Wait for the end of the run that carries it. Ctrl-C only detaches.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Say something to a session's agent: in the middle of its work if it listens, else as its next turn."""
    context = Context(show, where)
    session_id = session_id_of(context.client, reference, context.settings["project"])
    body = SendMessage(text=sys.stdin.read() if text == STDIN else text, delivery=delivery)
    sent = context.client.send(calls.sessions.send_message(session_id, body))
    if wait:
        context.output.note(span(f"{sent.message_id}  {sent.run_id}  {sent.delivery}", "dim"))
        return wait_and_show(context, sent.run_id, None)
    _show(context, sent)
    return 0


def _show(context: Context, sent: MessageSent) -> None:
    output = context.output
    if output.json_wanted:
        output.value(sent)
    elif output.quiet:
        output.line(sent.message_id)
    else:
        output.line(f"{sent.message_id}  {sent.run_id}  {sent.delivery}")
        short = short_id(sent.session_id)
        output.note(span(f"follow: callboard logs -f {short}   result: callboard wait {short}", "dim"))
