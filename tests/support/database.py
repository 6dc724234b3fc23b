"""Looks into a coordinator's database file beside it, without changing anything."""

from pathlib import Path
from typing import Any

import apsw


def query(data_dir: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query on the coordinator's file."""
    connection = apsw.Connection(str(data_dir / "callboard.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(10_000)
        return [tuple(row) for row in connection.execute(sql)]
    finally:
        connection.close()


def row_counts(data_dir: Path) -> dict[str, int]:
    """How many rows each table has, but for those that only remember requests."""
    names = [row[0] for row in query(data_dir, "SELECT name FROM sqlite_schema WHERE type = 'table'")]
    kept = [name for name in names if not name.startswith("sqlite_")]
    return {name: query(data_dir, f'SELECT count(*) FROM "{name}"')[0][0] for name in kept}  # noqa: S608
