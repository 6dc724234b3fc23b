"""The log of a session: events that runners and agents post, bindings, and reading it back by number."""

from collections.abc import Callable

from callboard.coordinator.services.access import visible_session
from callboard.coordinator.services.callback_changes import accept
from callboard.coordinator.services.fleet import Fleet
from callboard.coordinator.services.message_changes import take
from callboard.coordinator.services.pages import check_limit
from callboard.coordinator.services.rendering import render_event
from callboard.coordinator.services.reports import external_run, find_run, owned_run
from callboard.coordinator.services.run_changes import is_external
from callboard.coordinator.services.run_requests import check_session_id
from callboard.coordinator.services.runner_access import check_runner
from callboard.domain import event as event_types
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound
from callboard.domain.piece import Piece
from callboard.domain.runner import LeaseRules
from callboard.store.database import Database, Row, Transaction
from callboard.store.event_log import first_seq
from callboard.store.events import NewEvent, append, page_by_seq
from callboard.wire.responses import EventPage
from callboard.wire.runner import EventsStored, PostDelta, PostedEvent, PostEvents

NOTE_KEY = "n."
"""Before the keys of what an agent posts itself, so that they never meet the keys of its runner."""


class EventService:
    """Events of sessions."""

    def __init__(self, database: Database, fleet: Fleet, rules: LeaseRules, publish: Callable[[Piece], None]) -> None:
        """`publish` hears each piece of a message; it neither waits nor fails."""
        self._database = database
        self._fleet = fleet
        self._rules = rules
        self._publish = publish

    async def post(self, caller: Caller, session_id: str, posted: PostEvents) -> EventsStored:
        """Stores events of the attempt that owns the session's run; the same client key is stored once."""
        check_session_id(session_id)
        if caller.kind == "session":
            return await self._database.write(lambda tx: self._post_own(tx, caller, session_id, posted))
        await self._check_runner(caller, posted.runner_id, posted.epoch)
        for event in posted.events:
            if not event_types.may_report(event.type):
                raise InvalidRequest(f"{event.type} is written by the coordinator alone.")
        return await self._database.write(lambda tx: self._post(tx, caller, session_id, posted))

    async def _check_runner(self, caller: Caller, runner_id: str | None, epoch: int | None) -> None:
        if caller.kind != "runner":
            raise Forbidden("Only the runner that holds the attempt, or its session's token, may post this.")
        named = runner_id or caller.runner_id or ""
        runner = await self._fleet.get(named, epoch or 0)
        check_runner(caller, named, runner.epoch if epoch is None and runner else epoch or 0, runner)

    def _post(self, tx: Transaction, caller: Caller, session_id: str, posted: PostEvents) -> EventsStored:
        run = attempt_of(tx, caller, session_id, posted.run_id, posted.attempt, self._rules)
        if _answers(posted.events):
            tx.run("answered_attempt", run_id=run["run_id"], attempt=run["attempt"])
        stored = _append(tx, run, [_event(event) for event in posted.events], counted=True)
        messages = [bytes(event.payload) for event in posted.events if event.type == event_types.MESSAGE]
        accept(tx, run, messages)
        take(tx, run, messages)
        return EventsStored(seqs=stored)

    def _post_own(self, tx: Transaction, caller: Caller, session_id: str, posted: PostEvents) -> EventsStored:
        """What a session token may post: all that an external session tells of itself, else only notes."""
        if caller.session_id != session_id:
            raise Forbidden(f"This token belongs to {caller.session_id}.", hint="Post to your own session.")
        tx.lock_session(session_id)
        visible_session(tx, caller, session_id)
        run = find_run(tx, caller.run_id or "")
        external = is_external(run)
        allowed = event_types.EXTERNAL_TYPES if external else frozenset({event_types.NOTE})
        for event in posted.events:
            if event.type not in allowed:
                raise Forbidden(
                    f"A session token may not post {event.type}.", hint=f"Allowed: {', '.join(sorted(allowed))}."
                )
        if external:
            run = external_run(tx, caller, run["run_id"], self._rules)
            if _answers(posted.events):
                tx.run("answered_attempt", run_id=run["run_id"], attempt=run["attempt"])
            return EventsStored(seqs=_append(tx, run, [_event(event) for event in posted.events], counted=True))
        return EventsStored(seqs=_append(tx, run, [_event(event, NOTE_KEY) for event in posted.events], counted=False))

    async def delta(self, caller: Caller, session_id: str, delta: PostDelta) -> None:
        """Passes on a piece of a message; best effort, never stored."""
        check_session_id(session_id)

        def work(tx: Transaction) -> Row:
            run = tx.one("run_for_report", run_id=delta.run_id)
            if run is None or run["session_id"] != session_id:
                raise NotFound(f"There is no run {delta.run_id} of {session_id}.", code="run_not_found")
            leads = is_external(run) and run["run_id"] == caller.run_id
            mine = run["runner_id"] == caller.runner_id if caller.kind == "runner" else leads
            if not mine or run["attempt"] != delta.attempt:
                raise Forbidden("Only the runner that holds the attempt may post this.")
            return run

        run = await self._database.read(work)
        root, message_key = run["root_session_id"], delta.message_key
        self._publish(Piece(session_id, root, run["run_id"], delta.attempt, message_key, delta.offset, delta.text))

    async def list(self, caller: Caller, session_id: str, after: int, types: list[str] | None, limit: int) -> EventPage:
        """A session's events above a number, in order, and with which number its log begins now."""
        check_session_id(session_id)
        check_limit(limit)
        if after < 0:
            raise InvalidRequest("after must not be negative.", errors=[{"pointer": "/after"}])

        def work(tx: Transaction) -> EventPage:
            visible_session(tx, caller, session_id)
            found = page_by_seq(tx, session_id, after, limit, frozenset(types or ()))
            items = [render_event(event) for event in found.events]
            return EventPage(
                items=items,
                next_page=None if found.next_after is None else str(found.next_after),
                limit=limit,
                first_seq=first_seq(tx, session_id),
            )

        return await self._database.read(work)


