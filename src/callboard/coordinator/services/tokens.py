"""Tokens: who a secret proves, and what the owner does with tokens. Knows no header and no file."""

import hmac
from collections import OrderedDict
from typing import Final

import msgspec

from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.rendering import render_token
from callboard.coordinator.services.run_requests import check_id
from callboard.domain import ids
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, NotFound, Unauthenticated
from callboard.domain.idempotency import Idempotency
from callboard.domain.ids import Ids
from callboard.store.database import Database, Row, Transaction
from callboard.store.hints import Hint, LookAgain, TokenRevoked
from callboard.store.idempotency import remember, remembered
from callboard.store.tokens import hash_of, insert_token, let_in_by, new_secret, revoke_with_logins, works
from callboard.wire.requests import CreateToken
from callboard.wire.responses import Me, Page, Token, TokenCreated

REMEMBERED_MS: Final = 5_000
ENDED_MS: Final = 10 * 60_000
REMEMBERED_TOKENS: Final = 10_000
MAX_SECRET: Final = 500
_LIST: Final = "tokens"
_NEWEST: Final = "tok_" + "z" * 26


class TokenService:
    """All tokens. What a secret proves is remembered for at most five seconds, less when it is revoked here."""

    def __init__(self, database: Database, new_ids: Ids) -> None:
        self._database = database
        self._ids = new_ids
        self._remembered = _Remembered()
        self._owner_hash: str | None = None
        database.subscribe(self._remembered.on_hints)

    async def authenticate(self, secret: str) -> Caller:
        """Who holds the secret. Unauthenticated when it is unknown, expired or revoked: the answer is the same."""
        if not 0 < len(secret) <= MAX_SECRET:
            raise unauthenticated()
        secret_hash = hash_of(secret)
        caller = self._remembered.get(secret_hash, self._database.clock.now_ms())
        return caller or await self._look_up(secret_hash)

    async def authenticate_ended(self, secret: str) -> Caller | None:
        """Who held a session's token that was revoked in the last minutes: its report of the end may come twice."""
        secret_hash = hash_of(secret)

        def work(tx: Transaction) -> Caller | None:
            row = tx.one("token_by_hash", secret_hash=secret_hash)
            if row is None or row["kind"] != "session" or row["revoked_at"] is None:
                return None
            late = tx.now_ms - row["revoked_at"] > ENDED_MS
            return None if late else msgspec.structs.replace(_caller(row), ended=True)

        return await self._database.read(work)

    async def _look_up(self, secret_hash: str) -> Caller:
        revocations = self._remembered.revocations

        def work(tx: Transaction) -> tuple[Row | None, str | None, int]:
            row = tx.one("token_by_hash", secret_hash=secret_hash)
            return row, let_in_by(tx, row) if row and row["kind"] == "browser" else None, tx.now_ms

        row, person_id, now_ms = await self._database.read(work)
        if row is None or not hmac.compare_digest(row["secret_hash"], secret_hash) or not works(row, now_ms):
            raise unauthenticated()
        caller = msgspec.structs.replace(_caller(row), let_in_by=person_id)
        if revocations == self._remembered.revocations:
            self._remembered.put(secret_hash, caller, now_ms, row["expires_at"])
        return caller

    async def create(
        self, caller: Caller, request: CreateToken, idempotency: Idempotency | None = None
    ) -> TokenCreated:
        """A new token; its secret is in this answer and nowhere else, so a repeat gets Conflict `secret_shown_once`."""
        _check_owner(caller)
        secret = new_secret()
        token_id = self._ids.new(ids.TOKEN)

        def work(tx: Transaction) -> None:
            _refuse_repeat(remembered(tx, idempotency))
            project_id = request.project_id or caller.project_id
            _check_project(tx, caller, project_id)
            lifetime = request.expires_in_seconds
            insert_token(
                tx,
                token_id=token_id,
                kind=request.kind,
                secret_hash=hash_of(secret),
                label=request.label,
                project_id=project_id,
                expires_at=None if lifetime is None else tx.now_ms + round(lifetime * 1000),
            )
            remember(tx, idempotency, 201, token_id.encode())

        await self._database.write(work)
        return TokenCreated(token_id=token_id, token=secret, kind=request.kind)

    async def list(self, caller: Caller, *, page: str | None = None, limit: int = 50) -> Page:
        """Tokens without their secrets, newest first; those that are revoked or expired too."""
        _check_owner(caller)
        check_limit(limit)
        before = read_mark(_LIST, page, _NEWEST)
        project_id = caller.project_id or ""
        rows = await self._database.read(
            lambda tx: tx.all("list_tokens", before=before, project_id=project_id, limit=limit + 1)
        )
        last = rows[limit - 1]["token_id"] if len(rows) > limit else None
        return page_of(_LIST, [render_token(row) for row in rows[:limit]], limit, last)

    async def revoke(self, caller: Caller, token_id: str) -> Token:
        """Ends a token and the browsers that it let in at once, and their streams within seconds; harmless when it has.

        Conflict `own_token` for the owner's token in the data directory: nobody could manage tokens afterwards.
        """
        _check_owner(caller)
        check_id(ids.TOKEN, token_id, "/token_id")

        def work(tx: Transaction) -> Token:
            if _token(tx, caller, token_id)["secret_hash"] == self._owner_hash:
                raise _own_token(token_id)
            revoke_with_logins(tx, token_id)
            return render_token(_token(tx, caller, token_id))

        return await self._database.write(work)

    async def self_(self, caller: Caller) -> Me:
        """What the bearer may do."""
        return me_of(caller)

    async def ensure_owner(self, secret: str) -> bool:
        """Makes the secret of the data directory's `token` file known as an owner's; false when it was revoked."""
        self._owner_hash = hash_of(secret)
        return await self._ensure(secret, "owner", "the owner's token file")

    async def ensure_join(self, secret: str) -> bool:
        """Makes the secret of the data directory's `runner-token` file known; false when it was revoked."""
        return await self._ensure(secret, "runner_join", "the runner-token file")

    async def _ensure(self, secret: str, kind: str, label: str) -> bool:
        token_id, secret_hash = self._ids.new(ids.TOKEN), hash_of(secret)

        def work(tx: Transaction) -> bool:
            insert_token(tx, token_id=token_id, kind=kind, secret_hash=secret_hash, label=label)
            row = tx.one("token_by_hash", secret_hash=secret_hash)
            return row is not None and works(row, tx.now_ms)

        return await self._database.write(work)


