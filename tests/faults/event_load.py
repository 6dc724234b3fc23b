"""Runners played by hand that post events without pause, whatever becomes of the coordinator, and keep its answers."""

import random
import threading
from concurrent.futures import Future
from typing import Any, Final

import httpx2

from tests.support.coordinator import Coordinator, payload_of
from tests.support.hand_runner import HandRunner
from tests.support.world import World

LARGEST_BATCH: Final = 40
AGAIN_SECONDS: Final = 0.05
TRY_SECONDS: Final = 30.0


class EventLoad:
    """One session that is posted to. `acknowledged` maps each number that was given out to the text behind it."""

    def __init__(self, world: World, coordinator: Coordinator, name: str, source: random.Random) -> None:
        self.acknowledged: dict[int, str] = {}
        self.posted = 0
        self._runner: HandRunner = world.hand_runner(coordinator, name, project_dir=f"/srv/{name}")
        self._run = coordinator.start_run("by hand", additional_demands={"project_dir": f"/srv/{name}"})
        self._attempt = self._runner.begin(self._run.run_id)
        self._source = source
        self._enough = threading.Event()
        self._coordinator = coordinator
        self._working: Future[None] = world.meanwhile(self._post_for_ever)

    @property
    def session_id(self) -> str:
        return self._run.session_id

    def finish(self) -> None:
        """Post no more, and end the run with the number of all events."""
        self._enough.set()
        self._working.result(60)
        answer = self._runner.complete(self._run.run_id, self._attempt, event_count=self.posted)
        assert answer.status_code == 200, answer.text

    def _post_for_ever(self) -> None:
        while not self._enough.is_set():
            count = self._source.randint(1, LARGEST_BATCH)
            batch = [self._event(self.posted + number) for number in range(1, count + 1)]
            seqs = self._until_acknowledged(batch)
            texts = [event["payload"]["text"] for event in batch]
            self.acknowledged |= dict(zip(seqs, texts, strict=True))
            self.posted += count

    def _event(self, number: int) -> dict[str, Any]:
        text = f"{number} " + "x" * self._source.randint(0, 300)
        return {"client_key": f"1.{number:012d}.00", "type": "note", "payload": {"text": text}}

    def _until_acknowledged(self, batch: list[dict[str, Any]]) -> list[int]:
        """The numbers of a batch, posted with the same keys until the answer arrives."""
        pause = threading.Event()
        for _ in range(round(TRY_SECONDS / AGAIN_SECONDS)):
            try:
                answer = self._runner.post_events(self.session_id, self._run.run_id, self._attempt, *batch)
            except httpx2.TransportError:
                pause.wait(AGAIN_SECONDS)
                continue
            if answer.status_code == 503 and self._coordinator.database:
                # A server that is away is said to be away; a file never is.
                assert answer.headers["retry-after"] == "1", answer.text
                pause.wait(AGAIN_SECONDS)
                continue
            assert answer.status_code == 200, answer.text
            seqs: list[int] = answer.json()["seqs"]
            return seqs
        raise AssertionError(f"no coordinator answered for {TRY_SECONDS} s")

    def assert_all_there(self) -> None:
        """Every acknowledged event is in the log under its number, and none twice."""
        log = self._coordinator.events(self.session_id)
        notes = {event.seq: str(payload_of(event)["text"]) for event in log if event.type == "note"}
        assert notes == self.acknowledged
        texts = [int(text.split()[0]) for _, text in sorted(notes.items())]
        assert texts == list(range(1, self.posted + 1)), "the order is that of posting"
