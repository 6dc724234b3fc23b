"""What the runner tells of one attempt, call by call; repeats each until it is answered. Keeps no order itself."""

from collections.abc import Awaitable
from typing import Any, Final, Literal, TypeVar

from callboard.client import Call
from callboard.client.calls import events, runner, sessions
from callboard.domain.errors import CallboardError, Conflict, NotFound
from callboard.domain.invocation import Approve
from callboard.domain.usage import UsageRow
from callboard.runner.contact import Contact
from callboard.runner.registration import Membership
from callboard.wire.runner import (
    AnnounceTranscript,
    ApprovalRequest,
    ApprovalSettled,
    Bind,
    Claim,
    Ended,
    EndedAnswer,
    NotLaunched,
    PostDelta,
    PostedEvent,
    PostEvents,
    PutTranscriptPart,
    Started,
    StartedAnswer,
    TranscriptWanted,
    UsageReport,
)

DEFECTS_BEFORE_GIVING_UP: Final = 20
EndKind = Literal["completed", "failed", "stopped"]
T = TypeVar("T")


class AttemptStale(Exception):
    """The coordinator says that this attempt does not own its run; nothing more of it is to be reported."""


class AttemptReports:
    """The reports of one attempt. Every method raises AttemptStale when the run is not this attempt's any more."""

    def __init__(self, contact: Contact, membership: Membership, claim: Claim) -> None:
        self._contact = contact
        self._membership = membership
        self._claim = claim

    async def started(self, token_sha256: str, project_dir: str, *, takes_messages: bool) -> StartedAnswer:
        """Ask for the permission to launch."""
        report = Started(
            **self._sender(),
            session_token_sha256=token_sha256,
            project_dir=project_dir,
            takes_messages=takes_messages,
        )
        return await self._send(runner.started(self._claim.run_id, report))

    async def not_launched(self, code: str, message: str, *, retry: bool) -> None:
        """Give the run back."""
        report = NotLaunched(**self._sender(), code=code, message=message[:4000], retry=retry)
        await self._send(runner.not_launched(self._claim.run_id, report))

    async def events(self, batch: list[PostedEvent], *, patient: bool = False) -> None:
        """Add events to the session's log; a patient call waits until a coordinator that fails at it was mended."""
        posted = PostEvents(events=batch, run_id=self._claim.run_id, **self._sender())
        defects = None if patient else DEFECTS_BEFORE_GIVING_UP
        await self._send(events.post(self._claim.session_id, posted), defects=defects)

    async def bind(self, executor_session_id: str, hostname: str, project_dir: str) -> None:
        """Say which conversation carries the session."""
        bound = Bind(
            executor_session_id=executor_session_id,
            executor_type=self._claim.executor_type,
            hostname=hostname,
            project_dir=project_dir,
            run_id=self._claim.run_id,
            **self._sender(),
        )
        await self._send(sessions.bind(self._claim.session_id, bound))

    async def usage(self, rows: list[UsageRow], *, incomplete: bool) -> None:
        """Book usage; a stale attempt's is booked as well."""
        report = UsageReport(rows=rows, incomplete=incomplete, **self._sender())
        await self._send(runner.usage(self._claim.run_id, report), defects=DEFECTS_BEFORE_GIVING_UP)

    async def ask(self, asked: Approve, project_dir: str) -> None:
        """Ask for permission; the decision comes with a poll or a heartbeat."""
        request = ApprovalRequest(
            request_id=asked.request_id,
            tool_name=asked.tool_name,
            tool_input=asked.tool_input,
            description=asked.description[:4000],
            tool_use_id=asked.tool_use_id,
            project_dir=project_dir,
            **self._sender(),
        )
        await self._send(runner.ask(self._claim.run_id, request), defects=DEFECTS_BEFORE_GIVING_UP)

    async def settled(self, request_id: str) -> None:
        """Say that the agent has the decision, or waits for none any more."""
        report = ApprovalSettled(request_id=request_id, **self._sender())
        await self._send(runner.settled(self._claim.run_id, report), defects=DEFECTS_BEFORE_GIVING_UP)

    async def delta(self, message_key: str, offset: int, text: str) -> None:
        """Pass on a piece of a message, once; raises whatever the coordinator or the network says."""
        delta = PostDelta(
            run_id=self._claim.run_id,
            attempt=self._claim.attempt,
            message_key=message_key,
            offset=offset,
            text=text,
        )
        await self._contact.send(events.delta(self._claim.session_id, delta))

    async def ended(self, kind: EndKind, end: Ended) -> EndedAnswer:
        """Report the end. Raises Conflict `events_missing` when events must be posted again first."""
        return await self._send(runner.ended(self._claim.run_id, kind, end))

    async def announce_transcript(self, executor_session_id: str, **described: Any) -> TranscriptWanted:
        """Say which transcript the conversation has now. `described`: size_bytes, sha256, parts."""
        announced = AnnounceTranscript(
            executor_session_id=executor_session_id, run_id=self._claim.run_id, **described, **self._sender()
        )
        call = runner.announce_transcript(self._claim.session_id, announced)
        return await self._send(call, defects=DEFECTS_BEFORE_GIVING_UP)

    async def put_transcript_part(self, sha256: str, data: bytes) -> None:
        """Send a part of it."""
        part = PutTranscriptPart(run_id=self._claim.run_id, sha256=sha256, data=data, **self._sender())
        call = runner.put_transcript_part(self._claim.session_id, part)
        await self._send(call, defects=DEFECTS_BEFORE_GIVING_UP)

    async def transcript_part(self, sha256: str) -> bytes:
        """Fetch a part of the transcript that is kept."""
        claim = self._claim
        call = runner.transcript_part(claim.session_id, claim.run_id, claim.attempt, sha256)
        return (await self._send(call)).data

    def end(self, event_count: int, **details: Any) -> Ended:
        """The body of an end."""
        return Ended(event_count=event_count, **self._sender(), **details)

    def _sender(self) -> dict[str, Any]:
        return {
            "runner_id": self._membership.runner_id,
            "epoch": self._membership.epoch,
            "attempt": self._claim.attempt,
        }

    async def _send(self, call: Call[T], *, defects: int | None = None) -> T:
        return await fenced(self._contact.send_until_answered(call, defects=defects))


async def fenced(answer: Awaitable[T]) -> T:
    """The answer; AttemptStale for the errors by which the coordinator disowns an attempt."""
    try:
        return await answer
    except (Conflict, NotFound) as error:
        if disowns(error):
            raise AttemptStale(error.detail) from error
        raise


def disowns(error: CallboardError) -> bool:
    """Whether an error says that the attempt is not ours any more."""
    return error.code in ("stale_attempt", "run_not_found", "session_not_found")
