"""Every setting of the coordinator: its name, environment variable, unit, default and help. Reads no file itself."""

import difflib
import ipaddress
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, get_type_hints

import msgspec
from msgspec import Meta

from callboard.coordinator.services.limits import TreeLimits, WorkRules
from callboard.coordinator.services.logins import LoginRules
from callboard.coordinator.stream import StreamRules
from callboard.domain.database_url import HIDDEN, is_postgres
from callboard.domain.errors import InvalidRequest, refuse_all
from callboard.domain.portability import MAX_TRANSCRIPT_BYTES
from callboard.domain.runner import LeaseRules

PREFIX: Final = "CALLBOARD_"
NOT_SETTINGS: Final = frozenset({"CALLBOARD_URL", "CALLBOARD_TOKEN", "CALLBOARD_TOKEN_FILE", "CALLBOARD_TRACKING"})
"""Variables with our prefix that clients and agents read."""

DATABASE_NAME: Final = "callboard.db"
"""In the data directory."""

Seconds = Annotated[float, Meta(gt=0, le=31_536_000, extra={"unit": "seconds"})]
Milliseconds = Annotated[float, Meta(gt=0, le=60_000, extra={"unit": "milliseconds"})]
Bytes = Annotated[int, Meta(ge=1, le=2**40, extra={"unit": "bytes"})]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]


