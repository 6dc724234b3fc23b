"""Joins the coordinator as a runner, or takes over from an older process of the same one. Claims nothing."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog

from callboard.client.calls import runner
from callboard.domain.errors import Conflict, Unauthenticated
from callboard.runner.contact import PASSING, Contact, Dismissed
from callboard.wire.runner import Register, Registered

_LOG = structlog.get_logger(__name__)
_SILENT_FAILURES: Final = 3


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """What a registration gave: this process of the runner, and the numbers of its contact."""

    runner_id: str
    epoch: int
    heartbeat_seconds: float
    lease_seconds: float
    stop_on_runner_seconds: float


class Joining:
    """One registration, tried with each credential there is. `contact_with` makes a contact that uses a token."""

    def __init__(self, order: Register, contact_with: Callable[[str], Contact]) -> None:
        self._order = order
        self._contact_with = contact_with

    async def join(self, *, credential: str, known: bool, join_token: str | None) -> Membership:
        """Register with our own credential if it was used before, else, or if it is not known, with the join token.

        Waits for as long as the coordinator cannot be reached. Raises Unauthenticated when no token is taken, and
        Conflict `runner_known` when this runner is registered with a credential that is not ours.
        """
        refused: Unauthenticated | None = None
        if known:
            try:
                return await self._register(credential)
            except Unauthenticated as error:
                refused = error
        if join_token is None:
            raise refused or Unauthenticated(
                "This runner is not registered yet, and no token to join with was given.",
                hint="Name the coordinator's runner-token file with --token-file.",
            )
        try:
            return await self._register(join_token)
        except Conflict as error:
            raise Conflict(
                f"The coordinator knows this runner with another credential: {error.detail}",
                code="runner_known",
                hint="Start it with the state folder that it had, give this one another --name, "
                "or remove the old one with `callboard runner remove`.",
            ) from error

    async def _register(self, token: str) -> Membership:
        contact = self._contact_with(token)
        try:
            return _membership(await self._until_answered(contact, lambda: contact.send(runner.register(self._order))))
        except Dismissed as refused:
            raise refused.cause from refused
        finally:
            await contact.close()

    async def _until_answered(self, contact: Contact, register: Callable[[], Awaitable[Registered]]) -> Registered:
        failures = 0
        while True:
            try:
                return await register()
            except PASSING as error:
                failures += 1
                if failures == _SILENT_FAILURES:
                    _LOG.warning("coordinator_away", detail=error.detail)
                await contact.pause(failures)


def _membership(answer: Registered) -> Membership:
    return Membership(
        runner_id=answer.runner_id,
        epoch=answer.epoch,
        heartbeat_seconds=answer.heartbeat_seconds,
        lease_seconds=answer.lease_seconds,
        stop_on_runner_seconds=answer.stop_on_runner_seconds,
    )
