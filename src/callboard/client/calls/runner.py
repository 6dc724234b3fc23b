"""Calls of a runner: docs/runner-protocol.md. None is marked repeatable, because a runner repeats in its own order."""

from typing import Final, Literal

from callboard.client.call import Call, Nothing, path
from callboard.wire.runner import (
    AnnounceTranscript,
    ApprovalRequest,
    ApprovalSettled,
    Deregister,
    Ended,
    EndedAnswer,
    ExternalEnd,
    ExternalUsage,
    Heartbeat,
    HeartbeatAnswer,
    NotLaunched,
    PollAnswer,
    PutTranscriptPart,
    Register,
    Registered,
    Started,
    StartedAnswer,
    TranscriptPart,
    TranscriptWanted,
    UsageReport,
)
from callboard.wire.steering import Approval
from callboard.wire.work import Job, JobEnded

POLL_MARGIN_SECONDS: Final = 10.0
End = Literal["completed", "failed", "stopped"]


def register(body: Register) -> Call[Registered]:
    """Join, or take over from an older process of the same runner."""
    return Call(method="POST", path=path("runner", "register"), body=body, response=Registered)


def heartbeat(body: Heartbeat) -> Call[HeartbeatAnswer]:
    """Renew the leases of the listed attempts."""
    return Call(method="POST", path=path("runner", "heartbeat"), body=body, response=HeartbeatAnswer)


def deregister(body: Deregister) -> Call[Nothing]:
    """Leave for good."""
    return Call(method="POST", path=path("runner", "deregister"), body=body, response=Nothing)


def poll(runner_id: str, epoch: int, *, slots: int, wait_seconds: float = 30.0) -> Call[PollAnswer]:
    """Runs, stops and commands for this runner; empty when there was nothing for `wait_seconds`."""
    return Call(
        method="GET",
        path=path("runner", "runs"),
        query={"runner_id": runner_id, "epoch": epoch, "wait": wait_seconds, "slots": slots},
        response=PollAnswer,
        timeout_seconds=wait_seconds + POLL_MARGIN_SECONDS,
    )


def started(run_id: str, body: Started) -> Call[StartedAnswer]:
    """Ask for the permission to launch."""
    return Call(method="POST", path=path("runner", "runs", run_id, "started"), body=body, response=StartedAnswer)


def not_launched(run_id: str, body: NotLaunched) -> Call[EndedAnswer]:
    """Give the run back: nothing of it ran."""
    return Call(method="POST", path=path("runner", "runs", run_id, "not_launched"), body=body, response=EndedAnswer)


def usage(run_id: str, body: UsageReport | ExternalUsage) -> Call[EndedAnswer]:
    """Book usage; each row counts once."""
    return Call(method="POST", path=path("runner", "runs", run_id, "usage"), body=body, response=EndedAnswer)


def ended(run_id: str, end: End, body: Ended | ExternalEnd) -> Call[EndedAnswer]:
    """Report the attempt's end; the first committed end stands."""
    return Call(method="POST", path=path("runner", "runs", run_id, end), body=body, response=EndedAnswer)


def job_ended(job_id: str, body: JobEnded) -> Call[Job]:
    """Report the end of a job; the first end stands."""
    return Call(method="POST", path=path("runner", "jobs", job_id), body=body, response=Job)


def announce_transcript(session_id: str, body: AnnounceTranscript) -> Call[TranscriptWanted]:
    """Say which parts a transcript has; with none missing it is stored."""
    return Call(method="POST", path=path("sessions", session_id, "transcript"), body=body, response=TranscriptWanted)


def put_transcript_part(session_id: str, body: PutTranscriptPart) -> Call[Nothing]:
    """Send one part of it."""
    return Call(method="POST", path=path("sessions", session_id, "transcript", "parts"), body=body, response=Nothing)


def transcript_part(session_id: str, run_id: str, attempt: int, sha256: str) -> Call[TranscriptPart]:
    """Fetch one part of what is kept."""
    return Call(
        method="GET",
        path=path("sessions", session_id, "transcript", "parts"),
        query={"run_id": run_id, "attempt": attempt, "sha256": sha256},
        response=TranscriptPart,
        repeatable=True,
    )


def ask(run_id: str, body: ApprovalRequest) -> Call[Approval]:
    """Ask for permission; the decision comes with a poll or a heartbeat."""
    return Call(method="POST", path=path("runner", "runs", run_id, "approvals"), body=body, response=Approval)


def settled(run_id: str, body: ApprovalSettled) -> Call[Approval]:
    """Say that the agent has a decision, or waits for none any more."""
    return Call(
        method="POST", path=path("runner", "runs", run_id, "approvals", "settled"), body=body, response=Approval
    )
