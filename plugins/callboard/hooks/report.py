"""Reports what happens in an interactive conversation to Callboard, as an external session; one call for each hook.

Never in the way: it says nothing, ends after less than a second whatever happens, and always with 0. What cannot be
sent now lies in a private file and goes with a later hook. Needs Python 3.9 and nothing else; knows no Callboard code.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

ALL_SECONDS = 0.8
CONNECT_SECONDS = 0.5
REST_SECONDS = 20.0
"""For how long a coordinator that did not answer is not asked again."""
SPOOL_BYTES = 4_000_000
PAYLOAD_CHARACTERS = 60_000
KEPT_SECONDS = 7 * 86_400.0
"""For how long what could not be sent lies there after the last hook of its conversation."""
BATCH = 100
BATCH_BYTES = 1_000_000
DEFAULT_URL = "http://127.0.0.1:8765"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
STALE = (401, 403, 404, 409)
"""The run that was reported has ended: it was silent for longer than its lease, or somebody ended it."""


class Away(Exception):
    """The coordinator does not answer, or does not want this now."""


class Refused(Exception):
    """The coordinator answered that this cannot be; `status` says how."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def main() -> None:
    """Notes what the hook is about, then sends what there is."""
    signal.signal(signal.SIGALRM, _leave)
    signal.setitimer(signal.ITIMER_REAL, ALL_SECONDS)
    if os.environ.get("AGENT_RUN_ID") or not is_used_here():  # its runner reports it, or nobody would ever want it
        return
    hook = json.load(sys.stdin)
    native_id = str(hook.get("session_id", ""))
    if not re.fullmatch(r"[0-9A-Za-z-]{8,64}", native_id):
        return
    report = Report(data_directory() / "plugin", native_id)
    event = event_of(hook)
    if event:
        report.note(event)
    with report.alone() as alone:
        if alone:
            report.send(hook)


def _leave(*_: object) -> NoReturn:
    os._exit(0)


# ---------------------------------------------------------------------------------------------- what happened


