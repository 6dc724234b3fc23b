"""Lists of sessions: pages, filters, words and references."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from callboard.coordinator.services.session_lists import SessionQuery, list_sessions
from callboard.domain.errors import Conflict, InvalidRequest
from callboard.store.database import Transaction
from callboard.store.sqlite_connection import SqliteTransaction
from callboard.wire.responses import Page
from tests.services.reading_world import (
    OWNER,
    UNKNOWN_SESSION,
    Reading,
    member,
    open_reading,
)


@pytest.fixture
async def reading(tmp_path: Path, kind: str) -> AsyncIterator[Reading]:
    """A world with its readers."""
    async with open_reading(tmp_path, kind) as opened:
        yield opened


def ids_of(page: Page) -> list[str]:
    """The session ids of a page, in its order."""
    return [item.session_id for item in page.items]


# ------------------------------------------------------------------------------------------------ lists


async def test_a_list_has_the_newest_first_and_pages_through_all_of_it_once(reading: Reading) -> None:
    made = [(await reading.world.start(f"say {number}")).session_id for number in range(7)]
    seen: list[str] = []
    page = await reading.sessions.list(OWNER, limit=3)
    while True:
        seen += ids_of(page)
        if page.next_page is None:
            break
        page = await reading.sessions.list(OWNER, limit=3, page=page.next_page)
    assert seen == made[::-1]


async def test_what_is_created_while_a_person_pages_moves_nothing_on_later_pages(reading: Reading) -> None:
    made = [(await reading.world.start()).session_id for _ in range(4)]
    first = await reading.sessions.list(OWNER, limit=2)
    await reading.world.start()
    second = await reading.sessions.list(OWNER, limit=2, page=first.next_page)
    assert ids_of(first) + ids_of(second) == made[::-1]
    assert second.next_page is None


async def test_filters_are_combined(reading: Reading) -> None:
    runner = await reading.world.runner()
    parent = await reading.world.start("parent")
    claim = await reading.begin(runner)
    children = [await reading.child(parent) for _ in range(2)]
    await runner.work((await runner.claim())[0])
    other = await reading.world.start("other")
    every = {"parent_session_id": parent.session_id, "root_session_id": parent.session_id}
    assert ids_of(await reading.sessions.list(OWNER, **every)) == [child.session_id for child in children[::-1]]
    finished = await reading.sessions.list(OWNER, status="finished", **every)
    assert ids_of(finished) == [children[0].session_id]
    assert ids_of(await reading.sessions.list(OWNER, status="running")) == [claim.session_id]
    assert ids_of(await reading.sessions.list(OWNER, root_session_id=other.session_id)) == [other.session_id]
    assert ids_of(await reading.sessions.list(OWNER, agent_name="nobody")) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"page": "not a mark"}, "invalid_page"),
        ({"page": "AAAA"}, "invalid_page"),
        ({"page": "x" * 5000}, "invalid_page"),
        ({"limit": 0}, "invalid_request"),
        ({"limit": 201}, "invalid_request"),
        ({"status": "sleeping"}, "invalid_request"),
        ({"parent_session_id": "42"}, "invalid_id"),
    ],
)
async def test_a_bad_list_query_is_refused_with_its_code(reading: Reading, query: dict[str, object], code: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await reading.sessions.list(OWNER, **query)
    assert refusal.value.code == code


async def test_the_mark_of_one_list_is_no_mark_of_another(reading: Reading) -> None:
    created = await reading.world.start()
    await reading.world.resume(created.session_id)
    runs = await reading.sessions.runs(OWNER, created.session_id, limit=1)
    assert runs.next_page is not None
    with pytest.raises(InvalidRequest):
        await reading.sessions.list(OWNER, page=runs.next_page)


async def test_words_are_found_in_title_id_agent_and_labels_in_any_case(reading: Reading) -> None:
    titled = await reading.world.start("say x", title="Über die BRÜCKENSTRASSE")
    labelled = await reading.world.start("say y", labels={"team": "Checkout"})
    for words, expected in (
        ("brückenstraße", [titled.session_id]),
        ("CHECKOUT", [labelled.session_id]),
        (titled.session_id[-8:].upper(), [titled.session_id]),
        ("brückenstrasse über", [titled.session_id]),
        (f"checkout {labelled.session_id[-8:]}", [labelled.session_id]),
        ("über checkout", []),
        ("100%", []),
        ("_", [labelled.session_id, titled.session_id]),
    ):
        assert ids_of(await reading.sessions.list(OWNER, q=words)) == expected


async def test_a_search_pages_through_all_that_it_finds(reading: Reading) -> None:
    made = [(await reading.world.start("say", title=f"{'even' if n % 2 else 'odd'} {n}")).session_id for n in range(9)]
    first = await reading.sessions.list(OWNER, q="even", limit=3)
    second = await reading.sessions.list(OWNER, q="even", limit=3, page=first.next_page)
    assert ids_of(first) + ids_of(second) == made[1::2][::-1]
    assert second.next_page is None


async def test_a_search_without_hits_ends_after_a_bounded_number_of_rows_and_says_where_to_go_on(
    reading: Reading,
) -> None:
    """20: no unbounded answer, and no unbounded search."""
    wanted = await reading.world.start("say", title="the oldest")
    fill(reading, 10_500)
    first = await reading.sessions.list(OWNER, q="oldest")
    assert (first.items, first.next_page is None) == ([], False)
    second = await reading.sessions.list(OWNER, q="oldest", page=first.next_page)
    assert ids_of(second) == [wanted.session_id]
    assert second.next_page is None


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
async def test_a_page_of_many_sessions_is_no_more_work_than_a_page_of_few(reading: Reading) -> None:
    """80: keyset pages; SQLite's own steps are counted, and how long a page takes is measured by `make bench`."""
    fill(reading, 200)
    page = (await reading.sessions.list(OWNER)).next_page
    few = [await steps_of_a_page(reading, at) for at in (None, page)]
    fill(reading, 20_000, first=1_000)
    many = [await steps_of_a_page(reading, at) for at in (None, page)]
    assert min(few) > 0
    assert [more < 2 * less for less, more in zip(few, many, strict=True)] == [True, True], (few, many)


