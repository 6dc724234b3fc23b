"""What the client refuses before it asks."""

import pytest

from callboard.client import Client, calls
from callboard.domain.errors import InvalidRequest
from callboard.wire.requests import CreateRun


def test_bytes_that_are_no_text_are_refused_with_a_sentence() -> None:
    """00: bad input gets a clear error with a stable code."""
    with Client("http://127.0.0.1:9", "token") as client, pytest.raises(InvalidRequest) as refused:
        client.send(calls.runs.create(CreateRun(type="start_session", prompt="say \udcff")))
    assert refused.value.code == "invalid_text"


@pytest.mark.parametrize("url", ["notaurl", "http://", "ftp://127.0.0.1", ""])
def test_an_address_that_is_none_is_a_wrong_setting_and_not_a_silent_coordinator(url: str) -> None:
    """A82: exit 2, not 5."""
    with pytest.raises(InvalidRequest):
        Client(url)
