"""S3, S4: other names for this machine, and pages of other sites, get nowhere, also with a valid token."""

import socket

import pytest

from callboard.coordinator.http.access import KINDS
from callboard.coordinator.http.guard import host_name
from callboard.coordinator.http.routes import ROUTES
from tests.http.addresses import address
from tests.http.world import Coordinator


def raw(coordinator: Coordinator, head: str) -> tuple[int, str]:
    """Sends the head of a request as it stands and returns the status and the whole answer."""
    host, port = coordinator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(received.split(b" ", 2)[1]), received.decode()


def own_host(coordinator: Coordinator) -> str:
    """What a client of ours sends as Host."""
    return coordinator.url.removeprefix("http://")


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:8765", "127.0.0.1.evil.test", "127.0.0.2", "10.0.0.1", "localhost:80@x.test", ""],
)
def test_s3_a_foreign_host_is_refused_before_anything_else(coordinator: Coordinator, host: str) -> None:
    """S3: on every route, open or not, with a valid token or not."""
    for path in ("/healthz", "/login", "/ui/", "/runs", "/sse/sessions", "/nothing"):
        for token in (None, "owner"):
            answer = coordinator.call("GET", path, token=token, headers={"Host": host})
            assert (answer.status_code, answer.json()["code"]) == (421, "misdirected_request"), (path, host)


def test_s3_a_missing_or_doubled_host_is_refused(coordinator: Coordinator) -> None:
    assert raw(coordinator, "GET /healthz HTTP/1.0")[0] == 421
    status, text = raw(coordinator, f"GET /healthz HTTP/1.1\nHost: {own_host(coordinator)}\nHost: evil.test")
    assert status in (400, 422), text


def test_s3_addresses_of_other_forms_crash_nothing(coordinator: Coordinator) -> None:
    ours = own_host(coordinator)
    for line in ("OPTIONS * HTTP/1.1", "GET http://evil.test/runs HTTP/1.1", "GET //evil.test/runs HTTP/1.1"):
        assert raw(coordinator, f"{line}\nHost: {ours}")[0] == 401
        assert raw(coordinator, f"{line}\nHost: evil.test")[0] == 421
    for line in ("CONNECT evil.test:443 HTTP/1.1", "GET http://evil.test HTTP/1.1", "nonsense"):
        assert raw(coordinator, f"{line}\nHost: {ours}")[0] == 400


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Forwarded-For", "Forwarded", "X-Forwarded-Proto"])
def test_s3_forwarding_headers_of_a_stranger_change_nothing(coordinator: Coordinator, header: str) -> None:
    more = {header: "127.0.0.1", "Host": "evil.test"}
    assert coordinator.call("GET", "/runs", headers=more).status_code == 421
    assert coordinator.call("GET", "/runs", headers={header: "evil.test"}).status_code == 200


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "[::1]", "127.0.0.1"])
def test_every_loopback_name_is_ours_whatever_the_port(coordinator: Coordinator, name: str) -> None:
    assert coordinator.call("GET", "/runs", headers={"Host": name}).status_code == 200
    assert coordinator.call("GET", "/runs", headers={"Host": f"{name}:1234"}).status_code == 200


def test_a_host_of_another_form_has_no_name() -> None:
    """S3: what cannot be read is nobody."""
    for host in ("a b", "localhost:80:80", "[::1", "local/host", "localhost:x", "\x00"):
        assert host_name(host) == ""


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "null", "http://localhost:1", "https://{host}", "http://{host}/", ""]
)
def test_s4_an_origin_that_is_not_exactly_ours_is_refused(coordinator: Coordinator, origin: str) -> None:
    named = origin.format(host=own_host(coordinator))
    for method, path in (("POST", "/runs"), ("GET", "/sessions"), ("GET", "/sse/sessions"), ("GET", "/healthz")):
        answer = coordinator.call(method, path, headers={"Origin": named})
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site"), named


