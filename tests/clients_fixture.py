"""Real agent clients in tests: a scrubbed environment, a home of their own, the scripted model and no network.

Import the fixtures into the conftest that needs them: `from tests.clients_fixture import claude, scripted_model`.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.scripted_model.server import ScriptedModel


@dataclass(frozen=True)
class ClaudeClient:
    """The pinned Claude Code client with its own home, pointed at the scripted model."""

    binary: Path
    home: Path
    model: ScriptedModel
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """All that the client gets: nothing of this machine, dummy keys, no traffic but to the model."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "ANTHROPIC_API_KEY": "dummy",
            "ANTHROPIC_BASE_URL": self.model.url,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "2",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
            "IS_SANDBOX": "1",  # without it, root may not use bypassPermissions
            **self.more,
        }

    @property
    def settings(self) -> dict[str, Any]:
        """The table `[executors.claude-code]` of a runner's file."""
        return {"argv": [str(self.binary)]}

    def transcripts(self) -> list[Path]:
        """The conversations that the client has on disk."""
        return sorted(self.home.glob(".claude/projects/*/*.jsonl"))


@pytest.fixture(scope="session")
def scripted_model() -> Iterator[ScriptedModel]:
    """Serve the scripted model on loopback; each prompt says what it answers."""
    model = ScriptedModel()
    thread = threading.Thread(target=model.serve_forever, name="scripted-model", daemon=True)
    thread.start()
    yield model
    model.close()
    thread.join(10)


@pytest.fixture
def claude(claude_code: Path, scripted_model: ScriptedModel, tmp_path: Path) -> ClaudeClient:
    """Return the real Claude Code client with a fresh home."""
    home = tmp_path / "claude-home"
    (home / "tmp").mkdir(parents=True)
    return ClaudeClient(claude_code, home, scripted_model)
