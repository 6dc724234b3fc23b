"""The real Claude Code client behind a real coordinator and runner, with the scripted model and a git repository."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.clients_fixture import ClaudeClient
from tests.scripted_model.server import Answer, ScriptedModel
from tests.support.coordinator import Coordinator
from tests.support.programs import scrubbed
from tests.support.runner import Runner
from tests.support.world import World


class ClaudeWorld:
    """A coordinator, and a runner that offers the client."""

    def __init__(self, world: World, binary: Path, model: ScriptedModel, settings: dict[str, float]) -> None:
        self.world = world
        self.model = model
        self.client = ClaudeClient(binary, world.folder / "home", model)
        (self.client.home / "tmp").mkdir(parents=True)
        self.repository = world.project
        self.git("init", "-q", "-b", "main")
        self.coordinator: Coordinator = world.coordinator(default_executor="claude-code", **settings)
        self.runner: Runner = world.runner(self.coordinator, executors=["claude-code"], tables=table_of(self.client))

    def git(self, *words: str) -> str:
        """What git says in the repository."""
        environment = scrubbed({name: value for name, value in os.environ.items() if name.startswith("GIT_")})
        command = ["git", *words]
        done = subprocess.run(command, cwd=self.repository, env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    def answers(self, native_id: str) -> list[Answer]:
        """The answers that the model counted for a conversation, delivered or not."""
        return [one for one in self.model.answers if one.session == native_id]

    def last_messages(self) -> str:
        """What the model was told last, as JSON."""
        body: dict[str, Any] = self.model.requests[-1]
        return json.dumps(body["messages"])

    def processes(self) -> list[psutil.Process]:
        """Every process that works in this world, or was told of a path in it, but for the parts we started."""
        ours = {self.coordinator.program.pid, self.runner.program.pid}
        return [one for one in psutil.process_iter() if one.pid not in ours and self._is_of_us(one)]

    def _is_of_us(self, process: psutil.Process) -> bool:
        try:
            words = [*process.cmdline(), process.cwd()]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return False
        return any(str(self.world.folder) in word for word in words)


def table_of(client: ClaudeClient) -> str:
    """The table of a runner's file that names the client."""
    variables = "\n".join(f"{name} = {json.dumps(value)}" for name, value in client.environment.items())
    argv = json.dumps(client.settings["argv"])
    return f"[executors.claude-code]\nargv = {argv}\n[executors.claude-code.env]\n{variables}\n"


@contextmanager
def served_model() -> Iterator[ScriptedModel]:
    """The scripted model, listening."""
    model = ScriptedModel()
    thread = threading.Thread(target=model.serve_forever, name="scripted-model", daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.close()
        thread.join(10)
