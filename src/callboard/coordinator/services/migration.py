"""Brings a PostgreSQL database to the schema of this version, because a person said so; SQLite's is at every start."""

import asyncio

from callboard.domain.errors import InvalidRequest
from callboard.store.postgres import migrate_postgres


async def migrate(url: str) -> int:
    """Runs the migrations that the database needs; how many. InvalidRequest, StoreRefused, Unavailable."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise InvalidRequest(
            "Only PostgreSQL is migrated by command; SQLite is at the start of `callboard serve`, after a backup copy.",
            hint="Give --database postgresql://USER@HOST/NAME, or set CALLBOARD_DATABASE.",
        )
    return await asyncio.to_thread(migrate_postgres, url)
