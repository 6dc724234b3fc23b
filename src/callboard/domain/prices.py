"""What tokens cost by model and date: our own table, for what an executor gives no cost for. An estimate, and said so.

Knows only list prices of the standard service tier. Sources, read in November 2026: platform.claude.com "Pricing" and
the overviews of its models; developers.openai.com "Pricing" and its model pages; ai.google.dev "Gemini API pricing".
"""

import re
from datetime import UTC, date, datetime, time
from typing import Final

import msgspec

from callboard.domain.usage import UsageRow

ALIASES: Final = frozenset({"default", "best", "opus", "sonnet", "haiku", "fable", "opusplan"})
"""Names behind which a client chooses the model itself: which one it is shows in its first answer."""
_DATE: Final = re.compile(r"[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


class Rates(msgspec.Struct, frozen=True):
    """Dollars per million tokens, which is micro-dollars per token."""

    input: float
    output: float
    cache_read: float
    cache_creation: float
    """Of a cache that lives five minutes, where the price depends on that."""


class Price(msgspec.Struct, frozen=True):
    """What a model costs from a day on (UTC)."""

    valid_from: date
    rates: Rates
    long_rates: Rates | None = None
    """For a call whose prompt, with all that is cached of it, has more than `long_above_tokens`."""
    long_above_tokens: int = 0


def _claude(valid_from: date, given: float, made: float, cache_read_share: float = 0.1) -> Price:
    return Price(valid_from, _claude_rates(given, made, cache_read_share))


def _claude_rates(given: float, made: float, cache_read_share: float = 0.1) -> Rates:
    """Writing the cache costs a quarter more than input; reading it costs a share of input."""
    return Rates(given, made, given * cache_read_share, given * 1.25)


def _cached(valid_from: date, given: float, made: float, cache_read: float) -> Price:
    """Where filling the cache costs nothing of its own."""
    return Price(valid_from, Rates(given, made, cache_read, given))


PRICES: Final[dict[str, tuple[Price, ...]]] = {
    "claude-fable-5": (_claude(date(2026, 1, 1), 10, 50),),
    "claude-fable-5-1": (_claude(date(2026, 6, 1), 10, 50, 0.025),),
    "claude-opus-5-5": (_claude(date(2026, 9, 1), 4, 20, 0.05),),
    "claude-opus-5": (_claude(date(2026, 7, 24), 5, 25),),
    "claude-opus-4-8": (_claude(date(2026, 3, 1), 5, 25),),
    "claude-opus-4-7": (_claude(date(2026, 3, 1), 5, 25),),
    "claude-opus-4-6": (_claude(date(2026, 1, 1), 5, 25),),
    "claude-opus-4-5": (_claude(date(2025, 11, 1), 5, 25),),
    "claude-opus-4-1": (_claude(date(2025, 8, 5), 15, 75),),
    "claude-opus-4": (_claude(date(2025, 5, 14), 15, 75),),
    "claude-sonnet-5-5": (_claude(date(2026, 9, 1), 2, 10), _claude(date(2026, 10, 7), 2, 10, 0.05)),
    "claude-sonnet-5": (_claude(date(2026, 1, 1), 2, 10),),
    "claude-sonnet-4-6": (_claude(date(2026, 1, 1), 3, 15),),
    "claude-sonnet-4-5": (_claude(date(2025, 9, 29), 3, 15),),
    "claude-sonnet-4": (_claude(date(2025, 5, 14), 3, 15),),
    "claude-haiku-5-5": (
        Price(date(2026, 10, 7), _claude_rates(0.1, 0.5), _claude_rates(0.5, 2.5), long_above_tokens=100_000),
    ),
    "claude-haiku-4-5": (_claude(date(2025, 10, 1), 1, 5),),
    "claude-3-5-haiku": (_claude(date(2024, 10, 22), 0.8, 4),),
    "gpt-5.5": (_cached(date(2026, 4, 23), 5, 30, 0.5),),
    "gpt-5.4": (_cached(date(2026, 3, 1), 2.5, 15, 0.25),),
    "gpt-5.4-mini": (_cached(date(2026, 3, 1), 0.75, 4.5, 0.075),),
    "gpt-5": (_cached(date(2025, 8, 7), 1.25, 10, 0.125),),
    "gpt-5-codex": (_cached(date(2025, 9, 23), 1.25, 10, 0.125),),
    "gemini-2.5-flash": (_cached(date(2025, 6, 17), 0.3, 2.5, 0.03),),
    "gemini-2.5-pro": (
        Price(date(2025, 6, 17), Rates(1.25, 10, 0.125, 1.25), Rates(2.5, 15, 0.25, 2.5), long_above_tokens=200_000),
    ),
}
"""By model without its date, oldest price first. The first day is that of the model, or an earlier one."""


def plain_model(model: str) -> str:
    """A model's name without provider, date and the marks of a variant: `anthropic/claude-x-5-20260101[1m]`."""
    return _DATE.sub("", model.rpartition("/")[2].partition("[")[0])


def price_of(model: str, at_ms: int) -> Price | None:
    """What a model costs at a time (Unix milliseconds); None when that is not known."""
    known = [one for one in PRICES.get(plain_model(model), ()) if _begins_ms(one) <= at_ms]
    return known[-1] if known else None


def estimated(row: UsageRow, at_ms: int) -> UsageRow:
    """The row with a cost from the table, marked as estimated; as it is when it has a cost or its model no price."""
    price = None if row.cost_microdollars is not None else price_of(row.model, at_ms)
    if price is None:
        return row
    prompt = row.input_tokens + row.cache_read_tokens + row.cache_creation_tokens
    rates = price.long_rates if price.long_rates and prompt > price.long_above_tokens else price.rates
    cost = (
        row.input_tokens * rates.input
        + row.output_tokens * rates.output
        + row.cache_read_tokens * rates.cache_read
        + row.cache_creation_tokens * rates.cache_creation
    )
    return msgspec.structs.replace(row, cost_microdollars=round(cost), estimated=True)


def _begins_ms(price: Price) -> int:
    return int(datetime.combine(price.valid_from, time(), UTC).timestamp() * 1000)