def event_of(hook: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event that a hook tells of; None for the beginning and the end, which are no events."""
    name = hook.get("hook_event_name")
    tool = {"tool_use_id": hook.get("tool_use_id"), "tool_name": hook.get("tool_name")}
    if name == "UserPromptSubmit":
        return _message("user", hook.get("prompt"))
    if name == "Stop" and hook.get("last_assistant_message"):
        return _message("assistant", hook["last_assistant_message"])
    if name == "PreToolUse":
        return {"type": "pre_tool", "payload": tool | {"tool_input": _fit(hook.get("tool_input"))}}
    if name in ("PostToolUse", "PostToolUseFailure"):
        failed = name == "PostToolUseFailure"
        done = {"tool_output": _fit(hook.get("error" if failed else "tool_response")), "is_error": failed}
        return {"type": "post_tool", "payload": tool | done | {"duration_ms": hook.get("duration_ms")}}
    return None


def _message(role: str, text: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": _fit(str(text))}]
    return {"type": "message", "payload": {"role": role, "content": content, "message_key": str(time.time_ns())}}


def _fit(value: Any) -> Any:
    """The value, or the beginning of its text with a mark when it is too long."""
    text = value if isinstance(value, str) else json.dumps(value)
    return value if len(text) <= PAYLOAD_CHARACTERS else text[:PAYLOAD_CHARACTERS] + " … [truncated]"


# ---------------------------------------------------------------------------------------------- what is kept


def data_directory() -> Path:
    """Where the coordinator of this machine keeps its address and token, and we what is not sent yet."""
    environment = os.environ
    if environment.get("CALLBOARD_DATA_DIR"):
        return Path(environment["CALLBOARD_DATA_DIR"]).expanduser()
    state = environment.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "callboard"


def is_used_here() -> bool:
    """Whether a coordinator was ever named to this user, or ran on this machine; it may be away now."""
    named = any(os.environ.get(f"CALLBOARD_{name}") for name in ("URL", "TOKEN", "TOKEN_FILE"))
    return named or (data_directory() / "token").exists()


class Report:
    """What is kept of one conversation between its hooks: files that only this user can read."""

    def __init__(self, directory: Path, native_id: str) -> None:
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        self.native_id = native_id
        self._state = directory / f"{native_id}.json"
        self._spool = directory / f"{native_id}.spool"
        self._sending = directory / f"{native_id}.sending"
        self._lock = directory / f"{native_id}.lock"
        process = os.environ.get("CLAUDE_PID", "")
        self._server = directory / f"client-{process}.session" if process.isdecimal() else None
        self._directory = directory

    def note(self, event: Mapping[str, Any]) -> None:
        """Keeps an event until it is sent; none any more when too much waits already."""
        now = time.time_ns()
        whole = {"client_key": f"{now}.{os.getpid()}", "source_at": now // 1_000_000, **event}
        with _opened(self._lock) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with _opened(self._spool) as spool:
                if os.fstat(spool).st_size < SPOOL_BYTES:
                    os.write(spool, json.dumps(whole).encode() + b"\n")

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else sends for this conversation now; who does takes what we have noted along."""
        with _opened(self._lock.with_suffix(".sender")) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def send(self, hook: Mapping[str, Any]) -> None:
        """Sends what waits, and the end; what cannot be sent stays."""
        state = self._read()
        ends = hook.get("hook_event_name") == "SessionEnd"
        if hook.get("hook_event_name") == "SessionStart":
            self._tidy()
        self._tell_server(state.get("session_id", ""))
        if time.time() < state.get("rests_until", 0) and not ends:
            return
        try:
            access = Access.found()
            if not state.get("session_token"):
                state = self._begin(access, hook, state)
            while events := self._waiting():
                state = self._post(access, hook, state, events)
            if ends:
                access.post(f"/runner/runs/{state['run_id']}/completed", {"exit_code": 0}, state["session_token"])
                self._forget()
        except Away:
            self._write(state | {"rests_until": time.time() + REST_SECONDS})
        except Refused as refused:
            if ends and refused.status in STALE:
                self._forget()

    def _begin(self, access: Access, hook: Mapping[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """The session of this conversation, and a token for it; the same session whenever it is asked for."""
        directory = state.get("project_dir") or os.environ.get("CLAUDE_PROJECT_DIR") or hook.get("cwd")
        about = {
            "executor_type": "claude-code",
            "executor_session_id": self.native_id,
            "hostname": socket.gethostname(),
            "project_dir": directory,
        }
        parent = os.environ.get("AGENT_SESSION_ID")
        if parent and parent != state.get("session_id"):
            about["parent_session_id"] = parent
        made = access.post("/sessions", about, access.token)
        state = {name: made[name] for name in ("session_id", "run_id", "session_token")} | {"project_dir": directory}
        self._write(state)
        self._tell_server(state["session_id"])
        _tell_commands(state["session_id"])
        return state

    def _tell_server(self, session_id: str) -> None:
        """Lets the MCP server of this client know which session it speaks for now; none while that is not known."""
        if self._server is None or _text_of(self._server) == session_id:
            return
        if session_id:
            _replace(self._server, session_id.encode())
        else:
            self._server.unlink(missing_ok=True)

    def _post(
        self, access: Access, hook: Mapping[str, Any], state: dict[str, Any], events: list[Any]
    ) -> dict[str, Any]:
        """Sends one batch; when the run has ended meanwhile, as the first of the next run."""
        for last in (False, True):
            try:
                access.post(f"/sessions/{state['session_id']}/events", {"events": events}, state["session_token"])
                break
            except Refused as refused:
                if refused.status in STALE and not last:
                    state = self._begin(access, hook, state)
                elif refused.status not in STALE:
                    break  # it will be refused again: the others must not wait behind it
                else:
                    raise Away from refused
        self._sent(len(events))
        return state

    def _waiting(self) -> list[Any]:
        """The next events to send, oldest first."""
        if not self._sending.exists():
            with _opened(self._lock) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with suppress(FileNotFoundError):
                    self._spool.rename(self._sending)
        batch: list[Any] = []
        size = 0
        for line in _lines_of(self._sending)[:BATCH]:
            size += len(line)
            if batch and size > BATCH_BYTES:
                break
            batch.append(json.loads(line))
        return batch

    def _sent(self, count: int) -> None:
        rest = _lines_of(self._sending)[count:]
        if rest:
            _replace(self._sending, b"\n".join(rest) + b"\n")
        else:
            self._sending.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self._state.read_bytes())
        except (OSError, ValueError):
            return {}
        return state

    def _write(self, state: Mapping[str, Any]) -> None:
        _replace(self._state, json.dumps(state).encode())

    def _tidy(self) -> None:
        """Removes what conversations left that ended while the coordinator was away."""
        for file in self._directory.iterdir():
            with suppress(OSError):
                if file.stat().st_mtime < time.time() - KEPT_SECONDS:
                    file.unlink()

    def _forget(self) -> None:
        for file in (self._state, self._spool, self._sending, self._lock, self._lock.with_suffix(".sender")):
            file.unlink(missing_ok=True)
        self._tell_server("")


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def _lines_of(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []


def _replace(path: Path, content: bytes) -> None:
    """Puts a file in the place of another, whole or not at all."""
    new = path.with_suffix(f".{os.getpid()}.new")
    with _opened(new) as file:
        os.write(file, content)
    new.rename(path)


def _tell_commands(session_id: str) -> None:
    """Lets what the agent runs know its session, so that what it starts there becomes a child of it."""
    variables = os.environ.get("CLAUDE_ENV_FILE")
    if variables and re.fullmatch(r"ses_[0-9a-z]{26}", session_id):
        with suppress(OSError), Path(variables).open("a", encoding="ascii") as file:
            file.write(f"export AGENT_SESSION_ID={session_id}\n")


# ---------------------------------------------------------------------------------------------- the coordinator


class Access:
    """The coordinator, and the token of this user."""

    def __init__(self, url: str, token: str) -> None:
        self.token = token
        self._url = urlsplit(url)

    @classmethod
    def found(cls) -> Access:
        """By the environment, else by the files of the coordinator on this machine. Away when there is none."""
        named, directory = os.environ.get("CALLBOARD_URL", ""), data_directory()
        url = named or _text_of(directory / "url")
        token = os.environ.get("CALLBOARD_TOKEN") or _text_of(Path(os.environ.get("CALLBOARD_TOKEN_FILE") or "/none"))
        if not token and url and urlsplit(url).hostname in LOCAL_HOSTS:
            token = _text_of(directory / "token")
        if not token:
            raise Away
        return cls(url or DEFAULT_URL, token)

    def post(self, path: str, body: Mapping[str, Any], token: str) -> dict[str, Any]:
        """The answer. Away when there is none that says anything about the request, Refused when it is a refusal."""
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=CONNECT_SECONDS)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            connection.request("POST", self._url.path.rstrip("/") + path, json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as problem:
            raise Away from problem
        finally:
            connection.close()
        if answer.status >= 500 or answer.status == 429:
            raise Away
        if answer.status >= 400:
            raise Refused(answer.status)
        value: dict[str, Any] = json.loads(content)
        return value


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


if __name__ == "__main__":
    with suppress(Exception):  # the top of all: whatever is wrong here is not the conversation's business
        main()
    os._exit(0)
