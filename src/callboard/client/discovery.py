"""Where the coordinator is and with which token to talk to it: environment, else the local data directory."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callboard.client.transport import check_token, is_loopback
from callboard.domain.errors import InvalidRequest

DEFAULT_URL: Final = "http://127.0.0.1:8765"
URL_FILE: Final = "url"
TOKEN_FILE: Final = "token"
JOIN_TOKEN_FILE: Final = "runner-token"
_MAX_FILE_BYTES: Final = 4096


@dataclass(frozen=True, kw_only=True)
class Access:
    """How to reach a coordinator. `token` is None when none was found; the origins say where each came from."""

    url: str
    token: str | None
    url_origin: str
    token_origin: str


def default_data_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """`$CALLBOARD_DATA_DIR`, or `$XDG_STATE_HOME/callboard`, or its usual place."""
    if environment.get("CALLBOARD_DATA_DIR"):
        return Path(environment["CALLBOARD_DATA_DIR"]).expanduser()
    state = environment.get("XDG_STATE_HOME")
    base = Path(state) if state else Path(environment.get("HOME") or Path.home()) / ".local" / "state"
    return base / "callboard"


def discover(
    environment: Mapping[str, str] = os.environ,
    *,
    url: str | None = None,
    token_file: Path | None = None,
    data_dir: Path | None = None,
    default_dir: Path | None = None,
    token_name: str = TOKEN_FILE,
) -> Access:
    """The coordinator and the token; what is given outweighs the environment, that the local data directory.

    A data directory that is given is asked alone, without the environment; `default_dir` is where to look last, and
    `token_name` the file of the token there.

    Raises InvalidRequest when a token file was named and cannot be read, or when what was found can be no token; it
    is not shown then. The token of the data directory is
    only for this machine, and only while its coordinator has its address there: whoever else listens at the usual
    address, or at a CALLBOARD_URL of another machine, does not get it.
    """
    if data_dir is not None:
        environment = {}
    directory = data_dir or default_dir or default_data_dir(environment)
    found_url, url_origin = _url(environment, url, directory)
    token, token_origin = _named_token(environment, token_file)
    if token is None and is_loopback(found_url) and url_origin != "default":
        token, token_origin = _text_of(directory / token_name), str(directory / token_name)
    check_token(token, token_origin if token_origin == "CALLBOARD_TOKEN" else f"the token file {token_origin}")
    return Access(
        url=found_url.rstrip("/"), token=token, url_origin=url_origin, token_origin=token_origin if token else "none"
    )


def _url(environment: Mapping[str, str], url: str | None, directory: Path) -> tuple[str, str]:
    if url:
        return url, "given"
    if environment.get("CALLBOARD_URL"):
        return environment["CALLBOARD_URL"], "CALLBOARD_URL"
    written = _text_of(directory / URL_FILE)
    return (written, str(directory / URL_FILE)) if written else (DEFAULT_URL, "default")


def _named_token(environment: Mapping[str, str], token_file: Path | None) -> tuple[str | None, str]:
    if token_file is None and environment.get("CALLBOARD_TOKEN"):
        return environment["CALLBOARD_TOKEN"].strip(), "CALLBOARD_TOKEN"
    if token_file is None and environment.get("CALLBOARD_TOKEN_FILE"):
        token_file = Path(environment["CALLBOARD_TOKEN_FILE"])
    if token_file is None:
        return None, "none"
    token = _text_of(token_file)
    if not token:
        raise InvalidRequest(
            f"The token file {token_file} is missing, empty or not readable.",
            hint="Name a file that holds a token, or unset CALLBOARD_TOKEN_FILE.",
        )
    return token, str(token_file)


def _text_of(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_FILE_BYTES).decode("utf-8", "surrogateescape").strip() or None
    except OSError:
        return None
