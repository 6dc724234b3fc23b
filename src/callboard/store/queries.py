"""Loads the named queries of store/sql/queries: `-- name: insert_run`, one line of purpose, the SQL. Runs none.

store/sql/postgresql_queries holds the few that are said otherwise there, each with its reason.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from msgspec import Struct, structs

_NAME = re.compile(r"^-- name: (\S+)$", re.MULTILINE)
_GOOD_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z][a-z0-9_]*)")
_LISTED: Final = re.compile(r"json_each\((:\w+)\) AS listed")


class BadQueries(Exception):
    """The query files break their own rules; the sentence names file and query."""


class Query(Struct, frozen=True):
    """One statement with its name, purpose and parameters, written as :name."""

    name: str
    purpose: str
    sql: str
    parameters: frozenset[str]

    def with_parameters(self, form: str, *, escaped: str = "") -> str:
        """The statement with its parameters written as a driver wants them; `escaped` is doubled wherever it stands."""
        sql = self.sql.replace(escaped, escaped * 2) if escaped else self.sql
        return _PARAMETER.sub(lambda found: form.format(found[1]), sql)


class Queries(dict[str, Query]):
    """Every query by name."""

    def __missing__(self, name: str) -> Query:
        """Raises BadQueries: code asked for a query that no file has."""
        raise BadQueries(f"no query is named {name!r}")


@cache
def load(database: str = "") -> Queries:
    """Every query of every file in store/sql/queries, as a database wants it said. BadQueries."""
    found = _queries_of("queries")
    if database:
        others = _queries_of(f"{database}_queries")
        if unknown := others.keys() - found.keys():
            raise BadQueries(f"{database} says otherwise what nobody says: {', '.join(sorted(unknown))}")
        found.update(others)
        _translate(found)
    return found


def _translate(found: Queries) -> None:
    """A JSON list of ids is read by a function that only SQLite has under this name."""
    for name, query in found.items():
        sql = _LISTED.sub(r"jsonb_array_elements_text(CAST(\1 AS JSONB)) AS listed(value)", query.sql)
        found[name] = structs.replace(query, sql=sql)


def _queries_of(directory: str) -> Queries:
    found = Queries()
    for file in sorted(sql_directory(directory).iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        for query in parse(file.read_text(encoding="utf-8"), file.name):
            if query.name in found:
                raise BadQueries(f"{file.name}: {query.name} is defined twice")
            found[query.name] = query
    return found


def sql_directory(name: str) -> Traversable:
    """A directory below store/sql."""
    return resources.files("callboard.store") / "sql" / name


def parse(text: str, file_name: str) -> Iterator[Query]:
    """The queries of one file. BadQueries."""
    parts = _NAME.split(text)
    if any(line and not line.startswith("--") for line in parts[0].splitlines()):
        raise BadQueries(f"{file_name}: there is SQL before the first name")
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        yield _query(name, body.strip(), f"{file_name}: {name}")


def _query(name: str, body: str, where: str) -> Query:
    if not _GOOD_NAME.match(name):
        raise BadQueries(f"{where}: a name has lower-case letters, digits and underscores")
    lines = body.splitlines()
    if not lines or not lines[0].startswith("-- "):
        raise BadQueries(f"{where}: the line after the name says what the query is for")
    sql = "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";")
    if not sql or ";" in sql:
        raise BadQueries(f"{where}: exactly one statement is expected")
    if ":" in _PARAMETER.sub("", sql).replace("::", ""):
        raise BadQueries(f"{where}: a colon only begins a parameter")
    return Query(name, lines[0].removeprefix("-- "), sql, frozenset(_PARAMETER.findall(sql)))
