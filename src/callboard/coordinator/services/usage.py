"""What was used and what it cost: every figure is a sum over the ledger. Books nothing."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Final, get_args

import msgspec

from callboard.coordinator.services.access import visible_session
from callboard.coordinator.services.budget_changes import read_pools
from callboard.coordinator.services.pages import MAX_LIMIT, check_limit, page_of, read_mark
from callboard.coordinator.services.rendering import render_budget, render_usage
from callboard.coordinator.services.run_requests import check_session_id
from callboard.domain.caller import Caller
from callboard.domain.errors import Forbidden, InvalidRequest
from callboard.domain.usage import UsageTotal
from callboard.store.database import Database, Row, Transaction
from callboard.store.reading import subtree
from callboard.wire.budgets import Budget
from callboard.wire.queries import GroupBy
from callboard.wire.responses import Page, SessionUsage, UsageGroup

GROUPS: Final = get_args(GroupBy)
NAMED_GROUPS: Final = ("project", "milestone", "session", "tree", "run", "user", "runner")
MAX_GROUPS: Final = 1_000
DAY_MS: Final = 86_400_000
MAX_RANK_DIGITS: Final = 18


class LedgerPart(msgspec.Struct, frozen=True, kw_only=True):
    """What a sum is narrowed to."""

    within: str | None = None
    """A group of another grouping, as `agent:reviewer`."""
    session_id: str | None = None


class UsageService:
    """Reads the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_session(self, caller: Caller, session_id: str) -> SessionUsage:
        """A session's usage: its own, with all below it, and its own per run (the newest 1,000) and model."""
        check_session_id(session_id)

        def work(tx: Transaction) -> SessionUsage:
            session = visible_session(tx, caller, session_id)
            by_session = usage_of_tree(tx, session["root_session_id"])
            below = [row["session_id"] for row in subtree(tx, session_id)]
            return SessionUsage(
                session_id=session_id,
                self=by_session.get(session_id, UsageTotal()),
                subtree=sum_of(by_session[one] for one in below if one in by_session),
                by_run=_groups(tx.all("usage_of_session_by_run", session_id=session_id, limit=MAX_GROUPS)),
                by_model=_groups(tx.all("usage_of_session_by_model", session_id=session_id, limit=MAX_GROUPS)),
                budget=_budget(tx, session["pool_session_id"]),
            )

        return await self._database.read(work)

    async def grouped(
        self,
        caller: Caller,
        group_by: str,
        from_ms: int | None = None,
        to_ms: int | None = None,
        *,
        part: LedgerPart | None = None,
        order: str = "key",
        page: str | None = None,
        limit: int = MAX_LIMIT,
    ) -> Page:
        """Sums of what was booked at or after `from_ms` and before `to_ms` (Unix milliseconds), by ascending key.

        The key of a day is its date (UTC), that of a user the id of a person's token; the key of what has none, or of
        which none is recorded, is empty. `order` may be `cost`: the dearest first.
        """
        _check_reader(caller, group_by)
        check_limit(limit)
        list_name = f"usage:{group_by}:{order}"
        rank, after = _place(read_mark(list_name, page, "0 "))
        part = part or LedgerPart()
        outer, outer_key = _within(part.within)

        def work(tx: Transaction) -> Page:
            rows = tx.all(
                "usage_grouped",
                from_ms=0 if from_ms is None else from_ms,
                to_ms=2**62 if to_ms is None else to_ms,
                group_by=group_by,
                project_id=caller.project_id or "",
                session_id=part.session_id or "",
                within=outer,
                within_key=outer_key,
                by_cost=int(order == "cost"),
                after=after,
                after_rank=rank,
                from_first=int(page is None),
                limit=limit + 1,
            )
            last = _mark(rows[limit - 1]) if len(rows) > limit else None
            groups = _groups(rows[:limit], day=group_by == "day")
            return page_of(list_name, _named(tx, groups) if group_by in NAMED_GROUPS else groups, limit, last)

        return await self._database.read(work)


def usage_of_sessions(tx: Transaction, session_ids: Sequence[str]) -> dict[str, UsageTotal]:
    """The sums of those of these sessions that used anything, by id."""
    found = tx.all("usage_totals_of_sessions", ids=msgspec.json.encode(session_ids).decode())
    return {row["key"]: render_usage(row) for row in found}


