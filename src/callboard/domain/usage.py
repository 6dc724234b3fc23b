"""The ledger of usage: rows of deltas, and sums over them. Money in micro-dollars, never guessed silently."""

from collections.abc import Iterable
from typing import Annotated

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


def total(rows: Iterable[UsageRow]) -> UsageTotal:
    """The sum of rows; the cost is None when no row has one."""
    result = UsageTotal()
    for row in rows:
        result.input_tokens += row.input_tokens
        result.output_tokens += row.output_tokens
        result.cache_read_tokens += row.cache_read_tokens
        result.cache_creation_tokens += row.cache_creation_tokens
        result.turns += row.turns
        result.estimated |= row.estimated
        if row.cost_microdollars is None:
            result.unpriced |= bool(row.input_tokens or row.output_tokens)
        else:
            result.cost_microdollars = (result.cost_microdollars or 0) + row.cost_microdollars
    return result
