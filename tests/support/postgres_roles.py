"""Roles of the tests' PostgreSQL with fewer rights than its owner: one that needs a password, ones that only read."""

import fcntl
import os
import uuid
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import SERVER_DIRECTORY
from tests.support import postgres

LOCKED: Final = "callboard_locked"
SHUT_OUT: Final = "callboard_shut_out"
PASSWORD: Final = "hush/7f3k@!"
"""Has to be percent-encoded in a URL."""
_RULES: Final = f"local all {LOCKED} scram-sha-256\nlocal all {SHUT_OUT} reject\n"


def socket_of(url: str) -> Path:
    """The socket of the server of a database."""
    parts = conninfo_to_dict(url)
    return Path(str(parts["host"])) / f".s.PGSQL.{parts.get('port') or 5432}"


def place_of(url: str) -> tuple[str, str]:
    """The name of a database and the directory of its server's socket."""
    parts = conninfo_to_dict(url)
    return str(parts["dbname"]), str(parts["host"])


def url_as(url: str, user: str, password: str = "", query: str = "") -> str:
    """The URL of the same database for another user."""
    name, directory = place_of(url)
    credentials = f"{user}:{quote(password, safe='')}" if password else user
    return f"postgresql://{credentials}@/{name}?host={quote(directory, safe='/')}{query}"


@cache
def ask_for_passwords() -> None:
    """Let the server ask one role for its password and shut another out; returns when it does."""
    lock = Path(os.environ[SERVER_DIRECTORY]) / "roles-lock"
    with lock.open("a", encoding="utf-8") as file, psycopg.connect(postgres.server(), autocommit=True) as server:
        fcntl.flock(file, fcntl.LOCK_EX)
        for role in (LOCKED, SHUT_OUT):
            if server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                server.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'".encode())
        row = server.execute("SHOW hba_file").fetchone()
        assert row is not None
        rules = Path(row[0])
        if not rules.read_text(encoding="utf-8").startswith(_RULES):
            rules.write_text(_RULES + rules.read_text(encoding="utf-8"), encoding="utf-8")
        server.execute("SELECT pg_reload_conf()")
        while _gets_in(url_as(postgres.server(), SHUT_OUT)):
            server.execute("SELECT pg_sleep(0.01)")


def locked_url(url: str, password: str = PASSWORD, query: str = "") -> str:
    """The URL of a database for the role that needs a password, which may do everything there."""
    ask_for_passwords()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"GRANT postgres TO {LOCKED}".encode())
    return url_as(url, LOCKED, password, query)


def new_role(url: str, *grants: str) -> str:
    """The URL for a new role, after statements in which {role} stands for it."""
    role = f"role_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as owner:
        for statement in (f"CREATE ROLE {role} LOGIN", *(grant.format(role=role) for grant in grants)):
            owner.execute(statement.encode())
    return url_as(url, role)


def _gets_in(url: str) -> bool:
    try:
        with psycopg.connect(url, password=PASSWORD):
            return True
    except psycopg.OperationalError:
        return False
