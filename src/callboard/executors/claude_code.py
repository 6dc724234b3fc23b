"""Launches the real Claude Code client in its two-way stream-json mode.

The prompt goes to stdin, never into an argument; what could hold a secret goes into private files.
"""

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from callboard.domain.invocation import LAUNCH_FILES, OWN_SERVER, Invocation, Launch, PermissionMode
from callboard.executors.base import NativeIds, TranscriptPlace, UsageGrain, file_name
from callboard.executors.claude_conversation import ClaudeConversation

_USER_ONLY: Final = "--setting-sources=user"
"""Without what the repository brings, its instructions (CLAUDE.md) too: the client takes all of it, or nothing."""
_PERMISSIONS: Final[dict[PermissionMode, tuple[str, ...]]] = {
    # A repository's own settings could allow more than reading.
    "read_only": (
        "--permission-mode=dontAsk",
        "--disallowedTools=Edit,Write,NotebookEdit",
        _USER_ONLY,
    ),
    "ask": ("--permission-mode=default",),
    "edit": ("--permission-mode=acceptEdits",),
    "full": ("--permission-mode=bypassPermissions",),
}
_STREAM: Final = (
    "-p",
    "--input-format=stream-json",
    "--output-format=stream-json",
    "--verbose",
    "--include-partial-messages",
    "--replay-user-messages",
    "--permission-prompt-tool=stdio",
)
_PROGRAM: Final = ("claude",)
_REPOSITORY_FILES: Final = (
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".claude/agents/",
    ".claude/commands/",
    ".claude/hooks/",
    ".claude/output-styles/",
    ".claude/skills/",
)
_NO_NAME: Final = re.compile(r"[^a-zA-Z0-9]")
"""What the client replaces in a directory to make a folder's name of it."""
LONGEST_FOLDER: Final = 200
"""The client cuts a longer name in its own way; it finds a conversation in any folder."""


class ClaudeCodeExecutor:
    """Its table in the runner's file: `argv` (default `claude`), `args`, `env`, `strict_mcp`, `background_seconds`."""

    name = "claude-code"
    native_ids: NativeIds = "chosen"
    usage_grain: UsageGrain = "call"
    takes_messages = True
    default_argv: tuple[str, ...] | None = _PROGRAM

    def repository_files(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Settings with hooks and variables, agents, commands and skills; servers where the runner's file lets them."""
        return _REPOSITORY_FILES if settings.get("strict_mcp", True) else (*_REPOSITORY_FILES, ".mcp.json")

    def start(self, invocation: Invocation) -> Launch:
        """A client that begins a conversation under the id that we chose."""
        session = [f"--session-id={invocation.chosen_session_uuid}"]
        if invocation.context == "fresh":
            session.append("--no-session-persistence")
        return _launch(invocation, session)

    def resume(self, invocation: Invocation) -> Launch:
        """A client that continues a conversation."""
        return _launch(invocation, [f"--resume={invocation.executor_session_id}"])

    def conversation(self, invocation: Invocation) -> ClaudeConversation:
        """The reader of its lines."""
        return ClaudeConversation(invocation, self.resume)

    def transcript(self, invocation: Invocation) -> TranscriptPlace:
        """In the client's own folder, below a name made of the working directory where the conversation began."""
        environment = _environment(invocation)
        home = environment.get("CLAUDE_CONFIG_DIR") or Path(environment.get("HOME") or "/", ".claude")
        projects = Path(invocation.project_dir, home, "projects")
        folder = _NO_NAME.sub("-", invocation.project_dir)[:LONGEST_FOLDER]
        return TranscriptPlace(path=projects / folder / file_name(invocation), among=projects)


def _launch(invocation: Invocation, session: list[str]) -> Launch:
    settings = invocation.settings
    files = {}
    argv = [*settings.get("argv", _PROGRAM), *_STREAM, *session, *_options(invocation)]
    if prompt := invocation.of_agent("system_prompt"):
        files["system-prompt.md"] = str(prompt)
        argv.append(f"--append-system-prompt-file={LAUNCH_FILES}/system-prompt.md")
    if invocation.mcp_servers:
        files["mcp.json"] = json.dumps({"mcpServers": invocation.mcp_servers})
        argv.append(f"--mcp-config={LAUNCH_FILES}/mcp.json")
    if invocation.untrusted_files and _USER_ONLY not in argv:
        argv.append(_USER_ONLY)
    if settings.get("strict_mcp", True) or invocation.untrusted_files:
        argv.append("--strict-mcp-config")
    argv += settings.get("args", ())
    return Launch(argv=argv, env=_environment(invocation), cwd=invocation.project_dir, files=files)


def _environment(invocation: Invocation) -> dict[str, str]:
    return {"DISABLE_AUTOUPDATER": "1"} | invocation.environment | dict(invocation.settings.get("env", {}))


def _options(invocation: Invocation) -> list[str]:
    """What the agent, the run and its limits say, as flags of the form `--flag=value`."""
    limits, schema = invocation.limits, invocation.of_agent("output_schema")
    mode = invocation.permission_mode or invocation.of_agent("permission_mode") or "ask"
    options = [*_PERMISSIONS[mode], *_tools(invocation.of_agent("tools"), invocation.mcp_servers)]
    if model := invocation.model or invocation.of_agent("model"):
        options.append(f"--model={model}")
    if limits.get("max_turns") is not None:
        options.append(f"--max-turns={limits['max_turns']}")
    if limits.get("budget_microdollars") is not None:
        options.append(f"--max-budget-usd={limits['budget_microdollars'] / 1_000_000:.6f}")
    if schema:
        options.append(f"--json-schema={json.dumps(schema)}")
    return options


def _tools(tools: list[str] | None, servers: Collection[str]) -> list[str]:
    """Built-in tools are made available by name; patterns and tools of MCP servers are allowed beforehand.

    So are all of our own server: what they may do is decided by the coordinator.
    """
    builtin = [name.partition("(")[0] for name in tools or () if not name.startswith("mcp__")]
    allowed = [name for name in tools or () if name.startswith("mcp__") or "(" in name]
    if OWN_SERVER in servers:
        allowed.append(f"mcp__{OWN_SERVER}")
    flags = [] if tools is None else [f"--tools={','.join(dict.fromkeys(builtin))}"]
    return [*flags, f"--allowedTools={','.join(allowed)}"] if allowed else flags
