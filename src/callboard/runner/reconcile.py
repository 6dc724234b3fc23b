"""After a restart: takes up the attempts that an earlier process of this runner held. Blocking; reports nothing."""

from pathlib import Path

import msgspec
import structlog

from callboard.executors.process import end_strays
from callboard.runner.attempt_files import AttemptFiles, held_on_disk
from callboard.runner.held import HeldAttempt

_LOG = structlog.get_logger(__name__)


def attempts_on_disk(attempts: Path) -> list[HeldAttempt]:
    """The attempts of an earlier process. One whose file is damaged is set aside, its processes are ended."""
    found: list[HeldAttempt] = []
    for files in held_on_disk(attempts):
        try:
            held = HeldAttempt(files.attempt(), files, files.progress(), files.accepted())
            held.asked = files.was_asked()
            found.append(held)
        except (OSError, msgspec.DecodeError) as cause:
            _abandon(files, cause)
    return found


def _abandon(files: AttemptFiles, cause: Exception) -> None:
    """Without its claim an attempt cannot be reported; its lease lapses, so its agent must not work on."""
    strays = end_strays([files.folder.name])
    _LOG.error("attempt_damaged", folder=files.folder.name, why=str(cause), ended=strays.ended)
    files.set_aside()
