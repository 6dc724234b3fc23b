"""S1, S6: who may use which route. Everything is enumerated from the route table, so that a new route is tested too."""

import json
import secrets
import time
from pathlib import Path

import httpx2
import pytest

from callboard.coordinator.http.access import KINDS
from callboard.coordinator.http.route import Route
from callboard.coordinator.http.routes import ROUTES
from tests.http.addresses import address
from tests.http.world import START, Coordinator, serving

OPEN = {"/healthz", "/readyz", "/", "/ui/", "/ui/{rest:path}", "/chat/", "/chat/{rest:path}", "/login"}


def ask(coordinator: Coordinator, route: Route, token: str | None) -> httpx2.Response:
    """The route with a body that no route would take: whoever looks at it before the token answers otherwise."""
    kept = {"content": b"\xff{", "headers": {"Content-Type": "text/plain"}} if route.method != "GET" else {}
    return coordinator.call(route.method, address(route), token=token, **kept)


def test_only_health_static_pages_and_the_login_are_open() -> None:
    """S1: the list of open paths is closed."""
    assert {route.path for route in ROUTES if route.access == "open"} == OPEN
    assert all(KINDS[route.access] for route in ROUTES if route.access != "open")


@pytest.mark.parametrize("token", [None, "cbt_wrong"], ids=["none", "wrong"])
def test_s1_no_route_answers_without_a_valid_token(coordinator: Coordinator, token: str | None) -> None:
    for route in ROUTES:
        answer = ask(coordinator, route, token)
        if route.access == "open":
            assert answer.status_code in (200, 307) if route.method == "GET" else answer.status_code == 415, route
        else:
            assert answer.status_code == 401, route
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["code"] == "unauthenticated"


def test_s1_an_address_that_does_not_exist_tells_nothing_without_a_token(coordinator: Coordinator) -> None:
    for method, path in (("GET", "/nothing"), ("POST", "/healthz"), ("OPTIONS", "/runs"), ("GET", "/sessions/x/y/z")):
        assert coordinator.call(method, path, token=None).status_code == 401
    assert coordinator.call("GET", "/nothing").status_code == 404
    assert coordinator.call("POST", "/healthz").status_code == 405


def test_s1_a_token_of_another_kind_is_refused_before_its_body_is_read(coordinator: Coordinator) -> None:
    """S1, S6: every pair of a route and a kind of token that it does not take."""
    runner = coordinator.register("kinds")
    secrets_by_kind = {
        "user": coordinator.make_token("user")["token"],
        "read_only": coordinator.make_token("read_only")["token"],
        "runner_join": coordinator.join,
        "runner": runner.credential,
        "session": runner.begin().session_token,
        "owner": coordinator.owner,
    }
    pairs = [
        (route, kind)
        for route in ROUTES
        for kind in secrets_by_kind
        if route.access != "open" and kind not in KINDS[route.access]
    ]
    assert len(pairs) > 100
    for route, kind in pairs:
        answer = ask(coordinator, route, secrets_by_kind[kind])
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (route, kind)


def test_s1_a_revoked_and_an_expired_token_are_refused(coordinator: Coordinator) -> None:
    revoked = coordinator.make_token("user")
    assert coordinator.call("GET", "/tokens/self", token=revoked["token"]).status_code == 200
    coordinator.done("DELETE", f"/tokens/{revoked['token_id']}")
    assert coordinator.call("GET", "/tokens/self", token=revoked["token"]).status_code == 401
    expired = coordinator.make_token("user", expires_in_seconds=0.001)
    deadline = time.monotonic() + 5
    while coordinator.call("GET", "/tokens/self", token=expired["token"]).status_code != 401:
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    "header", ["Basic dG9rZW46", "bearer", "Bearer", "Bearer " + "x" * 600, "Bearer t\u00f6ken", "Token abc"]
)
def test_s1_other_forms_of_authorization_are_no_login(coordinator: Coordinator, header: str) -> None:
    answer = coordinator.call("GET", "/runs", token=None, headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401


def test_s1_a_token_in_the_address_is_no_login(coordinator: Coordinator) -> None:
    """S5: no token in URLs."""
    assert coordinator.call("GET", f"/runs?token={coordinator.owner}", token=None).status_code == 401


def test_s1_failed_logins_are_limited_and_logged_but_never_lock_a_valid_token_out(tmp_path: Path) -> None:
    with serving(tmp_path / "data", failed_logins=5, failed_logins_per_second=0.001) as coordinator:
        wrong = "cbt_" + secrets.token_urlsafe(32)
        statuses = [coordinator.call("GET", "/runs", token=wrong).status_code for _ in range(8)]
        assert statuses == [401] * 5 + [429] * 3
        assert coordinator.call("GET", "/runs").status_code == 200
        assert coordinator.stop() == 0
        refused = [json.loads(line) for line in coordinator.log if '"refused"' in line]
        assert {line["peer"] for line in refused} == {"127.0.0.1"}
        assert {line["code"] for line in refused} == {"unauthenticated"}
        assert len(refused) == 5, "a flood of failures does not fill the log"
        text = "".join(coordinator.log)
        assert wrong not in text
        assert coordinator.owner not in text


def test_s6_a_runner_writes_only_to_attempts_that_it_holds(coordinator: Coordinator) -> None:
    """S6: another runner's reports, and a report for another session, change nothing."""
    holder, stranger = coordinator.register("holder"), coordinator.register("stranger")
    attempt = holder.begin()
    as_holder = {"runner_id": holder.runner_id, "epoch": holder.epoch, "attempt": attempt.attempt}
    events = {"events": [{"client_key": "1", "type": "note", "payload": {}}], "run_id": attempt.run_id}
    end = {"event_count": 0, "exit_code": 0}
    for path, body in (
        (f"/sessions/{attempt.session_id}/events", events),
        (f"/runner/runs/{attempt.run_id}/completed", end),
    ):
        assert coordinator.call("POST", path, body | as_holder, token=stranger.credential).status_code == 403
        own = body | stranger.names(attempt)
        answer = coordinator.call("POST", path, own, token=stranger.credential)
        assert (answer.status_code, answer.json()["code"]) == (409, "stale_attempt")
    assert coordinator.done("GET", f"/runs/{attempt.run_id}")["status"] == "running"
    assert holder.end(attempt).is_success


def test_s6_s7_a_session_token_reaches_only_what_is_below_it(coordinator: Coordinator) -> None:
    """S6, S7: siblings are not there for it, its parent cannot be stopped by it, it makes no tokens."""
    runner = coordinator.register("family")
    parent, sibling = runner.begin(), runner.begin()
    token = parent.session_token
    assert coordinator.call("GET", f"/sessions/{sibling.session_id}", token=token).status_code == 404
    assert coordinator.call("GET", f"/runs/{sibling.run_id}", token=token).status_code == 404
    assert coordinator.call("POST", f"/sessions/{sibling.session_id}/stop", {}, token=token).status_code == 404
    assert coordinator.call("POST", f"/sessions/{parent.session_id}/stop", {}, token=token).status_code == 403
    shown = coordinator.done("GET", "/sessions", token=token)["items"]
    assert [item["session_id"] for item in shown] == [parent.session_id]
    child = coordinator.done("POST", "/runs", START, token=token)
    assert coordinator.done("GET", f"/sessions/{child['session_id']}")["parent_session_id"] == parent.session_id
    assert coordinator.done("POST", f"/runs/{child['run_id']}/stop", {}, token=token)["status"] == "stopped"
    runner.end(parent)
    assert coordinator.call("GET", "/tokens/self", token=token).status_code == 401, "the token dies with its attempt"
