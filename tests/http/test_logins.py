"""S1, S4: a browser's login by a one-time link: what the cookie is, what it may do, and each refusal."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.http.world import START, Coordinator, serving

MEANT = {"X-Callboard-CSRF": "1"}


class Browser:
    """A browser as far as cookies go: what it is given it sends with every request."""

    def __init__(self, coordinator: Coordinator, code: str | None = None) -> None:
        self.coordinator = coordinator
        made = code or coordinator.done("POST", "/login/links")["code"]
        self.answer = coordinator.call("POST", "/login", {"code": made}, token=None)
        self.cookie = self.answer.headers.get("set-cookie", "")
        coordinator.client.cookies.clear()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        sent = {"Cookie": self.cookie.partition(";")[0]} | headers
        answer = self.coordinator.call(method, path, body, token=None, headers=sent)
        self.coordinator.client.cookies.clear()
        return answer


@pytest.fixture
def browser(coordinator: Coordinator) -> Browser:
    """Return a browser that is logged in."""
    found = Browser(coordinator)
    assert found.answer.status_code == 200, found.answer.text
    return found


def test_s1_a_link_logs_one_browser_in_and_shows_its_secret_to_no_script(browser: Browser) -> None:
    """S1: HttpOnly, SameSite=Strict, for this port's coordinator alone; the answer has no secret in it."""
    name, _, rest = browser.cookie.partition("=")
    assert name == f"callboard-{urlsplit(browser.coordinator.url).port}"
    secret, *rules = rest.split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"} == set(rules)
    assert secret not in browser.answer.text
    me = browser.call("GET", "/tokens/self").json()
    assert (me["kind"], me["token_id"]) == ("browser", browser.answer.json()["token_id"])
    owner = browser.coordinator.done("GET", "/tokens/self")["token_id"]
    assert browser.call("GET", "/login").json() == {"me": me, "person": owner}
    for token in (None, "owner", "cbt_wrong"):
        assert browser.coordinator.call("GET", "/login", token=token).json() == {"me": None, "person": None}


def test_s1_a_link_works_once_and_a_wrong_one_never(coordinator: Coordinator) -> None:
    code = coordinator.done("POST", "/login/links")["code"]
    assert Browser(coordinator, code).answer.status_code == 200
    for tried in (code, "cbt_wrong", "x" * 200):
        refused = Browser(coordinator, tried).answer
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        assert "set-cookie" not in refused.headers
        assert tried not in refused.text
    assert coordinator.call("GET", "/tokens/self", token=code).status_code == 401, "a code is no token"


def test_s1_a_link_is_worth_what_its_maker_is(coordinator: Coordinator) -> None:
    """S1: a token that may not write makes none, and one that is revoked has made none that work."""
    reader = coordinator.make_token("read_only")
    assert coordinator.call("POST", "/login/links", token=reader["token"]).status_code == 403
    user = coordinator.make_token("user")
    code = coordinator.done("POST", "/login/links", token=user["token"])["code"]
    coordinator.done("DELETE", f"/tokens/{user['token_id']}")
    assert Browser(coordinator, code).answer.status_code == 401


def test_s1_browsers_end_with_the_token_that_let_them_in(coordinator: Coordinator) -> None:
    """S1: also those that they let in, and over one that has logged out; nobody else's."""
    user, other = coordinator.make_token("user"), coordinator.make_token("user")

    def let_in(**maker: Any) -> Browser:
        return Browser(coordinator, coordinator.done("POST", "/login/links", **maker)["code"])

    first, foreign = let_in(token=user["token"]), let_in(token=other["token"])
    second = Browser(coordinator, first.call("POST", "/login/links", **MEANT).json()["code"])
    third = Browser(coordinator, second.call("POST", "/login/links", **MEANT).json()["code"])
    assert second.call("POST", "/logout", **MEANT).status_code == 204
    assert third.call("GET", "/sessions").status_code == 200, "a log-out is one browser's"
    coordinator.done("DELETE", f"/tokens/{user['token_id']}")
    answers = [browser.call("GET", "/sessions").status_code for browser in (first, second, third, foreign)]
    assert answers == [401, 401, 401, 200]


def test_s1_a_login_lasts_no_longer_than_the_token_that_let_it_in(coordinator: Coordinator) -> None:
    brief = coordinator.done("POST", "/tokens", {"kind": "user", "expires_in_seconds": 600})
    code = coordinator.done("POST", "/login/links", token=brief["token"])["code"]
    made = Browser(coordinator, code).answer.json()["token_id"]
    ends = {token["token_id"]: token["expires_at"] for token in coordinator.done("GET", "/tokens")["items"]}
    assert ends[made] == ends[brief["token_id"]]


