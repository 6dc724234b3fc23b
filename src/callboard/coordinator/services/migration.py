"""Brings a PostgreSQL database to the schema of this version, because a person said so; SQLite's is at every start."""

import asyncio
from collections.abc import Callable

from callboard.domain.database_url import is_postgres
from callboard.domain.errors import InvalidRequest
from callboard.store.postgres import migrate_postgres, postgres_schema
from callboard.store.postgres_migrate import Schema

__all__ = ["Schema", "look", "migrate"]


async def migrate(url: str, say: Callable[[str], None]) -> Schema:
    """Runs the migrations that the database needs. `say` hears what it waits for.

    InvalidRequest, StoreRefused, Unavailable, Conflict while coordinators use it.
    """
    _check(url)
    return await asyncio.to_thread(migrate_postgres, url, say)


async def look(url: str) -> Schema:
    """The schema as it is and as it should be; changes nothing. InvalidRequest, StoreRefused, Unavailable."""
    _check(url)
    return await asyncio.to_thread(postgres_schema, url)


def _check(url: str) -> None:
    if not is_postgres(url):
        raise InvalidRequest(
            "Only PostgreSQL is migrated by command; SQLite is at the start of `callboard serve`, after a backup copy.",
            hint="Give --database postgresql://USER@HOST/NAME, or set CALLBOARD_DATABASE.",
        )
