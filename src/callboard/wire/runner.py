"""What runners send and get. Unknown fields of newer runners are accepted; the protocol: docs/runner-protocol.md."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from callboard.domain.checks import MAX_CHECKS, Check, CheckOutcome
from callboard.domain.event import MAX_BATCH, MAX_CLIENT_KEY
from callboard.domain.portability import MAX_PARTS, PART_BYTES
from callboard.domain.text import MAX_INTEGER
from callboard.domain.usage import UsageRow
from callboard.wire.jobs import JobOrder

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Number = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Signed = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Moment = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
"""Unix milliseconds up to the year 9999, which is as far as RFC 3339 goes."""
ShortList = Annotated[list[Annotated[str, Meta(min_length=1, max_length=4096)]], Meta(max_length=100)]


class Report(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A body of a runner."""


class Register(Report, kw_only=True):
    """POST /runner/register, with the join token or with the runner's own credential.

    `credential_sha256` is the SHA-256 (hex) of a secret that the runner made and stored before this call, so
    that a lost answer can be asked for again; `launch_token` tells two processes of one runner apart.
    """

    hostname: Annotated[str, Meta(min_length=1, max_length=255)]
    project_dir: Annotated[str, Meta(min_length=1, max_length=4096)]
    name: Annotated[str, Meta(max_length=100)] = ""
    credential_sha256: Hash
    launch_token: Annotated[str, Meta(min_length=8, max_length=64)]
    roots: ShortList = []
    executor_types: ShortList = []
    script_executor_types: ShortList | None = None
    """Those of `executor_types` that run their prompt as a script; from runners that do not know it: `command`."""
    tags: ShortList = []
    require_matching_tags: bool = False
    slots: Annotated[int, Meta(ge=1, le=10_000)] = 1
    version: Annotated[str, Meta(max_length=100)] = ""
    facts: dict[str, Any] = {}
    """What else the runner says of itself (platform, client versions, how sure a stop is); shown, never decided on."""


class Registered(msgspec.Struct, kw_only=True):
    """The answer to a registration."""

    runner_id: str
    epoch: int
    heartbeat_seconds: float
    lease_seconds: float
    stop_on_runner_seconds: float
    server_time: str
    draining: bool


class AttemptRef(Report, kw_only=True):
    """An attempt that a runner holds."""

    run_id: str
    attempt: Number


class Heartbeat(Report, kw_only=True):
    """POST /runner/heartbeat: renews the leases of the attempts it lists."""

    runner_id: str
    epoch: Number
    attempts: Annotated[list[AttemptRef], Meta(max_length=10_000)] = []
    clock_ms: Signed | None = None
    """The runner's wall clock, in Unix milliseconds, to warn of a skew; it decides nothing."""
    facts: dict[str, Any] = {}


class StopOrder(msgspec.Struct, kw_only=True):
    """An attempt that must be stopped, and why."""

    run_id: str
    attempt: int
    reason: str


class DecisionOrder(msgspec.Struct, kw_only=True):
    """The decision on a request for permission; said again until the runner reports it settled."""

    run_id: str
    attempt: int
    request_id: str
    allow: bool
    reason: str = ""
    updated_input: dict[str, Any] | None = None
    """The tool input to use in place of the one that was asked for."""


class MessageOrder(msgspec.Struct, kw_only=True):
    """Something to say to a live agent; said again until the agent's `message(user)` names it."""

    run_id: str
    attempt: int
    message_id: str
    text: str


class HeartbeatAnswer(msgspec.Struct, kw_only=True):
    """`stops` must be stopped and reported; `stale` are not this runner's any more and must be ended unreported."""

    stops: list[StopOrder] = []
    stale: list[AttemptRef] = []
    decisions: list[DecisionOrder] = []
    messages: list[MessageOrder] = []
    jobs: list[JobOrder] = []
    draining: bool = False
    server_time: str = ""
    clock_skew_ms: int = 0


class TranscriptCopy(msgspec.Struct, kw_only=True):
    """A transcript that the coordinator keeps; its parts are fetched one by one, by their hashes, in this order."""

    executor_session_id: str
    size_bytes: int
    sha256: str
    """Of the whole."""
    parts: list[str]
    leads: bool = False
    """Whether the conversation was last on another host, so that a transcript on this one is old."""


