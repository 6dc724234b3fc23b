"""A runner as a process of its own, with its own state folder, as if it were on a machine of its own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.support.coordinator import Coordinator
from tests.support.programs import CALLBOARD, Program

REGISTERED: Final = "registered rnr_"
LADDER: Final[dict[str, float]] = {
    "interrupt_seconds": 1.0,
    "term_seconds": 1.0,
    "drain_seconds": 1.0,
    "kill_seconds": 5.0,
    "orphan_seconds": 120.0,
}
"""The keeper's limits, short enough for a test."""


class Runner:
    """`callboard runner`; after a kill it starts again with the same arguments and state."""

    def __init__(
        self,
        coordinator: Coordinator,
        state_dir: Path,
        project_dir: Path,
        *,
        name: str = "",
        hostname: str = "",
        tags: Sequence[str] = (),
        slots: int = 4,
        executors: Sequence[str] = ("scripted",),
        require_matching_tags: bool = False,
        allow_shell: bool = False,
        tables: str = "",
        url: str = "",
        within: Sequence[str] = (),
    ) -> None:
        """`tables` is more of its file; `url` leads to the coordinator in another way; `within` starts it elsewhere."""
        self.project_dir = project_dir
        self.state_dir = state_dir
        self._config = state_dir.with_name(f"{state_dir.name}.toml")
        limits = "\n".join(f"{key} = {value}" for key, value in LADDER.items())
        self._config.write_text(f"[runner.keeper]\n{limits}\n{tables}", encoding="utf-8")
        options: dict[str, Sequence[str]] = {
            "--url": [url or coordinator.url],
            "--token-file": [str(coordinator.data_dir / "runner-token")],
            "--project-dir": [str(project_dir)],
            "--config": [str(self._config)],
            "--slots": [str(slots)],
            "--tag": tags,
            "--executor": executors,
            "--name": [name] if name else [],
            "--hostname": [hostname] if hostname else [],
        }
        words = [word for option, values in options.items() for value in values for word in (option, value)]
        words += ["--require-matching-tags"] * require_matching_tags + ["--allow-shell"] * allow_shell
        self._argv = (*within, *CALLBOARD, "runner", *words)
        self._name = name or hostname or "runner"
        self.program = self._started()
        self.runner_id = self._registered()

    def restart(self) -> None:
        """Start again what was killed or has ended."""
        self.program.close()
        self.program = self._started()
        assert self._registered() == self.runner_id

    def kill(self) -> None:
        """End it as a power cut does; its agents have keepers."""
        self.program.kill()

    def close(self) -> None:
        """End the process; agents are ended by whoever owns the folder."""
        self.program.close()

    def attempts(self) -> list[dict[str, Any]]:
        """The attempts that it holds on its disk."""
        found = self.state_dir.glob("runners/*/attempts/run_*/attempt.json")
        return [json.loads(path.read_text(encoding="utf-8")) for path in found]

    def token_of(self, run_id: str) -> str:
        """The session token of an attempt that it holds, as its agent has it in its environment."""
        (token,) = (one["session_token"] for one in self.attempts() if one["claim"]["run_id"] == run_id)
        return str(token)

    def _started(self) -> Program:
        environment = {"CALLBOARD_DATA_DIR": str(self.state_dir)}
        return Program(self._name, self._argv, environment, self.project_dir)

    def _registered(self) -> str:
        return "rnr_" + self.program.line(REGISTERED)
