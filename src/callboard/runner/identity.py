"""Who this runner is on disk: its state folder, its own credential, and the lock that lets one process use them.

Speaks to nobody; registration is elsewhere.
"""

import fcntl
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from callboard.domain.errors import Conflict, InvalidRequest
from callboard.domain.ids import runner_id

CREDENTIAL_FILE: Final = "credential"
LOCK_FILE: Final = "lock"
SECRET_BYTES: Final = 32
CREDENTIAL_PREFIX: Final = "cbr_"


@dataclass(frozen=True)
class Identity:
    """A runner's id, folder and credential. `known` says that the credential was there before this process."""

    runner_id: str
    folder: Path
    credential: str = field(repr=False)
    known: bool
    launch_token: str = field(repr=False)
    lock: int = field(repr=False)

    @property
    def credential_sha256(self) -> str:
        """What the coordinator stores of the credential."""
        return hashlib.sha256(self.credential.encode()).hexdigest()

    @property
    def attempts(self) -> Path:
        """The folder of the attempts that this runner holds."""
        return self.folder / "attempts"

    def release(self) -> None:
        """Let another process be this runner."""
        os.close(self.lock)


def take_identity(state_dir: Path, hostname: str, project_dir: Path, name: str) -> Identity:
    """Open the state folder of this runner, alone; the credential is made and stored before anyone hears of it.

    Raises Conflict when another process on this machine is this runner, InvalidRequest when the folder is unsafe.
    """
    known_as = runner_id(hostname, str(project_dir), name)
    folder = private_folder(private_folder(private_folder(state_dir) / "runners") / known_as)
    lock = _locked(folder / LOCK_FILE, known_as)
    private_folder(folder / "attempts")
    credential, known = _credential(folder / CREDENTIAL_FILE)
    return Identity(known_as, folder, credential, known, secrets.token_urlsafe(16), lock)


def private_folder(path: Path) -> Path:
    """The folder itself, made when it is missing, mode 0700. InvalidRequest for a link or another user's folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        _check_ours(path)
    path.chmod(0o700)
    return path


def _check_ours(path: Path) -> None:
    found = path.lstat()
    if path.is_symlink() or not path.is_dir() or found.st_uid != os.geteuid():
        raise InvalidRequest(
            f"{path} is not a folder of this user.", hint="Remove it, or name another state folder with --state-dir."
        )


def _locked(path: Path, known_as: str) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise Conflict(
            f"Another process on this machine is {known_as} already.",
            code="runner_superseded",
            hint="End it first, or give this one another --name.",
        ) from None
    return handle


def _credential(path: Path) -> tuple[str, bool]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return _new_credential(path), False
    with os.fdopen(handle, encoding="ascii") as opened:
        secret = opened.read(200).strip()
    return (secret, True) if secret else (_new_credential(path), False)


def _new_credential(path: Path) -> str:
    secret = CREDENTIAL_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    write_durably(path, secret.encode() + b"\n")
    return secret


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file at once, mode 0600; it is on the disk when this returns."""
    new = path.with_name(f".{path.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or removed in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
