"""R6: a creating request may be sent again; the same key means the same request and the same answer."""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager

import apsw
import psycopg
import pytest

from callboard.coordinator.http.in_flight import InFlight
from callboard.domain.errors import Conflict
from tests.http.world import START, Coordinator
from tests.support.database import stored_bytes


def test_r6_the_same_key_and_body_get_the_same_answer(coordinator: Coordinator) -> None:
    key = {"Idempotency-Key": "key-1"}
    first = coordinator.call("POST", "/runs", START, headers=key)
    again = coordinator.call("POST", "/runs", START, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(coordinator.done("GET", f"/runs?session_id={first.json()['session_id']}")["items"]) == 1


def test_r6_the_same_key_with_another_body_or_address_is_refused(coordinator: Coordinator) -> None:
    key = {"Idempotency-Key": "key-2"}
    made = coordinator.call("POST", "/runs", START, headers=key)
    other = coordinator.call("POST", "/runs", START | {"prompt": "twice"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    coordinator.done("POST", f"/runs/{made.json()['run_id']}/stop")
    elsewhere = coordinator.call("POST", f"/runs/{made.json()['run_id']}/retry", START, headers=key)
    assert elsewhere.status_code == 422


def test_r6_a_long_old_log_is_imported_whole_and_once(coordinator: Coordinator) -> None:
    """A30: 60,000 lines in one request, in their order; the same key makes no second session."""
    lines = [{"event_type": "message", "text": f"line {number} " + "x" * 80} for number in range(60_000)]
    key = {"Idempotency-Key": "key-long-log"}
    first = coordinator.call("POST", "/sessions/import", {"lines": lines}, headers=key)
    assert first.status_code == 201, first.text
    again = coordinator.call("POST", "/sessions/import", {"lines": lines}, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert first.json()["last_seq"] == 60_001
    page = coordinator.done("GET", f"/sessions/{first.json()['session_id']}/events?after=59999")
    assert [event["payload"]["text"].split()[1] for event in page["items"]] == ["59998", "59999"]
    assert coordinator.call("DELETE", f"/sessions/{first.json()['session_id']}").is_success


def test_r6_a_key_belongs_to_its_token(coordinator: Coordinator) -> None:
    other = coordinator.make_token("user")["token"]
    key = {"Idempotency-Key": "key-3"}
    first = coordinator.call("POST", "/runs", START, headers=key)
    second = coordinator.call("POST", "/runs", START, headers=key, token=other)
    assert first.json()["run_id"] != second.json()["run_id"]


def test_r6_a_token_is_made_once_and_its_secret_is_in_no_answer_that_is_kept(coordinator: Coordinator) -> None:
    """S1: a repeat cannot show the secret again, so it names the token that exists."""
    key = {"Idempotency-Key": "key-token"}
    before = len(coordinator.done("GET", "/tokens?limit=200")["items"])
    made = coordinator.call("POST", "/tokens", {"kind": "user"}, headers=key)
    again = coordinator.call("POST", "/tokens", {"kind": "user"}, headers=key)
    assert (made.status_code, again.status_code, again.json()["code"]) == (201, 409, "secret_shown_once")
    assert made.json()["token_id"] in again.json()["detail"]
    assert len(coordinator.done("GET", "/tokens?limit=200")["items"]) == before + 1
    other = coordinator.call("POST", "/tokens", {"kind": "read_only"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    stored = stored_bytes(coordinator)
    assert made.json()["token"].encode() not in stored
    assert b"key-token" in stored


def test_r6_a_log_is_imported_once(coordinator: Coordinator) -> None:
    key = {"Idempotency-Key": "key-log"}
    log = {"lines": [{"event_type": "session_start"}, {"event_type": "message", "text": "hello"}]}
    made = coordinator.call("POST", "/sessions/import", log, headers=key)
    again = coordinator.call("POST", "/sessions/import", log, headers=key)
    assert (made.status_code, again.status_code) == (201, 201)
    assert made.json() == again.json()
    assert coordinator.done("GET", "/sessions?limit=200&q=imported%20log")["items"] == [made.json()]
    log["lines"].append({"event_type": "note"})
    assert coordinator.call("POST", "/sessions/import", log, headers=key).status_code == 422


@contextmanager
def nobody_writes_runs(coordinator: Coordinator) -> Iterator[None]:
    """Hold a lock that every new run waits for."""
    if coordinator.database:
        with psycopg.connect(coordinator.database) as server:
            server.execute("LOCK TABLE runs IN EXCLUSIVE MODE")
            yield
    else:
        with closing(apsw.Connection(str(coordinator.data_dir / "callboard.db"))) as other:
            other.execute("BEGIN IMMEDIATE")
            yield


def test_r6_while_the_first_is_in_flight_a_repeat_is_refused(coordinator: Coordinator) -> None:
    """R6: 409 before the first has its answer, which is the answer of every later repeat."""
    key = {"Idempotency-Key": "key-in-flight"}
    with ThreadPoolExecutor(2) as pool:
        with nobody_writes_runs(coordinator):
            both = [pool.submit(coordinator.call, "POST", "/runs", START, headers=key) for _ in range(2)]
            (refused,), (first,) = wait(both, timeout=8, return_when=FIRST_COMPLETED)
        assert (refused.result().status_code, refused.result().json()["code"]) == (409, "idempotency_in_flight")
        assert first.result().status_code == 201
    again = coordinator.call("POST", "/runs", START, headers=key)
    assert (again.status_code, again.json()) == (201, first.result().json())


def test_r6_many_at_once_create_one(coordinator: Coordinator) -> None:
    key = {"Idempotency-Key": "key-4"}
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: coordinator.call("POST", "/runs", START, headers=key), range(32)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency_in_flight"}
    assert len({answer.json()["run_id"] for answer in answers if answer.status_code == 201}) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "\u00e9"])
def test_a_key_of_another_form_is_refused(coordinator: Coordinator, key: str) -> None:
    answer = coordinator.call("POST", "/runs", START, headers={"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == 422


def test_r6_a_repeat_waits_until_the_first_is_answered() -> None:
    in_flight = InFlight()
    with in_flight.only_one("tok", "key"):
        with pytest.raises(Conflict, match="not answered yet") as refusal, in_flight.only_one("tok", "key"):
            pass
        with in_flight.only_one("tok", "other"), in_flight.only_one("tok_2", "key"):
            pass
    assert refusal.value.code == "idempotency_in_flight"
    with in_flight.only_one("tok", "key"):
        pass
