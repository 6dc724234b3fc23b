"""A coordinator under attack: what it has to lose, and what it answered to whom."""

import json
from typing import Any, Final

import httpx2

from tests.support.coordinator import Coordinator, until

CANARY: Final = "canary-7f3k2q"


class Victim:
    """Holds one waiting run with a canary in it. Asked by its owner, everything must stay as it is."""

    def __init__(self, coordinator: Coordinator) -> None:
        self.coordinator = coordinator
        self.url = coordinator.url
        self.port = int(coordinator.url.rpartition(":")[2])
        self.token = coordinator.token
        coordinator.start_run(f"{CANARY} of the prompt", title=f"{CANARY} of the title")
        self._seen = 0

    def holds(self) -> list[Any]:
        """All that could have been created, changed or removed."""
        return [self._get(path) for path in ("/sessions", "/runs", "/runners", "/tokens")]

    def forget(self) -> None:
        """Count answers from here on."""
        self._seen = len(self._requests())

    def answered(self) -> set[int]:
        """The statuses of what came since then; waits for the first."""
        until(lambda: len(self._requests()) > self._seen, 5, "the coordinator noted a request")
        return {int(one["status"]) for one in self._requests()[self._seen :]}

    def _get(self, path: str) -> Any:
        answer: httpx2.Response = self.coordinator.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _requests(self) -> list[dict[str, Any]]:
        """What strangers asked: our own questions carry the owner's token and are in the log too."""
        lines = [json.loads(line) for line in self.coordinator.program.lines if line.startswith("{")]
        return [one for one in lines if one.get("event") == "request" and not one["token_id"]]