class _Known(msgspec.Struct, frozen=True):
    caller: Caller
    until_ms: int


class _Remembered:
    """Callers by the hash of their secret: bounded, the longest unused goes first, and forgotten when revoked."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._hashes: dict[str, str] = {}
        self.revocations = 0

    def get(self, secret_hash: str, now_ms: int) -> Caller | None:
        known = self._known.get(secret_hash)
        if known is None:
            return None
        if now_ms >= known.until_ms:
            self._forget(known.caller.token_id)
            return None
        self._known.move_to_end(secret_hash)
        return known.caller

    def put(self, secret_hash: str, caller: Caller, now_ms: int, expires_at: int | None) -> None:
        until_ms = now_ms + REMEMBERED_MS
        self._known[secret_hash] = _Known(caller, until_ms if expires_at is None else min(until_ms, expires_at))
        self._hashes[caller.token_id] = secret_hash
        if len(self._known) > REMEMBERED_TOKENS:
            _, oldest = self._known.popitem(last=False)
            del self._hashes[oldest.caller.token_id]

    def on_hints(self, hints: list[Hint]) -> None:
        for hint in hints:
            if isinstance(hint, TokenRevoked):
                self.revocations += 1
                self._forget(hint.token_id)
            elif isinstance(hint, LookAgain):
                self.revocations += 1
                self._known.clear()
                self._hashes.clear()

    def _forget(self, token_id: str) -> None:
        secret_hash = self._hashes.pop(token_id, None)
        if secret_hash is not None:
            del self._known[secret_hash]


def _caller(row: Row) -> Caller:
    return Caller(
        token_id=row["token_id"],
        kind=row["kind"],
        project_id=row["project_id"],
        runner_id=row["runner_id"],
        session_id=row["session_id"],
        run_id=row["run_id"],
        attempt=row["attempt"],
    )


def me_of(caller: Caller) -> Me:
    """A caller as it is shown to itself."""
    return Me(
        token_id=caller.token_id,
        kind=caller.kind,
        project_id=caller.project_id,
        session_id=caller.session_id,
        runner_id=caller.runner_id,
    )


def unauthenticated() -> Unauthenticated:
    """What every bearer of a token that proves nobody is told."""
    return Unauthenticated(
        "The bearer token is unknown, expired or revoked.",
        hint="Use the token in the coordinator's data directory, or have its owner make one: callboard token create",
    )


def _own_token(token_id: str) -> Conflict:
    return Conflict(
        f"{token_id} is the owner's token in this coordinator's data directory.",
        code="own_token",
        hint="To renew it: remove the file `token` there, restart `callboard serve`, which makes a new one, and revoke "
        "this one with that.",
    )


def _check_owner(caller: Caller) -> None:
    if not caller.is_owner:
        raise Forbidden("Only the owner manages tokens.", hint="Use the owner's token.")


def _refuse_repeat(token_id: bytes | None) -> None:
    """What is kept for a repeat is the token's id alone: its secret is kept nowhere."""
    if token_id is not None:
        raise Conflict(
            f"This request made {token_id.decode()} already; its secret was shown once and is kept nowhere.",
            code="secret_shown_once",
            hint=f"If the secret is lost: callboard token revoke {token_id.decode()}, and make another.",
        )


def _check_project(tx: Transaction, caller: Caller, project_id: str | None) -> None:
    if project_id is None:
        return
    if not caller.sees_project(project_id) or tx.one("project_by_id", project_id=project_id) is None:
        raise NotFound(f"There is no project {project_id}.", code="project_not_found")


def _token(tx: Transaction, caller: Caller, token_id: str) -> Row:
    row = tx.one("token_by_id", token_id=token_id)
    if row is None or not caller.sees_project(row["project_id"]):
        raise NotFound(f"There is no token {token_id}.", code="token_not_found", hint="callboard token list")
    return row
