"""What people do with sessions: titles, labels, the archive, deletion, and old logs that are taken in."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, Conflict, Forbidden, InvalidRequest, NotFound, TooLarge
from callboard.domain.usage import UsageRow
from callboard.wire.requests import UpdateSession
from tests.services.reading_world import OWNER, READER, USER, Reading, agent_of, member, open_reading

OLD_LOG: list[dict[str, Any]] = [
    {"event_type": "session_start", "timestamp": "2026-01-06T10:00:00Z", "session_id": "ses_0123456789ab"},
    {"event_type": "pre_tool", "timestamp": "2026-01-06T10:00:01.250Z", "tool_name": "Bash", "tool_input": {"c": 1}},
    {"event_type": "message", "timestamp": "2026-01-06T11:00:02+01:00", "role": "assistant", "content": []},
    {"event_type": "session_stop", "timestamp": "2026-01-06T10:00:03", "exit_code": 0, "reason": "completed"},
]


@pytest.fixture
async def reading(tmp_path: Path, kind: str) -> AsyncIterator[Reading]:
    """A world with its readers."""
    async with open_reading(tmp_path, kind) as opened:
        yield opened


def payload(event: Any) -> Any:
    """An event's payload, decoded."""
    return json.loads(bytes(event.payload))


# ------------------------------------------------------------------------------------------------ title and labels


async def test_a_title_and_labels_are_written_apart_and_told(reading: Reading) -> None:
    created = await reading.world.start(labels={"team": "shop"})
    titled = await reading.sessions.update(OWNER, created.session_id, UpdateSession(title="Login"))
    assert (titled.title, titled.labels) == ("Login", {"team": "shop"})
    labelled = await reading.sessions.update(OWNER, created.session_id, UpdateSession(labels={}))
    assert (labelled.title, labelled.labels) == ("Login", {})
    bare = await reading.sessions.update(OWNER, created.session_id, UpdateSession(title=None))
    assert bare.title is None
    told = [event for event in await reading.world.log(created.session_id) if event.type == "session_updated"]
    assert [payload(event) for event in told] == [{"title": "Login"}, {"labels": {}}, {"title": None}]


async def test_an_update_that_changes_nothing_tells_nothing(reading: Reading) -> None:
    created = await reading.world.start(title="Login")
    before = await reading.world.types(created.session_id)
    for request in (UpdateSession(), UpdateSession(title="Login", labels={})):
        await reading.sessions.update(OWNER, created.session_id, request)
    assert await reading.world.types(created.session_id) == before


# ------------------------------------------------------------------------------------------------ archive


async def test_an_archived_session_is_read_and_not_resumed_until_it_is_taken_out(reading: Reading) -> None:
    """10: archived ones cannot be resumed."""
    runner = await reading.world.runner()
    created = await reading.ended(runner)
    archived = await reading.sessions.archive(OWNER, created.session_id)
    assert archived.archived_at is not None
    assert await reading.sessions.archive(OWNER, created.session_id) == archived
    with pytest.raises(Conflict) as refusal:
        await reading.world.resume(created.session_id)
    assert refusal.value.code == "session_archived"
    assert (await reading.sessions.unarchive(OWNER, created.session_id)).archived_at is None
    await reading.world.resume(created.session_id)
    assert (await reading.world.types(created.session_id)).count("session_updated") == 2


async def test_a_session_with_work_is_neither_archived_nor_deleted(reading: Reading) -> None:
    """20: DELETE needs no live run."""
    runner = await reading.world.runner()
    created = await reading.world.start()

    async def both_refused() -> None:
        for refuse in (reading.sessions.archive, reading.sessions.delete):
            with pytest.raises(Conflict) as refusal:
                await refuse(OWNER, created.session_id)
            assert refusal.value.code == "session_busy"

    await both_refused()
    claim = await reading.begin(runner)
    await both_refused()
    await runner.end(claim)
    await reading.sessions.delete(OWNER, created.session_id)


# ------------------------------------------------------------------------------------------------ delete


async def test_a_deleted_session_leaves_no_row_behind(reading: Reading) -> None:
    runner = await reading.world.runner()
    created, other = await reading.world.start(), await reading.world.start()
    (claim, kept) = await runner.claim(slots=2)
    for each in (claim, kept):
        await runner.started(each)
        await runner.bind(each, f"native of {each.session_id}")
        await runner.say(each, "hello")
        await reading.book(runner, each, UsageRow(model="m", message_id="1", input_tokens=1))
        await runner.end(each)
    await reading.sessions.delete(OWNER, created.session_id)
    with pytest.raises(NotFound):
        await reading.sessions.get(OWNER, created.session_id)
    with pytest.raises(NotFound):
        await reading.world.run(created.run_id)
    assert await reading.world.count("session_tokens_of_run", run_id=created.run_id) == 0
    assert await reading.world.count("usage_of_session_by_run", session_id=created.session_id, limit=9) == 0
    assert await reading.world.count("attempt_by_id", run_id=created.run_id, attempt=1) == 0
    left = await reading.sessions.get(OWNER, other.session_id)
    assert left.usage.input_tokens == 1
    assert left.binding is not None
    await reading.world.start("say it again")
    again = await reading.begin(runner)
    await runner.bind(again, f"native of {created.session_id}")


