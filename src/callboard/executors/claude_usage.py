"""Counts what Claude Code spends: one row for each call of a model, and at each result what closes the difference.

The stream gives exact figures for the calls of the main conversation, only a beginning for those of sub-agents, and
the cost for nothing but whole turns, in `model_usage_since_last_result`. Its cumulative totals are never read.
"""

from collections import defaultdict
from typing import Any, Final

import msgspec

from callboard.domain.invocation import Action, Usage
from callboard.domain.text import MAX_INTEGER
from callboard.domain.usage import ADJUSTMENT, UsageRow

_CALL_FIELDS: Final = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_creation_tokens": "cache_creation_input_tokens",
}
_TURN_FIELDS: Final = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_tokens": "cacheReadInputTokens",
    "cache_creation_tokens": "cacheCreationInputTokens",
}


class UsageLedger:
    """The calls of one launch. `name` tells its adjustment rows from those of other launches and attempts."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: dict[str, tuple[str, dict[str, Any]]] = {}
        self._booked: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_CALL_FIELDS, 0))
        self._seen: set[str] = set()
        self._asking = False
        self._inexact = False
        self._results = 0

    def asked(self) -> None:
        """A call was sent; nothing is known of it yet."""
        self._asking = True

    def begun(self, message_id: str, model: str, usage: dict[str, Any]) -> None:
        """A call's answer begins; its figures are not final."""
        self._asking = False
        self._open[message_id] = (model, usage)

    def ended(self, message_id: str, usage: dict[str, Any]) -> list[Action]:
        """A call's final figures."""
        model, first = self._open.pop(message_id, ("", {}))
        return self._book(message_id, model, first | usage, turns=1) if model else []

    def passed_by(self, message_id: str, model: str, usage: dict[str, Any]) -> list[Action]:
        """A sub-agent's call, of which only the first figures are shown."""
        if message_id in self._seen:
            return []
        self._inexact = True
        return self._book(message_id, model, usage, turns=0)

    def result(self, models: Any) -> list[Action]:
        """The exact figures since the last result: what is missing or too much becomes one row for each model.

        A newer client may say this in another shape; then the calls stand as they were booked.
        """
        self._results += 1
        self._open.clear()
        self._asking = self._inexact = False
        known = {name: one for name, one in models.items() if isinstance(one, dict)} if isinstance(models, dict) else {}
        rows = [row for name, figures in known.items() if (row := self._adjustment(name, figures))]
        self._booked.clear()
        return [Usage(rows)] if rows else []

    def abandon(self) -> list[Action]:
        """The client is gone: books the beginnings of calls that never ended, and says that figures are missing."""
        incomplete = bool(self._open) or self._asking or self._inexact
        rows = [
            _row(message_id, model, _counts(_CALL_FIELDS, usage), turns=1)
            for message_id, (model, usage) in self._open.items()
        ]
        self._open.clear()
        return [Usage(rows, final=True, incomplete=incomplete)] if incomplete else []

    def _book(self, message_id: str, model: str, usage: dict[str, Any], turns: int) -> list[Action]:
        self._seen.add(message_id)
        counts = _counts(_CALL_FIELDS, usage)
        for field, count in counts.items():
            self._booked[_plain(model)][field] += count
        return [Usage([_row(message_id, model, counts, turns=turns)])]

    def _adjustment(self, name: str, figures: dict[str, Any]) -> UsageRow | None:
        named = name if _plain(name) in self._booked else str(figures.get("canonicalModel") or name)
        booked = self._booked.get(_plain(named), {})
        exact = _counts(_TURN_FIELDS, figures)
        difference = {field: count - booked.get(field, 0) for field, count in exact.items()}
        dollars = figures.get("costUSD")
        if not isinstance(dollars, int | float) and not any(difference.values()):
            return None
        cost = _count(round(dollars * 1_000_000)) if isinstance(dollars, int | float) else None
        return _row(
            f"{ADJUSTMENT}{self._name}.{self._results}", named if booked else name, difference, turns=0, cost=cost
        )


def _counts(fields: dict[str, str], figures: dict[str, Any]) -> dict[str, int]:
    given = {ours: figures.get(theirs) for ours, theirs in fields.items()}
    return {ours: _count(count) for ours, count in given.items()}


def _count(value: Any) -> int:
    """A figure that the ledger can hold; 0 for anything else."""
    return value if isinstance(value, int) and abs(value) < MAX_INTEGER // 2 else 0


def _row(message_id: str, model: str, counts: dict[str, int], *, turns: int, cost: int | None = None) -> UsageRow:
    return msgspec.convert(
        counts | {"model": model, "message_id": message_id, "turns": turns, "cost_microdollars": cost}, UsageRow
    )


def _plain(model: str) -> str:
    """A model's name without the marks of a variant (`…[1m]`)."""
    return model.partition("[")[0]
