"""The plugin for Claude Code: a conversation led elsewhere is logged, and its hooks are never in its way."""

import json
import os
import socket
import stat
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from callboard.client.calls import sessions
from tests.clients_fixture import ClaudeClient
from tests.support.claude import served_model
from tests.support.coordinator import Coordinator, payload_of, text_of
from tests.support.programs import scrubbed
from tests.support.world import World

pytestmark = pytest.mark.either_database

PLUGIN: Final = Path(__file__).resolve().parents[2] / "plugins" / "callboard"
SECONDS: Final = 5.0
"""No hook takes longer, with all that a busy machine adds; whoever waited for an answer would wait for ever."""


class Conversation:
    """A conversation that a person leads, as far as its hooks tell of it; each hook is a real process."""

    def __init__(self, coordinator: Coordinator | str, folder: Path) -> None:
        self.native_id = str(uuid.uuid4())
        self.folder = folder
        self.state = folder / "state"
        self.variables = folder / "variables.sh"
        self.environment = {
            "CALLBOARD_URL": coordinator if isinstance(coordinator, str) else coordinator.url,
            "CALLBOARD_TOKEN": "nobody" if isinstance(coordinator, str) else coordinator.token,
            "XDG_STATE_HOME": str(self.state),
            "CLAUDE_PROJECT_DIR": str(folder),
            "CLAUDE_ENV_FILE": str(self.variables),
        }

    def begin(self, name: str, **fields: Any) -> subprocess.Popen[bytes]:
        """Start one hook, as the client does."""
        about = {"session_id": self.native_id, "hook_event_name": name, "cwd": str(self.folder)} | fields
        process = subprocess.Popen(
            [sys.executable, "-I", str(PLUGIN / "hooks" / "report.py")],
            env=scrubbed(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(about).encode())
        process.stdin.close()
        process.stdin = None
        return process

    def hook(self, name: str, **fields: Any) -> float:
        """Run one hook to its end: it says nothing and succeeds. How many seconds it took."""
        begun = time.monotonic()
        process = self.begin(name, **fields)
        said = process.communicate(timeout=20)[0]
        assert (process.returncode, said) == (0, b"")
        return time.monotonic() - begun

    def tool(self, number: int) -> None:
        """One tool call, from its beginning to its end."""
        about = {"tool_use_id": f"t{number}", "tool_name": "Bash", "tool_input": {"command": f"echo {number}"}}
        self.hook("PreToolUse", **about)
        self.hook("PostToolUse", **about, tool_response={"stdout": str(number)}, duration_ms=3)

    def kept(self) -> list[Path]:
        """The files that are kept of it."""
        return sorted((self.state / "callboard" / "plugin").glob(f"{self.native_id}*"))


def logged(coordinator: Coordinator, session_id: str) -> list[tuple[str, Any]]:
    """What the log says that the conversation did."""
    found = []
    for event in coordinator.events(session_id, "message", "pre_tool", "post_tool"):
        payload = payload_of(event)
        found.append((event.type, text_of(payload) if event.type == "message" else payload["tool_use_id"]))
    return found


def only_session(coordinator: Coordinator) -> str:
    """The one session that there is."""
    (session,) = coordinator.client.send(sessions.list_()).items
    return session.session_id


@pytest.fixture(scope="session")
def database_kind() -> str:
    """What the plugin does is the same on either database."""
    return "sqlite"


@pytest.fixture
def coordinator(world: World) -> Coordinator:
    return world.coordinator()


def test_a43_the_hooks_log_a_conversation_and_end_its_run(coordinator: Coordinator, tmp_path: Path) -> None:
    conversation = Conversation(coordinator, tmp_path)
    conversation.hook("SessionStart", source="startup")
    session_id = only_session(coordinator)
    session = coordinator.session(session_id)
    assert (session.status, session.external) == ("running", True)
    assert session.binding is not None
    bound = (session.binding.executor_session_id, session.binding.hostname, session.binding.project_dir)
    assert bound == (conversation.native_id, socket.gethostname(), str(tmp_path))
    assert conversation.variables.read_text(encoding="ascii") == f"export AGENT_SESSION_ID={session_id}\n"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in conversation.kept()}
    assert (modes, stat.S_IMODE(conversation.kept()[0].parent.stat().st_mode)) == ({0o600}, 0o700)

    conversation.hook("UserPromptSubmit", prompt="fix it")
    conversation.tool(1)
    failed = {"tool_use_id": "t2", "tool_name": "Bash", "tool_input": {}}
    conversation.hook("PreToolUse", **failed)
    conversation.hook("PostToolUseFailure", **failed, error="exit 1", duration_ms=5)
    conversation.hook("Stop", last_assistant_message="fixed")
    tools = [("pre_tool", "t1"), ("post_tool", "t1"), ("pre_tool", "t2"), ("post_tool", "t2")]
    assert logged(coordinator, session_id) == [("message", "fix it"), *tools, ("message", "fixed")]
    outputs = [payload_of(event) for event in coordinator.events(session_id, "post_tool")]
    assert [(one["is_error"], one["duration_ms"]) for one in outputs] == [(False, 3), (True, 5)]
    order = {"text": "go on"}
    refused = coordinator.http.post(f"/sessions/{session_id}/messages", json=order)
    assert (refused.status_code, refused.json()["code"]) == (409, "session_external")

    conversation.hook("SessionEnd", reason="prompt_input_exit")
    assert coordinator.session(session_id).status == "finished"
    assert conversation.kept() == []
    assert coordinator.http.post(f"/sessions/{session_id}/messages", json=order).status_code == 201


