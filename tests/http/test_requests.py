"""What bad input gets: a clear refusal with its place; nothing is created, and the next write works."""

import json
from typing import Any

import httpx2
import pytest

from callboard.domain.errors import CODES
from tests.http.world import Coordinator, event

START = {"type": "start_session", "executor_type": "scripted"}


def refused(coordinator: Coordinator, content: bytes, path: str = "/runs") -> httpx2.Response:
    """A POST that must create nothing, after which the next one works."""
    before = coordinator.done("GET", "/sessions")["items"]
    answer = coordinator.call("POST", path, content=content, headers={"Content-Type": "application/json"})
    assert coordinator.done("GET", "/sessions")["items"] == before
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in CODES
    coordinator.create_run()
    return answer


def with_prompt(text: bytes) -> bytes:
    return b'{"type":"start_session","executor_type":"scripted","prompt":"' + text + b'"}'


@pytest.mark.parametrize("text", [b"a\\u0000b", b"\\ud800", b"a\\udc00b", b"\\ud800\\ud800", b"\\uD83D text"])
def test_nul_and_half_surrogate_pairs_are_refused_with_their_place(coordinator: Coordinator, text: bytes) -> None:
    answer = refused(coordinator, with_prompt(text))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_text")
    assert answer.json()["errors"][0]["pointer"] == "/prompt"


@pytest.mark.parametrize("text", [b"\\ud83d\\ude00", b"\\\\u0000", b"\\\\\\\\ud800", "\u00e9\U0001f600".encode()])
def test_whole_pairs_and_escaped_backslashes_are_ordinary_text(coordinator: Coordinator, text: bytes) -> None:
    content = with_prompt(text)
    made = coordinator.done("POST", "/runs", content=content, headers={"Content-Type": "application/json"})
    assert coordinator.done("GET", f"/runs/{made['run_id']}")["prompt"] == json.loads(content)["prompt"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"nothing", b'{"type":}', b"\xff\xfe", with_prompt(b"\xff"), b'{"type"']
)
def test_what_is_no_json_is_a_bad_request(coordinator: Coordinator, content: bytes) -> None:
    answer = refused(coordinator, content)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


def test_a_prompt_over_its_limit_is_too_large(coordinator: Coordinator) -> None:
    assert refused(coordinator, with_prompt(b"x" * (2 << 20))).status_code == 413
    assert refused(coordinator, with_prompt(b"x" * ((1 << 20) + 1))).status_code == 413
    whole = coordinator.create_run(prompt="x" * (1 << 20))
    assert len(coordinator.done("GET", f"/runs/{whole['run_id']}")["prompt"]) == 1 << 20


def test_a_body_over_its_limit_is_too_large_declared_or_not(coordinator: Coordinator) -> None:
    assert refused(coordinator, with_prompt(b"x" * (9 << 20))).status_code == 413

    def pieces() -> Any:
        yield from (b"x" * 65536 for _ in range(200))

    answer = coordinator.call("POST", "/runs", content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"prompt": "x", "bogus": 1}, "/bogus"),
        ({"prompt": 5}, "/prompt"),
        ({"prompt": "x", "limits": {"max_turns": -1}}, "/limits/max_turns"),
        ({"prompt": "x", "limits": {"timeout_seconds": -0.5}}, "/limits/timeout_seconds"),
        ({"prompt": "x", "limits": {"budget_microdollars": 2**53 + 1}}, "/limits/budget_microdollars"),
        ({"prompt": "x", "limits": {"timeout_seconds": 1e300}}, "/limits/timeout_seconds"),
        ({"prompt": "x", "labels": {"a": 1}}, "/labels/*"),
        ({"prompt": "x", "additional_demands": {"tags": ["a", ""]}}, "/additional_demands/tags/1"),
        ({"prompt": "x", "type": "begin"}, "/type"),
        ({"prompt": "x", "priority": 10**30}, "/priority"),
    ],
)
def test_a_wrong_field_is_named_by_a_pointer(coordinator: Coordinator, more: dict[str, Any], pointer: str) -> None:
    answer = refused(coordinator, json.dumps(START | more).encode())
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("number", ["9007199254740994", "-9007199254740994", "1e17", "1" * 400])
def test_numbers_that_json_cannot_carry_are_refused_in_parameters(coordinator: Coordinator, number: str) -> None:
    content = b'{"type":"start_session","executor_type":"scripted","parameters":{"a":[%b]}}' % number.encode()
    answer = refused(coordinator, content)
    assert answer.status_code == 422
    assert "2^53" in answer.json()["detail"]