def usage_of_runs(tx: Transaction, run_ids: Sequence[str]) -> dict[str, UsageTotal]:
    """The sums of those of these runs that used anything, by id."""
    found = tx.all("usage_totals_of_runs", ids=msgspec.json.encode(run_ids).decode())
    return {row["key"]: render_usage(row) for row in found}


def usage_of_run(tx: Transaction, run_id: str) -> UsageTotal:
    """The sum of a run's ledger."""
    return render_usage(tx.all("usage_total_of_run", run_id=run_id)[0])


def usage_of_tree(tx: Transaction, root_session_id: str) -> dict[str, UsageTotal]:
    """The sums of those sessions of a tree that used anything, by session id."""
    return {row["key"]: render_usage(row) for row in tx.all("usage_of_tree", root_session_id=root_session_id)}


def sum_of(parts: Iterable[UsageTotal]) -> UsageTotal:
    """The sum of sums; the cost is None when no part has one."""
    result = UsageTotal()
    for part in parts:
        add(result, part)
    return result


def add(into: UsageTotal, part: UsageTotal) -> None:
    """Adds a sum to another one in place."""
    into.input_tokens += part.input_tokens
    into.output_tokens += part.output_tokens
    into.cache_read_tokens += part.cache_read_tokens
    into.cache_creation_tokens += part.cache_creation_tokens
    into.turns += part.turns
    into.estimated |= part.estimated
    into.unpriced |= part.unpriced
    if part.cost_microdollars is not None:
        into.cost_microdollars = (into.cost_microdollars or 0) + part.cost_microdollars


def _within(text: str | None) -> tuple[str, str]:
    """The grouping and the key of `grouping:key`, both empty for None; InvalidRequest."""
    if text is None:
        return "", ""
    grouping, separator, key = text.partition(":")
    day = _day_number(key) if grouping == "day" else None
    if not separator or grouping not in GROUPS or (grouping == "day" and day is None):
        raise InvalidRequest(
            f"{text[:100]!r} names no group.",
            errors=[{"pointer": "?query/within", "message": "as agent:reviewer, day:2026-01-31 or project:"}],
        )
    return grouping, day or key


def _day_number(text: str) -> str | None:
    """The key in the ledger of a date; None for what is none."""
    try:
        midnight = datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return None
    return str(int(midnight.timestamp() * 1000) // DAY_MS)


def _check_reader(caller: Caller, group_by: str) -> None:
    if not caller.is_person:
        raise Forbidden(
            f"{caller.kind_in_words} token may not read the ledger of all sessions.",
            hint="Read the usage of your own session.",
        )
    if group_by not in GROUPS:
        raise InvalidRequest(
            f"{group_by!r} is no grouping.",
            errors=[{"pointer": "/group_by", "message": f"one of {', '.join(GROUPS)}"}],
        )


def _place(mark: str) -> tuple[int, str]:
    """The rank and the key after which a page begins; InvalidRequest `invalid_page`."""
    rank, _, key = mark.partition(" ")
    if not rank.removeprefix("-").isdecimal() or len(rank) > MAX_RANK_DIGITS:
        raise InvalidRequest(f"{mark[:80]!r} is no place in this list.", code="invalid_page")
    return int(rank), key


def _mark(row: Row) -> str:
    """Where a page ends: by cost, and by key."""
    cost = row["cost_microdollars"]
    return f"{1 if cost is None else -cost} {row['key']}"


def _groups(rows: list[Row], *, day: bool = False) -> list[UsageGroup]:
    return [UsageGroup(key=_date(row["key"]) if day else row["key"], usage=render_usage(row)) for row in rows]


def _named(tx: Transaction, groups: list[UsageGroup]) -> list[UsageGroup]:
    """The groups with the names of what their keys are the ids of."""
    found = tx.all("names_of_groups", ids=msgspec.json.encode([group.key for group in groups]).decode())
    names = {row["key"]: row["name"] for row in found}
    return [msgspec.structs.replace(group, name=names.get(group.key)) for group in groups]


def _budget(tx: Transaction, pool_session_id: str | None) -> Budget | None:
    return None if pool_session_id is None else render_budget(read_pools(tx, pool_session_id), pool_session_id)


def _date(day: str) -> str:
    return datetime.fromtimestamp(int(day) * DAY_MS // 1000, UTC).date().isoformat()