async def steps_of_a_page(reading: Reading, page: str | None) -> int:
    """How many tens of steps the database goes for a page of the list."""

    def work(tx: Transaction) -> int:
        connection = cast(SqliteTransaction, tx)._connection
        seen = itertools.count()
        connection.set_progress_handler(lambda: next(seen) < 0, 10)
        try:
            assert len(list_sessions(tx, OWNER, SessionQuery(page=page)).items) == 50
        finally:
            connection.set_progress_handler(None)
        return next(seen)

    return await reading.world.database.read(work)


def fill(reading: Reading, count: int, first: int = 1) -> None:
    """Many finished sessions, newer than all that exist."""
    reading.sql(
        "WITH RECURSIVE counted (n) AS (SELECT 0 + ? UNION ALL SELECT n + 1 FROM counted WHERE n < ?) "
        "INSERT INTO sessions (session_id, root_session_id, depth, created_by, context, title, status, created_at, "
        "updated_at) SELECT 'ses_7' || substr('0000000000000000000000000' || n, -25), 'ses_7', 0, 'tok_owner', "
        "'persistent', 'filler ' || n, 'finished', n, n FROM counted",
        first,
        first + count - 1,
    )


# ------------------------------------------------------------------------------------------------ references


async def test_a_reference_is_an_id_or_at_least_six_of_its_last_characters(reading: Reading) -> None:
    """10: session references."""
    created = await reading.world.start()
    await reading.world.start()
    ending = created.session_id[-10:]
    for reference in (created.session_id, ending, ending.upper()):
        assert ids_of(await reading.sessions.list(OWNER, ref=reference)) == [created.session_id]
    for reference in (UNKNOWN_SESSION, "zzzzzzzzzz"):
        assert ids_of(await reading.sessions.list(OWNER, ref=reference)) == []
    for reference in ("abcde", "ses_", "a%b%c%d", "no such thing", ""):
        with pytest.raises(InvalidRequest) as refusal:
            await reading.sessions.list(OWNER, ref=reference)
        assert refusal.value.code == "invalid_id"


async def test_several_sessions_for_one_reference_are_named_in_the_refusal(reading: Reading) -> None:
    """10: 409 ambiguous_reference with the candidates."""
    for number in (1, 2):
        reading.sql(
            "INSERT INTO sessions (session_id, root_session_id, depth, created_by, context, title, status, created_at, "
            "updated_at) VALUES (?, 'ses_0', 0, 't', 'persistent', ?, 'finished', 0, 0)",
            f"ses_0000000000000000000{number}abcdef",
            f"twin {number}",
        )
    with pytest.raises(Conflict) as refusal:
        await reading.sessions.list(OWNER, ref="abcdef")
    assert refusal.value.code == "ambiguous_reference"
    assert [candidate["title"] for candidate in refusal.value.errors] == ["twin 2", "twin 1"]
    assert ids_of(await reading.sessions.list(OWNER, ref="2abcdef")) == ["ses_00000000000000000002abcdef"]
    reading.project("shop")
    reading.put_in_project("ses_00000000000000000001abcdef", "shop")
    assert ids_of(await reading.sessions.list(OWNER, ref="abcdef", project="shop")) == [
        "ses_00000000000000000001abcdef"
    ]


async def test_digits_are_always_an_issue_the_active_session_first_then_the_latest(reading: Reading) -> None:
    """10: digits only are an issue number; 50: any of its issues finds a session."""
    done, active, later = [(await reading.world.start()).session_id for _ in range(3)]
    reading.put_on_issues(done, "complete", 7, 42)
    reading.put_on_issues(active, "stuck", 42, 3)
    reading.put_on_issues(later, "cancelled", 42)
    assert ids_of(await reading.sessions.list(OWNER, ref="42")) == [active]
    assert ids_of(await reading.sessions.list(OWNER, ref="7")) == [done]
    assert ids_of(await reading.sessions.list(OWNER, ref="421")) == []
    reading.put_on_issues(active, "complete", 42, 3)
    assert ids_of(await reading.sessions.list(OWNER, ref="42")) == [later]


async def test_an_issue_number_means_one_project_when_it_is_named(reading: Reading) -> None:
    """10: with a project its issue, without one over all."""
    sessions = [(await reading.world.start()).session_id for _ in range(2)]
    for session_id, project_id in zip(sessions, ("shop", "bank"), strict=True):
        reading.project(project_id)
        reading.put_in_project(session_id, project_id)
        reading.put_on_issues(session_id, "working", 42)
    with pytest.raises(Conflict):
        await reading.sessions.list(OWNER, ref="42")
    assert ids_of(await reading.sessions.list(OWNER, ref="42", project="bank")) == [sessions[1]]
    assert ids_of(await reading.sessions.list(OWNER, ref="42", project="name of shop")) == [sessions[0]]
    assert ids_of(await reading.sessions.list(member("shop"), ref="42")) == [sessions[0]]
