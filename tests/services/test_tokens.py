"""Tokens: what a secret proves, for how long, and who may make and end them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from callboard.coordinator.services import tokens as token_service
from callboard.coordinator.services.tokens import TokenService
from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, Conflict, Forbidden, InvalidRequest, NotFound, Unauthenticated
from callboard.store.database import Database, T, Work
from callboard.wire.requests import CreateToken
from tests.services.reading_world import OWNER, READER, USER, Reading, agent_of, code_of, open_reading
from tests.support.database import stored_bytes

UNKNOWN_TOKEN = "tok_00000000000000000000000000"


@pytest.fixture
async def reading(tmp_path: Path, kind: str) -> AsyncIterator[Reading]:
    """A world with its readers."""
    async with open_reading(tmp_path, kind) as opened:
        yield opened


async def is_refused(reading: Reading, secret: str) -> bool:
    """Whether a secret proves nobody."""
    try:
        await reading.tokens.authenticate(secret)
    except Unauthenticated:
        return True
    return False


async def test_a_secret_proves_its_token_and_its_row_says_what_it_may_do(reading: Reading) -> None:
    """S1, S6: scopes only from the server's row."""
    reading.project("shop")
    made = await reading.tokens.create(OWNER, CreateToken(kind="read_only", label="wall", project_id="shop"))
    caller = await reading.tokens.authenticate(made.token)
    assert caller == Caller(token_id=made.token_id, kind="read_only", project_id="shop")
    me = await reading.tokens.self_(caller)
    assert (me.token_id, me.kind, me.project_id) == (made.token_id, "read_only", "shop")


async def test_secrets_are_long_random_and_stored_as_hashes_only(reading: Reading) -> None:
    """S1: hashes at rest."""
    made = [(await reading.tokens.create(OWNER, CreateToken(kind="user"))).token for _ in range(3)]
    assert {(len(secret), secret[:4]) for secret in made} == {(47, "cbt_")}
    assert len(set(made)) == 3
    stored = stored_bytes(reading)
    for secret in made:
        assert secret.encode() not in stored
        assert hashlib.sha256(secret.encode()).hexdigest().encode() in stored


@pytest.mark.parametrize("secret", ["", "cbt_unknown", "x" * 501, "\0", "\ud800", "Bearer", "' OR 1=1 --"])
async def test_what_is_no_token_proves_nobody(reading: Reading, secret: str) -> None:
    """S1."""
    assert await is_refused(reading, secret)


async def test_a_hash_from_the_database_is_no_secret(reading: Reading) -> None:
    """S1: a stolen copy of the database opens nothing."""
    made = await reading.tokens.create(OWNER, CreateToken(kind="user"))
    assert await is_refused(reading, hashlib.sha256(made.token.encode()).hexdigest())


async def test_an_expired_token_proves_nobody_also_when_it_is_remembered(reading: Reading) -> None:
    """S1."""
    made = await reading.tokens.create(OWNER, CreateToken(kind="user", expires_in_seconds=2))
    await reading.tokens.authenticate(made.token)
    reading.world.clock.advance(1.9)
    await reading.tokens.authenticate(made.token)
    reading.world.clock.advance(0.1)
    assert await is_refused(reading, made.token)


async def test_a_revoked_token_proves_nobody_from_then_on(reading: Reading) -> None:
    """S6."""
    made = await reading.tokens.create(OWNER, CreateToken(kind="user"))
    await reading.tokens.authenticate(made.token)
    revoked = await reading.tokens.revoke(OWNER, made.token_id)
    assert revoked.revoked_at is not None
    assert await is_refused(reading, made.token)
    reading.world.clock.advance(60)
    assert (await reading.tokens.revoke(OWNER, made.token_id)).revoked_at == revoked.revoked_at


async def test_what_another_coordinator_revoked_is_noticed_within_five_seconds(reading: Reading) -> None:
    """S6: a hint may be lost; what is remembered is short-lived."""
    made = await reading.tokens.create(OWNER, CreateToken(kind="user"))
    await reading.tokens.authenticate(made.token)
    reading.sql("UPDATE tokens SET revoked_at = 1 WHERE token_id = ?", made.token_id)
    reading.world.clock.advance(4.9)
    await reading.tokens.authenticate(made.token)
    reading.world.clock.advance(0.1)
    assert await is_refused(reading, made.token)


async def test_a_look_up_that_a_revocation_overtakes_is_not_remembered(reading: Reading) -> None:
    """S6: the answer may be old, the next one is not."""
    made = await reading.tokens.create(OWNER, CreateToken(kind="user"))
    database = SlowReads(reading.world.database)
    tokens = TokenService(database, reading.world.ids)
    looked_up = asyncio.ensure_future(tokens.authenticate(made.token))
    await database.has_read.wait()
    await reading.tokens.revoke(OWNER, made.token_id)
    database.may_go_on.set()
    assert (await looked_up).token_id == made.token_id
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(made.token)