def test_s4_a_change_by_cookie_has_to_be_meant(browser: Browser) -> None:
    """S4: reading needs the cookie alone, a change the header that only a page of ours can send."""
    assert browser.call("GET", "/sessions").status_code == 200
    for headers in ({}, {"X-Callboard-CSRF": "0"}):
        refused = browser.call("POST", "/runs", START, **headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf_header_missing")
    assert browser.call("POST", "/runs", START, **MEANT).status_code == 201
    for foreign in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert browser.call("POST", "/runs", START, **MEANT, **foreign).status_code == 403
        assert browser.call("GET", "/sessions", **foreign).status_code == 403


def test_s4_a_page_from_elsewhere_logs_nobody_in(coordinator: Coordinator) -> None:
    """S4: neither in as somebody else nor out."""
    code = coordinator.done("POST", "/login/links")["code"]
    for foreign in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.test"}):
        refused = coordinator.call("POST", "/login", {"code": code}, token=None, headers=foreign)
        assert refused.status_code in (403, 421)
        assert "set-cookie" not in refused.headers
    assert Browser(coordinator, code).answer.status_code == 200


def test_h7_what_a_browser_sends_again_after_the_next_login_of_the_same_person_is_done_once(
    coordinator: Coordinator,
) -> None:
    """H7: its answer was lost, and the login ended; nobody else's key is the same."""
    user = coordinator.make_token("user")

    def sent(**maker: Any) -> str:
        browser = Browser(coordinator, coordinator.done("POST", "/login/links", **maker)["code"])
        answer = browser.call("POST", "/runs", START, **MEANT, **{"Idempotency-Key": "kept-in-the-outbox"})
        assert browser.call("POST", "/logout", **MEANT).status_code == 204
        assert answer.status_code == 201, answer.text
        return str(answer.json()["run_id"])

    first = sent(token=user["token"])
    assert (sent(token=user["token"]), sent() == first) == (first, False)


def test_s1_a_browsers_login_is_no_bearer_token_and_no_bearer_token_is_a_login(
    coordinator: Coordinator, browser: Browser
) -> None:
    name, _, rest = browser.cookie.partition("=")
    assert coordinator.call("GET", "/sessions", token=rest.partition(";")[0]).status_code == 401
    for cookie in (f"{name}={coordinator.owner}", f"{name}=", f"{name}=\xff", f"other={rest}"):
        answer = httpx2.get(f"{coordinator.url}/sessions", headers=[(b"Cookie", cookie.encode("latin-1"))])
        assert answer.status_code == 401, cookie
    twice = [("Cookie", browser.cookie), ("Cookie", f"{name}=x")]
    assert httpx2.get(f"{coordinator.url}/sessions", headers=twice).status_code == 422


def test_s1_a_browser_manages_no_tokens_and_logs_out(browser: Browser) -> None:
    assert browser.call("GET", "/tokens").status_code == 403
    assert browser.call("POST", "/tokens", {"kind": "user"}, **MEANT).status_code == 403
    assert browser.call("POST", "/logout").status_code == 403
    out = browser.call("POST", "/logout", **MEANT)
    assert out.status_code == 204
    assert out.headers["set-cookie"].split("; ")[0].endswith("=")
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert browser.call("GET", "/tokens/self").status_code == 401
    assert browser.coordinator.call("POST", "/logout").status_code == 403, "a bearer token is revoked, not logged out"


def test_the_stream_takes_the_cookie_and_ends_with_the_login(browser: Browser) -> None:
    """A60: a browser reads the stream as it is, and a token that is revoked ends it within ten seconds."""
    coordinator = browser.coordinator
    headers = {"Cookie": browser.cookie.partition(";")[0]}
    with httpx2.stream("GET", f"{coordinator.url}/sse/sessions", headers=headers, timeout=20) as read:
        lines = read.iter_lines()
        assert "event: ready" in (next(lines), next(lines), next(lines))
        coordinator.done("DELETE", f"/tokens/{browser.answer.json()['token_id']}")
        assert list(lines) is not None
    assert browser.call("GET", "/sse/sessions").status_code == 401


def test_s1_links_and_logins_end_by_themselves(tmp_path: Path) -> None:
    with serving(tmp_path, login_link_seconds=0.001, login_seconds=1) as coordinator:
        assert Browser(coordinator).answer.status_code == 401
    with serving(tmp_path, login_seconds=0.001) as coordinator:
        late = Browser(coordinator)
        assert late.answer.status_code == 200
        assert late.call("GET", "/sessions").status_code == 401


def test_s1_guessing_codes_is_bounded(tmp_path: Path) -> None:
    with serving(tmp_path, failed_logins=3, failed_logins_per_second=0.001) as coordinator:
        answers = [Browser(coordinator, "guess").answer.status_code for _ in range(5)]
        assert answers == [401, 401, 401, 429, 429]
        assert Browser(coordinator).answer.status_code == 200
