"""What the tests of the pages' reducers are fed with: a recording of the real stream, with what the coordinator says.

`python -m tests.pages.recording` writes it again; a test compares it with what the coordinator does today.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec

from callboard.wire.responses import RunCreated, Session
from tests.support.coordinator import Coordinator, payload_of
from tests.support.world import World

FIXTURE: Final = Path(__file__).resolve().parent.parent / "fixtures" / "pages" / "recording.json"
TOLD: Final = ("status", "waiting_for", "group", "queued_runs", "last_seq")
START: Final = "2026-01-01T00:00:{:02d}.000Z"
SCRIPT: Final = """
say Looking at **it**
tool Read {"file_path": "src/login.py"}
run true
usage opus 1200 340 21000
result Fixed.
"""


class Recorder:
    """Plays a day of two sessions, and notes what the coordinator says of them after each act."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._coordinator: Coordinator = world.coordinator()
        self.checkpoints: list[dict[str, Any]] = []
        self._sessions: list[str] = []
        self._rows: list[Session] = []

    def play(self) -> dict[str, Any]:
        """The recording: rows as they were created, events in their order, and what was true after which of them."""
        coordinator = self._coordinator
        first = self._begin(SCRIPT, title="Fix it", permission_mode="ask")
        second = self._begin("say never", additional_demands={"tags": ["nowhere"]})
        runner = self._world.runner(coordinator)
        self._ask_and_allow(first)
        self._note("completed", first)
        failing = coordinator.resume(first.session_id, "say again\nfail the database is away")
        coordinator.ended(failing.run_id)
        self._note("failed", first)
        coordinator.http.post(f"/sessions/{second.session_id}/stop", json={}).raise_for_status()
        self._note("cancelled", second)
        del runner
        return self._scrubbed()

    def _begin(self, prompt: str, **fields: Any) -> RunCreated:
        created = self._coordinator.start_run(prompt, **fields)
        self._sessions.append(created.session_id)
        self._rows.append(self._coordinator.session(created.session_id))
        self._note("queued", created)
        return created

    def _ask_and_allow(self, created: RunCreated) -> None:
        coordinator = self._coordinator
        asked = payload_of(coordinator.until_event(created, "approval_requested"))
        self._note("asks", created)
        decision = {"decision": "allow", "content_hash": asked["content_hash"]}
        coordinator.http.post(f"/approvals/{asked['approval_id']}/decide", json=decision).raise_for_status()
        coordinator.ended(created.run_id)

    def _note(self, name: str, created: RunCreated) -> None:
        row = self._coordinator.session(created.session_id)
        told = {key: getattr(row, key) for key in TOLD}
        self.checkpoints.append({"name": name, "session_id": created.session_id} | told)

    def _scrubbed(self) -> dict[str, Any]:
        """The same for every recording: ids by number, times by order, and no text of this machine."""
        events = [event for one in self._sessions for event in self._coordinator.events(one)]
        events.sort(key=lambda event: (event.at, event.session_id, event.seq))
        told = [
            {
                "session_id": event.session_id,
                "seq": event.seq,
                "cursor": str(number),
                "run_id": event.run_id,
                "attempt": event.attempt,
                "type": event.type,
                "at": START.format(number),
                "source_at": None,
                "payload": payload_of(event),
            }
            for number, event in enumerate(events, 1)
        ]
        rows = [{name: getattr(row, name) for name in row.__struct_fields__} for row in self._rows]
        whole = {"rows": json.loads(_json(rows)), "events": told, "checkpoints": self.checkpoints}
        return dict(json.loads(self._with_names(_json(whole))))

    def _with_names(self, text: str) -> str:
        names = {one: f"ses_{number}" for number, one in enumerate(self._sessions, 1)}
        for one in self._sessions:
            runs = sorted({event.run_id for event in self._coordinator.events(one) if event.run_id})
            names |= {run: f"run_{names[one][-1]}_{number}" for number, run in enumerate(runs, 1)}
        for real, name in names.items():
            text = text.replace(real, name)
        return text.replace(str(self._world.folder), "/somewhere")


def shape_of(recording: dict[str, Any]) -> dict[str, Any]:
    """What of a recording is the same every time: order, types, names of fields, and what was true when."""
    events = [
        (one["session_id"], one["seq"], one["type"], sorted(one["payload"]), one["payload"].get("reason"))
        for one in sorted(recording["events"], key=lambda one: (one["session_id"], one["seq"]))
    ]
    return {
        "events": events,
        "checkpoints": recording["checkpoints"],
        "rows": [sorted(one) for one in recording["rows"]],
    }


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def main() -> int:
    """Write the recording again."""
    with tempfile.TemporaryDirectory(prefix="cb-") as name, World(Path(name)) as world:
        recording = Recorder(world).play()
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    FIXTURE.write_text(json.dumps(recording, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
