"""A runner's end of one launch: starts its keeper, gives it orders, reads its journal, and ends what was left behind.

Knows processes and files; knows no executor and no run. A keeper needs nobody: all of this can be done anew by
another process after the first one was killed.
"""

import asyncio
import json
import os
import select
import signal
import socket
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

import callboard.keeper
from callboard.domain.invocation import LAUNCH_FILES, CheckOrder, Launch
from callboard.executors.journal import JournalReader, Record
from callboard.keeper import IDENTITY, JOURNAL, LAUNCH, READY, SOCKET
from callboard.keeper.journal import Journal
from callboard.keeper.processes import (
    LINUX,
    Process,
    descendants,
    end_all,
    process,
    processes,
    remove_cgroups,
    send_signal,
    tracked,
)

START_SECONDS: Final = 30.0
END_SECONDS: Final = 5.0
FIRST_SECONDS: Final = 0.2
ORDER_SECONDS: Final = 30.0
LOG: Final = "keeper.log"
MAX_LINE_BYTES: Final = 1 << 20
GONE: Final = {"ok": False, "error": "keeper_gone"}
"""The reply to every order when the keeper has ended: the journal holds all there is."""
_ADDRESS_BYTES: Final = 100  # 107 on Linux, 103 on macOS
_KEEPER: Final = Path(callboard.keeper.__file__).with_name("__main__.py")


class KeeperFailed(Exception):
    """The keeper could not be started; nothing of the agent ran."""


class KeeperTaken(Exception):
    """Another process has connected to the keeper; this one must let go of the attempt."""


class Strays(NamedTuple):
    """How many processes were ended, and how many did not go."""

    ended: int
    left: int


async def start_keeper(
    directory: Path,
    launch: Launch,
    *,
    tracking: str,
    limits: Mapping[str, float] | None = None,
    cgroup: bool = True,
    checks: Sequence[CheckOrder] = (),
) -> None:
    """Starts a keeper, and with it the agent, for the launch in this new directory.

    It lives on when we die. With checks it waits after the agent's end for `check` or `release`.
    Returns when its socket is there; KeeperFailed when there is none.
    """
    more = {"limits": dict(limits or {}), "tracking": tracking, "cgroup": cgroup}
    _prepare(directory, launch, more | {"checks": [msgspec.to_builtins(check) for check in checks]})
    starter = await _spawn(directory)
    try:
        async with asyncio.timeout(START_SECONDS):
            answer, _ = await starter.communicate()
    except TimeoutError:
        answer = b""
    if answer != READY:
        raise KeeperFailed(f"No keeper in {directory}: {_tail(directory / LOG)}")


class KeeperLink:
    """One launch as its runner sees it. `number` counts the launches of an attempt from 1."""

    def __init__(self, directory: Path, number: int, tracking: str) -> None:
        self.directory = directory
        self.number = number
        self._tracking = tracking
        self._news = asyncio.Event()
        self._replies: deque[asyncio.Future[dict[str, Any]]] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._replaced = False

    @property
    def connected(self) -> bool:
        """Whether orders can be given."""
        return self._writer is not None

    async def connect(self) -> bool:
        """Connects to the keeper and takes it over from whoever held it; False when there is none any more.

        OSError when it cannot be told (no file handles left, say): nothing follows from that.
        """
        if self._writer is None and not self._replaced:
            try:
                with _address(self.directory / SOCKET) as address:
                    reader, self._writer = await asyncio.open_unix_connection(address, limit=MAX_LINE_BYTES)
            except (ConnectionRefusedError, FileNotFoundError):
                return False
            self._listening = asyncio.create_task(self._listen(reader))
        return self._writer is not None

    async def close(self) -> None:
        """Lets go; the keeper and its agent live on."""
        writer, listening = self._writer, self._listening
        self._listening = None
        if listening:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
        self._hang_up()  # a task that was cancelled before its first step has not done it
        if writer:
            with suppress(OSError):
                await writer.wait_closed()

    async def send_input(self, text: str, input_id: str) -> bool:
        """Writes to the agent's stdin, once for each id; False when it takes no input any more."""
        return await self._done("input", data=text, id=input_id)

    async def close_input(self) -> bool:
        """Closes the agent's stdin once everything is written."""
        return await self._done("close_input")

    async def finish(self, after_seconds: float | None) -> bool:
        """Stops the agent if it has not exited after this time; None takes that back."""
        return await self._done("finish", after_seconds=after_seconds)

    async def signal(self, name: str) -> bool:
        """Signals the agent's process group."""
        return await self._done("signal", signal=name)

    async def stop(self, *, after_interrupt: bool) -> bool:
        """Begins the stop ladder, with a pause first when the executor's own interrupt was sent."""
        return await self._done("stop", after_interrupt=after_interrupt)

    async def check(self, *, run: bool) -> bool:
        """After the agent's end: its checks are to run, or not to. Asking again changes nothing."""
        return await self._done("check" if run else "release")

    async def acknowledge(self, offset: int) -> bool:
        """Says that everything before this offset is safe, so that the journal may grow."""
        return await self._done("ack", offset=offset)

    async def order(self, do: str, **details: Any) -> dict[str, Any]:
        """Gives one order and returns the keeper's reply: `ok`, and `error` or what was asked for (`status`).

        GONE when nobody is there; TimeoutError when somebody is and does not answer.
        """
        if self._writer is None:
            return GONE
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._replies.append(reply)
        self._writer.write(json.dumps({"do": do, **details}).encode() + b"\n")
        async with asyncio.timeout(ORDER_SECONDS):
            return await reply

    async def _done(self, do: str, **details: Any) -> bool:
        return bool((await self.order(do, **details))["ok"])

    async def records(self, from_offset: int = 0) -> AsyncIterator[Record]:
        """Yields every record from an offset on, as it is written; ends after the last one of the launch.

        A keeper that was killed leaves no last record: then what is left of the attempt is ended here, and the
        journal is closed in its place. KeeperTaken when another process has taken the keeper over.
        """
        reader = JournalReader(self.directory / JOURNAL, self.number, from_offset)
        while True:
            self._news.clear()
            connected = self.connected
            for record in reader.read():
                yield record
                if record.is_last:
                    return
            if self._replaced:
                raise KeeperTaken(str(self.directory))
            if connected or await self.connect():
                await self._news.wait()
            else:
                await asyncio.to_thread(close_journal, self.directory, self._tracking)
                # Anew from the last whole record: what came after it may have been half a record, and is cut off.
                reader = JournalReader(self.directory / JOURNAL, self.number, reader.offset)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._hear(json.loads(line))
        except (OSError, ValueError):
            return  # the connection is what it is: over
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._writer:
            self._writer.close()
        self._writer = None
        while self._replies:
            reply = self._replies.popleft()
            if not reply.done():
                reply.set_result(GONE)
        self._news.set()

    def _hear(self, message: dict[str, Any]) -> None:
        if "ok" in message:
            reply = self._replies.popleft()
            if not reply.done():
                reply.set_result(message)
        else:
            self._replaced |= "replaced" in message
            self._news.set()


