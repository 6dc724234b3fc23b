"""The folder of one attempt: what must survive the runner, durable before it is acted upon. Starts and reports nothing.

<attempts>/<run_id>.<attempt>/
    attempt.json      the claim and the session token; written once
    progress.json     how far it came; durable at each change
    asked             there once the permission to launch was asked for
    accepted.json     how much of each journal the coordinator has accepted; only spares work, so it may be lost
    invocation.json   what the executor was asked
    launch-<n>/       launch.json, journal, keeper.sock, keeper.pid, keeper.log
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from callboard.domain.invocation import Invocation
from callboard.domain.run import EndReason
from callboard.runner.identity import sync_folder, write_durably
from callboard.wire.runner import Claim, StopOrder

Phase = Literal["claimed", "launching"]
Accepted = dict[int, int]
"""By launch, the journal offset up to which everything is stored by the coordinator."""
_FOLDER = re.compile(r"^(run_[0-9a-z]{26})\.([1-9][0-9]{0,9})$")
_BEING_MADE: Final = ".new-"
_BEING_REMOVED: Final = ".gone-"
_BROKEN: Final = ".broken-"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What was claimed, and the session token made for it."""

    claim: Claim
    session_token: str

    @property
    def tracking(self) -> str:
        """The value that marks every process of this attempt; also the name of its folder."""
        return f"{self.claim.run_id}.{self.claim.attempt}"


class CutShort(msgspec.Struct, frozen=True, kw_only=True):
    """Why the runner itself has the agent stopped, in the words of the report that follows."""

    reason: EndReason
    code: str
    message: str


class Progress(msgspec.Struct, kw_only=True):
    """How far an attempt came. `launching` is on the disk before a process is started: without it none was."""

    phase: Phase = "claimed"
    launch: int = 0
    """The number of the latest launch; from 1."""
    boot_id: str | None = None
    """The boot of the machine in which that launch was marked."""
    stop: StopOrder | None = None
    cut_short: CutShort | None = None
    tells_checks: bool = False
    """Whether its events say when a check begins: not of attempts that an earlier version began and counted."""
    tells_output: bool = False
    """The same of what its process prints and of what is done to it."""


class AttemptFiles:
    """Reads and writes the folder of one attempt; blocking, so it is called off the event loop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, attempt: Attempt) -> None:
        """Make the folder, complete or not at all."""
        new = self.folder.with_name(f"{_BEING_MADE}{self.folder.name}")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        write_durably(new / "attempt.json", msgspec.json.encode(attempt))
        new.rename(self.folder)
        sync_folder(self.folder.parent)

    def attempt(self) -> Attempt:
        """What was claimed. OSError or msgspec.DecodeError when the file is gone or damaged."""
        return msgspec.json.decode((self.folder / "attempt.json").read_bytes(), type=Attempt)

    def progress(self) -> Progress:
        """How far it came; nothing yet when that was never written."""
        try:
            return msgspec.json.decode((self.folder / "progress.json").read_bytes(), type=Progress)
        except FileNotFoundError:
            return Progress()

    def save_progress(self, progress: bytes) -> None:
        """Make the progress, already encoded, durable."""
        write_durably(self.folder / "progress.json", progress)

    def note_asked(self) -> None:
        """Remember that the permission to launch was asked for, so that the run may have begun for the coordinator."""
        (self.folder / "asked").touch(mode=0o600)

    def was_asked(self) -> bool:
        """Whether the permission was asked for."""
        return (self.folder / "asked").exists()

    def save_accepted(self, accepted: Accepted) -> None:
        """Note how much is accepted."""
        new = self.folder / ".accepted.json.new"
        new.write_bytes(msgspec.json.encode(accepted))
        new.replace(self.folder / "accepted.json")

    def accepted(self) -> Accepted:
        """How much is known to be accepted."""
        try:
            return msgspec.json.decode((self.folder / "accepted.json").read_bytes(), type=Accepted)
        except (OSError, msgspec.DecodeError):
            return {}

    def save_invocation(self, invocation: Invocation) -> None:
        """Keep what the executor is asked, for a later reading of the journal."""
        write_durably(self.folder / "invocation.json", msgspec.json.encode(invocation))

    def invocation(self) -> Invocation:
        """What the executor was asked."""
        return msgspec.json.decode((self.folder / "invocation.json").read_bytes(), type=Invocation)

    def launch_folder(self, number: int) -> Path:
        """Where the keeper of a launch works."""
        return self.folder / f"launch-{number}"

    def remove(self) -> None:
        """Forget the attempt; a half-removed folder is never read again, one that stays is found to be stale later."""
        gone = self.folder.with_name(f"{_BEING_REMOVED}{self.folder.name}")
        try:
            self.folder.rename(gone)
        except OSError:
            return
        shutil.rmtree(gone, ignore_errors=True)

    def set_aside(self) -> None:
        """Keep a damaged folder for a person to look at, out of the way."""
        aside = self.folder.with_name(f"{_BROKEN}{self.folder.name}")
        shutil.rmtree(aside, ignore_errors=True)
        self.folder.rename(aside)


def held_on_disk(attempts: Path) -> Iterator[AttemptFiles]:
    """The attempts of an earlier process, oldest run first; removes what was half made or half removed."""
    for entry in sorted(os.scandir(attempts), key=lambda one: one.name):
        if entry.name.startswith((_BEING_MADE, _BEING_REMOVED)):
            shutil.rmtree(entry.path, ignore_errors=True)
        elif _FOLDER.match(entry.name) and entry.is_dir(follow_symlinks=False):
            yield AttemptFiles(Path(entry.path))


def tracking_of(files: AttemptFiles) -> tuple[str, int]:
    """The run and the attempt that a folder is named after."""
    run, _, number = files.folder.name.partition(".")
    return run, int(number)
