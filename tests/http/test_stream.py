"""The stream, over real connections: replay and live without gap or duplicate, and what ends a reader."""

import socket
import threading
from pathlib import Path

import pytest

from tests.http.listening import Frame, Listener
from tests.http.world import START, Coordinator, PlayedRunner, event, serving


@pytest.fixture(scope="module")
def runner(coordinator: Coordinator) -> PlayedRunner:
    return coordinator.register("stream")


def places(frames: list[Frame]) -> list[tuple[str, int]]:
    """Session and number of each event."""
    return [(frame.data["session_id"], frame.data["seq"]) for frame in frames]


def order(frame: Frame) -> tuple[int, ...]:
    """The cursor as numbers."""
    assert frame.id is not None
    return tuple(int(part) for part in frame.id.split("."))


def test_the_first_frame_says_where_the_stream_begins(coordinator: Coordinator, runner: PlayedRunner) -> None:
    runner.begin()
    with Listener(coordinator) as listener:
        assert listener.status == 200
        ready = listener.frames[0]
        assert (ready.event, ready.id) == ("ready", None)
        assert listener.retry == [1000]
        attempt = runner.begin()
        first = listener.wait_for_events(1)[0]
        assert first.data["session_id"] == attempt.session_id, "nothing of before is sent"
        assert first.event == first.data["type"] == "session_created"
        assert first.id == first.data["cursor"]
        assert order(first) > tuple(int(part) for part in ready.data["cursor"].split("."))


def test_one_stream_brings_a_session_and_what_matters_of_all_others(
    coordinator: Coordinator, runner: PlayedRunner
) -> None:
    """D12: `also` names further sessions, `everywhere` types that are wanted of all, in the replay and live."""
    mine, other = runner.begin(), runner.begin()
    also = runner.begin()
    wanted = {"session_id": mine.session_id, "also": also.session_id, "everywhere": "run_start,session_created"}
    with Listener(coordinator, after="0.0.0", **wanted) as listener:
        runner.post(other, event(1))
        runner.post(mine, event(1))
        runner.post(also, event(1))
        third = runner.begin()
        listener.wait(lambda: any(frame.data.get("session_id") == third.session_id for frame in listener.frames))
        found = [frame for frame in listener.frames if frame.id]
    types = {
        one: {frame.event for frame in found if frame.data["session_id"] == one.session_id} for one in (mine, also)
    }
    assert all({"message", "run_queued", "run_claimed"} <= seen for seen in types.values())
    others = [one for one in found if one.data["session_id"] not in (mine.session_id, also.session_id)]
    assert {one.event for one in others} <= {"run_start", "session_created"}
    assert other.session_id in {one.data["session_id"] for one in found}
    assert len(places(found)) == len(set(places(found)))


def test_replay_then_live_has_no_gap_and_no_duplicate(coordinator: Coordinator, runner: PlayedRunner) -> None:
    """Events are posted before, while and after the reader catches up."""
    attempt = runner.begin()
    for number in range(50):
        runner.post(attempt, *(event(number * 100 + index, "x" * 200) for index in range(20)))
    posting = threading.Thread(
        target=lambda: [runner.post(attempt, event(10_000 + number)) for number in range(200)], daemon=True
    )
    posting.start()
    with Listener(coordinator, after="0.0.0", session_id=attempt.session_id) as listener:
        posting.join(20)
        wanted = coordinator.done("GET", f"/sessions/{attempt.session_id}")["last_seq"]
        found = listener.wait_for_events(wanted)
        assert [frame.data["seq"] for frame in found] == list(range(1, wanted + 1))
        assert sorted(found, key=order) == found


def test_a36_a_reader_goes_on_from_its_cursor(coordinator: Coordinator, runner: PlayedRunner) -> None:
    """R21: also from inside a batch, by Last-Event-ID or by `after`; the header outweighs the address."""
    attempt = runner.begin()
    runner.post(attempt, *(event(number) for number in range(10)))
    with Listener(coordinator, after="0.0.0", session_id=attempt.session_id) as listener:
        whole = listener.wait_for_events(10)
    middle = whole[6]
    with Listener(coordinator, after=middle.id, session_id=attempt.session_id) as listener:
        assert places(listener.wait_for_events(len(whole) - 7)) == places(whole[7:])
    with Listener(
        coordinator, after="0.0.0", session_id=attempt.session_id, headers={"Last-Event-ID": middle.id}
    ) as listener:
        assert places(listener.wait_for_events(len(whole) - 7)) == places(whole[7:])