def default_data_dir(environ: Mapping[str, str]) -> str:
    """$XDG_STATE_HOME/callboard, or ~/.local/state/callboard."""
    state = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return str(Path(state) / "callboard")


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings. A string under a field is its help."""

    host: Annotated[str, Meta(description="Address to listen on; beyond loopback it needs TLS or --behind-proxy.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")] = 8765
    data_dir: Annotated[str, Meta(description="Directory of tokens and of the SQLite file (0700).")] = ""
    database: Annotated[
        str,
        Meta(
            description="Database URL (postgresql://… for several coordinators); empty: SQLite in the data directory."
        ),
    ] = ""
    database_wait_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            extra={"unit": "seconds"},
            description="How long a start waits for a PostgreSQL that does not answer; 0: not at all.",
        ),
    ] = 30
    tls_cert: Annotated[str, Meta(description="Certificate chain (PEM); needs tls_key.")] = ""
    tls_key: Annotated[str, Meta(description="Private key (PEM); needs tls_cert.")] = ""
    behind_proxy: Annotated[
        bool, Meta(description="A proxy that ends TLS stands before us; its address headers are believed.")
    ] = False
    proxy_addresses: Annotated[
        list[str], Meta(max_length=100, description="Addresses from which proxy headers are believed.")
    ] = []
    allowed_hosts: Annotated[
        list[str], Meta(max_length=100, description="Host names of ours besides the loopback names.")
    ] = []
    allowed_origins: Annotated[
        list[str], Meta(max_length=100, description="Origins of our pages when they differ from the Host.")
    ] = []

    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least level logged.")] = "info"
    log_format: Annotated[
        Literal["auto", "json", "text"], Meta(description="auto: text on a terminal, JSON lines else.")
    ] = "auto"
    access_log: Annotated[
        bool, Meta(description="Log every request, not only refused logins and failures of ours.")
    ] = False

    body_bytes: Annotated[Bytes, Meta(description="Largest body of a person's or agent's request.")] = 4 * 1024 * 1024
    report_bytes: Annotated[Bytes, Meta(description="Largest body of a runner's report.")] = 8 * 1024 * 1024
    import_bytes: Annotated[Bytes, Meta(description="Largest body of an import of an old log.")] = 32 * 1024 * 1024
    request_seconds: Annotated[Seconds, Meta(description="How long a request may take to arrive.")] = 30
    keep_alive_seconds: Annotated[
        int, Meta(ge=1, le=3600, extra={"unit": "seconds"}, description="How long an idle connection is kept.")
    ] = 75
    connections: Annotated[Count, Meta(description="Connections at once; more get 503.")] = 10_000
    failed_logins: Annotated[Count, Meta(description="Failed logins of one address before 429.")] = 200
    failed_logins_per_second: Annotated[
        float, Meta(gt=0, le=1_000_000, description="How fast an address earns further failures.")
    ] = 5
    login_link_seconds: Annotated[Seconds, Meta(description="How long a one-time login link may be used.")] = 600
    login_seconds: Annotated[Seconds, Meta(description="How long a browser stays logged in.")] = 30 * 86_400
    drain_seconds: Annotated[Seconds, Meta(description="How long a stop waits for open requests.")] = 15

    stream_readers: Annotated[Count, Meta(description="Readers of the stream at once; more get 503.")] = 5000
    stream_group_ms: Annotated[Milliseconds, Meta(description="Events of this time are written together.")] = 20
    stream_buffer_bytes: Annotated[Bytes, Meta(description="Recent frames kept in memory for all readers.")] = (
        32 * 1024 * 1024
    )
    stream_ping_seconds: Annotated[Seconds, Meta(description="Time between ping comments.")] = 15
    stream_slow_seconds: Annotated[Seconds, Meta(description="A reader that takes nothing this long is cut off.")] = 10
    stream_poll_seconds: Annotated[Seconds, Meta(description="Look for new events this often without a hint.")] = 1
    token_recheck_seconds: Annotated[Seconds, Meta(description="How often the token of a stream is checked.")] = 5

    default_executor: Annotated[
        str, Meta(min_length=1, max_length=100, description="Executor of a run that names none.")
    ] = "claude-code"

    sweep_seconds: Annotated[Seconds, Meta(description="Time between sweeps of leases and deadlines.")] = 1
    lease_seconds: Annotated[Seconds, Meta(description="Lease of an attempt.")] = 30
    heartbeat_seconds: Annotated[Seconds, Meta(description="Time between heartbeats of a runner.")] = 10
    lost_runner_seconds: Annotated[Seconds, Meta(description="A runner not heard of this long is lost.")] = 35
    unheard_seconds: Annotated[
        Seconds, Meta(description="A claimed run neither started nor listed this long is queued again.")
    ] = 10
    lost_run_seconds: Annotated[
        Seconds, Meta(description="How long an interrupted run with on_lost=wait waits for its runner.")
    ] = 960
    stop_on_runner_seconds: Annotated[
        Seconds, Meta(description="How long a runner keeps its agents without a coordinator.")
    ] = 900
    grace_seconds: Annotated[
        Seconds, Meta(description="Nothing expires this long after a start, a silent store or a clock jump.")
    ] = 40
    clock_jump_seconds: Annotated[
        Seconds, Meta(description="Wall and monotonic clock parting by more than this is a jump.")
    ] = 5
    no_match_seconds: Annotated[Seconds, Meta(description="How long a run waits while no registered runner fits.")] = (
        300
    )
    external_lease_seconds: Annotated[Seconds, Meta(description="Lease of an external session.")] = 600
    portable_sessions: Annotated[bool, Meta(description="New sessions are portable unless they say otherwise.")] = False
    portable_grace_seconds: Annotated[
        Seconds, Meta(description="A portable session's run waits this long for the host of its conversation.")
    ] = 60
    transcript_bytes: Annotated[
        int,
        Meta(
            ge=1,
            le=MAX_TRANSCRIPT_BYTES,
            extra={"unit": "bytes"},
            description="Largest transcript that is kept of a portable session.",
        ),
    ] = MAX_TRANSCRIPT_BYTES

    prepare_seconds: Annotated[
        Seconds, Meta(description="How long a spawn may take to have its worktree, the wait for a runner included.")
    ] = 60
    undo_retry_seconds: Annotated[
        Seconds,
        Meta(description="What could not be undone is tried again after this time; each time later, at most an hour."),
    ] = 30
    halt_seconds: Annotated[
        float,
        Meta(
            gt=0,
            le=10,
            extra={"unit": "seconds"},
            description="How long a worker that reports stuck has to hear the answer, before its run is ended.",
        ),
    ] = 2

    retention_days: Annotated[
        float,
        Meta(ge=0, le=36_500, extra={"unit": "days"}, description="Events older than this are forgotten; 0: never."),
    ] = 0
    retention_sweep_seconds: Annotated[Seconds, Meta(description="Time between rounds of forgetting.")] = 300

    tree_depth: Annotated[int, Meta(ge=0, le=1000, description="Depth of a tree of sessions.")] = 5
    children_per_session: Annotated[Count, Meta(description="Children of one session.")] = 20
    sessions_per_root: Annotated[Count, Meta(description="Sessions in one tree.")] = 100
    waiting_runs_per_session: Annotated[Count, Meta(description="Resumes that may wait for one session.")] = 100

    @property
    def secure(self) -> bool:
        """Whether we end TLS ourselves."""
        return bool(self.tls_cert)

    @property
    def directory(self) -> Path:
        """The data directory."""
        return Path(self.data_dir or default_data_dir(os.environ))

    @property
    def retention_ms(self) -> int:
        """How long events are kept, in milliseconds; 0: for ever."""
        return round(self.retention_days * 86_400_000)

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None for any other database."""
        scheme, separator, place = self.database.partition("://")
        if not separator:
            return Path(self.database) if self.database else self.directory / DATABASE_NAME
        if scheme != "sqlite":
            return None
        return Path(place.removeprefix("/") if place.startswith("//") else place)

    @property
    def uses_postgres(self) -> bool:
        """Whether the database is a PostgreSQL server's."""
        return is_postgres(self.database)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach us."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def host_names(self) -> list[str]:
        """The names of ours besides the loopback ones; a wildcard address is nobody's name."""
        wildcard = self.host in ("", "0.0.0.0", "::")  # noqa: S104 - it is not bound here
        return list(self.allowed_hosts) if wildcard else [self.host, *self.allowed_hosts]

    def stream_rules(self) -> StreamRules:
        """The numbers of the stream."""
        return StreamRules(
            readers=self.stream_readers,
            group_seconds=self.stream_group_ms / 1000,
            buffer_bytes=self.stream_buffer_bytes,
            ping_seconds=self.stream_ping_seconds,
            slow_seconds=self.stream_slow_seconds,
            poll_seconds=self.stream_poll_seconds,
            recheck_seconds=self.token_recheck_seconds,
        )

    def tree_limits(self) -> TreeLimits:
        """How large a tree of sessions may grow."""
        return TreeLimits(
            depth=self.tree_depth,
            children_per_session=self.children_per_session,
            sessions_per_root=self.sessions_per_root,
            waiting_runs_per_session=self.waiting_runs_per_session,
        )

    def work_rules(self) -> WorkRules:
        """The numbers of work on issues."""
        return WorkRules(
            prepare_ms=_ms(self.prepare_seconds),
            undo_retry_ms=_ms(self.undo_retry_seconds),
            halt_ms=_ms(self.halt_seconds),
        )

    def login_rules(self) -> LoginRules:
        """The times of logins in milliseconds."""
        return LoginRules(_ms(self.login_link_seconds), _ms(self.login_seconds))

    def new_sessions(self) -> tuple[str, bool]:
        """Executor and portability of a session that names none."""
        return self.default_executor, self.portable_sessions

    def lease_rules(self) -> LeaseRules:
        """The times of dispatch in milliseconds."""
        return LeaseRules(
            lease_ms=_ms(self.lease_seconds),
            heartbeat_ms=_ms(self.heartbeat_seconds),
            lost_runner_ms=_ms(self.lost_runner_seconds),
            unheard_ms=_ms(self.unheard_seconds),
            lost_run_ms=_ms(self.lost_run_seconds),
            stop_on_runner_ms=_ms(self.stop_on_runner_seconds),
            grace_ms=_ms(self.grace_seconds),
            clock_jump_ms=_ms(self.clock_jump_seconds),
            no_match_ms=_ms(self.no_match_seconds),
            external_lease_ms=_ms(self.external_lease_seconds),
            portable_grace_ms=_ms(self.portable_grace_seconds),
        )


