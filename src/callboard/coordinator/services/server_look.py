"""Looks at the PostgreSQL of a coordinator's settings for a person who wonders why it does not start. Runs none."""

from callboard.domain.errors import Unavailable
from callboard.store.postgres import as_known
from callboard.store.postgres_look import CONNECTIONS_EACH, Server, look_at

__all__ = ["CONNECTIONS_EACH", "Server", "look"]


def look(url: str) -> Server | Unavailable:
    """What is known of the server and the database, or the error that a start would end with."""
    try:
        with as_known():
            return look_at(url)
    except Unavailable as refused:
        return refused
