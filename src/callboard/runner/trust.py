"""Which files of repositories a person of this machine has looked at: remembered by what they hold, not by their place.

A file that was changed, by whomever, is not the one that was trusted.
"""

import hashlib
from pathlib import Path
from typing import Final

from callboard.runner.identity import write_durably

TRUSTED: Final = "trusted-files"
"""In the data directory: a line for each trusted content, `SHA256  PATH`; the path only reminds the reader."""
REPOSITORY_FILE: Final = Path(".callboard") / "config.toml"
MAX_FILE_BYTES: Final = 1024 * 1024


def read_bounded(file: Path) -> bytes:
    """What a file of a repository holds. OSError, also when it is too large to be looked at."""
    with file.open("rb") as opened:
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


def _lines(data_dir: Path) -> list[str]:
    try:
        return (data_dir / TRUSTED).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
