"""S2 and the fixed forms of `serve`: where it may listen, what it writes, what it refuses, how fast it is there."""

import json
import os
import re
import socket
import ssl
import subprocess
import time
from pathlib import Path

import httpx2
import pytest

from callboard.coordinator.config import Config
from callboard.coordinator.serve import check_address
from callboard.domain.errors import CODES, InvalidRequest
from tests.http.world import Coordinator, event, launch, serving


def refusal(directory: Path, **settings: object) -> tuple[int, str]:
    """The exit code and the words of a coordinator that does not start."""
    process = launch(directory, **settings)
    _, words = process.communicate(timeout=20)
    return process.returncode, words


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104 - they must be refused
def test_s2_an_address_beyond_loopback_needs_tls_or_a_declared_proxy(host: str) -> None:
    with pytest.raises(InvalidRequest, match="no TLS") as refused:
        check_address(Config(host=host))
    assert refused.value.code == "insecure_address"
    assert "--tls-cert" in refused.value.hint
    assert "--behind-proxy" in refused.value.hint
    check_address(Config(host=host, behind_proxy=True))
    check_address(Config(host=host, tls_cert="cert.pem", tls_key="key.pem"))


def test_s2_such_an_address_ends_the_process_before_anything_is_made(tmp_path: Path) -> None:
    code, words = refusal(tmp_path / "data", host="0.0.0.0")  # noqa: S104 - it must be refused
    assert (code, "--behind-proxy" in words) == (2, True)
    assert not (tmp_path / "data").exists()


def test_s2_a_declared_proxy_is_logged_at_each_start(tmp_path: Path) -> None:
    with serving(tmp_path / "data", host="0.0.0.0", behind_proxy="true") as coordinator:  # noqa: S104 - behind a proxy
        assert any("a proxy is declared" in line for line in coordinator.log)
        assert coordinator.url.startswith("http://127.0.0.1:")
        assert coordinator.call("GET", "/runs").status_code == 200
        wildcard = coordinator.call("GET", "/runs", headers={"Host": "0.0.0.0"})  # noqa: S104 - nothing is bound
        assert wildcard.status_code == 421, "pages of other sites can reach 0.0.0.0 too"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_needs_nothing(host: str) -> None:
    check_address(Config(host=host))


def test_half_a_tls_setting_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="both a certificate and its key"):
        check_address(Config(tls_cert="cert.pem"))


def test_s2_everything_in_the_data_directory_is_private(coordinator: Coordinator) -> None:
    assert coordinator.data_dir.stat().st_mode & 0o777 == 0o700
    files = {path.name: path.stat().st_mode & 0o777 for path in coordinator.data_dir.iterdir()}
    assert {"token", "runner-token", "url"} <= files.keys()
    assert ("callboard.db" in files) == (not coordinator.database)
    assert set(files.values()) == {0o600}
    assert (coordinator.data_dir / "url").read_text().strip() == coordinator.url


@pytest.mark.parametrize("name", ["token", "runner-token", "callboard.db"])
def test_s2_a_planted_link_is_refused(tmp_path: Path, name: str) -> None:
    directory, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    directory.mkdir(mode=0o700)
    elsewhere.write_text("untouched")
    (directory / name).symlink_to(elsewhere)
    code, _ = refusal(directory)
    assert code == 2
    assert elsewhere.read_text() == "untouched"


def test_tokens_survive_a_restart_and_a_lost_file_is_made_again(tmp_path: Path, database: dict[str, str]) -> None:
    with serving(tmp_path / "data", **database) as first:
        before = first.owner
        first.stop()
    (tmp_path / "data" / "runner-token").unlink()
    with serving(tmp_path / "data", **database) as second:
        assert second.owner == before
        assert second.call("GET", "/tokens/self", token=second.join).json()["kind"] == "runner_join"


def test_a_token_file_whose_token_was_revoked_is_renewed_and_the_owners_is_not_revoked(
    tmp_path: Path, database: dict[str, str]
) -> None:
    """S1: no revocation locks the owner or new runners out for ever."""
    with serving(tmp_path / "data", **database) as first:
        tokens = {one["kind"]: one["token_id"] for one in first.done("GET", "/tokens")["items"]}
        refused = first.call("DELETE", f"/tokens/{tokens['owner']}")
        assert (refused.status_code, refused.json()["code"]) == (409, "own_token")
        first.done("DELETE", f"/tokens/{tokens['runner_join']}")
        before = first.join
        assert first.call("GET", "/tokens/self", token=before).status_code == 401
        first.stop()
    with serving(tmp_path / "data", **database) as second:
        assert second.join != before
        assert second.call("GET", "/tokens/self", token=second.join).json()["kind"] == "runner_join"


def test_a_second_serve_on_the_same_directory_is_a_conflict(coordinator: Coordinator) -> None:
    code, words = refusal(coordinator.data_dir)
    assert (code, words.startswith("data_dir_in_use:")) == (8, True)
    assert coordinator.call("GET", "/healthz").status_code == 200


