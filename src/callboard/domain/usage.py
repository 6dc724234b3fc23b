"""The ledger of usage: rows of deltas, and what a sum over them says. Money is in micro-dollars."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from callboard.domain.text import MAX_INTEGER

Figure = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
"""What fits into the ledger and into JSON; an adjustment may be negative."""


class UsageRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """What one message of a model cost. The same key in one attempt replaces nothing: the first row stands."""

    model: str
    message_id: str
    """The provider's message id, or a name of ours such as `adjustment:1`; unique in its attempt and model."""
    input_tokens: Figure = 0
    output_tokens: Figure = 0
    cache_read_tokens: Figure = 0
    cache_creation_tokens: Figure = 0
    turns: Figure = 0
    cost_microdollars: Figure | None = None
    """None when the price is unknown."""
    estimated: bool = False
    """True when the cost comes from our dated price table."""


class UsageTotal(msgspec.Struct, kw_only=True):
    """A sum over ledger rows."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    turns: int = 0
    cost_microdollars: int | None = None
    estimated: bool = False
    unpriced: bool = False
    """True when some row has tokens and no known cost, so that the sum is a lower bound."""


ADJUSTMENT: Final = "adjustment:"
"""Begins the message id of a row that closes the difference to an exact total of its model and attempt."""


def is_adjustment(row: UsageRow) -> bool:
    """Whether the row closes the difference to an exact total; its cost covers the attempt's rows of its model."""
    return row.message_id.startswith(ADJUSTMENT)
