"""A session whose agent the test is: it has the token of a live attempt, and starts what it starts with that."""

from typing import Any, Self

from callboard.client.calls import sessions
from callboard.client.idempotency import new_key
from callboard.wire.responses import RunCreated
from tests.support.coordinator import Coordinator
from tests.support.world import World


class HandParent:
    """A session at work on a runner that the test leads; in the end it is stopped with all below it."""

    def __init__(self, world: World, coordinator: Coordinator, **fields: Any) -> None:
        tag = new_key()
        offer = {"tags": [tag], "require_matching_tags": True, "project_dir": str(world.project)}
        self._coordinator = coordinator
        self._hand = world.hand_runner(coordinator, tag, **offer)
        self.run: RunCreated = coordinator.start_run("say parent", additional_demands={"tags": [tag]}, **fields)
        self._attempt = self._hand.begin(self.run.run_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._coordinator.http.post(f"/sessions/{self.session_id}/stop", json={"subtree": True})

    @property
    def session_id(self) -> str:
        return self.run.session_id

    @property
    def token(self) -> str:
        """Of its attempt; dead when that has ended."""
        return self._hand.session_tokens[self.run.run_id]

    def end(self) -> None:
        """Its run completes."""
        self._hand.complete(self.run.run_id, self._attempt).raise_for_status()

    def children(self) -> list[str]:
        """The sessions right below it, oldest first."""
        page = self._coordinator.client.send(sessions.list_(parent_session_id=self.session_id, limit=200))
        return sorted(one.session_id for one in page.items)
