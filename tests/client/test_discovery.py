"""Where clients look for the coordinator and for a token, and whom they do not give a token to."""

from pathlib import Path

import pytest

from callboard.client import Client
from callboard.client.discovery import DEFAULT_URL, Access, default_data_dir, discover
from callboard.domain.errors import InvalidRequest


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home in whose data directory a coordinator has written its address and its tokens."""
    data_dir = tmp_path / ".local" / "state" / "callboard"
    data_dir.mkdir(parents=True)
    (data_dir / "url").write_text("http://127.0.0.1:9999\n")
    (data_dir / "token").write_text("owner's\n")
    (data_dir / "runner-token").write_text("join\n")
    return tmp_path


def _found(home: Path, **variables: str) -> Access:
    return discover({"HOME": str(home)} | variables)


def test_without_anything_it_is_the_local_coordinator(home: Path) -> None:
    access = _found(home)
    assert (access.url, access.token) == ("http://127.0.0.1:9999", "owner's")
    assert access.url_origin.endswith("/url")


def test_without_a_local_coordinator_it_is_the_usual_address(tmp_path: Path) -> None:
    access = _found(tmp_path)
    assert (access.url, access.token, access.token_origin) == (DEFAULT_URL, None, "none")


def test_the_environment_outweighs_the_data_directory(home: Path) -> None:
    access = _found(home, CALLBOARD_URL="https://build:8765/", CALLBOARD_TOKEN="mine")
    assert (access.url, access.token) == ("https://build:8765", "mine")


def test_a_token_file_is_read(home: Path) -> None:
    (home / "secret").write_text(" from a file \n")
    assert _found(home, CALLBOARD_TOKEN_FILE=str(home / "secret")).token == "from a file"


def test_what_is_given_outweighs_the_environment(home: Path) -> None:
    (home / "secret").write_text("given")
    environment = {"HOME": str(home), "CALLBOARD_URL": "http://else", "CALLBOARD_TOKEN": "mine"}
    access = discover(environment, url="http://here", token_file=home / "secret")
    assert (access.url, access.token) == ("http://here", "given")


def test_a_data_directory_that_is_given_is_asked_alone(home: Path) -> None:
    data_dir = home / ".local" / "state" / "callboard"
    access = discover({"CALLBOARD_URL": "http://else", "CALLBOARD_TOKEN": "mine"}, data_dir=data_dir)
    assert (access.url, access.token) == ("http://127.0.0.1:9999", "owner's")


def test_the_owners_token_of_this_machine_goes_to_no_other_machine(home: Path) -> None:
    """S5: a variable that points elsewhere must not carry the owner's token there."""
    assert _found(home, CALLBOARD_URL="http://elsewhere.example:8765").token is None
    assert _found(home, CALLBOARD_URL="http://localhost:1234").token == "owner's"


def test_without_a_running_coordinator_nobody_at_the_usual_address_gets_its_token(home: Path) -> None:
    """S5: another user of this machine may listen there meanwhile."""
    (home / ".local" / "state" / "callboard" / "url").unlink()
    access = _found(home)
    assert (access.url, access.token) == (DEFAULT_URL, None)


def test_a_runner_finds_the_token_to_join_with(home: Path) -> None:
    assert discover({"HOME": str(home)}, token_name="runner-token").token == "join"


def test_a_token_file_that_cannot_be_read_is_an_error_and_not_silence(home: Path) -> None:
    with pytest.raises(InvalidRequest, match="no-such-file"):
        _found(home, CALLBOARD_TOKEN_FILE=str(home / "no-such-file"))


def test_the_data_directory_follows_the_environment() -> None:
    assert default_data_dir({"HOME": "/h"}) == Path("/h/.local/state/callboard")
    assert default_data_dir({"HOME": "/h", "XDG_STATE_HOME": "/s"}) == Path("/s/callboard")
    assert default_data_dir({"XDG_STATE_HOME": "/s", "CALLBOARD_DATA_DIR": "/d"}) == Path("/d")


@pytest.mark.parametrize(
    ("token", "fault"),
    [("s3cret\nother", "more than one line"), ("s3crét", "a character that"), ("s3cr\x07t", "a character that")],
)
def test_what_can_be_no_token_is_refused_without_showing_it(home: Path, token: str, fault: str) -> None:
    """S5: an error names where it came from, never the secret."""
    (home / "secret").write_text(token)
    for variables in ({"CALLBOARD_TOKEN": token}, {"CALLBOARD_TOKEN_FILE": str(home / "secret")}):
        with pytest.raises(InvalidRequest, match=fault) as raised:
            _found(home, **variables)
        assert "s3cr" not in str(raised.value) + str(raised.value.hint)
    with pytest.raises(InvalidRequest, match=fault):
        Client("http://127.0.0.1:1", token)