def test_a_conversation_that_goes_on_is_the_same_session(coordinator: Coordinator, tmp_path: Path) -> None:
    conversation = Conversation(coordinator, tmp_path)
    for source in ("startup", "resume"):
        conversation.hook("SessionStart", source=source)
        conversation.hook("UserPromptSubmit", prompt=source)
        conversation.hook("SessionEnd")
    session_id = only_session(coordinator)
    assert coordinator.session(session_id).run_count == 2
    assert logged(coordinator, session_id) == [("message", "startup"), ("message", "resume")]


def test_a_run_whose_lease_lapsed_is_followed_by_another(world: World, tmp_path: Path) -> None:
    """The person was away for longer than the lease: the next prompt is the first event of the next run."""
    coordinator = world.coordinator(external_lease_seconds=1, grace_seconds=0.5, sweep_seconds=0.2)
    conversation = Conversation(coordinator, tmp_path)
    conversation.hook("UserPromptSubmit", prompt="before")
    session = coordinator.session(only_session(coordinator))
    assert session.latest_run_id is not None
    assert coordinator.ended(session.latest_run_id).reason == "interrupted"
    conversation.hook("UserPromptSubmit", prompt="after")
    assert coordinator.session(session.session_id).run_count == 2
    assert logged(coordinator, session.session_id) == [("message", "before"), ("message", "after")]


def test_hooks_at_the_same_time_lose_and_double_nothing(coordinator: Coordinator, tmp_path: Path) -> None:
    conversation = Conversation(coordinator, tmp_path)
    conversation.hook("SessionStart")
    about = {"tool_name": "Read", "tool_input": {}}
    begun = [conversation.begin("PreToolUse", tool_use_id=f"t{number}", **about) for number in range(12)]
    assert [(one.communicate(timeout=30)[0], one.returncode) for one in begun] == [(b"", 0)] * 12
    conversation.hook("Stop", last_assistant_message="read")
    session_id = only_session(coordinator)
    events = logged(coordinator, session_id)
    assert sorted(events) == sorted([("pre_tool", f"t{number}") for number in range(12)] + [("message", "read")])


def test_without_a_coordinator_hooks_are_quiet_and_quick_and_tell_it_later(world: World, tmp_path: Path) -> None:
    coordinator = world.coordinator()
    conversation = Conversation(coordinator, tmp_path)
    conversation.hook("UserPromptSubmit", prompt="one")
    coordinator.kill()
    assert conversation.hook("UserPromptSubmit", prompt="two") < SECONDS
    coordinator.restart()
    conversation.hook("SessionEnd")
    session_id = only_session(coordinator)
    assert logged(coordinator, session_id) == [("message", "one"), ("message", "two")]
    assert coordinator.session(session_id).status == "finished"


def tries(silent: socket.socket) -> int:
    """How many connections were begun since it was asked before."""
    silent.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            silent.accept()[0].close()
            count += 1
    return count


