"""The log and the stream: every event once, in one order, under today's names, whatever happens to the coordinator."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from callboard.client import StreamFilter
from callboard.client.stream import follow
from callboard.wire.responses import Event
from tests.acceptance.conftest import Stage
from tests.support.coordinator import Coordinator, payload_of, text_of
from tests.support.database import query
from tests.support.world import World, hold

MANY = 10_000
WORDS = 20
IN_THREE_PARTS = "\n".join(
    "\n".join(f"say {number}" for number in range(part * WORDS, part * WORDS + WORDS)) + f"\n{hold(f'part-{part}')}"
    for part in range(3)
)
OLD_LOG = [
    {"event_type": "session_start", "timestamp": "2025-03-01T10:00:00Z", "agent": "writer"},
    {"event_type": "message", "timestamp": "2025-03-01T10:00:01Z", "role": "assistant", "content": "hello"},
    {"event_type": "pre_tool", "tool_name": "Bash", "tool_input": {"command": "ls"}},
    {"event_type": "something_new", "detail": [1, 2]},
    {"event_type": "session_stop", "timestamp": "2025-03-01T10:00:05Z", "exit_code": 0},
]


def assert_whole(seqs: list[int], last_seq: int) -> None:
    """Every number from 1 on, once and in order."""
    assert len(seqs) == last_seq
    assert seqs == list(range(1, last_seq + 1))


def test_a30_old_names_are_written_nowhere(stage: Stage) -> None:
    for script in ("say one", "fail two", "crash"):
        stage.coordinator.ended(stage.coordinator.start_run(script).run_id)
    written = query(stage.coordinator, "SELECT types FROM event_batches")
    types = {word for (line,) in written for word in line.split()}
    assert {"run_start", "run_completed"} <= types
    assert types & {"session_start", "session_stop"} == set()


def test_a30_an_imported_old_log_reads_as_the_new_names(stage: Stage, tmp_path: Path) -> None:
    log = tmp_path / "old.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in OLD_LOG), encoding="utf-8")
    imported = stage.callboard("session", "import", str(log), "--json")
    assert imported.code == 0, imported.err
    session_id = imported.value["session_id"]
    events = stage.coordinator.events(session_id)
    names = ["session_created", "run_start", "message", "pre_tool", "something_new", "run_completed"]
    assert [event.type for event in events] == names
    assert payload_of(events[1])["agent"] == "writer"
    assert events[1].source_at == "2025-03-01T10:00:00.000Z"
    assert payload_of(events[4]) == {"detail": [1, 2]}
    session = stage.coordinator.session(session_id)
    assert session.status == "finished"
    assert session.archived_at is not None
    resumed = stage.callboard("resume", session_id, "say more")
    assert resumed.code == 8, resumed.err


@pytest.mark.timeout(120)
def test_a35_ten_thousand_events_page_and_stream_without_gap_through_a_kill(world: World) -> None:
    """A35: the coordinator is killed with -9 while the events arrive; half of them are made only after that."""
    coordinator = world.coordinator()
    world.runner(coordinator)
    reader = coordinator.stream()
    created = coordinator.start_run(f"emit {MANY // 2} 40\n{hold('half')}\nemit {MANY // 2} 40")
    reader.until_count(MANY // 5)
    coordinator.kill()
    world.let_go("half")
    reader.broken()
    coordinator.restart()
    reader.connect()
    reader.until(lambda: reader.frames[-1].name == "run_completed", 60)
    assert coordinator.ended(created.run_id).reason == "completed"

    events = coordinator.events(created.session_id)
    last_seq = coordinator.session(created.session_id).last_seq
    assert_whole([event.seq for event in events], last_seq)
    assert_whole([event["seq"] for event in reader.events], last_seq)
    assert [event.cursor for event in events] == [event["cursor"] for event in reader.events]
    said = [event for event in events if event.type == "message" and payload_of(event)["role"] == "assistant"]
    assert len(said) == MANY
    assert len({payload_of(event)["message_key"] for event in said}) == MANY
    assert coordinator.run(created.run_id).attempt == 1


@pytest.mark.parametrize("gently", [True, False], ids=["SIGTERM", "SIGKILL"])
def test_a36_the_stream_resumes_after_a_restart_without_gap_or_duplicate(world: World, gently: bool) -> None:
    coordinator = world.coordinator()
    world.runner(coordinator)
    reader, others = coordinator.stream(), coordinator.stream(types="run_start,run_completed")
    beginning = reader.last_id
    created = coordinator.start_run(IN_THREE_PARTS)
    reader.until_event("message", role="assistant")
    followed = world.meanwhile(lambda: follow_to_the_end(coordinator, created.session_id, beginning))
    for part in (0, 1):
        reader.until_event("pre_tool", tool_name="run", tool_input={"command": hold(f"part-{part}")[4:]})
        (coordinator.program.terminate if gently else coordinator.kill)()
        for one in (reader, others):
            one.broken()
        world.let_go(f"part-{part}")
        coordinator.restart()
        for one in (reader, others):
            one.connect()
    world.let_go("part-2")
    reader.until_event("run_completed")
    others.until_event("run_completed")

    assert coordinator.ended(created.run_id).reason == "completed"
    last_seq = coordinator.session(created.session_id).last_seq
    assert_whole([event["seq"] for event in reader.events], last_seq)
    assert [event["type"] for event in others.events] == ["run_start", "run_completed"]
    said = [text_of(event["payload"]) for event in reader.events if event["type"] == "message"][1:]
    assert said == [str(number) for number in range(3 * WORDS)]
    assert_whole([event.seq for event in followed.result(30)], last_seq)


def follow_to_the_end(coordinator: Coordinator, session_id: str, after: str) -> list[Event]:
    """What the typed client makes of the stream behind a cursor, until a run ends."""
    events: list[Event] = []
    filters = StreamFilter(session_id=session_id)
    with closing(follow(coordinator.client, filters, after=after, patience_seconds=30)) as frames:
        for frame in frames:
            if isinstance(frame, Event):
                events.append(frame)
                if frame.type == "run_completed":
                    break
    return events


def test_a36_the_stream_begins_behind_any_cursor(stage: Stage) -> None:
    """A36: `Last-Event-ID` or `after`, filtered or not, replays exactly what came later."""
    coordinator = stage.coordinator
    run = coordinator.completed("\n".join(f"say {number}" for number in range(20)))
    events = coordinator.events(run.session_id)
    for index in (0, 1, 11, len(events) - 2):
        with coordinator.stream(session_id=run.session_id, after=events[index].cursor) as reader:
            later = events[index + 1 :]
            reader.until_count(len(later))
            assert [event["seq"] for event in reader.events] == [event.seq for event in later]
            assert [frame.id for frame in reader.frames if frame.is_event] == [event.cursor for event in later]
    wrong = coordinator.http.get("/sse/sessions", params={"after": "no cursor"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_cursor")
