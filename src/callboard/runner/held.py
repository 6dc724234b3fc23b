"""The attempts that this runner holds, from the moment of their claim until their end is accepted. Acts on none."""

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec

from callboard.domain.invocation import Decision
from callboard.runner.attempt_files import Accepted, Attempt, AttemptFiles, CutShort, Progress
from callboard.wire.runner import AttemptRef, DecisionOrder, MessageOrder, StopOrder

Key = tuple[str, int]
FIRST_REST_SECONDS: Final = 0.5
LONGEST_REST_SECONDS: Final = 30.0


class HeldAttempt:
    """One attempt: what was claimed, how far it came, and what is wanted of it."""

    def __init__(
        self,
        attempt: Attempt,
        files: AttemptFiles,
        progress: Progress | None = None,
        accepted: Accepted | None = None,
    ) -> None:
        self.attempt = attempt
        self.claim = attempt.claim
        self.files = files
        self.progress = progress or Progress()
        self.accepted = accepted or {}
        self.accepted_more = asyncio.Event()
        self.stop_wanted = asyncio.Event()
        """Set when the agent is to be stopped; `progress` says for whom."""
        self.disowned = asyncio.Event()
        """Set when the coordinator says that the run is not this attempt's any more."""
        self.asked = False
        """Whether the permission to launch was asked for, so that the run may have begun for the coordinator."""
        self.settled = asyncio.Event()
        """Set once it is decided whether an agent is launched."""
        self.found = progress is not None
        """Whether an earlier process of this runner held it, and it was found on the disk."""
        self.reporting = False
        """Whether the agent has ended and only the reports of it are left."""
        self.decisions: dict[str, Decision] = {}
        """Decisions for the agent by the name of its request; the same one may come again and again."""
        self.decided = asyncio.Event()
        """Set when a decision came; cleared by whoever passes it on."""
        self.messages: dict[str, str] = {}
        """What the agent is to be told, by the id of the message; the same one may come again and again."""
        self.told = asyncio.Event()
        """Set when a message came; cleared by whoever passes it on."""
        self._saving = asyncio.Lock()
        if self.stopping:
            self.stop_wanted.set()
        if self.launched:
            self.settled.set()

    @property
    def key(self) -> Key:
        """Run and attempt."""
        return self.claim.run_id, self.claim.attempt

    @property
    def stopping(self) -> bool:
        """Whether the agent must not run on."""
        return self.progress.stop is not None or self.progress.cut_short is not None

    @property
    def launched(self) -> bool:
        """Whether an agent may have been started."""
        return self.progress.phase == "launching"

    async def save(self) -> None:
        """Make the progress durable, as it is now."""
        async with self._saving:
            await asyncio.to_thread(self.files.save_progress, msgspec.json.encode(self.progress))

    def note_accepted(self, launch: int, offset: int) -> None:
        """Everything of this launch before this offset is stored by the coordinator."""
        self.accepted[launch] = max(offset, self.accepted.get(launch, 0))
        self.accepted_more.set()

    def want_stop(self, order: StopOrder) -> bool:
        """Note the coordinator's order; false when it was known."""
        if self.progress.stop is not None:
            return False
        self.progress.stop = order
        self.stop_wanted.set()
        return True

    def note_decision(self, request_id: str, decision: Decision) -> bool:
        """A decision for the agent; false when it was known."""
        if request_id in self.decisions:
            return False
        self.decisions[request_id] = decision
        self.decided.set()
        return True

    def note_message(self, message_id: str, text: str) -> bool:
        """Something to tell the agent; false when it was known."""
        if message_id in self.messages:
            return False
        self.messages[message_id] = text
        self.told.set()
        return True

    def cut_short(self, why: CutShort) -> bool:
        """Have the agent stopped by this runner's own decision; false when it is being stopped already."""
        if self.stopping:
            return False
        self.progress.cut_short = why
        self.stop_wanted.set()
        return True


class Holdings:
    """All held attempts of a runner with a number of slots."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.changed = asyncio.Event()
        """Set when a slot became free; cleared by whoever acts on it."""
        self.rest_begun = asyncio.Event()
        """Set when runs are to be claimed no longer for a while; cleared by whoever acts on it."""
        self._held: dict[Key, HeldAttempt] = {}
        self._given_back = 0
        self._rests_until = 0.0

    def __iter__(self) -> Iterator[HeldAttempt]:
        return iter(tuple(self._held.values()))

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: Key) -> bool:
        return key in self._held

    @property
    def free_slots(self) -> int:
        """How many more runs the runner takes."""
        return max(0, self.slots - len(self._held))

    @property
    def refs(self) -> list[AttemptRef]:
        """What a heartbeat lists."""
        return [AttemptRef(run_id=run_id, attempt=attempt) for run_id, attempt in self._held]

    def add(self, held: HeldAttempt) -> None:
        """Hold an attempt."""
        self._held[held.key] = held

    def rest_seconds(self, now: float) -> float:
        """For how long from now to claim nothing, because runs were given back; `now` is monotonic seconds."""
        return max(0.0, self._rests_until - now)

    def rest_after_giving_back(self, now: float) -> None:
        """Rest for longer after each run given back in a row, so that none is claimed in a circle."""
        self._given_back = min(self._given_back + 1, 20)
        self._rests_until = now + min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2.0 ** (self._given_back - 1))
        self.rest_begun.set()

    def forget_given_back(self) -> None:
        """A launch was possible again."""
        self._given_back = 0

    def drop(self, held: HeldAttempt) -> None:
        """Let go of an attempt."""
        if self._held.pop(held.key, None) is not None:
            self.changed.set()

    def want_stop(self, order: StopOrder) -> bool:
        """Pass a stop on; false when nothing new came of it."""
        held = self._held.get((order.run_id, order.attempt))
        return held is not None and held.want_stop(order)

    def decide(self, order: DecisionOrder) -> bool:
        """Pass a decision on; false when nothing new came of it."""
        held = self._held.get((order.run_id, order.attempt))
        decision = Decision(allow=order.allow, reason=order.reason, updated_input=order.updated_input)
        return held is not None and held.note_decision(order.request_id, decision)

    def tell(self, order: MessageOrder) -> bool:
        """Pass a message on; false when nothing new came of it."""
        held = self._held.get((order.run_id, order.attempt))
        return held is not None and held.note_message(order.message_id, order.text)

    def disown(self, ref: AttemptRef) -> bool:
        """Pass on that an attempt is stale; false when nothing new came of it."""
        held = self._held.get((ref.run_id, ref.attempt))
        if held is None or held.disowned.is_set():
            return False
        held.disowned.set()
        return True