class Source(NamedTuple):
    """Values of settings and where they come from: `flag`, `environment`, or the path of a file."""

    origin: str
    values: Mapping[str, Any]


class Setting(NamedTuple):
    """What there is to know of one setting."""

    name: str
    environment: str
    unit: str
    default: Any
    help: str


def settings() -> list[Setting]:
    """Every setting, in the order of the struct."""
    described = msgspec.json.schema(Config)["$defs"]["Config"]["properties"]
    hints = get_type_hints(Config, include_extras=True)
    return [
        Setting(name, PREFIX + name.upper(), _unit(hints[name]), about.get("default"), about["description"])
        for name, about in described.items()
    ]


def from_environment(environ: Mapping[str, str]) -> Source:
    """The settings that the environment holds; lists are separated by commas."""
    hints = get_type_hints(Config)
    values: dict[str, Any] = {}
    for name, kind in hints.items():
        text = environ.get(PREFIX + name.upper())
        if text is not None and name in Config.__struct_fields__:
            values[name] = [part.strip() for part in text.split(",") if part.strip()] if kind == list[str] else text
    return Source("environment", values)


def read_config(sources: Sequence[Source]) -> tuple[Config, dict[str, str]]:
    """The settings and the origin of each that is no default; the first source that has a value wins.

    Raises InvalidRequest, with the origin and the nearest name, for each setting that does not exist or fit.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    wrong: list[InvalidRequest] = []
    for source in sources:
        for name, value in source.values.items():
            if problem := _problem(name, value, source.origin):
                wrong.append(problem)
            elif name not in values and value is not None:
                values[name], origins[name] = value, source.origin
    refuse_all(wrong, f"{len(wrong)} settings of the coordinator are wrong.", hint="callboard config check")
    return msgspec.convert(values, Config, strict=False), origins


def _problem(name: str, value: Any, origin: str) -> InvalidRequest | None:
    if name not in Config.__struct_fields__:
        near = difflib.get_close_matches(name, Config.__struct_fields__, 1)
        hint = f"Did you mean {near[0]}?" if near else "`callboard config show` lists the settings."
        return InvalidRequest(f"{origin}: there is no setting {name!r}.", hint=hint)
    if value is None:
        return None
    try:
        msgspec.convert({name: value}, Config, strict=False)
    except msgspec.ValidationError as error:
        got = HIDDEN if name == "database" else repr(value)
        return InvalidRequest(f"{origin}: {name}: {str(error).split(' - at ')[0]}, got {got}.")
    return None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _unit(annotation: Any) -> str:
    for part in (annotation, *getattr(annotation, "__metadata__", ())):
        extra = getattr(part, "extra", None)
        if extra and "unit" in extra:
            return str(extra["unit"])
    return ""