def test_readers_of_all_sessions_see_one_order(coordinator: Coordinator, runner: PlayedRunner) -> None:
    with Listener(coordinator) as one, Listener(coordinator) as other:
        attempts = [runner.begin() for _ in range(3)]
        posters = [
            threading.Thread(target=lambda of=attempt: [runner.post(of, event(number)) for number in range(30)])
            for attempt in attempts
        ]
        for poster in posters:
            poster.start()
        for poster in posters:
            poster.join(20)
        count = len(one.wait_for_events(3 * (30 + 4)))
        assert [frame.id for frame in other.wait_for_events(count)[:count]] == [frame.id for frame in one.events][
            :count
        ]


def test_filters_leave_out_what_was_not_asked_for(coordinator: Coordinator, runner: PlayedRunner) -> None:
    attempt, other = runner.begin(), runner.begin()
    with (
        Listener(coordinator, session_id=attempt.session_id) as by_session,
        Listener(coordinator, root_session_id=attempt.session_id) as by_root,
        Listener(coordinator, types="message,run_completed") as by_type,
    ):
        runner.post(other, event(1, "other"))
        runner.post(attempt, event(1), {"client_key": "2", "type": "pre_tool", "payload": {}})
        runner.end(attempt, 2)
        by_type.wait(lambda: by_type.of("run_completed"))
        assert [frame.event for frame in by_type.events] == ["message", "message", "run_completed"]
        by_session.wait(lambda: by_session.of("run_completed"))
        by_root.wait(lambda: by_root.of("run_completed"))
        for frame in by_session.events + by_root.events:
            assert frame.data["session_id"] == attempt.session_id


def test_pieces_of_messages_pass_through_without_an_id(coordinator: Coordinator, runner: PlayedRunner) -> None:
    attempt = runner.begin()
    with (
        Listener(coordinator, session_id=attempt.session_id) as listener,
        Listener(coordinator, types="message") as without,
        Listener(coordinator, types="delta") as only,
    ):
        piece = {"run_id": attempt.run_id, "attempt": attempt.attempt, "message_key": "m1", "offset": 0, "text": "Hel"}
        path = f"/sessions/{attempt.session_id}/deltas"
        coordinator.done("POST", path, piece, token=runner.credential)
        runner.post(attempt, event(1))
        listener.wait_for_events(1)
        without.wait_for_events(1)
        only.wait(lambda: only.of("delta"))
        delta = listener.of("delta")[0]
        assert delta.id is None
        assert delta.data == piece | {"session_id": attempt.session_id}
        assert listener.frames.index(delta) < listener.frames.index(listener.events[0])
        assert without.of("delta") == []
        assert only.events == []
    log = coordinator.done("GET", f"/sessions/{attempt.session_id}/events")["items"]
    assert "Hel" not in [item["payload"].get("text") for item in log]


def test_s6_a_session_sees_itself_and_what_is_below_it(coordinator: Coordinator, runner: PlayedRunner) -> None:
    parent, stranger = runner.begin(), runner.begin()
    with Listener(coordinator, token=parent.session_token) as listener:
        child = coordinator.done("POST", "/runs", START, token=parent.session_token)
        runner.post(stranger, event(1))
        runner.post(parent, event(1))
        listener.wait(lambda: listener.of("message"))
        assert {frame.data["session_id"] for frame in listener.events} == {parent.session_id, child["session_id"]}
    with Listener(coordinator, token=parent.session_token, session_id=stranger.session_id) as refused:
        assert (refused.status, refused.frames) == (404, [])


def test_s6_runners_and_joining_tokens_have_no_stream(coordinator: Coordinator, runner: PlayedRunner) -> None:
    for token in (runner.credential, coordinator.join):
        with Listener(coordinator, token=token) as refused:
            assert (refused.status, refused.frames) == (403, [])


