"""Token rows: only the hash of a secret is ever stored. Decides nothing about what a token may do."""

import hashlib
import secrets

from callboard.store.database import Row, Transaction
from callboard.store.hints import TokenRevoked


def new_secret() -> str:
    """A new bearer token: 256 random bits in 43 URL-safe characters behind a prefix that scanners can find."""
    return "cbt_" + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """What is stored of a secret: its SHA-256 in hex. The secrets are random, so no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def insert_token(
    tx: Transaction,
    *,
    token_id: str,
    kind: str,
    secret_hash: str,
    label: str = "",
    project_id: str | None = None,
    expires_at: int | None = None,
    made_by: str | None = None,
) -> bool:
    """Writes a person's, a browser's or a joining token; false when a token with this secret exists already."""
    return bool(
        tx.run(
            "insert_token",
            token_id=token_id,
            kind=kind,
            secret_hash=secret_hash,
            label=label,
            project_id=project_id,
            expires_at=expires_at,
            made_by=made_by,
            now=tx.now_ms,
        )
    )


def revoke(tx: Transaction, token_id: str) -> None:
    """Ends a token and tells those who may remember it; harmless when it has ended."""
    if tx.run("revoke_token", token_id=token_id, now=tx.now_ms):
        tx.hint(TokenRevoked(token_id=token_id))


def revoke_with_logins(tx: Transaction, token_id: str) -> None:
    """Ends a token, the browsers that it let in, and those that they let in."""
    left = [token_id]
    while left:
        ended = left.pop()
        revoke(tx, ended)  # waits for whoever lets a browser in with it at this moment; so it is asked after that
        left.extend(row["token_id"] for row in tx.all("tokens_by_maker", token_id=ended))


def let_in_by(tx: Transaction, row: Row) -> str:
    """The token behind a browser's login, over the browsers that let one another in; each is older than the next."""
    while row["made_by"] is not None and (maker := tx.one("token_by_id", token_id=row["made_by"])) is not None:
        row = maker
    return str(row["token_id"])


def works(row: Row, now_ms: int) -> bool:
    """Whether a token is neither revoked nor expired."""
    return row["revoked_at"] is None and (row["expires_at"] is None or now_ms < row["expires_at"])