class SlowReads:
    """A database whose first read answers late."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.clock = database.clock
        self.one_writer = database.one_writer
        self.pieces = database.pieces
        self.write = database.write
        self.subscribe = database.subscribe
        self.now_ms = database.now_ms
        self.check = database.check
        self.close = database.close
        self.has_read = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def read(self, work: Work[T]) -> T:
        """The result as it was before what came meanwhile."""
        result = await self._database.read(work)
        self.has_read.set()
        await self.may_go_on.wait()
        return result


async def test_only_so_many_tokens_are_remembered_the_longest_unused_forgotten(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is bounded."""
    monkeypatch.setattr(token_service, "REMEMBERED_TOKENS", 2)
    made = [await reading.tokens.create(OWNER, CreateToken(kind="user")) for _ in range(3)]
    for token in (made[0], made[1], made[0], made[2]):
        await reading.tokens.authenticate(token.token)
    reading.sql("UPDATE tokens SET revoked_at = 1")
    assert [await is_refused(reading, token.token) for token in made] == [False, True, False]


async def test_a_session_token_dies_with_its_attempt(reading: Reading) -> None:
    """40, S7."""
    runner = await reading.world.runner()
    await reading.world.start()
    claim = await reading.begin(runner)
    reading.sql(
        "UPDATE tokens SET secret_hash = ? WHERE run_id = ?",
        hashlib.sha256(b"the agent's").hexdigest(),
        claim.run_id,
    )
    agent = await reading.tokens.authenticate("the agent's")
    assert (agent.kind, agent.session_id, agent.run_id, agent.attempt) == (
        "session",
        claim.session_id,
        claim.run_id,
        1,
    )
    await runner.end(claim)
    assert await is_refused(reading, "the agent's")


async def test_a_runners_credential_proves_the_runner(reading: Reading) -> None:
    runner = await reading.world.runner("one")
    caller = await reading.tokens.authenticate("secret of one")
    assert (caller.kind, caller.runner_id) == ("runner", runner.runner_id)


async def test_only_the_owner_makes_lists_and_ends_tokens(reading: Reading) -> None:
    """S6, S7: an agent mints no tokens."""
    runner = await reading.world.runner()
    created = await reading.world.start()
    for caller in (USER, READER, runner.caller, agent_of(created)):
        for refused in (
            reading.tokens.create(caller, CreateToken(kind="user")),
            reading.tokens.list(caller),
            reading.tokens.revoke(caller, UNKNOWN_TOKEN),
        ):
            with pytest.raises(Forbidden):
                await refused


async def test_tokens_are_listed_newest_first_without_their_secrets(reading: Reading) -> None:
    made = [await reading.tokens.create(OWNER, CreateToken(kind="user", label=f"n{number}")) for number in range(3)]
    first = await reading.tokens.list(OWNER, limit=2)
    assert [token.label for token in first.items] == ["n2", "n1"]
    rest = await reading.tokens.list(OWNER, limit=2, page=first.next_page)
    assert [token.token_id for token in rest.items] == [made[0].token_id]
    assert rest.next_page is None
    assert not hasattr(rest.items[0], "secret_hash")


async def test_an_unknown_token_or_project_is_not_found(reading: Reading) -> None:
    expected: list[tuple[Awaitable[object], tuple[type[CallboardError], str]]] = [
        (reading.tokens.revoke(OWNER, UNKNOWN_TOKEN), (NotFound, "token_not_found")),
        (reading.tokens.revoke(OWNER, "42"), (InvalidRequest, "invalid_id")),
        (reading.tokens.create(OWNER, CreateToken(kind="user", project_id="x")), (NotFound, "project_not_found")),
    ]
    for call, error in expected:
        with pytest.raises(CallboardError) as refused:
            await call
        assert code_of(refused.value) == error


async def test_an_owner_of_one_project_manages_its_tokens_only(reading: Reading) -> None:
    """S6."""
    for project_id in ("shop", "bank"):
        reading.project(project_id)
    owner = Caller(token_id="tok_shop", kind="owner", project_id="shop")
    foreign = await reading.tokens.create(OWNER, CreateToken(kind="user", project_id="bank"))
    own = await reading.tokens.create(owner, CreateToken(kind="user"))
    assert (await reading.tokens.authenticate(own.token)).project_id == "shop"
    assert [token.token_id for token in (await reading.tokens.list(owner)).items] == [own.token_id]
    for refused in (
        reading.tokens.revoke(owner, foreign.token_id),
        reading.tokens.create(owner, CreateToken(kind="user", project_id="bank")),
    ):
        with pytest.raises(NotFound):
            await refused


async def test_the_secrets_of_the_data_directory_are_made_known_once(reading: Reading) -> None:
    for _ in range(2):
        await reading.tokens.ensure_owner("the owner's")
        await reading.tokens.ensure_join("the runners'")
    assert (await reading.tokens.authenticate("the owner's")).is_owner
    assert (await reading.tokens.authenticate("the runners'")).kind == "runner_join"
    assert len((await reading.tokens.list(OWNER)).items) == 2


async def test_the_owners_token_of_the_data_directory_cannot_be_revoked_away(reading: Reading) -> None:
    """S1: nobody could manage tokens afterwards, and the file would hold a dead one."""
    assert await reading.tokens.ensure_owner("the first")
    first = (await reading.tokens.authenticate("the first")).token_id
    with pytest.raises(Conflict) as raised:
        await reading.tokens.revoke(OWNER, first)
    assert raised.value.code == "own_token"
    assert await reading.tokens.ensure_owner("the second")
    await reading.tokens.revoke(OWNER, first)
    assert await is_refused(reading, "the first")
    assert not await reading.tokens.ensure_owner("the first")