@pytest.mark.parametrize("depth", [70, 900, 5_000, 200_000])
def test_deep_nesting_crashes_nothing(coordinator: Coordinator, depth: int) -> None:
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    content = b'{"type":"start_session","executor_type":"scripted","parameters":' + nested + b"}"
    assert refused(coordinator, content).status_code == 422
    assert refused(coordinator, b"[" * depth).status_code in (400, 422)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_request"),
        ("limit=201", "invalid_request"),
        ("limit=-1", "invalid_request"),
        ("limit=many", "invalid_request"),
        ("bogus=1", "invalid_request"),
        ("limit=1&limit=2", "invalid_request"),
        ("status=walking", "invalid_request"),
        ("root_session_id=ses_1", "invalid_request"),
        ("q=%00", "invalid_text"),
        ("q=%FF", "invalid_text"),
        ("q=%ED%A0%80", "invalid_text"),
        ("page=nonsense", "invalid_page"),
    ],
)
def test_a_wrong_parameter_is_refused(coordinator: Coordinator, query: str, code: str) -> None:
    answer = coordinator.call("GET", f"/sessions?{query}")
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] == code


def test_an_empty_parameter_is_an_absent_one(coordinator: Coordinator) -> None:
    assert coordinator.call("GET", "/sessions?status=&agent_name=&q=&page=").status_code == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/runs/run_1", "run_not_found"),
        ("/sessions/ses_00000000000000000000000000", "session_not_found"),
        ("/sessions/a%00b", "session_not_found"),
        ("/runners/%F0%28%8C%28", "runner_not_found"),
        ("/sessions/ses_1/events", "session_not_found"),
        ("/sessions//events", "not_found"),
        ("/runs/", "not_found"),
    ],
)
def test_an_id_that_is_none_is_not_found(coordinator: Coordinator, path: str, code: str) -> None:
    answer = coordinator.call("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_every_refusal_is_a_problem_with_the_id_of_its_request(coordinator: Coordinator) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("PUT", "/runs", 405), ("POST", "/runs", 415)):
        answer = coordinator.call(method, path)
        problem = answer.json()
        assert (answer.status_code, problem["status"]) == (status, status)
        assert {"type", "title", "status", "detail", "code", "request_id"} <= problem.keys()
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert problem["title"] == CODES[problem["code"]]
    assert coordinator.call("PUT", "/runs").headers["allow"] == "GET, HEAD, POST"


def test_head_is_get_without_its_body(coordinator: Coordinator) -> None:
    answer = coordinator.call("HEAD", "/sessions")
    assert (answer.status_code, answer.content) == (200, b"")
    assert coordinator.call("HEAD", "/sse/sessions").status_code == 405


def test_reports_of_runners_are_mended_instead_of_refused(coordinator: Coordinator) -> None:
    """Bad texts become the replacement character, unknown fields of a newer runner are accepted."""
    runner = coordinator.register("mended")
    attempt = runner.begin()
    body = {"events": [event(1) | {"new": 1}], "run_id": attempt.run_id, "newer": {}} | runner.names(attempt)
    content = json.dumps(body).encode().replace(b'"hello"', b'"a\\u0000b\\ud800c\\\\u0000\\ud83d\\ude00"')
    kept = {"content": content, "headers": {"Content-Type": "application/json"}}
    coordinator.done("POST", f"/sessions/{attempt.session_id}/events", token=runner.credential, **kept)
    found = coordinator.done("GET", f"/sessions/{attempt.session_id}/events?types=message")["items"]
    assert found[0]["payload"]["content"][0]["text"] == "a\ufffdb\ufffdc\\u0000\U0001f600"


def test_a_report_with_bytes_that_are_no_utf8_is_refused_whole(coordinator: Coordinator) -> None:
    runner = coordinator.register("bytes")
    attempt = runner.begin()
    body = {"events": [event(1)], "run_id": attempt.run_id} | runner.names(attempt)
    kept = {
        "content": json.dumps(body).encode().replace(b'"hello"', b'"\xff"'),
        "headers": {"Content-Type": "application/json"},
    }
    path = f"/sessions/{attempt.session_id}/events"
    answer = coordinator.call("POST", path, token=runner.credential, **kept)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")
    assert runner.post(attempt, event(1)).is_success


def test_a_refusal_does_not_repeat_a_whole_body(coordinator: Coordinator) -> None:
    for content in (b'{"type":"%b"}' % (b"x" * 1_000_000), b'{"%b":1}' % (b"x" * 1_000_000)):
        assert len(refused(coordinator, content).content) < 4000
    assert len(coordinator.call("GET", f"/sessions?{'x' * 4000}=1").content) < 4000


def test_an_empty_reference_is_not_the_whole_list(coordinator: Coordinator) -> None:
    """A program that lost the reference must not take the first of all sessions for it."""
    coordinator.create_run()
    answer = coordinator.call("GET", "/sessions?ref=")
    assert answer.status_code == 422
    assert coordinator.call("GET", "/sessions?status=&q=").json()["items"]
