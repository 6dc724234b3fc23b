"""Messages to a session: how one may reach its agent, and what its row says of its way there."""

from typing import Final, Literal, get_args

Delivery = Literal["auto", "live", "resume"]
"""auto: into the live run if its agent takes messages, else as the next run; live, resume: only so."""
MessageStatus = Literal["offered", "taken", "resumed", "cancelled", "refused"]
"""Of a message for a live run: its agent has not taken it yet; it has; another run carries it; stopped; impossible."""

STATUSES: Final[tuple[str, ...]] = get_args(MessageStatus)
