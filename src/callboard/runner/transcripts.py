"""Transcripts of portable sessions: sends what an agent kept to the coordinator, and puts back what that kept.

Reads and writes by parts, off the event loop, so that a long conversation fills no memory; knows no executor's format.
"""

import asyncio
import hashlib
import os
import secrets
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import structlog

from callboard.domain.errors import CallboardError
from callboard.domain.invocation import Invocation
from callboard.domain.portability import MAX_TRANSCRIPT_BYTES, PART_BYTES, LocalTranscript, is_restored
from callboard.executors.base import Executor, native_id
from callboard.runner.attempt_reports import AttemptReports
from callboard.runner.identity import sync_folder
from callboard.wire.runner import TranscriptCopy

MAX_ROUNDS: Final = 3
"""How often a transcript is announced: to ask, to confirm, and once more."""
REPLACED: Final = ".replaced"
"""Ends the name of a transcript that a newer one took the place of; the last such one is kept."""
_LOG = structlog.get_logger(__name__)


class TranscriptLost(Exception):
    """The kept transcript cannot be restored whole; the sentence says why."""


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A transcript on the disk, as it is announced."""

    size_bytes: int
    sha256: str
    parts: list[str]


async def send_transcript(reports: AttemptReports, executor: Executor, invocation: Invocation) -> None:
    """Have the coordinator keep the transcript as it is now. What it refuses is only logged: the run has ended.

    Raises AttemptStale.
    """
    try:
        path = await asyncio.to_thread(_place, executor, invocation)
        described = await asyncio.to_thread(describe, path)
        for _ in range(MAX_ROUNDS):
            wanted = await reports.announce_transcript(native_id(invocation), **msgspec.structs.asdict(described))
            if not wanted.kept or not wanted.missing:
                return
            for sha256 in wanted.missing:
                data = await asyncio.to_thread(_packed, path, described.parts.index(sha256))
                await reports.put_transcript_part(sha256, data)
    except (CallboardError, OSError, ValueError) as error:
        code = error.code if isinstance(error, CallboardError) else type(error).__name__
        _LOG.warning("transcript_not_sent", run_id=invocation.run_id, session_id=invocation.session_id, code=code)


async def restore_transcript(
    reports: AttemptReports, executor: Executor, invocation: Invocation, copy: TranscriptCopy
) -> None:
    """Put the coordinator's copy where the executor looks, unless what lies there is newer.

    Raises TranscriptLost, AttemptStale, and OSError when this disk does not take it.
    """
    try:
        path = await asyncio.to_thread(_place, executor, invocation)
    except ValueError as cause:
        raise TranscriptLost(f"It cannot be kept here: {cause}.") from cause
    local = await asyncio.to_thread(_local, path, copy.size_bytes)
    if not is_restored(local, copy.sha256, leads=copy.leads):
        return
    arriving = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        await _fetch(reports, copy, arriving)
        await asyncio.to_thread(_put_in_place, arriving, path)
    finally:
        await asyncio.to_thread(arriving.unlink, missing_ok=True)
    _LOG.info("transcript_restored", run_id=invocation.run_id, session_id=invocation.session_id, replaced=bool(local))


async def _fetch(reports: AttemptReports, copy: TranscriptCopy, arriving: Path) -> None:
    whole, size = hashlib.sha256(), 0
    file = await asyncio.to_thread(_created, arriving)
    try:
        for sha256 in copy.parts:
            plain = await asyncio.to_thread(_unpacked, await _part(reports, sha256), sha256)
            whole.update(plain)
            size += len(plain)
            await asyncio.to_thread(file.write, plain)
        await asyncio.to_thread(_made_durable, file)
    finally:
        await asyncio.to_thread(file.close)
    if (size, whole.hexdigest()) != (copy.size_bytes, copy.sha256):
        raise TranscriptLost("The kept transcript is damaged: its parts are not the whole.")


async def _part(reports: AttemptReports, sha256: str) -> bytes:
    try:
        return await reports.transcript_part(sha256)
    except CallboardError as error:
        raise TranscriptLost(f"The kept transcript is not whole: {error.detail}") from error


def _place(executor: Executor, invocation: Invocation) -> Path:
    """The file of the conversation, or where it belongs when there is none. ValueError."""
    place = executor.transcript(invocation)
    if place is None:
        raise ValueError(f"{invocation.executor_type} keeps no conversation")
    if place.path.exists() or place.among is None or not place.among.is_dir():
        return place.path
    elsewhere = [folder / place.path.name for folder in place.among.iterdir()]
    return max((one for one in elsewhere if one.is_file()), key=lambda one: one.stat().st_mtime, default=place.path)


def describe(path: Path) -> Described:
    """Size and hashes of a transcript; one that is larger than any may be is not read. OSError, ValueError."""
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_TRANSCRIPT_BYTES:
            return Described(size_bytes=size, sha256=hashlib.sha256().hexdigest(), parts=[])
        whole, parts = hashlib.sha256(), []
        for part in iter(lambda: file.read(PART_BYTES), b""):
            whole.update(part)
            parts.append(hashlib.sha256(part).hexdigest())
        return Described(size_bytes=file.tell(), sha256=whole.hexdigest(), parts=parts)


def _local(path: Path, copy_bytes: int) -> LocalTranscript | None:
    """None when there is none; what cannot be read as a file counts as none."""
    try:
        file = _opened(path)
    except OSError:
        return None
    with file:
        whole, size, beginning = hashlib.sha256(), 0, None
        while part := file.read(min(PART_BYTES, copy_bytes - size) if size < copy_bytes else PART_BYTES):
            whole.update(part)
            size += len(part)
            if size == copy_bytes:
                beginning = whole.hexdigest()
        return LocalTranscript(size_bytes=size, sha256=whole.hexdigest(), beginning_sha256=beginning)


def _packed(path: Path, index: int) -> bytes:
    with _opened(path) as file:
        file.seek(index * PART_BYTES)
        return zlib.compress(file.read(PART_BYTES))


def _unpacked(data: bytes, sha256: str) -> bytes:
    try:
        plain = zlib.decompressobj().decompress(data, PART_BYTES)
    except zlib.error as cause:
        raise TranscriptLost("The kept transcript is damaged: a part cannot be read.") from cause
    if hashlib.sha256(plain).hexdigest() != sha256:
        raise TranscriptLost("The kept transcript is damaged: a part is not what its hash says.")
    return plain


def _opened(path: Path) -> BinaryIO:
    """A plain file and nothing else: the agent may have put a link or a pipe there. OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(handle, "rb")
    if not path.is_file():
        file.close()
        raise OSError(f"{path.name} is no file")
    return file


def _created(arriving: Path) -> BinaryIO:
    arriving.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(arriving, flags, 0o600), "wb")


def _made_durable(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _put_in_place(arriving: Path, path: Path) -> None:
    """At once and whole; what lay there is kept beside it."""
    if path.exists():
        path.replace(path.with_name(path.name + REPLACED))
    arriving.replace(path)
    sync_folder(path.parent)