async def test_a_parent_is_not_deleted_under_its_children(reading: Reading) -> None:
    """10 Lineage."""
    runner = await reading.world.runner()
    parent = await reading.world.start()
    claim = await reading.begin(runner)
    child = await reading.child(parent)
    await runner.end(claim)
    with pytest.raises(Conflict) as refusal:
        await reading.sessions.delete(OWNER, parent.session_id)
    assert refusal.value.code == "session_has_children"
    assert child.session_id in refusal.value.detail
    await runner.end(await reading.begin(runner))
    await reading.sessions.delete(OWNER, child.session_id)
    await reading.sessions.delete(OWNER, parent.session_id)


async def test_only_people_who_may_write_keep_sessions(reading: Reading) -> None:
    """S6, S7."""
    runner = await reading.world.runner()
    created = await reading.ended(runner)
    reading.project("shop")
    callers: list[Caller] = [READER, agent_of(created), runner.caller]
    changes: list[Callable[[Caller], Any]] = [
        lambda caller: reading.sessions.update(caller, created.session_id, UpdateSession(title="x")),
        lambda caller: reading.sessions.archive(caller, created.session_id),
        lambda caller: reading.sessions.unarchive(caller, created.session_id),
        lambda caller: reading.sessions.delete(caller, created.session_id),
        lambda caller: reading.sessions.import_log(caller, OLD_LOG),
    ]
    for caller in callers:
        for change in changes:
            with pytest.raises(Forbidden):
                await change(caller)
    for change in changes[:-1]:
        with pytest.raises(NotFound):
            await change(member("shop"))
    assert (await reading.sessions.get(OWNER, created.session_id)).title == "say hello"


# ------------------------------------------------------------------------------------------------ old logs


async def test_an_old_log_reads_under_todays_names_with_its_own_times(reading: Reading) -> None:
    """A30."""
    session = await reading.sessions.import_log(USER, OLD_LOG)
    assert (session.status, session.reason, session.external) == ("finished", "completed", False)
    assert session.title == "imported log of 2026-01-06T10:00:00.000Z"
    events = await reading.world.log(session.session_id)
    assert [event.type for event in events] == ["session_created", "run_start", "pre_tool", "message", "run_completed"]
    assert [event.source_at for event in events[1:]] == [
        "2026-01-06T10:00:00.000Z",
        "2026-01-06T10:00:01.250Z",
        "2026-01-06T10:00:02.000Z",
        "2026-01-06T10:00:03.000Z",
    ]
    assert payload(events[1]) == {"session_id": "ses_0123456789ab"}
    assert payload(events[2]) == {"tool_name": "Bash", "tool_input": {"c": 1}}
    assert payload(events[4]) == {"exit_code": 0, "reason": "completed"}
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]


async def test_what_was_imported_has_one_ended_run_and_cannot_be_claimed(reading: Reading) -> None:
    runner = await reading.world.runner()
    session = await reading.sessions.import_log(USER, OLD_LOG)
    (run,) = (await reading.sessions.runs(OWNER, session.session_id)).items
    assert (run.status, run.trigger, run.reason, run.exit_code) == ("completed", "external", "completed", 0)
    assert await runner.claim(slots=4) == []
    with pytest.raises(Conflict) as refusal:
        await reading.world.resume(session.session_id)
    assert refusal.value.code == "session_archived"


async def test_unknown_types_are_kept_and_old_names_are_stored_nowhere(reading: Reading) -> None:
    """A30: nothing writes the old names."""
    log = [*OLD_LOG, {"event_type": "hook_start", "point": "before"}]
    session = await reading.sessions.import_log(USER, log)
    types = await reading.world.types(session.session_id)
    assert types[-1] == "hook_start"
    assert not {"session_start", "session_stop"} & set(types)


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ({"timestamp": "2026-01-06T10:00:00Z"}, 1),
        ({"event_type": 7}, 1),
        ({"event_type": "a b"}, 1),
        ({"event_type": ""}, 1),
        ({"event_type": "message", "timestamp": "yesterday"}, 1),
        ({"event_type": "message", "timestamp": 12}, 1),
        ({"event_type": "message", "timestamp": "0001-01-01T00:00:00+14:00"}, 1),
        ({"event_type": "message", "timestamp": "9999-12-31T23:59:59-14:00"}, 1),
    ],
)
async def test_a_line_that_cannot_be_read_is_named_and_nothing_is_created(
    reading: Reading, line: dict[str, Any], number: int
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await reading.sessions.import_log(USER, [OLD_LOG[0], line])
    assert [error["pointer"] for error in refusal.value.errors] == [f"/lines/{number}"]
    assert (await reading.sessions.list(OWNER)).items == []


async def test_a_log_without_lines_or_with_too_many_is_refused(reading: Reading) -> None:
    refusals: list[tuple[list[dict[str, Any]], type[CallboardError]]] = [
        ([], InvalidRequest),
        ([OLD_LOG[0]] * 100_001, TooLarge),
    ]
    for lines, kind in refusals:
        with pytest.raises(kind):
            await reading.sessions.import_log(USER, lines)


async def test_every_field_of_an_update_is_optional() -> None:
    assert msgspec.json.decode(b"{}", type=UpdateSession) == UpdateSession()