def test_a_coordinator_that_never_answers_holds_no_hook_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        conversation = Conversation(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
        took = [conversation.hook("UserPromptSubmit", prompt="0")]
        assert tries(silent) > 0
        took += [conversation.hook("UserPromptSubmit", prompt=str(number)) for number in (1, 2)]
        assert tries(silent) == 0, "it is left alone for a while"
    assert max(took) < SECONDS
    (spool,) = [path for path in conversation.kept() if path.suffix in (".spool", ".sending") and path.stat().st_size]
    assert "prompt" not in spool.name


@pytest.mark.parametrize("given", ["", "{", "[]", '{"session_id": "../../evil"}', '{"hook_event_name": "Stop"}'])
def test_a_hook_that_is_told_nonsense_does_nothing(tmp_path: Path, given: str) -> None:
    conversation = Conversation("http://127.0.0.1:1", tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", str(PLUGIN / "hooks" / "report.py")],
        input=given.encode(),
        env=scrubbed(conversation.environment),
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_where_callboard_was_never_used_nothing_is_kept(tmp_path: Path) -> None:
    conversation = Conversation("", tmp_path)
    conversation.environment |= {"CALLBOARD_URL": "", "CALLBOARD_TOKEN": "", "HOME": str(tmp_path)}
    conversation.hook("SessionStart")
    conversation.hook("UserPromptSubmit", prompt="private")
    assert list(tmp_path.iterdir()) == []


def test_the_coordinator_of_this_machine_is_found_and_told_later_when_it_was_stopped(
    world: World, tmp_path: Path
) -> None:
    """Its address is in the data directory while it listens; its token is given to nobody else who listens there."""
    coordinator = world.coordinator()
    conversation = Conversation(coordinator, tmp_path)
    conversation.environment |= {"CALLBOARD_URL": "", "CALLBOARD_TOKEN": ""}
    conversation.environment["CALLBOARD_DATA_DIR"] = str(coordinator.data_dir)
    conversation.hook("UserPromptSubmit", prompt="one")
    coordinator.program.close()
    conversation.hook("UserPromptSubmit", prompt="two")
    coordinator.restart()
    conversation.hook("SessionEnd")
    assert logged(coordinator, only_session(coordinator)) == [("message", "one"), ("message", "two")]


def test_in_a_conversation_of_our_own_the_hooks_do_nothing(coordinator: Coordinator, tmp_path: Path) -> None:
    """Its runner reports it; twice would be once too often."""
    conversation = Conversation(coordinator, tmp_path)
    conversation.environment["AGENT_RUN_ID"] = "run_00000000000000000000000000"
    conversation.hook("SessionStart")
    conversation.hook("UserPromptSubmit", prompt="mine")
    assert coordinator.client.send(sessions.list_()).items == []
    assert conversation.kept() == []


def _client_in(world: World, coordinator: Coordinator, binary: Path, model: Any) -> dict[str, str]:
    """The scrubbed environment of the client of a person who works with a coordinator."""
    home = world.folder / "home"
    (home / "tmp").mkdir(parents=True)
    environment = ClaudeClient(binary, home, model).environment
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    ours = {"CALLBOARD_URL": coordinator.url, "CALLBOARD_TOKEN_FILE": str(coordinator.data_dir / "token")}
    return environment | ours | {"XDG_STATE_HOME": str(home / "state")}


@pytest.mark.clients
@pytest.mark.timeout(180)
def test_a43_the_real_claude_code_with_the_plugin_is_an_external_session(world: World, claude_code: Path) -> None:
    """A43: the plugin in `-p` mode: messages and tool events are logged, the MCP server is there, children are ours."""
    with served_model() as model:
        coordinator = world.coordinator()
        environment = _client_in(world, coordinator, claude_code, model)
        client = [str(claude_code), "--plugin-dir", str(PLUGIN), "--dangerously-skip-permissions"]
        checked = subprocess.run(
            [str(claude_code), "plugin", "validate", str(PLUGIN)],
            env=environment, cwd=world.project, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert checked.returncode == 0, checked.stdout + checked.stderr
        child = "callboard run 'say child' --executor scripted -q"
        order = {"prompt": "say by a tool", "executor_type": "scripted", "mode": "async_poll"}
        tool = f"tool mcp__plugin_callboard_callboard__start_agent_session {json.dumps(order)}"
        prompt = f"[[bash {child}]] [[bash false]] [[{tool}]] [[say all done]]"
        done = subprocess.run(
            [*client, "-p", prompt, "--output-format", "stream-json", "--verbose"],
            env=environment, cwd=world.project, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    init = next(line for line in lines if line.get("subtype") == "init")
    assert [one["status"] for one in init["mcp_servers"] if "callboard" in one["name"]] == ["connected"]
    assert any("callboard" in one for one in init["skills"])

    listed = coordinator.client.send(sessions.list_()).items
    ours = next(one for one in listed if one.external)
    assert (ours.status, ours.run_count) == ("finished", 1)
    session = coordinator.session(ours.session_id)
    assert session.binding is not None
    assert session.binding.executor_session_id == init["session_id"]
    kinds = [kind for kind, _ in logged(coordinator, ours.session_id)]
    assert kinds == ["message", *["pre_tool", "post_tool"] * 3, "message"]
    told = logged(coordinator, ours.session_id)
    assert (told[0][1], told[-1][1]) == (prompt, "all done")
    tools = [payload_of(event) for event in coordinator.events(ours.session_id, "pre_tool", "post_tool")]
    assert tools[0]["tool_input"]["command"] == child
    assert [one["is_error"] for one in tools if "is_error" in one] == [False, True, False]
    below = [one for one in listed if not one.external]
    assert [one.parent_session_id for one in below] == [ours.session_id] * 2, "by the shell and by a tool"
    left = [path.name for path in (world.folder / "home" / "state").rglob("*") if path.is_file()]
    assert [name for name in left if name.endswith((".json", ".session"))] == []
