"""The cookie of a browser's login: its name, how it is read, set and removed. Knows no token and no route."""

from collections.abc import Mapping
from typing import Final

from callboard.coordinator.http.answer import Header

SECURE_SCHEME: Final = "https"
_NAME: Final = "callboard"
_RULES: Final = "Path=/; HttpOnly; SameSite=Strict"


def cookie_name(headers: Mapping[bytes, bytes], scheme: str) -> str:
    """The name for the port that the browser came to: browsers keep cookies by host name, whatever the port.

    Two coordinators on one machine therefore do not log each other's browsers out. With TLS the name's prefix has the
    browser refuse the cookie from anything but this very host over TLS.
    """
    port = headers.get(b"host", b"").decode("latin-1").rpartition("]")[2].rpartition(":")[2]
    name = f"{_NAME}-{port}" if port.isascii() and port.isdigit() else _NAME
    return f"__Host-{name}" if scheme == SECURE_SCHEME else name


def read_cookie(headers: Mapping[bytes, bytes], scheme: str) -> str | None:
    """The secret in our cookie, or None without one."""
    wanted = cookie_name(headers, scheme)
    for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted:
            return value or None
    return None


def set_cookie(headers: Mapping[bytes, bytes], scheme: str, secret: str, seconds: int) -> Header:
    """The header that gives a browser its login for this long; zero seconds take it away."""
    rules = f"{_RULES}; Secure" if scheme == SECURE_SCHEME else _RULES
    return (b"set-cookie", f"{cookie_name(headers, scheme)}={secret}; {rules}; Max-Age={seconds}".encode("latin-1"))