@pytest.mark.parametrize("after", ["abc", "1.2", "-1.0.0", "0.0.0.1.2", "9" * 30 + ".0.0"])
def test_a_cursor_that_is_none_is_refused(coordinator: Coordinator, after: str) -> None:
    answer = coordinator.call("GET", f"/sse/sessions?after={after}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_further_sessions_go_with_a_first_one(coordinator: Coordinator, runner: PlayedRunner) -> None:
    """Alone they would be everything: no session_id means all sessions."""
    answer = coordinator.call("GET", f"/sse/sessions?also={runner.begin().session_id}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?query/also")


def test_a_cursor_behind_the_end_of_the_log_is_told_as_a_gap(coordinator: Coordinator, runner: PlayedRunner) -> None:
    """R21: as after a backup was put back; the reader goes on from now."""
    with Listener(coordinator, after="999999999999.999999999.0") as listener:
        listener.wait(lambda: listener.of("gap"))
        gap = listener.of("gap")[0]
        assert (gap.id, gap.data["until"]) == (None, "999999999999.999999999.0")
        attempt = runner.begin()
        assert listener.wait_for_events(1)[0].data["session_id"] == attempt.session_id


def test_s1_a_revoked_token_ends_its_streams(coordinator: Coordinator, runner: PlayedRunner) -> None:
    """S6: at once where it is revoked; others go on."""
    token = coordinator.make_token("user")
    with Listener(coordinator, token=token["token"]) as listener, Listener(coordinator) as other:
        coordinator.done("DELETE", f"/tokens/{token['token_id']}")
        assert listener.ended.wait(5)
        assert listener.retry[-1] == 1000
        runner.begin()
        other.wait_for_events(1)


def test_s1_an_expired_token_ends_its_streams(tmp_path: Path, database: dict[str, str]) -> None:
    with serving(tmp_path / "data", **database, token_recheck_seconds=0.2) as coordinator:
        token = coordinator.make_token("user", expires_in_seconds=1)
        with Listener(coordinator, token=token["token"]) as listener:
            assert listener.ended.wait(10)


@pytest.mark.slow
def test_a_silent_stream_is_kept_alive(tmp_path: Path) -> None:
    with serving(tmp_path / "data", stream_ping_seconds=0.1) as coordinator, Listener(coordinator) as listener:
        listener.wait(lambda: len(listener.of("comment")) >= 2)


@pytest.mark.slow
def test_r21_a_reader_that_takes_nothing_is_cut_off_and_others_go_on(tmp_path: Path, database: dict[str, str]) -> None:
    """R21: bounded memory for the slow one; the others have each event before there is another one."""
    bounds = {"stream_slow_seconds": 0.5, "stream_buffer_bytes": 2_000_000}
    with serving(tmp_path / "data", **bounds, **database) as coordinator:
        runner = coordinator.register()
        attempt = runner.begin()
        host, port = coordinator.url.removeprefix("http://").split(":")
        with socket.socket() as slow, Listener(coordinator) as other:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect((host, int(port)))
            head = f"GET /sse/sessions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {coordinator.owner}\r\n"
            slow.sendall(f"{head}Connection: close\r\n\r\n".encode())
            assert slow.recv(1) == b"H"
            before = rss_bytes(coordinator)
            for number in range(60):
                runner.post(attempt, event(number, "x" * 200_000))
                other.wait_for_events(number + 1)
            assert rss_bytes(coordinator) - before < 60_000_000
            assert received_until_cut_off(slow) < 60 * 200_000 / 2


def rss_bytes(coordinator: Coordinator) -> int:
    """The memory of the process."""
    pages = (Path("/proc") / str(coordinator.process.pid) / "statm").read_text().split()[1]
    return int(pages) * 4096


def received_until_cut_off(connection: socket.socket) -> int:
    """How many bytes still come until the other side cuts the connection, which it must do in time."""
    connection.settimeout(15)
    received = 0
    try:
        while piece := connection.recv(65536):
            received += len(piece)
    except ConnectionError:
        return received
    return received


def test_too_many_readers_are_told_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path / "data", stream_readers=2) as coordinator:
        with Listener(coordinator), Listener(coordinator), Listener(coordinator) as third:
            assert third.status == 503
        assert coordinator.call("GET", "/runs").status_code == 200
