"""Whether a SQLite database may live at a place, for whoever asks before a coordinator is started. Opens none."""

from pathlib import Path

import apsw

from callboard.store.database import StoreRefused
from callboard.store.file_system import check_place


def refusal_of(path: Path, sqlite_version: str | None = None) -> StoreRefused | None:
    """Why a coordinator would refuse this file, as an error with its remedy; None when it would not."""
    try:
        check_place(path, sqlite_version or apsw.sqlite_lib_version())
    except StoreRefused as refused:
        return refused
    return None
