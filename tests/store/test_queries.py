"""The files of named queries keep their own rules, so that another database can read them too."""

import pytest

from callboard.store import migrate, queries
from callboard.store.database import StoreRefused
from callboard.store.queries import BadQueries, Query, parse

GOOD = "-- name: one_thing\n-- What it is for.\nSELECT a FROM b\nWHERE c = :c AND d > :d_1;\n"


def test_a_file_becomes_queries() -> None:
    assert list(parse(GOOD + "\n" + GOOD.replace("one_thing", "other"), "file.sql")) == [
        Query(name, "What it is for.", "SELECT a FROM b\nWHERE c = :c AND d > :d_1", frozenset({"c", "d_1"}))
        for name in ("one_thing", "other")
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1;\n" + GOOD, "before the first name"),
        ("-- name: One\n-- Why.\nSELECT 1;", "lower-case"),
        ("-- name: one\nSELECT 1;", "what the query is for"),
        ("-- name: one\n-- Why.\n", "exactly one statement"),
        ("-- name: one\n-- Why.\nSELECT 1; SELECT 2;", "exactly one statement"),
        ("-- name: one\n-- Why.\nSELECT '10:30';", "a colon only begins a parameter"),
        ("-- name: one\n-- Why.\nSELECT a:b:c;", "a colon only begins a parameter"),
    ],
)
def test_a_file_that_breaks_the_rules_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(BadQueries, match=complaint):
        list(parse(text, "file.sql"))


def test_every_query_loads() -> None:
    assert queries.load()["ping"].sql == "SELECT 1 AS answer"


def test_migrations_are_taken_from_where_the_database_stands() -> None:
    steps = migrate.load()
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert migrate.missing(0, steps) == steps
    assert migrate.missing(len(steps), steps) == []
    with pytest.raises(StoreRefused, match="knows versions up to"):
        migrate.missing(len(steps) + 1, steps)