class Claim(msgspec.Struct, kw_only=True):
    """A run that the runner now holds: all it needs to execute it."""

    run_id: str
    session_id: str
    attempt: int
    run_number: int
    type: str
    trigger: str
    prompt: str
    parameters: dict[str, Any] = {}
    context: str
    executor_type: str
    executor_session_id: str | None
    """The native id of the conversation to continue; None starts a new one."""
    conversation_uuid: str | None = None
    """The id for a new conversation, where the executor lets us choose it."""
    answered: bool = False
    """Whether an assistant message of that conversation is stored: if not, a missing one is simply started again."""
    binding_generation: int
    project_dir: str | None
    agent: dict[str, Any] | None = None
    model: str | None = None
    permission_mode: str | None = None
    limits: dict[str, Any] = {}
    tries: int = 0
    earlier_attempts: list[int] = []
    """Attempts of this run on any host that came before, so that strays can be ended."""
    traceparent: str | None = None
    portable: bool = False
    """Whether the coordinator wants the transcript after the run."""
    transcript: TranscriptCopy | None = None
    """What is kept of the conversation, where this runner may need it."""
    checks: list[Check] = []
    """What judges the agent's work, once it has completed."""
    prompt_as_data: bool = False
    """Whether the prompt holds text from elsewhere, so that no interpreter may get it as a script."""
    repository: str | None = None
    """Whose `.callboard/config.toml` may say what a check executes; null: the working directory's."""


class PollAnswer(msgspec.Struct, kw_only=True):
    """GET /runner/runs: at least one of these, else 204."""

    runs: list[Claim] = []
    stops: list[StopOrder] = []
    stale: list[AttemptRef] = []
    decisions: list[DecisionOrder] = []
    messages: list[MessageOrder] = []
    jobs: list[JobOrder] = []
    draining: bool = False


class Started(Report, kw_only=True):
    """POST /runner/runs/{id}/started: asks for the permission to launch."""

    runner_id: str
    epoch: Number
    attempt: Number
    session_token_sha256: Hash
    """Of the session token that the runner made for this attempt."""
    project_dir: str | None = None
    """The directory that the attempt really works in."""
    takes_messages: bool = False
    """Whether its agent can be spoken to while it works."""


class StartedAnswer(msgspec.Struct, kw_only=True):
    """The permission to launch; `stop` is set when the run is to be stopped before anything runs."""

    ok: bool = True
    stop: bool = False


class NotLaunched(Report, kw_only=True):
    """POST /runner/runs/{id}/not_launched: the attempt was given back and nothing ran."""

    runner_id: str
    epoch: Number
    attempt: Number
    code: str = ""
    message: Annotated[str, Meta(max_length=4000)] = ""
    retry: bool = True
    """False when this runner can never launch it (directory missing or outside its roots): the run fails."""


class UsageReport(Report, kw_only=True):
    """POST /runner/runs/{id}/usage. Each row is booked once per (run, attempt, model, message_id)."""

    runner_id: str
    epoch: Number
    attempt: Number
    rows: Annotated[list[UsageRow], Meta(max_length=500)] = []
    incomplete: bool = False


class ApprovalRequest(Report, kw_only=True):
    """POST /runner/runs/{id}/approvals: the agent of an attempt asks for permission and waits."""

    runner_id: str
    epoch: Number
    attempt: Number
    request_id: Annotated[str, Meta(min_length=1, max_length=200)]
    """The executor's own name for it; the same one, reported again, is the same approval."""
    tool_name: Annotated[str, Meta(min_length=1, max_length=200)]
    tool_input: dict[str, Any] = {}
    description: Annotated[str, Meta(max_length=4000)] = ""
    tool_use_id: Annotated[str, Meta(max_length=200)] | None = None
    project_dir: Annotated[str, Meta(max_length=4096)] | None = None
    """The directory that the agent works in."""


class ApprovalSettled(Report, kw_only=True):
    """POST /runner/runs/{id}/approvals/settled: the agent has the decision, or does not wait for one any more."""

    runner_id: str
    epoch: Number
    attempt: Number
    request_id: Annotated[str, Meta(min_length=1, max_length=200)]


class Ended(Report, kw_only=True):
    """POST /runner/runs/{id}/completed | failed | stopped: the end of the attempt."""

    runner_id: str
    epoch: Number
    attempt: Number
    event_count: Number
    """How many events the runner has posted for this attempt; fewer stored is `events_missing`."""
    exit_code: Signed | None = None
    reason: str | None = None
    """For failed: an end reason (default `failed`)."""
    error_code: Annotated[str, Meta(max_length=100)] | None = None
    error_message: Annotated[str, Meta(max_length=16_384)] | None = None
    result_text: str | None = None
    result_data: Any = None
    usage: Annotated[list[UsageRow], Meta(max_length=500)] = []
    usage_incomplete: bool = False
    checks: Annotated[list[CheckOutcome], Meta(max_length=MAX_CHECKS)] = []
    signal: str | None = None
    certainty: Annotated[str, Meta(max_length=100)] | None = None
    """How sure it is that no process of the attempt is left: `cgroup`, `descendants`, `group`."""