def attempt_of(
    tx: Transaction, caller: Caller, session_id: str, run_id: str | None, attempt: int | None, rules: LeaseRules
) -> Row:
    """The live run of a session that the calling runner holds; unnamed, the session's live run is meant.

    The session is locked: nobody else moves the run or adds to its log meanwhile.
    """
    tx.lock_session(session_id)
    if run_id is None or attempt is None:
        live = tx.one("live_run_of_session", session_id=session_id)
        if live is None:
            raise Conflict(f"{session_id} has no live run.", code="stale_attempt", hint="Name run_id and attempt.")
        run_id, attempt = run_id or live["run_id"], live["attempt"] if attempt is None else attempt
    run = find_run(tx, run_id)
    if run["session_id"] != session_id:
        raise Conflict(f"{run_id} is a run of another session.", code="stale_attempt")
    return owned_run(tx, run, caller, attempt, rules)


def _answers(events: list[PostedEvent]) -> bool:
    """Whether an assistant message is among the events."""
    return any(event.type == event_types.MESSAGE and b'"assistant"' in bytes(event.payload) for event in events)


def _event(event: PostedEvent, prefix: str = "") -> NewEvent:
    return NewEvent(
        type=event.type,
        payload=bytes(event.payload) or b"{}",
        client_key=prefix + event.client_key,
        source_at=event.source_at,
    )


def _append(tx: Transaction, run: Row, events: list[NewEvent], *, counted: bool) -> list[int]:
    return append(
        tx,
        run["session_id"],
        run["root_session_id"],
        events,
        run_id=run["run_id"],
        attempt=run["attempt"],
        keyed=True,
        counted=counted,
    )
