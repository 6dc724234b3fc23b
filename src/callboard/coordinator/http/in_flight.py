"""Creating requests with an Idempotency-Key that are being answered now: a repeat of one has to wait its turn."""

from collections.abc import Iterator
from contextlib import contextmanager

from callboard.domain.errors import Conflict


class InFlight:
    """The keys in flight in this process."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()

    @contextmanager
    def only_one(self, token_id: str, key: str) -> Iterator[None]:
        """While inside, a second entry with the same key is Conflict `idempotency_in_flight`."""
        entry = (token_id, key)
        if entry in self._keys:
            raise Conflict(
                "The first request with this Idempotency-Key is not answered yet.",
                code="idempotency_in_flight",
                hint="Send it again shortly.",
            )
        self._keys.add(entry)
        try:
            yield
        finally:
            self._keys.discard(entry)