def test_s4_our_own_origin_is_allowed(coordinator: Coordinator) -> None:
    assert coordinator.call("GET", "/sessions", headers={"Origin": coordinator.url}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_s4_what_another_site_caused_is_refused(coordinator: Coordinator, site: str) -> None:
    """S4: an image or a frame sends no Origin, but browsers say where it came from."""
    for path in ("/sessions", "/ui/", "/healthz"):
        answer = coordinator.call("GET", path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"})
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    for site_of_ours in ("same-origin", "none"):
        assert coordinator.call("GET", "/sessions", headers={"Sec-Fetch-Site": site_of_ours}).status_code == 200


VISIT = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/", "/ui/", "/ui/sessions/7f3k2q", "/chat/?agent=a"])
def test_s4_a_link_on_another_site_opens_a_static_page(coordinator: Coordinator, path: str, site: str) -> None:
    """S4: a deep link from a chat or a tracker works; the page holds no data and its opener gets no handle to it."""
    answer = coordinator.call("GET", path, token=None, headers=VISIT | {"Sec-Fetch-Site": site})
    assert answer.status_code == (307 if path == "/" else 200)
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


def test_s4_a_link_on_another_site_opens_nothing_else(coordinator: Coordinator) -> None:
    """S4: no route but static pages, also with a valid token; open ones that are no pages neither."""
    static = {route.path for route in ROUTES if route.is_static_page}
    assert static == {"/", "/ui/", "/ui/{rest:path}", "/chat/", "/chat/{rest:path}"}
    for route in ROUTES:
        if route.path in static:
            continue
        for token in (None, "owner"):
            answer = coordinator.call(route.method, address(route), token=token, headers=VISIT)
            assert (answer.status_code, answer.json()["code"]) == (403, "cross_site"), route
    assert coordinator.call("GET", "/nothing", headers=VISIT).status_code == 403


@pytest.mark.parametrize(
    "changed",
    [
        {"Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Mode": "same-origin"},
        {"Sec-Fetch-Mode": "websocket"},
        {"Sec-Fetch-Mode": ""},
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": "frame"},
        {"Sec-Fetch-Dest": "object"},
        {"Sec-Fetch-Dest": "embed"},
        {"Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Dest": ""},
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
    ],
    ids=lambda changed: " ".join(*changed.items()),
)
def test_s4_only_a_visit_of_a_person_counts_as_a_link(coordinator: Coordinator, changed: dict[str, str]) -> None:
    """S4: frames, images, scripts, fetches and forms of another site stay out of the pages too."""
    answer = coordinator.call("GET", "/ui/", token=None, headers=VISIT | changed)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


def test_s4_only_get_is_a_link(coordinator: Coordinator) -> None:
    for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        assert coordinator.call(method, "/ui/", token=None, headers=VISIT).status_code == 403, method


def test_s4_a_link_with_a_foreign_host_is_still_refused(coordinator: Coordinator) -> None:
    """S3: a rebound name stays a rebound name."""
    assert coordinator.call("GET", "/ui/", token=None, headers=VISIT | {"Host": "evil.test"}).status_code == 421


def test_s4_a_header_that_decides_comes_once(coordinator: Coordinator) -> None:
    head = f"GET /ui/ HTTP/1.1\nHost: {own_host(coordinator)}\nConnection: close\nSec-Fetch-Site: cross-site"
    visit = f"{head}\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document"
    assert raw(coordinator, visit)[0] == 200
    assert raw(coordinator, f"{visit}\nSec-Fetch-Dest: iframe")[0] == 422


@pytest.mark.parametrize(
    "media",
    [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/json-patch+json",
        None,
    ],
)
def test_s4_only_json_is_taken(coordinator: Coordinator, media: str | None) -> None:
    before = coordinator.done("GET", "/sessions")["items"]
    headers = {"Content-Type": media} if media else {}
    body = b'{"type":"start_session","prompt":"x","executor_type":"scripted"}'
    answer = coordinator.call("POST", "/runs", headers=headers, content=body)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert coordinator.done("GET", "/sessions")["items"] == before


def test_s4_only_json_is_taken_also_where_no_body_is_needed(coordinator: Coordinator) -> None:
    """S4: every route that changes something."""
    for route in ROUTES:
        if route.method == "GET" or "owner" not in KINDS[route.access]:
            continue
        plain = coordinator.call(route.method, address(route), content=b"{}", headers={"Content-Type": "text/plain"})
        assert plain.status_code == 415, route
        if route.optional_body:
            assert coordinator.call(route.method, address(route), {"bogus": 1}).status_code == 422, route
            assert "{" not in route.path or coordinator.call(route.method, address(route)).status_code == 404, route


def test_json_in_utf8_is_taken_however_it_is_written(coordinator: Coordinator) -> None:
    for media in ("application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'):
        body = b'{"type":"start_session","prompt":"x","executor_type":"scripted"}'
        answer = coordinator.call("POST", "/runs", headers={"Content-Type": media}, content=body)
        assert answer.status_code == 201


def test_s4_no_answer_allows_another_origin(coordinator: Coordinator) -> None:
    preflight = {"Origin": "http://evil.test", "Access-Control-Request-Method": "POST"}
    answers = [
        coordinator.call("OPTIONS", "/runs", token=None, headers=preflight),
        coordinator.call("OPTIONS", "/runs"),
        coordinator.call("GET", "/runs"),
        coordinator.call("GET", "/healthz", token=None),
    ]
    assert [answer.status_code for answer in answers] == [403, 405, 200, 200]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_s4_a_websocket_handshake_gets_nowhere(coordinator: Coordinator) -> None:
    upgrade = f"Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: {'A' * 22}=="
    head = f"GET /sse/sessions HTTP/1.1\nHost: {own_host(coordinator)}\n{upgrade}"
    assert raw(coordinator, head)[0] == 401
    assert raw(coordinator, head + "\nOrigin: http://evil.test")[0] == 403


def test_s4_pages_run_no_foreign_script_and_stand_in_no_frame(coordinator: Coordinator) -> None:
    for path in ("/ui/", "/ui/sessions/x", "/chat/?agent=a"):
        headers = coordinator.call("GET", path, token=None).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    api = coordinator.call("GET", "/runs").headers
    assert api["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert api["cache-control"] == "no-store"


def test_a_browser_is_sent_to_the_dashboard(coordinator: Coordinator) -> None:
    answer = coordinator.call("GET", "/", token=None)
    assert (answer.status_code, answer.headers["location"]) == (307, "/ui/")
    assert "<title>Callboard</title>" in coordinator.call("GET", "/ui/", token=None).text
    assert coordinator.call("GET", "/ui/assets/app.js", token=None).status_code == 404


def test_s4_no_get_changes_state() -> None:
    """S4: everything that changes something is a POST, PATCH or DELETE; a poll claims for a runner and no page can."""
    only_runners = {route.path for route in ROUTES if route.method == "GET" and route.access == "runner"}
    reading = {"/sessions/{session_id}/transcript/parts"}
    assert only_runners == {"/runner/runs"} | reading
    assert all(route.request is None for route in ROUTES if route.method == "GET")
