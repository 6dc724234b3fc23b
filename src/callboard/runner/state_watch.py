"""Watches the state file of a work session while a run of it lives, and reports what the worker writes there.

What a report means is the coordinator's to judge; a refusal is written back into the file.
"""

import asyncio
import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from callboard.client import NO_RETRIES, AsyncClient
from callboard.client.calls import lifecycle
from callboard.domain.errors import CallboardError
from callboard.runner.contact import PASSING
from callboard.runner.context import RunnerContext
from callboard.runner.held import HeldAttempt
from callboard.wire.work import ChangeLifecycle
from callboard.workspace import state_file
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Linked, Repository

LOOK_SECONDS: Final = 1.0
LAST_LOOKS: Final = 30
"""How often the last report is tried while the coordinator is away; the pauses between grow to five seconds."""
NOT_ITS_OWN: Final = ("not_work", "forbidden")
_UNREADABLE: Final = "The file was no JSON object; it holds what it held before, and report is empty."
_FIELDS: Final = ("status", "reason", "pull_request_url")
_LOG = structlog.get_logger(__name__)

Found = tuple[Repository, Linked, str]


class StateWatch:
    """Of one attempt. Does nothing where the directory is no worktree of a work session."""

    def __init__(self, context: RunnerContext, held: HeldAttempt, project_dir: str) -> None:
        self._context = context
        self._held = held
        self._directory = Path(project_dir)
        self._found: Found | None = None
        self._looked = False
        self._seen: state_file.Stamp | None = None
        self._broken: state_file.Stamp | None = None
        self._good: dict[str, Any] = {}
        self._alone = asyncio.Lock()

    async def follow(self) -> None:
        """Look again and again, until cancelled."""
        while await self._look() is not None:
            await self._context.clock.pause(LOOK_SECONDS)

    async def last_look(self) -> None:
        """See what the worker wrote last, before the end of its run is reported."""
        for failures in range(1, LAST_LOOKS + 1):
            if await self._look(last=True) is not False:
                return
            await self._context.contact.pause(failures)

    async def _look(self, *, last: bool = False) -> bool | None:
        """Report what is new. False when that was not possible now, None when there is nothing to watch."""
        async with self._alone:
            try:
                return await self._report_what_is_new(last=last)
            except (WorkspaceRefused, OSError) as cause:
                _LOG.warning("state_file_unreadable", directory=str(self._directory), detail=str(cause))
                return True

    async def _report_what_is_new(self, *, last: bool) -> bool | None:
        if not self._looked:
            self._found = await asyncio.to_thread(self._context.jobs.work.workspaces.find, self._directory)
            self._looked = True
        if self._found is None:
            return None
        repository, linked, name = self._found
        stamp = await asyncio.to_thread(state_file.stamp, repository.private_dir(linked), name)
        if stamp is None or stamp == self._seen:
            return True
        whole = await asyncio.to_thread(state_file.read_state, repository, linked, name)
        if whole is None:
            await self._mend(stamp, at_once=last)
            return True
        self._good = whole
        said = whole.get(state_file.REPORT)
        if not isinstance(said, dict) or said.get("status") in (None, ""):
            self._seen = stamp
            return True
        if not await self._send(said, stamp):
            return False
        self._seen = None
        return True

    async def _send(self, said: dict[str, Any], stamp: state_file.Stamp) -> bool:
        """Whether the report was judged."""
        try:
            plain = {name: said.get(name) or None for name in _FIELDS}
            body = msgspec.convert({"report": plain.pop("status")} | plain, ChangeLifecycle)
            await self._post(body, stamp)
        except PASSING:
            return False
        except CallboardError as error:
            if error.code in NOT_ITS_OWN:
                self._found = None
                return True
            await self._answer(said, f"{error.detail} {error.hint}".strip())
        except msgspec.ValidationError as error:
            await self._answer(said, f"The report is not understood: {error}.")
        else:
            await self._answer(said, None)
        return True

    async def _post(self, body: ChangeLifecycle, stamp: state_file.Stamp) -> None:
        """With the session's own token; the key makes one report of what is sent again."""
        claim = self._held.claim
        key = hashlib.sha256(f"{claim.run_id} {claim.attempt} {stamp} {body}".encode()).hexdigest()[:40]
        async with AsyncClient(self._context.settings.url, self._held.attempt.session_token) as client:
            await client.send(lifecycle.change(claim.session_id, body, idempotency_key=key), retry=NO_RETRIES)
        _LOG.info("reported_by_state_file", session_id=claim.session_id, report=body.report)

    async def _answer(self, said: dict[str, Any], refused: str | None) -> None:
        if self._found is not None:
            await asyncio.to_thread(self._write, self._found, said, refused)

    def _write(self, found: Found, said: dict[str, Any], refused: str | None) -> None:
        with self._context.jobs.work.writing_state:
            state_file.take_report(*found, said, refused)

    async def _mend(self, stamp: state_file.Stamp, *, at_once: bool) -> None:
        """What cannot be read for a second is no file that is just being written: it is put back as it was."""
        if stamp != self._broken and not at_once:
            self._broken = stamp
        elif self._found is not None and self._good:
            await asyncio.to_thread(self._put_back, self._found)

    def _put_back(self, found: Found) -> None:
        with self._context.jobs.work.writing_state:
            if state_file.read_state(*found) is None:
                state_file.mend(*found, self._good, _UNREADABLE)
