"""Logins of browsers: a one-time link, made by whoever has a token, becomes a token that ends by itself.

Knows no cookie and no address.
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from callboard.coordinator.services.tokens import me_of
from callboard.domain import ids
from callboard.domain.caller import Caller
from callboard.domain.errors import Forbidden, Unauthenticated
from callboard.domain.ids import Ids
from callboard.store.database import Database, Row, Transaction
from callboard.store.tokens import hash_of, insert_token, new_secret, revoke, works
from callboard.wire.logins import LoginLink, LoginState
from callboard.wire.responses import Me
from callboard.wire.times import rfc3339

LABEL: Final = "login of a browser"
IN_A_BROWSER: Final = ", in a browser"
MAX_LABEL: Final = 200


class LoginRules(NamedTuple):
    """How long a link may be used, and how long what it opens lasts."""

    link_ms: int
    login_ms: int


class BrowserLogin(NamedTuple):
    """A new login: its secret is in this answer and nowhere else."""

    me: Me
    secret: str
    seconds: int


class LoginService:
    """All logins of browsers."""

    def __init__(
        self, database: Database, new_ids: Ids, rules: LoginRules, authenticate: Callable[[str], Awaitable[Caller]]
    ) -> None:
        self._database = database
        self._authenticate = authenticate
        self._ids = new_ids
        self._rules = rules

    async def create_link(self, caller: Caller) -> LoginLink:
        """A code that logs one browser in, with the caller's project, while the caller's own token works."""
        code = new_secret()

        def work(tx: Transaction) -> LoginLink:
            tx.run("forget_login_links", now=tx.now_ms)
            expires_at = tx.now_ms + self._rules.link_ms
            tx.run("insert_login_link", code_hash=hash_of(code), made_by=caller.token_id, expires_at=expires_at)
            return LoginLink(code=code, expires_at=rfc3339(expires_at))

        return await self._database.write(work)

    async def exchange(self, code: str) -> BrowserLogin:
        """The login that a code is good for, once. Unauthenticated when it was used, is too old or nobody's."""
        secret, token_id = new_secret(), self._ids.new(ids.TOKEN)

        def work(tx: Transaction) -> str | None:
            link = _use(tx, hash_of(code))
            expires_at = tx.now_ms + self._rules.login_ms
            insert_token(
                tx,
                token_id=token_id,
                kind="browser",
                secret_hash=hash_of(secret),
                label=_label(link["label"]),
                project_id=link["project_id"],
                expires_at=expires_at if link["expires_at"] is None else min(expires_at, link["expires_at"]),
                made_by=link["token_id"],
            )
            return str(link["project_id"]) if link["project_id"] else None

        project_id = await self._database.write(work)
        me = Me(token_id=token_id, kind="browser", project_id=project_id, session_id=None, runner_id=None)
        return BrowserLogin(me, secret, self._rules.login_ms // 1000)

    async def show(self, secret: str) -> LoginState:
        """What a secret proves, if it is a browser's."""
        try:
            caller = await self._authenticate(secret)
        except Unauthenticated:
            return LoginState(me=None, person=None)
        if caller.kind != "browser":
            return LoginState(me=None, person=None)
        return LoginState(me=me_of(caller), person=caller.person_id)

    async def end(self, caller: Caller) -> None:
        """Logs the browser out; Forbidden for a token that is no browser's: its owner revokes that."""
        if caller.kind != "browser":
            raise Forbidden("Only a browser is logged out.", hint="Other tokens are revoked: callboard token revoke")
        await self._database.write(lambda tx: revoke(tx, caller.token_id))


def _label(maker: str) -> str:
    """Whose browser it is, as far as the token tells that its link was made with."""
    if not maker or maker == LABEL or maker.endswith(IN_A_BROWSER):
        return maker or LABEL
    return maker[:MAX_LABEL] + IN_A_BROWSER


def _use(tx: Transaction, code_hash: str) -> Row:
    """Uses a link up; project and label of whoever made it. Two that come at once are told apart by who removed it."""
    link = tx.one("login_link", code_hash=code_hash)
    used = link is not None and tx.run("use_login_link", code_hash=code_hash, now=tx.now_ms)
    if link is None or not used or not works(link, tx.now_ms) or not tx.run("hold_token", token_id=link["token_id"]):
        raise Unauthenticated("This login link was used already, or is too old.", hint="Make a new one: callboard open")
    return link
