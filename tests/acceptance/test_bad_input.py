r"""Bad input: a clear error with a stable code, nothing created, nothing lost, and the next write works.

A14 and A15: what POST /runs refuses before anything is created; parameters without an agent follow the prompt's rules.
"""

import json
from typing import Any, Final

import httpx2
import pytest

from callboard.domain.errors import CODES
from tests.support.coordinator import Coordinator
from tests.support.database import row_counts
from tests.support.hand_runner import HandRunner
from tests.support.world import World

SESSION: Final = "ses_01h2xcejqtf2nbrexx3vqjhp41"
RUN: Final = "run_01h2xcejqtf2nbrexx3vqjhp41"
RUNNER: Final = "rnr_0123456789abcdef0123"
START: Final[dict[str, Any]] = {"type": "start_session", "prompt": "say hello"}
RESUME: Final[dict[str, Any]] = {"type": "resume_session", "session_id": SESSION, "prompt": "say more"}
TOO_BIG: Final = 2**53 + 1
MEBIBYTE: Final = 1024 * 1024
JSON_HEADERS: Final = {"Content-Type": "application/json"}
NEXT_WRITE_SECONDS: Final = 10.0

UNKNOWN = {
    "parent": (START | {"parent_session_id": SESSION}, 404, "parent_not_found"),
    "session": (RESUME, 404, "session_not_found"),
    "agent": (START | {"agent_name": "nobody"}, 404, "agent_not_found"),
    "executor": (START | {"executor_type": "nothing"}, 422, "unknown_executor"),
    "project": (START | {"project": "nowhere"}, 404, "project_not_found"),
    "field": (START | {"prompts": "say"}, 422, "invalid_request"),
    "type": (START | {"type": "restart_session"}, 422, "invalid_request"),
    "mode": (START | {"execution_mode": "later"}, 422, "invalid_request"),
    "context": (START | {"context": "stale"}, 422, "invalid_request"),
    "permission mode": (START | {"permission_mode": "god"}, 422, "invalid_request"),
}
CONTRADICTING = {
    "executors": (
        START | {"executor_type": "scripted", "additional_demands": {"executor_type": "command"}},
        422,
        "contradicting_demands",
    ),
    "directories": (
        START | {"project_dir": "/srv/a", "additional_demands": {"project_dir": "/srv/b"}},
        422,
        "contradicting_demands",
    ),
    "relative directory": (START | {"project_dir": "here"}, 422, "invalid_request"),
    "directory above": (START | {"project_dir": "/srv/../etc"}, 422, "invalid_request"),
    "tags that are no list": (START | {"additional_demands": {"tags": "gpu"}}, 422, "invalid_request"),
    "an empty tag": (START | {"additional_demands": {"tags": [""]}}, 422, "invalid_request"),
    "an unknown demand": (START | {"additional_demands": {"gpu": True}}, 422, "invalid_request"),
    "too many tags": (START | {"additional_demands": {"tags": ["t"] * 51}}, 422, "invalid_request"),
    "callback without a session": (START | {"execution_mode": "async_callback"}, 422, "callback_without_session"),
    "retry of what may not be repeated": (START | {"on_lost": "retry"}, 422, "invalid_request"),
}
IDS = {
    "illegal session": (RESUME | {"session_id": "../../etc/passwd"}, 400, "invalid_id"),
    "upper case": (RESUME | {"session_id": SESSION.upper()}, 400, "invalid_id"),
    "another kind": (RESUME | {"session_id": RUN}, 400, "invalid_id"),
    "a short one": (RESUME | {"session_id": SESSION[-6:]}, 400, "invalid_id"),
    "an empty one": (RESUME | {"session_id": ""}, 400, "invalid_id"),
    "illegal parent": (START | {"parent_session_id": "42"}, 400, "invalid_id"),
    "chosen session": (START | {"session_id": SESSION}, 422, "invalid_request"),
    "chosen run": (START | {"run_id": RUN}, 422, "invalid_request"),
    "none at all": ({"type": "resume_session", "prompt": "say"}, 422, "invalid_request"),
}
TEXTS = {
    "NUL": ('{"type":"start_session","prompt":"say \\u0000"}', 422, "invalid_text"),
    "NUL in a label": ('{"type":"start_session","prompt":"say","labels":{"a":"\\u0000"}}', 422, "invalid_text"),
    "NUL in a name": ('{"type":"start_session","prompt":"say","labels":{"\\u0000":"a"}}', 422, "invalid_text"),
    "high surrogate": ('{"type":"start_session","prompt":"say \\ud800"}', 422, "invalid_text"),
    "low surrogate": ('{"type":"start_session","prompt":"\\udc00 say"}', 422, "invalid_text"),
    "surrogate in a title": ('{"type":"start_session","prompt":"say","title":"\\udfff"}', 422, "invalid_text"),
    "surrogate in parameters": (
        '{"type":"start_session","parameters":{"prompt":"\\ud83d"}}',
        422,
        "invalid_text",
    ),
    "no UTF-8": (b'{"type":"start_session","prompt":"say \xff\xfe"}', 400, "invalid_json"),
    "empty prompt": (START | {"prompt": ""}, 422, "invalid_text"),
    "blank prompt": (START | {"prompt": " \n\t "}, 422, "invalid_text"),
    "no prompt": ({"type": "start_session"}, 422, "invalid_request"),
    "prompt and parameters": (START | {"parameters": {"prompt": "say"}}, 422, "invalid_request"),
    "prompt that is no text": (START | {"prompt": ["say"]}, 422, "invalid_request"),
    "2 MiB prompt": (START | {"prompt": "x" * 2 * MEBIBYTE}, 413, "payload_too_large"),
    "just too long a prompt": (START | {"prompt": "x" * (MEBIBYTE + 1)}, 413, "payload_too_large"),
    "too long in bytes": (START | {"prompt": "ä" * (MEBIBYTE // 2 + 1)}, 413, "payload_too_large"),
    "16 MiB body": (START | {"prompt": "x" * 16 * MEBIBYTE}, 413, "payload_too_large"),
    "long title": (START | {"title": "x" * 201}, 422, "invalid_request"),
    "many labels": (START | {"labels": {str(n): "x" for n in range(51)}}, 422, "invalid_request"),
}
NUMBERS = {
    "negative timeout": (START | {"limits": {"timeout_seconds": -1}}, 422, "invalid_request"),
    "timeout of nothing": (START | {"limits": {"timeout_seconds": 0}}, 422, "invalid_request"),
    "negative turns": (START | {"limits": {"max_turns": -1}}, 422, "invalid_request"),
    "budget of nothing": (START | {"limits": {"budget_microdollars": 0}}, 422, "invalid_request"),
    "no token at all": (START | {"limits": {"budget_tokens": 0}}, 422, "invalid_request"),
    "negative budget": (START | {"limits": {"budget_microdollars": -1}}, 422, "invalid_request"),
    "negative queue timeout": (START | {"limits": {"queue_timeout_seconds": -0.5}}, 422, "invalid_request"),
    "negative patience": (START | {"limits": {"no_match_seconds": -300}}, 422, "invalid_request"),
    "budget past 2^53": (START | {"limits": {"budget_microdollars": TOO_BIG}}, 422, "invalid_request"),
    "tokens past 2^64": (START | {"limits": {"budget_tokens": 2**64}}, 422, "invalid_request"),
    "priority past 2^53": (START | {"priority": TOO_BIG}, 422, "invalid_request"),
    "parameter past 2^53": ({"type": "start_session", "parameters": {"n": TOO_BIG}}, 422, "invalid_request"),
    "parameter below -2^53": ({"type": "start_session", "parameters": {"n": [-TOO_BIG]}}, 422, "invalid_request"),
    "parameter with a fraction": ({"type": "start_session", "parameters": {"n": 1e300}}, 422, "invalid_request"),
    "infinite": ('{"type":"start_session","prompt":"say","limits":{"timeout_seconds":1e999}}', 422, "invalid_request"),
    "not a number": ('{"type":"start_session","prompt":"say","limits":{"timeout_seconds":NaN}}', 400, "invalid_json"),
    "fraction of turns": (START | {"limits": {"max_turns": 1.5}}, 422, "invalid_request"),
    "number as text": (START | {"priority": "1"}, 422, "invalid_request"),
}
SHAPES = {
    "nothing": (b"", 400, "invalid_json"),
    "no JSON": (b"type=start_session", 400, "invalid_json"),
    "half": (b'{"type":"start_session"', 400, "invalid_json"),
    "a list": (b"[]", 422, "invalid_request"),
    "null": (b"null", 422, "invalid_request"),
    "a text": (b'"say"', 422, "invalid_request"),
    "too deep": (b'{"type":"start_session","parameters":' + b'{"a":' * 5000 + b"1" + b"}" * 5001, None, None),
    "two values": (b'{"type":"start_session","prompt":"say"} {}', 400, "invalid_json"),
}
RUN_BODIES: Final = {
    f"{group}: {name}": case
    for group, cases in (
        ("unknown", UNKNOWN),
        ("demands", CONTRADICTING),
        ("id", IDS),
        ("text", TEXTS),
        ("number", NUMBERS),
        ("shape", SHAPES),
    )
    for name, case in cases.items()
}
ADDRESSES = {
    "limit 0": ("GET", "/sessions?limit=0", 422, "invalid_request"),
    "limit -1": ("GET", "/sessions?limit=-1", 422, "invalid_request"),
    "limit 201": ("GET", "/runs?limit=201", 422, "invalid_request"),
    "limit past 2^64": ("GET", f"/runs?limit={2**65}", 422, "invalid_request"),
    "limit in words": ("GET", "/runners?limit=ten", 422, "invalid_request"),
    "no page of ours": ("GET", "/sessions?page=garbage", 400, "invalid_page"),
    "negative seq": ("GET", f"/sessions/{SESSION}/events?after=-1", 422, "invalid_request"),
    "seq past 2^53": ("GET", f"/sessions/{SESSION}/events?after={2**60}", 422, "invalid_request"),
    "unknown status": ("GET", "/sessions?status=lost", 422, "invalid_request"),
    "unknown filter": ("GET", "/sessions?color=red", 422, "invalid_request"),
    "twice": ("GET", "/sessions?limit=1&limit=2", 422, "invalid_request"),
    "NUL in a search": ("GET", "/sessions?q=%00", 422, "invalid_text"),
    "no UTF-8 in a search": ("GET", "/sessions?q=%ff", 422, "invalid_text"),
    "no reference": ("GET", "/sessions?ref=%27%3B--", 400, "invalid_id"),
    "endless wait": ("GET", f"/runs/{RUN}/wait?timeout=1e9", 422, "invalid_request"),
    "negative wait": ("GET", f"/runs/{RUN}/wait?timeout=-1", 422, "invalid_request"),
    "illegal session": ("GET", "/sessions/abc", 404, "session_not_found"),
    "unknown session": ("GET", f"/sessions/{SESSION}", 404, "session_not_found"),
    "unknown run": ("GET", f"/runs/{RUN}", 404, "run_not_found"),
    "why of nothing": ("GET", f"/runs/{RUN}/why", 404, "run_not_found"),
    "result of nothing": ("GET", f"/sessions/{SESSION}/result", 404, "session_not_found"),
    "tree of nothing": ("GET", f"/sessions/{SESSION}/tree", 404, "session_not_found"),
    "NUL in a path": ("GET", "/sessions/%00", 404, "session_not_found"),
    "nowhere": ("GET", "/nowhere", 404, "not_found"),
    "wrong method": ("PUT", "/runs", 405, "method_not_allowed"),
    "stop of nothing": ("POST", f"/runs/{RUN}/stop", 404, "run_not_found"),
    "retry of nothing": ("POST", f"/runs/{RUN}/retry", 404, "run_not_found"),
    "stop of no session": ("POST", f"/sessions/{SESSION}/stop", 404, "session_not_found"),
    "archive of nothing": ("POST", f"/sessions/{SESSION}/archive", 404, "session_not_found"),
    "delete of nothing": ("DELETE", f"/sessions/{SESSION}", 404, "session_not_found"),
    "drain of nobody": ("POST", f"/runners/{RUNNER}/drain", 404, "runner_not_found"),
}


@pytest.fixture(scope="module")
def coordinator(lone: World) -> Coordinator:
    return lone.coordinator()


@pytest.fixture(scope="module")
def hand(lone: World, coordinator: Coordinator) -> HandRunner:
    return lone.hand_runner(coordinator)


def assert_problem(answer: httpx2.Response, status: int | None, code: str | None) -> dict[str, Any]:
    """A refusal in the one form that errors have, with a code of the closed list."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem)
    assert (problem["status"], len(problem["detail"]) > 10) == (answer.status_code, True)
    assert problem["code"] in CODES
    assert status in (None, answer.status_code), answer.text
    assert code in (None, problem["code"]), answer.text
    assert len(answer.content) < 20_000
    return problem


def assert_next_write_works(coordinator: Coordinator) -> None:
    """The same request without its fault is taken, at once."""
    answer = coordinator.http.post("/runs", json=START, timeout=NEXT_WRITE_SECONDS)
    assert answer.status_code == 201


def encoded(body: object) -> bytes:
    """A body as it is sent."""
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


@pytest.mark.parametrize("name", RUN_BODIES)
def test_a14_a_bad_run_creates_nothing(coordinator: Coordinator, name: str) -> None:
    body, status, code = RUN_BODIES[name]
    before = row_counts(coordinator)
    answer = coordinator.http.post("/runs", content=encoded(body), headers=JSON_HEADERS)
    assert_problem(answer, status, code)
    assert row_counts(coordinator) == before
    assert_next_write_works(coordinator)


@pytest.mark.parametrize("name", ADDRESSES)
def test_a14_a_bad_address_changes_nothing(coordinator: Coordinator, name: str) -> None:
    method, path, status, code = ADDRESSES[name]
    before = row_counts(coordinator)
    assert_problem(coordinator.http.request(method, path), status, code)
    assert row_counts(coordinator) == before
    assert_next_write_works(coordinator)


def test_a14_only_json_is_taken(coordinator: Coordinator) -> None:
    before = row_counts(coordinator)
    for declared in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"):
        answer = coordinator.http.post("/runs", content=encoded(START), headers={"Content-Type": declared})
        assert_problem(answer, 415, "unsupported_media_type")
    assert row_counts(coordinator) == before


def test_a14_bad_input_is_refused_wherever_people_write(coordinator: Coordinator) -> None:
    """A14: the other requests with a body are as strict as POST /runs."""
    created = coordinator.http.post("/runs", json=START).json()
    external = {"executor_type": "scripted", "executor_session_id": "x", "hostname": "h", "project_dir": "/srv"}
    cases: list[tuple[str, str, object]] = [
        ("POST", "/sessions", external | {"executor_type": "nothing"}),
        ("POST", "/sessions", external | {"parent_session_id": SESSION}),
        ("POST", "/sessions", external | {"project_dir": "../srv"}),
        ("POST", "/sessions", external | {"executor_session_id": ""}),
        ("POST", "/sessions", json.dumps(external).replace('"x"', '"\\u0000"')),
        ("POST", "/sessions/import", {"lines": []}),
        ("POST", "/sessions/import", {"lines": [{"event_type": "bad name"}]}),
        ("POST", "/sessions/import", {"lines": [{"event_type": "note", "timestamp": "yesterday"}]}),
        ("POST", "/sessions/import", '{"lines":[{"event_type":"note","text":"\\ud800"}]}'),
        ("PATCH", f"/sessions/{created['session_id']}", {"title": "x" * 201}),
        ("PATCH", f"/sessions/{created['session_id']}", '{"title":"\\u0000"}'),
        ("PATCH", f"/sessions/{created['session_id']}", {"status": "finished"}),
        ("POST", f"/sessions/{created['session_id']}/stop", {"subtree": "yes"}),
        ("POST", "/tokens", {"kind": "owner"}),
        ("POST", "/tokens", {"kind": "user", "expires_in_seconds": -1}),
    ]
    before = row_counts(coordinator)
    for method, path, body in cases:
        answer = coordinator.http.request(method, path, content=encoded(body), headers=JSON_HEADERS)
        assert_problem(answer, None, None)
    assert row_counts(coordinator) == before
    assert_next_write_works(coordinator)


def test_a34_reports_that_cannot_be_are_refused(coordinator: Coordinator, hand: HandRunner) -> None:
    """A34: unknown runs, impossible numbers, and reports of nobody that holds the attempt."""
    created = coordinator.http.post("/runs", json=START).json()
    run_id, session_id = created["run_id"], created["session_id"]
    note = {"client_key": "1", "type": "note", "payload": {"text": "x"}}
    row = {"model": "m", "message_id": "1"}
    refused = [
        hand.started(RUN),
        hand.complete(RUN),
        hand.started(run_id),
        hand.complete(run_id),
        hand.complete(run_id, -1),
        hand.complete(run_id, 2**60),
        hand.complete(run_id, 1, event_count=-1),
        hand.complete(run_id, 1, exit_code=2**60),
        hand.complete("run_illegal", 1),
        hand.report(run_id, "usage", 1, rows=[row | {"input_tokens": TOO_BIG}]),
        hand.report(run_id, "usage", 1, rows=[row | {"cost_microdollars": 2**64}]),
        hand.report(run_id, "usage", 1, rows=[row]),
        hand.post_events(session_id, run_id, 1, note),
        hand.post_events(SESSION, run_id, 1, note),
        hand.post_events(session_id, run_id, 1, note | {"client_key": ""}),
        hand.post_events(session_id, run_id, 1, *[note] * 501),
        hand.post_events(session_id, run_id, 1, note | {"type": "run_completed"}),
        hand.post_events(session_id, run_id, 1, note | {"source_at": 2**60}),
        hand.bind(session_id, run_id, 1, "native"),
        hand.bind(session_id, run_id, 1, ""),
        hand.bind(SESSION, RUN, 1, "native"),
    ]
    before = row_counts(coordinator)
    for answer in refused:
        assert_problem(answer, None, None)
    assert row_counts(coordinator) == before
    assert coordinator.run(run_id).status == "pending"
    assert_next_write_works(coordinator)


def test_a15_parameters_without_an_agent_are_the_prompt(coordinator: Coordinator) -> None:
    taken = coordinator.http.post("/runs", json={"type": "start_session", "parameters": {"prompt": "say hi"}})
    assert taken.status_code == 201
    assert coordinator.run(taken.json()["run_id"]).parameters == {"prompt": "say hi"}
    before = row_counts(coordinator)
    for parameters, pointer in (
        ({"prompt": 5}, "/parameters/prompt"),
        ({"prompt": ""}, "/parameters/prompt"),
        ({}, "/parameters"),
        ({"prompt": "say", "colour": "blue"}, "/parameters"),
    ):
        answer = coordinator.http.post("/runs", json={"type": "start_session", "parameters": parameters})
        problem = assert_problem(answer, 422, "invalid_parameters")
        (error,) = problem["errors"]
        assert error["pointer"] == pointer
        assert error["message"]
        assert error["schema"]["required"] == ["prompt"]
    assert row_counts(coordinator) == before


def test_a14_a_repeated_key_with_another_body_is_refused(coordinator: Coordinator) -> None:
    headers = {"Idempotency-Key": "the-same"}
    first = coordinator.http.post("/runs", json=START, headers=headers)
    again = coordinator.http.post("/runs", json=START, headers=headers)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    before = row_counts(coordinator)
    other = coordinator.http.post("/runs", json=START | {"prompt": "say other"}, headers=headers)
    assert_problem(other, 422, "idempotency_mismatch")
    assert row_counts(coordinator) == before
