"""Pools of money and tokens: what is left in each, what a child may reserve, whom a pool lets start and whom it stops.

Pure arithmetic over the pools of one tree. Knows no ledger, no runs and no database.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, Literal, get_args

import msgspec

Unit = Literal["microdollars", "tokens"]
UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
Amounts = dict[Unit, int]


class Pool(msgspec.Struct, kw_only=True):
    """The budget of a session and of all below it that have none of their own."""

    session_id: str
    above: str | None = None
    """The pool in which it lies."""
    limits: Amounts = {}
    """A unit that is missing is not limited by this pool, but drawn from the nearest one above that limits it."""
    spent: Amounts = msgspec.field(default_factory=lambda: dict.fromkeys(UNITS, 0))
    """By the session and all below it, whichever pool they draw from."""
    held: Amounts = msgspec.field(default_factory=lambda: dict.fromkeys(UNITS, 0))
    """Reserved in the pool that it draws from, and not spent yet."""
    is_open: bool = False
    """Whether it has runs that have not ended. A pool that is not open holds nothing."""


class Shortage(msgspec.Struct, frozen=True, kw_only=True):
    """What is missing where."""

    session_id: str
    unit: Unit
    left: int
    """What the pool has left, at least 0."""
    wanted: int = 0


class Pools:
    """All pools that have their outermost one in common; changes are made to the pools themselves."""

    def __init__(self, pools: Iterable[Pool]) -> None:
        self.by_id = {pool.session_id: pool for pool in pools}

    def chain(self, session_id: str | None) -> Iterator[Pool]:
        """A pool and those around it, outwards."""
        while session_id is not None:
            pool = self.by_id[session_id]
            yield pool
            session_id = pool.above

    def within(self, session_id: str) -> list[str]:
        """A pool and all inside it."""
        return [one for one in self.by_id if any(pool.session_id == session_id for pool in self.chain(one))]

    def reserved(self, pool: Pool, unit: Unit) -> int:
        """What pools inside hold of it."""
        drawing = (one for one in self.by_id.values() if unit in one.limits and self._source(one, unit) is pool)
        return sum(one.held[unit] for one in drawing)

    def left(self, pool: Pool, unit: Unit) -> int:
        """What may still be spent or reserved; below 0 after an overshoot. The pool has a limit in this unit."""
        return self._remaining(pool, unit) - self.reserved(pool, unit)

    def starts_nothing(self, session_id: str) -> Shortage | None:
        """Why no run that draws from this pool may start; None when one may."""
        return self._shortage(session_id, lambda pool, unit: self.left(pool, unit) <= 0)

    def must_stop(self, session_id: str) -> Shortage | None:
        """Why runs that draw from this pool have to stop; None when they may go on.

        A run goes on while all that is left is reserved by others: only what it spends itself is too much then.
        """
        return self._shortage(
            session_id, lambda pool, unit: self._remaining(pool, unit) <= 0 or self.left(pool, unit) < 0
        )

    def charge(self, session_id: str, amounts: Amounts) -> None:
        """Spends from a pool: also from those around it, and out of what it holds of them. May be negative."""
        for pool in self.chain(session_id):
            for unit, amount in amounts.items():
                pool.spent[unit] += amount
                if pool.is_open and unit in pool.limits and self._source(pool, unit) is not None:
                    pool.held[unit] = max(0, min(pool.held[unit] - amount, _unspent(pool, unit)))

    def open(self, session_id: str, *, partly: bool = False) -> Shortage | None:
        """A run begins to exist in this pool: it and those around it hold what they have not spent.

        What is missing for that, unless the pool is content with a part; then nothing of it may be kept.
        """
        for pool in reversed(list(self.chain(session_id))):
            for unit in pool.limits if not pool.is_open else ():
                short = self._hold(pool, unit, partly=partly)
                if short is not None:
                    return short
            pool.is_open = True
        return None

    def limit(self, session_id: str, limits: Amounts, unlimited: Collection[Unit] = ()) -> Shortage | None:
        """Sets limits of a pool, up or down, or takes them away.

        What is missing above for that, and then nothing of it may be kept.
        """
        pool = self.by_id[session_id]
        short = None if pool.is_open else self._short_for_raise(pool, limits)
        if short is not None:
            return short
        pool.limits = {unit: most for unit, most in (pool.limits | limits).items() if unit not in unlimited}
        for unit in unlimited:
            pool.held[unit] = 0
        for unit in limits if pool.is_open else ():
            pool.held[unit] = 0
            short = self._hold(pool, unit, partly=False)
            if short is not None:
                return short
        return None

    def _short_for_raise(self, pool: Pool, limits: Amounts) -> Shortage | None:
        """What a pool at rest could not hold of a raise: more would be shown as left than anybody has."""
        for unit, most in limits.items():
            source, wanted = self._source(pool, unit), most - pool.spent[unit]
            left = max(0, self.left(source, unit)) if source is not None else wanted
            if source is not None and most > pool.limits.get(unit, most) and wanted > left:
                return Shortage(session_id=source.session_id, unit=unit, left=left, wanted=wanted)
        return None

    def settle(self, busy: Collection[str]) -> None:
        """Pools in which no run is left, in them or inside, give back what they hold; others fill up what they lack.

        `busy`: the pools that have runs which have not ended.
        """
        alive = {pool.session_id for one in busy for pool in self.chain(one)}
        for pool in self.by_id.values():
            if pool.session_id not in alive:
                pool.is_open = False
                pool.held = dict.fromkeys(UNITS, 0)
        for pool in self._outermost_first():
            for unit in pool.limits if pool.is_open else ():
                self._hold(pool, unit, partly=True)

    def _outermost_first(self) -> list[Pool]:
        return sorted(self.by_id.values(), key=lambda pool: len(list(self.chain(pool.session_id))))

    def _hold(self, pool: Pool, unit: Unit, *, partly: bool) -> Shortage | None:
        source = self._source(pool, unit)
        wanted = _unspent(pool, unit) - pool.held[unit]
        if source is None or wanted <= 0:
            return None
        left = max(0, self.left(source, unit))
        if wanted > left and not partly:
            return Shortage(session_id=source.session_id, unit=unit, left=left, wanted=wanted)
        pool.held[unit] += min(wanted, left)
        return None

    def _shortage(self, session_id: str, is_short: Callable[[Pool, Unit], bool]) -> Shortage | None:
        for unit in UNITS:
            limited = [pool for pool in self.chain(session_id) if unit in pool.limits]
            for number, pool in enumerate(limited):
                if is_short(pool, unit) if number == 0 else _unspent(pool, unit) == 0:
                    return Shortage(session_id=pool.session_id, unit=unit, left=max(0, self.left(pool, unit)))
        return None

    def _remaining(self, pool: Pool, unit: Unit) -> int:
        if pool.is_open and self._source(pool, unit) is not None:
            return min(pool.held[unit], pool.limits[unit] - pool.spent[unit])
        return pool.limits[unit] - pool.spent[unit]

    def _source(self, pool: Pool, unit: Unit) -> Pool | None:
        return next((one for one in self.chain(pool.above) if unit in one.limits), None)


def _unspent(pool: Pool, unit: Unit) -> int:
    return max(0, pool.limits[unit] - pool.spent[unit])


def amount_in_words(unit: Unit, amount: int) -> str:
    """`$0.10`, or `1200 tokens`."""
    if unit == "tokens":
        return f"{amount} tokens"
    return f"${amount / 1_000_000:.2f}" if amount % 10_000 == 0 else f"${amount / 1_000_000:.6f}"
