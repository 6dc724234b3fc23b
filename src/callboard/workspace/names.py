"""Which names may be given to git and to the file system: pure checks, made before any program is started."""

import re
from typing import Final
from urllib.parse import urlsplit

from callboard.workspace.refusal import WorkspaceRefused

MAX_BRANCH_BYTES: Final = 200
MAX_NAME_BYTES: Final = 255
_BRANCH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}", re.ASCII)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
STATE_FILE: Final = re.compile(r"work-[1-9][0-9]{0,18}\.json", re.ASCII)
_SESSION: Final = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_SCP: Final = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,63}@)?([A-Za-z0-9][A-Za-z0-9.-]{0,252}):(?!//)([A-Za-z0-9._~/-]{1,500})", re.ASCII
)
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", re.ASCII)
_LOOPBACK: Final = ("127.0.0.1", "localhost")


def check_branch(name: str) -> str:
    """The name, when it may be that of a branch; stricter than git. Raises `invalid_branch`."""
    parts = name.split("/")
    wrong = (
        _BRANCH.fullmatch(name) is None
        or ".." in name
        or any(part == "" or part.startswith(".") or part.endswith((".lock", ".")) for part in parts)
        or parts[0] in ("refs", "HEAD")
    )
    if wrong:
        raise WorkspaceRefused(
            "invalid_branch",
            f"{name[:80]!r} cannot be the name of a branch here.",
            f"Letters, digits and . _ / - only, beginning with a letter or digit, at most {MAX_BRANCH_BYTES} bytes.",
        )
    return name


def check_commit(name: str) -> str:
    """The whole hexadecimal name of a commit. Raises `invalid_branch`."""
    if _COMMIT.fullmatch(name) is None:
        raise WorkspaceRefused("invalid_branch", f"{name[:80]!r} is not the name of a commit.")
    return name


def check_folder_name(name: str) -> str:
    """The name, when it is that of one folder. Raises `invalid_name`."""
    odd = any(ord(letter) < 32 or ord(letter) == 127 or letter in "/\\" for letter in name)
    if odd or name in ("", ".", "..") or name.startswith(("-", "~")) or not _short(name):
        raise WorkspaceRefused("invalid_name", f"{name[:80]!r} cannot be the name of a folder here.")
    return name


def check_state_file(name: str) -> str:
    """The name, when it is that of a state file. Raises `invalid_name`."""
    if STATE_FILE.fullmatch(name) is None:
        raise WorkspaceRefused("invalid_name", f"{name[:80]!r} is not the name of a state file.")
    return name


def check_session(session_id: str) -> str:
    """The id, when it may be part of a file's name. Raises `invalid_name`."""
    if _SESSION.fullmatch(session_id) is None:
        raise WorkspaceRefused("invalid_name", f"{session_id[:80]!r} is not the id of a session.")
    return session_id


def is_commit(name: str) -> bool:
    """Whether this is the whole hexadecimal name of a commit."""
    return _COMMIT.fullmatch(name) is not None


def without_credentials(remote_url: str) -> str | None:
    """The address of a remote as it may be stored and shown; None when it is none that we push to."""
    if scp := _SCP.fullmatch(remote_url):
        return None if ".." in scp[2] or scp[2].startswith("-") else remote_url
    try:
        parts = urlsplit(remote_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in ("https", "ssh", "http") or _HOST.fullmatch(host) is None or ".." in parts.path:
        return None
    if parts.scheme == "http" and host not in _LOOPBACK:
        return None
    user = "git@" if parts.scheme == "ssh" else ""
    return f"{parts.scheme}://{user}{host}{f':{port}' if port else ''}{parts.path}"


def host_and_repository(remote_url: str) -> tuple[str, str] | None:
    """Host (with its port) and OWNER/NAME of an address that `without_credentials` has passed."""
    if scp := _SCP.fullmatch(remote_url):
        host, path = scp[1], scp[2]
    else:
        parts = urlsplit(remote_url)
        host, path = parts.netloc.rpartition("@")[2], parts.path
        if parts.scheme == "ssh":
            host = parts.hostname or ""
    names = path.strip("/").removesuffix(".git").split("/")[-2:]
    plain = len(names) == 2 and all(_REPOSITORY.fullmatch(name) for name in names)
    return (host, "/".join(names)) if plain else None


def _short(name: str) -> bool:
    try:
        return len(name.encode()) <= MAX_NAME_BYTES
    except UnicodeEncodeError:
        return False