class EndedAnswer(msgspec.Struct, kw_only=True):
    """What the run ended as: the first committed end stands."""

    status: str
    reason: str


class PostedEvent(Report, kw_only=True):
    """One event of an attempt. `client_key` makes it repeatable: the same key is stored once per attempt."""

    client_key: Annotated[str, Meta(min_length=1, max_length=MAX_CLIENT_KEY)]
    type: Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-z][a-z0-9_.]*$")]
    payload: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))
    source_at: Moment | None = None
    """The runner's clock, Unix milliseconds."""


class PostEvents(Report, kw_only=True):
    """POST /sessions/{id}/events. A session token needs neither runner_id nor attempt: it names both."""

    events: Annotated[list[PostedEvent], Meta(min_length=1, max_length=MAX_BATCH)]
    run_id: str | None = None
    attempt: Number | None = None
    runner_id: str | None = None
    epoch: Number | None = None


class EventsStored(msgspec.Struct, kw_only=True):
    """The number of each posted event in the session's log, in the order posted; repeats get their first number."""

    seqs: list[int]


class PostDelta(Report, kw_only=True):
    """POST /sessions/{id}/deltas: a piece of a message that is being written; passed on, never stored."""

    run_id: str
    attempt: Number
    message_key: Annotated[str, Meta(max_length=100)]
    offset: Number
    text: Annotated[str, Meta(max_length=65_536)]


class Bind(Report, kw_only=True):
    """POST /sessions/{id}/bind, by the attempt that owns the run."""

    executor_session_id: Annotated[str, Meta(min_length=1, max_length=500)]
    executor_type: Annotated[str, Meta(min_length=1, max_length=100)]
    hostname: Annotated[str, Meta(min_length=1, max_length=255)]
    project_dir: Annotated[str, Meta(max_length=4096)] | None = None
    run_id: str | None = None
    attempt: Number | None = None
    runner_id: str | None = None
    epoch: Number | None = None


class AnnounceTranscript(Report, kw_only=True):
    """POST /sessions/{id}/transcript, by the attempt that owns the run, until nothing is missing; replaces the last."""

    run_id: str
    attempt: Number
    runner_id: str
    epoch: Number
    executor_session_id: Annotated[str, Meta(min_length=1, max_length=500)]
    size_bytes: Number
    sha256: Hash
    parts: Annotated[list[Hash], Meta(max_length=MAX_PARTS)]
    """The hashes of its parts of 512 KiB, in order; empty when it is larger than a transcript may be."""


class TranscriptWanted(msgspec.Struct, kw_only=True):
    """What the coordinator does with an announced transcript."""

    kept: bool
    """False: nothing is to be sent, and nothing is kept."""
    missing: list[str] = []
    """The parts that are to be sent before it is announced again; none: it is stored."""


class PutTranscriptPart(Report, kw_only=True):
    """POST /sessions/{id}/transcript/parts: one part of what was announced."""

    run_id: str
    attempt: Number
    runner_id: str
    epoch: Number
    sha256: Hash
    """Of the part before it was compressed."""
    data: Annotated[bytes, Meta(min_length=1, max_length=2 * PART_BYTES)]
    """Compressed by zlib; in JSON as base64."""


class TranscriptPart(msgspec.Struct, kw_only=True):
    """GET /sessions/{id}/transcript/parts: one part, for the runner that claimed the session's run."""

    sha256: str
    data: bytes


class Deregister(Report, kw_only=True):
    """POST /runner/deregister: the runner leaves; refused while it holds attempts."""

    runner_id: str
    epoch: Number


class ExternalUsage(Report, kw_only=True):
    """Usage of an external session, posted with its session token, which names run and attempt."""

    rows: Annotated[list[UsageRow], Meta(max_length=500)] = []
    incomplete: bool = False


class ExternalEnd(Report, kw_only=True):
    """The end of an external session, posted with its session token to /runner/runs/{id}/completed|failed|stopped."""

    exit_code: Signed | None = None
    error_message: Annotated[str, Meta(max_length=16_384)] | None = None
    result_text: str | None = None
    reason: Literal["completed", "failed", "stopped"] = "completed"
