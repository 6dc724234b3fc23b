"""Transcripts of portable sessions: taken in parts from the attempt that owns a run, given to the one that claimed one.

Their content may hold secrets: it is in no event, log or error, and nobody but these runners gets it.
"""

import asyncio
import hashlib
import json
import zlib

from callboard.coordinator.services.fleet import Fleet
from callboard.coordinator.services.journal import attempt_of
from callboard.coordinator.services.reports import find_run, holds, stale_attempt
from callboard.coordinator.services.run_changes import note_event
from callboard.coordinator.services.run_requests import check_session_id
from callboard.coordinator.services.runner_access import check_runner
from callboard.domain import event as event_types
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, InvalidRequest, NotFound
from callboard.domain.portability import PART_BYTES, STAYS
from callboard.domain.runner import LeaseRules
from callboard.store.database import Database, Row, Transaction
from callboard.wire.runner import AnnounceTranscript, PutTranscriptPart, TranscriptPart, TranscriptWanted


class TranscriptService:
    """The newest transcript of each portable session."""

    def __init__(self, database: Database, fleet: Fleet, rules: LeaseRules, limit_bytes: int) -> None:
        self._database = database
        self._fleet = fleet
        self._rules = rules
        self._limit_bytes = limit_bytes

    async def announce(self, caller: Caller, session_id: str, announced: AnnounceTranscript) -> TranscriptWanted:
        """Which parts are missing; when none is, the transcript takes the place of the one before."""
        await self._check(caller, session_id, announced.runner_id, announced.epoch)
        return await self._database.write(lambda tx: self._announce(tx, caller, session_id, announced))

    async def _check(self, caller: Caller, session_id: str, runner_id: str, epoch: int) -> None:
        check_session_id(session_id)
        check_runner(caller, runner_id, epoch, await self._fleet.get(runner_id, epoch))

    def _announce(
        self, tx: Transaction, caller: Caller, session_id: str, announced: AnnounceTranscript
    ) -> TranscriptWanted:
        run = attempt_of(tx, caller, session_id, announced.run_id, announced.attempt, self._rules)
        session = tx.one("session_by_id", session_id=session_id) or {}
        if not session.get("portable") or run["context"] != "persistent":
            return TranscriptWanted(kept=False)
        _check_bound(tx, run, announced)
        tx.run("begin_transcript", session_id=session_id)
        if announced.size_bytes > self._limit_bytes or not announced.parts:
            self._refuse(tx, run, announced.size_bytes)
            return TranscriptWanted(kept=False)
        if len(announced.parts) != -(-announced.size_bytes // PART_BYTES):
            raise InvalidRequest(f"{len(announced.parts)} parts are not {announced.size_bytes} bytes.")
        missing = _missing(tx, session_id, announced.parts)
        if missing:
            tx.run("announce_transcript", session_id=session_id, parts=json.dumps(announced.parts))
        else:
            _store(tx, run, announced)
        return TranscriptWanted(kept=True, missing=missing)

    def _refuse(self, tx: Transaction, run: Row, size_bytes: int) -> None:
        """Keeps nothing: what is kept would be old. The session stays with its host, and its log says why."""
        before = tx.one("transcript_of_session", session_id=run["session_id"]) or {}
        tx.run("refuse_transcript", session_id=run["session_id"], refused="too_large")
        tx.run("delete_transcript_parts_of_session", session_id=run["session_id"])
        if before.get("refused") is None:
            text = f"{STAYS['too_large']} ({size_bytes} bytes, at most {self._limit_bytes}.)"
            note_event(tx, run, event_types.NOTE, {"text": text, "code": "too_large"})

    async def put_part(self, caller: Caller, session_id: str, part: PutTranscriptPart) -> None:
        """Stores a part of what was announced; again changes nothing."""
        await self._check(caller, session_id, part.runner_id, part.epoch)
        await asyncio.to_thread(_check_part, part)

        def work(tx: Transaction) -> None:
            attempt_of(tx, caller, session_id, part.run_id, part.attempt, self._rules)
            kept = tx.one("transcript_of_session", session_id=session_id)
            if kept is None or part.sha256 not in json.loads(kept["announced"]):
                raise Conflict(
                    "No transcript with this part is announced.",
                    code="transcript_changed",
                    hint="Announce the transcript again.",
                )
            tx.run("insert_transcript_part", session_id=session_id, sha256=part.sha256, data=part.data)

        await self._database.write(work)

    async def part(self, caller: Caller, session_id: str, run_id: str, attempt: int, sha256: str) -> TranscriptPart:
        """A part of the kept transcript, for the runner that claimed the session's run and has not ended it."""
        check_session_id(session_id)

        def work(tx: Transaction) -> TranscriptPart:
            run = find_run(tx, run_id)
            owns = run["attempt"] == attempt and run["status"] in ("claimed", "running")
            if run["session_id"] != session_id or not owns or not holds(tx, run, caller, attempt):
                raise stale_attempt(run, attempt)
            row = tx.one("transcript_part", session_id=session_id, sha256=sha256)
            if row is None:
                raise NotFound(
                    "This part of the transcript is not kept.",
                    code="transcript_changed",
                    hint="Go on from the stored log: callboard resume --from-log",
                )
            return TranscriptPart(sha256=sha256, data=bytes(row["data"]))

        return await self._database.read(work)


def _check_bound(tx: Transaction, run: Row, announced: AnnounceTranscript) -> None:
    held = tx.one("attempt_by_id", run_id=run["run_id"], attempt=run["attempt"]) or {}
    if held.get("bound_id") != announced.executor_session_id:
        raise Conflict(
            f"This attempt is bound to {held.get('bound_id') or 'no conversation'}.",
            code="binding_conflict",
            hint="Send the transcript of the conversation that the attempt is bound to.",
        )


def _missing(tx: Transaction, session_id: str, parts: list[str]) -> list[str]:
    known = {row["sha256"] for row in tx.all("transcript_part_names", session_id=session_id)}
    return [part for part in dict.fromkeys(parts) if part not in known]


def _store(tx: Transaction, run: Row, announced: AnnounceTranscript) -> None:
    session_id = run["session_id"]
    tx.run(
        "store_transcript",
        session_id=session_id,
        executor_type=run["executor_type"],
        executor_session_id=announced.executor_session_id,
        run_id=run["run_id"],
        run_number=run["number"],
        size_bytes=announced.size_bytes,
        sha256=announced.sha256,
        parts=json.dumps(announced.parts),
        now=tx.now_ms,
    )
    for row in tx.all("transcript_part_names", session_id=session_id):
        if row["sha256"] not in announced.parts:
            tx.run("delete_transcript_part", session_id=session_id, sha256=row["sha256"])


def _check_part(part: PutTranscriptPart) -> None:
    """Blocking. InvalidRequest when the bytes are not what their hash says."""
    try:
        unpacking = zlib.decompressobj()
        plain = unpacking.decompress(part.data, PART_BYTES)
        whole = unpacking.eof and not unpacking.unconsumed_tail and not unpacking.unused_data
    except zlib.error:
        plain, whole = b"", False
    if not whole or hashlib.sha256(plain).hexdigest() != part.sha256:
        raise InvalidRequest("The part is not what its hash says.", hint="Send it again.")