def test_a_taken_port_is_a_conflict_with_the_remedy(coordinator: Coordinator, tmp_path: Path) -> None:
    port = int(coordinator.url.rpartition(":")[2])
    code, words = refusal(tmp_path / "data", port=port)
    assert (code, "--port 0" in words) == (8, True)


def test_port_0_prints_the_real_port_within_a_second(tmp_path: Path, database: dict[str, str]) -> None:
    """The first start makes the database as well; the CPU that it takes is what a busy machine does not stretch."""
    with serving(tmp_path / "data", **database) as coordinator:
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", coordinator.url)
        spent = Path(f"/proc/{coordinator.process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(spent[11]) + int(spent[12])
        assert ticks / os.sysconf("SC_CLK_TCK") < 1


def test_it_is_ready_until_it_stops(coordinator: Coordinator) -> None:
    assert coordinator.call("GET", "/healthz", token=None).json() == {"status": "ok", "checks": {}}
    ready = coordinator.call("GET", "/readyz", token=None)
    assert (ready.status_code, ready.json()["checks"]["store"]) == (200, "ok")


def test_metrics_count_by_route_and_never_by_address(coordinator: Coordinator) -> None:
    coordinator.call("GET", "/runs/run_00000000000000000000000000")
    coordinator.call("GET", "/sessions/anything")
    text = coordinator.call("GET", "/metrics").text
    assert 'callboard_http_requests_total{method="GET",route="/runs/{run_id}",status="404"}' in text
    assert 'callboard_http_seconds_bucket{le="0.25",method="GET",route="/runs/{run_id}"}' in text
    assert "anything" not in text
    assert coordinator.call("GET", "/metrics", token=None).status_code == 401


def test_tls_of_our_own(tmp_path: Path) -> None:
    """S2: with a certificate everything is https, also what clients are told."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost "
    make += f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(make.split(), check=True, capture_output=True, timeout=30)
    with serving(tmp_path / "data", tls_cert=certificate, tls_key=key) as coordinator:
        assert coordinator.url.startswith("https://127.0.0.1:")
        headers = {"Authorization": f"Bearer {coordinator.owner}", "Origin": coordinator.url}
        with httpx2.Client(verify=ssl.create_default_context(cafile=str(certificate))) as client:
            assert client.get(coordinator.url + "/runs", headers=headers).status_code == 200
            plain = headers | {"Origin": coordinator.url.replace("https", "http")}
            assert client.get(coordinator.url + "/runs", headers=plain).status_code == 403


@pytest.mark.slow
def test_a_request_that_does_not_arrive_is_cut_off(tmp_path: Path) -> None:
    """Half a head, half a body and nothing at all: none holds a connection for ever."""
    with serving(tmp_path / "data", request_seconds=0.3) as coordinator:
        host, port = coordinator.url.removeprefix("http://").split(":")
        head = f"POST /runs HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {coordinator.owner}\r\n"
        body = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        for beginning in ("", "POST /ru", head, head + body):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(beginning.encode())
                started = time.monotonic()
                assert ended(connection)
                assert time.monotonic() - started < 5
        with socket.create_connection((host, int(port)), timeout=10) as held:
            held.sendall((head.replace("POST /runs", "GET /sse/sessions") + "\r\n").encode())
            assert held.recv(15) == b"HTTP/1.1 200 OK"
            time_is_over = time.monotonic() + 2
            while time.monotonic() < time_is_over:
                assert held.recv(65536), "a stream is no request that does not arrive"
                coordinator.create_run()


def ended(connection: socket.socket) -> bool:
    """Whether the other side closes."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def test_an_endless_head_is_refused(coordinator: Coordinator) -> None:
    host, port = coordinator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(b"GET /runs HTTP/1.1\r\nX-Endless: ")
            for _ in range(200):
                connection.sendall(b"x" * 65536)
        except ConnectionError:
            pass
        else:
            assert b"400" in connection.recv(65536)
    assert coordinator.call("GET", "/runs").status_code == 200


def test_the_access_log_names_peer_token_and_route_but_no_secret(tmp_path: Path, database: dict[str, str]) -> None:
    with serving(tmp_path / "data", access_log="true", **database) as coordinator:
        runner = coordinator.register()
        attempt = runner.begin()
        runner.post(attempt, event(1, "canary-text"))
        coordinator.call("GET", f"/sessions/{attempt.session_id}?q=1")
        coordinator.stop()
        lines = [json.loads(line) for line in coordinator.log if line.startswith("{")]
        shown = next(line for line in lines if line.get("route") == "/sessions/{session_id}/events")
        assert shown["peer"] == "127.0.0.1"
        assert shown["token_id"].startswith("tok_")
        assert shown["session_id"] == attempt.session_id
        assert (shown["status"], shown["level"]) == (200, "info")
        whole = "".join(coordinator.log)
        for secret in (coordinator.owner, coordinator.join, runner.credential, attempt.session_token, "canary-text"):
            assert secret not in whole


def test_every_code_that_is_raised_here_is_documented() -> None:
    assert {"insecure_address", "data_dir_in_use", "address_in_use"} <= CODES.keys()
