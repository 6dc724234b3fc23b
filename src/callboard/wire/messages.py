"""The shapes of messages to a session."""

from typing import Literal

from callboard.domain.message import Delivery
from callboard.wire.requests import Request
from callboard.wire.responses import Response


class SendMessage(Request, kw_only=True):
    """POST /sessions/{id}/messages."""

    text: str
    delivery: Delivery = "auto"
    """auto: into the live run if its agent takes messages, else as the next run; live, resume: only so."""


class MessageSent(Response, kw_only=True):
    """How a message goes to its session."""

    message_id: str
    session_id: str
    run_id: str
    """The run that carries it: the live one, or the one that was made for it."""
    delivery: Literal["live", "resume"]
