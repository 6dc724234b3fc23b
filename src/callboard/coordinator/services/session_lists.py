"""Pages of sessions: filters, words and references, narrowed to what the caller may see."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from callboard.coordinator.services.access import visible_session
from callboard.coordinator.services.budget_changes import read_pools
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.rendering import render_budget, render_session
from callboard.coordinator.services.run_requests import check_session_id
from callboard.coordinator.services.session_references import find_session
from callboard.coordinator.services.usage import usage_of_sessions
from callboard.coordinator.services.work_standing import standing
from callboard.domain.budget import Pools, Shortage
from callboard.domain.caller import Caller
from callboard.domain.errors import InvalidRequest, NotFound
from callboard.domain.lifecycle import ENDED
from callboard.domain.session import STATUSES
from callboard.domain.usage import UsageTotal
from callboard.store.database import Row, Transaction
from callboard.store.reading import NEWEST, SessionFilters, session_cards, session_page, subtree, work_cards
from callboard.wire.responses import Page, Session

LIST: Final = "sessions"
ACTIVE: Final = "active"
"""A lifecycle filter: every one that has not ended."""


class SessionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of sessions is asked for; all that is given must hold."""

    status: str | None = None
    agent_name: str | None = None
    parent_session_id: str | None = None
    root_session_id: str | None = None
    ref: str | None = None
    project: str | None = None
    work: bool = False
    lifecycle: str | None = None
    q: str | None = None
    page: str | None = None
    limit: int = 50


def check_query(query: SessionQuery) -> None:
    """InvalidRequest when a filter can never be meant."""
    check_limit(query.limit)
    if query.status is not None and query.status not in STATUSES:
        raise InvalidRequest(
            f"{query.status!r} is no status of a session.",
            errors=[{"pointer": "/status", "message": f"one of {', '.join(STATUSES)}"}],
        )
    for value in (query.parent_session_id, query.root_session_id):
        if value is not None:
            check_session_id(value)


def list_sessions(tx: Transaction, caller: Caller, query: SessionQuery) -> Page:
    """A page of sessions, newest first."""
    before = read_mark(LIST, query.page, NEWEST)
    filters = _filters(tx, caller, query)
    if filters is None:
        return page_of(LIST, [], query.limit, None)
    if query.ref is not None:
        found = find_session(tx, caller, query.ref, filters.project_id)
        fits = found is not None and _fits(found, filters)
        return page_of(LIST, [show_session(tx, found["session_id"])] if found and fits else [], query.limit, None)
    ids, last = session_page(tx, filters, _accepts(tx, caller, query.q), before=before, limit=query.limit)
    return page_of(LIST, shown_sessions(tx, ids), query.limit, last)


def show_session(tx: Transaction, session_id: str) -> Session:
    """A session as it is answered; NotFound when there is none."""
    for session in shown_sessions(tx, [session_id]):
        return session
    raise NotFound(f"There is no session {session_id}.", code="session_not_found")


def shown_sessions(tx: Transaction, session_ids: Sequence[str]) -> list[Session]:
    """Those of these sessions that are there, in this order; a page of them costs as many queries as one."""
    cards, usage = session_cards(tx, session_ids), usage_of_sessions(tx, session_ids)
    work = work_cards(tx, [one for one in cards if cards[one]["handle"] is not None])
    drawn_from = {one: card["pool_session_id"] for one, card in cards.items() if card["pool_session_id"]}
    pools = read_pools(tx, *drawn_from.values()) if drawn_from else Pools([])
    budgets = {one: render_budget(pools, pool) for one, pool in drawn_from.items()}
    stands = {one: standing(cards[one], row, _short(pools, drawn_from.get(one))) for one, row in work.items()}
    return [
        render_session(
            cards[one],
            usage.get(one, UsageTotal()),
            work=work.get(one),
            stands=stands.get(one),
            budget=budgets.get(one),
        )
        for one in session_ids
        if one in cards
    ]


def _short(pools: Pools, pool_session_id: str | None) -> Shortage | None:
    return None if pool_session_id is None else pools.starts_nothing(pool_session_id)


def _filters(tx: Transaction, caller: Caller, query: SessionQuery) -> SessionFilters | None:
    """The filters with what the caller is narrowed to; None when the two exclude each other."""
    project_id = project_of_query(tx, caller, query.project)
    root = query.root_session_id
    if caller.kind == "session":
        own_root = visible_session(tx, caller, caller.session_id or "")["root_session_id"]
        if root not in (None, own_root):
            return None
        root = own_root
    elif caller.kind != "runner" and not caller.is_person:
        return None
    return SessionFilters(
        status=query.status or "",
        agent_name=query.agent_name or "",
        parent_session_id=query.parent_session_id or "",
        root_session_id=root or "",
        project_id=project_id,
        work=query.work or query.lifecycle is not None,
        lifecycle=query.lifecycle or "",
        runner_id=caller.runner_id or "",
    )


def project_of_query(tx: Transaction, caller: Caller, named: str | None) -> str:
    """The id of the project that a list is narrowed to, by its name or by the caller; the empty text for none."""
    if named is None:
        return caller.project_id or ""
    row = tx.one("project_by_name", project=named)
    if row is None or not caller.sees_project(row["project_id"]):
        raise NotFound(f"There is no project {named!r}.", code="project_not_found")
    return str(row["project_id"])


def _fits(row: Row, filters: SessionFilters) -> bool:
    columns = ("status", "agent_name", "parent_session_id", "root_session_id", "project_id")
    lifecycles = ("", row["lifecycle"], ACTIVE if row["lifecycle"] not in (None, *ENDED) else None)
    works = (row["handle"] is not None or not filters.work) and filters.lifecycle in lifecycles
    return works and all(getattr(filters, name) in ("", row[name]) for name in columns)


def _accepts(tx: Transaction, caller: Caller, words: str | None) -> Callable[[Row], bool] | None:
    """What no index answers: the words, and for a session token whether a session lies at or below its own."""
    tests: list[Callable[[Row], bool]] = []
    if caller.kind == "session":
        own = {row["session_id"] for row in subtree(tx, caller.session_id or "")}
        tests.append(lambda row: row["session_id"] in own)
    if words:
        sought = words.casefold().split()
        tests.append(lambda row: _has_all(row, sought))
    return (lambda row: all(test(row) for test in tests)) if tests else None


def _has_all(row: Row, words: Sequence[str]) -> bool:
    """Whether each of these words stands somewhere in what is searched, in whatever order."""
    texts = [text.casefold() for text in _texts(row)]
    return all(any(word in text for text in texts) for word in words)


def _texts(row: Row) -> list[str]:
    labels = () if row["labels"] == "{}" else msgspec.json.decode(row["labels"], type=dict[str, str]).values()
    return [row["session_id"], row["title"] or "", row["agent_name"] or "", *labels]
