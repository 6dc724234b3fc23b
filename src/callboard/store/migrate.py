"""Which migrations a database needs; numbered files in store/sql/migrations. Knows no database."""

import re
from typing import Final

from msgspec import Struct

from callboard.store.database import StoreRefused
from callboard.store.queries import BadQueries, sql_directory

_FILE: Final = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
VERSION_KEY: Final = "schema_version"


class Migration(Struct, frozen=True):
    """One step of the schema; it runs in one transaction together with the note that it has run."""

    number: int
    name: str
    sql: str
    postgresql: str = ""
    """What only PostgreSQL needs besides, from the file of the same name in store/sql/postgresql."""


def load() -> list[Migration]:
    """Every migration, in order. BadQueries when the numbers have a gap or a name is odd."""
    files = sorted((file for file in sql_directory("migrations").iterdir()), key=lambda file: file.name)
    steps = [_migration(file.name, file.read_text(encoding="utf-8")) for file in files if file.name.endswith(".sql")]
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise BadQueries("the migrations are not numbered 1, 2, 3, …")
    return steps


def _migration(file_name: str, sql: str) -> Migration:
    found = _FILE.match(file_name)
    if not found:
        raise BadQueries(f"{file_name} is no name of a migration")
    only = sql_directory("postgresql") / file_name
    return Migration(int(found[1]), file_name, sql, only.read_text(encoding="utf-8") if only.is_file() else "")


def missing(version: int, steps: list[Migration]) -> list[Migration]:
    """The steps that a database of this version (0: empty) still needs. StoreRefused when it is newer than we are."""
    newest = steps[-1].number
    if version > newest:
        raise StoreRefused(
            f"The database has schema version {version}, this Callboard knows versions up to {newest}.",
            hint="Run the newer Callboard again, or restore the backup that was made before its migration.",
        )
    return steps[version:]
