"""Which files of repositories a person of this machine has looked at: remembered by what they hold, not by their place.

A file that was changed, by whomever, is not the one that was trusted.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from callboard.runner.identity import write_durably

TRUSTED: Final = "trusted-files"
"""In the data directory: a line for each trusted content, `SHA256  PATH`; the path only reminds the reader."""
REPOSITORY_FILE: Final = Path(".callboard") / "config.toml"
MAX_FILE_BYTES: Final = 1024 * 1024
MAX_FILES: Final = 1000
"""A repository that brings more than so many is not looked at further: it is not trusted."""
_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def read_bounded(file: Path) -> bytes:
    """What a file of a repository holds. OSError, also when it is no plain file or too large to be looked at."""
    with os.fdopen(os.open(file, _READ), "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(f"{file} is no plain file")
        data = opened.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise OSError(f"{file} is larger than {MAX_FILE_BYTES} bytes")
    return data


def is_trusted(data_dir: Path, content: bytes) -> bool:
    """Whether somebody has trusted exactly this content here."""
    return _hash(content) in {line.partition(" ")[0] for line in _lines(data_dir)}


def trust(data_dir: Path, file: Path, content: bytes) -> bool:
    """Remembers that a person trusts this content; false when that was known. OSError."""
    if is_trusted(data_dir, content):
        return False
    lines = [*_lines(data_dir), f"{_hash(content)}  {file}"]
    write_durably(data_dir / TRUSTED, "".join(f"{line}\n" for line in lines).encode())
    return True


def untrusted_files(data_dir: Path, directory: Path, names: Iterable[str], home: str | None) -> list[str]:
    """Which of the files that are there under these names nobody has trusted as they are; see `named_files`."""
    known = {line.partition(" ")[0] for line in _lines(data_dir)}
    found = list(islice(named_files(directory, names, home), MAX_FILES + 1))
    strange = [str(file) for file in found[:MAX_FILES] if not _is_known(known, file)]
    return strange if len(found) <= MAX_FILES else [*strange, f"more than {MAX_FILES} files"]


def named_files(directory: Path, names: Iterable[str], home: str | None) -> Iterator[Path]:
    """The files under these names in a directory and in those above it, up to the root of its repository if it has one.

    For a linked worktree also in the repository that it belongs to: clients take settings from there, too. What is in
    `home` is the user's own. A name that ends with a slash is a folder: every file below it, also where links lead.
    """
    wanted = list(names)
    own = Path(home) if home else None
    for folder in [one for one in _up_to_root(directory) if wanted and one != own]:
        for name in wanted:
            if name.endswith("/"):
                yield from _files_below(folder / name)
            elif os.path.lexists(folder / name):
                yield folder / name


def _files_below(folder: Path) -> Iterator[Path]:
    """Every file once, also where links lead: those that lead in circles would have no end."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(place, file) for file in sorted(files))


def _up_to_root(directory: Path) -> list[Path]:
    folders = [directory, *directory.parents]
    root = next((number for number, one in enumerate(folders) if os.path.lexists(one / ".git")), None)
    return folders if root is None else [*folders[: root + 1], *_of_worktree(folders[root] / ".git")]


def _of_worktree(git_file: Path) -> list[Path]:
    """The directory whose repository a linked worktree belongs to."""
    try:
        private = git_file.parent / read_bounded(git_file).decode().partition("gitdir:")[2].strip()
        common = private / read_bounded(private / "commondir").decode().strip()
        return [common.resolve().parent]
    except (OSError, ValueError):
        return []


def _is_known(known: set[str], file: Path) -> bool:
    try:
        return _hash(read_bounded(file)) in known
    except OSError:
        return False


def _lines(data_dir: Path) -> list[str]:
    try:
        return (data_dir / TRUSTED).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