def close_journal(directory: Path, tracking: str) -> None:
    """Ends what a dead keeper left behind and writes the last records in its place; nothing if they are there.

    Nothing either when the keeper lives and can be reached after all; one that cannot is killed after five seconds.
    """
    if not _outlived(directory):
        return
    strays = end_strays([tracking])
    remove_cgroups(tracking, END_SECONDS)
    path = directory / JOURNAL
    size = 0
    if path.exists():
        reader = JournalReader(path, 0)
        if any(record.is_last for record in reader.read()):
            return
        size = reader.offset
        os.truncate(path, size)  # half a record helps nobody
    journal = Journal(path, limit=0, exclusive=not path.exists())
    journal.fact("keeper_lost")
    journal.fact("gone", certainty="tracking", killed=strays.ended, left=strays.left)
    journal.close()


def find_strays(tracking: Iterable[str]) -> list[Process]:
    """The living processes of these attempts (`run_id.attempt`) on this host, and what they started."""
    everyone = processes()
    marked = tracked(list(tracking), everyone)
    below = [one for root in marked for one in descendants(root.pid, everyone)]
    return [one for one in dict.fromkeys(marked + below) if one.pid != os.getpid()]


def end_strays(tracking: Iterable[str], seconds: float = END_SECONDS) -> Strays:
    """Kills the processes of these attempts until none is found; blocks for at most this time."""
    values = list(tracking)
    ended, left = end_all(lambda: find_strays(values), seconds)
    return Strays(len(ended), len(left))


def keeper_process(directory: Path) -> Process | None:
    """The living keeper of a launch; None when it is dead or never was."""
    try:
        identity = msgspec.json.decode((directory / IDENTITY).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return None
    found = process(identity["pid"])
    return found if found and found.started == identity["start_time"] else None


def _outlived(directory: Path) -> bool:
    """Whether the keeper is dead: waits for it, and brings it about when it lives on and cannot be reached."""
    for seconds in (FIRST_SECONDS, END_SECONDS):
        keeper = keeper_process(directory)
        if keeper is None or _has_ended(keeper, seconds):
            return True
        if _reachable(directory):
            return False
    keeper = keeper_process(directory)
    return keeper is None or (send_signal(keeper, signal.SIGKILL) and _has_ended(keeper, END_SECONDS))


def _has_ended(one: Process, seconds: float) -> bool:
    if not LINUX:
        return process(one.pid) is None
    try:
        handle = os.pidfd_open(one.pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def _reachable(directory: Path) -> bool:
    with _address(directory / SOCKET) as address, socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(address) == 0


async def _spawn(directory: Path) -> asyncio.subprocess.Process:
    log = os.open(directory / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_KEEPER), str(directory)),
            env={"PATH": os.environ.get("PATH", os.defpath)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)


def _prepare(directory: Path, launch: Launch, more: dict[str, Any]) -> None:
    """Writes what the keeper is to do, and the private files of the launch."""
    directory.mkdir(mode=0o700, parents=True)
    files = directory / "files"
    files.mkdir(mode=0o700)
    for name, text in launch.files.items():
        _write_private(files / Path(name).name, text.encode())
    argv = [part.replace(LAUNCH_FILES, str(files.absolute())) for part in launch.argv]
    orders = {"argv": argv, "env": launch.env, "cwd": launch.cwd, "stdin": launch.stdin, **more}
    _write_private(directory / LAUNCH, json.dumps(orders).encode())


def _write_private(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _tail(path: Path) -> str:
    try:
        return path.read_bytes()[-2000:].decode("utf-8", "replace").strip()
    except OSError as problem:
        return str(problem)


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """A path to the socket that is short enough for an address."""
    if len(os.fsencode(path)) <= _ADDRESS_BYTES:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="cb-") as short:
        link = Path(short, "k")
        link.symlink_to(path.parent)
        yield str(link / path.name)
