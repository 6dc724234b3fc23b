"""Calls on logins of browsers."""

from callboard.client.call import Call, path
from callboard.wire.logins import LoginLink


def create_link() -> Call[LoginLink]:
    """Make the code of a one-time link; sent again it makes another, and the first ends by itself."""
    return Call(method="POST", path=path("login", "links"), response=LoginLink, repeatable=True)
