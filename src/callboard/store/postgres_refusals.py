"""Why a PostgreSQL server could not be reached or does not let us in, as an error with the next step.

A refusal stays until a person changes something; what is only not ready may be tried again. No secret is in either.
"""

import re
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from callboard.domain.errors import Unavailable
from callboard.store.database import StoreRefused

NOT_READY: Final = "database_not_ready"
_MALFORMED: Final = (
    "Write postgresql://USER@HOST:PORT/NAME?sslmode=require, with every @, /, :, # and % of a password or name "
    "percent-encoded (@ as %40)."
)
_STAYS: Final = (
    (
        r"password authentication failed|no password supplied|authentication failed",
        "Correct the user or the password: in ~/.pgpass or the file of PGPASSFILE, in PGPASSWORD, or in the URL.",
    ),
    (
        r'database ".*" does not exist',
        "Make it (createdb --encoding=UTF8 --template=template0 NAME), or correct the name in the URL.",
    ),
    (
        r'role ".*" (does not exist|is not permitted to log in)',
        "Make the role (createuser NAME), or correct the user in the URL.",
    ),
    (
        r"pg_hba\.conf|permission denied for database",
        "Let the server's pg_hba.conf and GRANT CONNECT allow this user from here; it may demand sslmode=require.",
    ),
    (
        r"certificate|does not support SSL|SSL error|SSL was required|channel binding|GSSAPI",
        "Correct sslmode, sslrootcert, sslcert or sslkey in the URL.",
    ),
    (r"\binvalid (\S+ value|integer|port)|bad value for|could not match|Servname not supported", _MALFORMED),
)
"""What the server or its client library says, and what to do about it. A server may say it in another language."""
_FULL: Final = "Let the server take more connections (max_connections), or run fewer coordinators; each takes 14."
_WAIT: Final = "Start the server, or correct host and port of the database URL."
_TRIED: Final = re.compile(r"^- host: .*?, hostaddr: [^:]*(?::[0-9a-fA-F:]*)?: ")
_QUOTED: Final = re.compile(r':? ?".*"', re.DOTALL)


def checked(conninfo: str) -> dict[str, str]:
    """The parts of a database URL. StoreRefused when it cannot be read; the sentence repeats nothing of it."""
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    except psycopg.ProgrammingError as error:
        why = _QUOTED.sub("", str(error)).strip()
        raise StoreRefused(f"The database URL cannot be read: {why}.", hint=_MALFORMED) from None
    if any("@" in host[1:] for host in parts.get("host", "").split(",")):
        raise StoreRefused("The database URL cannot be read: it has a second @.", hint=_MALFORMED)
    if not all(port.isdecimal() and 0 < int(port) < 65_536 for port in parts.get("port", "").split(",") if port):
        raise StoreRefused("The database URL cannot be read: a port is no number from 1 to 65535.", hint=_MALFORMED)
    return parts


def why_not_connected(error: psycopg.Error) -> Unavailable:
    """The error of a failed connect: StoreRefused when a person has to act, else Unavailable `database_not_ready`."""
    said = what_was_said(error)
    for words, hint in _STAYS:
        if re.search(words, str(error)):
            return StoreRefused(f"PostgreSQL does not let us in: {said}", hint=hint)
    full = re.search(r"too many (clients|connections)|connection slots", str(error))
    return Unavailable(f"PostgreSQL cannot be reached: {said}", code=NOT_READY, hint=_FULL if full else _WAIT)


def why_lost(error: psycopg.OperationalError) -> Unavailable:
    """The error of a connection that was lost, or cut, while a start or a migration used it."""
    return Unavailable(f"PostgreSQL broke off: {what_was_said(error)}", code=NOT_READY, hint=_WAIT)


def not_allowed(said: str) -> StoreRefused:
    """The error for a role that may not do what a coordinator does."""
    return StoreRefused(
        f"The role of the database URL has too few rights: {said}.",
        hint="Make it the owner of the database: ALTER DATABASE name OWNER TO role, and of what is in it.",
    )


def what_was_said(error: psycopg.Error) -> str:
    """What each address that was tried answered, in one line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    tried = [_TRIED.sub("", line) for line in lines if line.startswith("- host: ")] or lines[:1]
    plain = (re.sub(r"^connection (failed|is bad): ", "", line).strip() for line in tried)
    return "; ".join(dict.fromkeys(plain))
