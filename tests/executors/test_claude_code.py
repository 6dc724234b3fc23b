"""A70: the real Claude Code client, run by our executor against the scripted model."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from callboard.domain.event import MESSAGE, NOTE, POST_TOOL, PRE_TOOL
from callboard.domain.invocation import Approve, Decision, Delta, PermissionMode, Usage, Withdraw
from callboard.executors.base import launch
from tests.clients_fixture import ClaudeClient
from tests.executors.driver import Attempt, bound_id, lives
from tests.executors.subjects import SLOW, Stage

pytestmark = pytest.mark.clients


def spent(claude: ClaudeClient, stage: Stage) -> tuple[int, int, int, int]:
    """What the server counted for the conversation: input, output, cache read, cache creation."""
    usages = [one.usage for one in claude.model.answers if one.session == str(stage.session) and one.complete]
    given, made, cache_read, cache_creation = (sum(column) for column in zip(*usages, strict=True))
    return given, made, cache_read, cache_creation


def counted(*attempts: Attempt) -> tuple[int, int, int, int]:
    """What our ledger counted."""
    rows = [row for attempt in attempts for row in attempt.rows]
    return (
        sum(row.input_tokens for row in rows),
        sum(row.output_tokens for row in rows),
        sum(row.cache_read_tokens for row in rows),
        sum(row.cache_creation_tokens for row in rows),
    )


async def wait_for_hold(claude: ClaudeClient, name: str) -> bool:
    """Wait until the model holds an answer back."""
    return await asyncio.to_thread(claude.model.wait_for_hold, name)


async def test_a70_our_id_is_its_id_files_are_edited_and_usage_is_the_servers_count(
    claude: ClaudeClient, claude_stage: Stage
) -> None:
    note = claude_stage.work / "note.txt"
    prompt = f"[[say writing ++ think hm ++ write {note} hello ++ usage 7 8 9 10]] [[bash cat note.txt]] [[say done]]"
    attempt = claude_stage.attempt(prompt)
    outcome = await attempt.end()
    assert outcome.kind == "completed"
    assert note.read_text(encoding="utf-8").strip() == "hello"
    assert bound_id(attempt) == str(claude_stage.session)
    assert [path.stem for path in claude.transcripts()] == [str(claude_stage.session)]
    assert counted(attempt) == spent(claude, claude_stage)
    assert [payload["tool_name"] for payload in attempt.payloads(PRE_TOOL)] == ["Write", "Bash"]
    assert attempt.payloads(POST_TOOL)[1]["tool_output"] == "hello"
    blocks = [payload["content"][0]["type"] for payload in attempt.payloads(MESSAGE) if payload["role"] == "assistant"]
    assert blocks == ["thinking", "text", "text"]


async def test_a70_what_a_resume_costs_is_counted_once_more_and_not_twice(
    claude: ClaudeClient, claude_stage: Stage
) -> None:
    """The client's own totals are cumulative over the conversation; ours are not."""
    first = claude_stage.attempt("[[say one ++ usage 100 10]]")
    await first.end()
    second = claude_stage.attempt("[[say two ++ usage 1000 100]]")
    await second.end()
    assert counted(first)[:2] == (100, 10)
    assert counted(second)[:2] == (1000, 100)
    assert counted(first, second) == spent(claude, claude_stage)
    cost_of_first, cost_of_second = (
        sum(row.cost_microdollars or 0 for row in attempt.rows) for attempt in (first, second)
    )
    assert cost_of_second == 10 * cost_of_first


async def test_a70_after_kill_9_the_conversation_goes_on(claude: ClaudeClient, claude_stage: Stage) -> None:
    first = claude_stage.attempt("remember plums [[bash true]] [[hold killed]]").begin()
    await first.until_event(POST_TOOL)
    assert await wait_for_hold(claude, "killed")
    os.kill(first.agent_pid(), signal.SIGKILL)
    assert (await first.end()).kind == "failed"
    second = claude_stage.attempt("[[say back]]")
    assert (await second.end()).result_text == "back"
    assert "remember plums" in json.dumps(claude.model.requests[-1]["messages"])
    claude.model.release("killed")


async def test_a70_fresh_leaves_no_conversation_behind_and_can_be_repeated(
    claude: ClaudeClient, claude_stage: Stage
) -> None:
    for text in ("one", "two"):
        attempt = claude_stage.attempt(f"[[say {text}]]", mode="start", context="fresh", executor_session_id=None)
        assert (await attempt.end()).result_text == text
        assert bound_id(attempt) == str(claude_stage.session)
    assert claude.transcripts() == []
    assert "[[say one]]" not in json.dumps(claude.model.requests[-1]["messages"])


async def test_a_killed_run_keeps_its_usage_and_says_what_is_missing(claude_stage: Stage) -> None:
    """A65: the first call is exact, the second never told its figures."""
    attempt = claude_stage.attempt("[[bash true ++ usage 100 10]] [[say a b c d e f g h ++ drip 30]]").begin()
    await attempt.until(Delta)
    os.kill(attempt.agent_pid(), signal.SIGKILL)
    await attempt.end()
    exact, begun = attempt.rows
    assert (exact.input_tokens, exact.output_tokens) == (100, 10)
    assert begun.input_tokens == 1000
    last = [one for one in attempt.actions if isinstance(one, Usage)][-1]
    assert last.final
    assert last.incomplete


async def test_r15_an_interrupt_while_the_model_is_silent_ends_the_turn_without_a_signal(
    claude: ClaudeClient, claude_stage: Stage
) -> None:
    attempt = claude_stage.attempt("[[hold silent]]").begin()
    await attempt.until_event(MESSAGE)
    assert await wait_for_hold(claude, "silent")
    outcome = await attempt.stop()
    assert (outcome.kind, outcome.reason) == ("stopped", "stopped")
    assert [record.fact["signal"] for record in attempt.records if record.is_fact("signal")] == []
    claude.model.release("silent")


async def test_a_permission_request_waits_for_the_decision_and_takes_its_input(claude_stage: Stage) -> None:
    attempt = claude_stage.attempt("[[bash touch asked]] [[say done]]", permission_mode="ask")
    attempt.decision = Decision(allow=True, updated_input={"command": "touch decided"})
    assert (await attempt.end()).kind == "completed"
    request = await attempt.until(Approve)
    assert (request.tool_name, request.tool_input) == ("Bash", {"command": "touch asked"})
    assert request.tool_use_id == attempt.payloads(PRE_TOOL)[0]["tool_use_id"]
    assert await attempt.until(Withdraw) == Withdraw(request.request_id)
    assert (claude_stage.work / "decided").exists()
    assert not (claude_stage.work / "asked").exists()


async def test_a_denied_tool_is_not_run_and_the_agent_goes_on(claude_stage: Stage) -> None:
    attempt = claude_stage.attempt("[[bash touch asked]] [[say went on]]", permission_mode="ask")
    attempt.decision = Decision(allow=False, reason="not today")
    assert (await attempt.end()).result_text == "went on"
    (result,) = attempt.payloads(POST_TOOL)
    assert result["is_error"]
    assert "not today" in result["tool_output"]
    assert not (claude_stage.work / "asked").exists()


async def test_a_decision_that_was_given_before_the_runner_died_is_not_asked_again(claude_stage: Stage) -> None:
    first = claude_stage.attempt("[[bash touch asked]] [[say done]]", permission_mode="ask").begin()
    request = await first.until(Approve)
    await first.abandon()
    second = claude_stage.attempt_of(first.invocation)
    second.decision = Decision(allow=True)
    assert (await second.end()).kind == "completed"
    third = claude_stage.attempt_of(first.invocation)
    await third.end()
    assert third.conversation.decide(request.request_id, Decision(allow=False)) == []
    assert third.events == second.events


@pytest.mark.parametrize(
    ("mode", "edited", "ran"),
    [("read_only", False, False), ("ask", False, False), ("edit", True, False), ("full", True, True)],
)
async def test_the_permission_ladder(claude_stage: Stage, mode: str, edited: bool, ran: bool) -> None:
    """Each step allows more without asking; here nobody says yes."""
    note = claude_stage.work / "note.txt"
    command = 'python3 -c \'open("ran", "w")\''  # edits in the directory, as by touch, count as edits
    attempt = claude_stage.attempt(f"[[write {note} x]] [[bash {command}]] [[say end]]", permission_mode=mode)
    attempt.decision = Decision(allow=False)
    assert (await attempt.end()).result_text == "end"
    assert (note.exists(), (claude_stage.work / "ran").exists()) == (edited, ran)
    asked = [one.tool_name for one in attempt.actions if isinstance(one, Approve)]
    assert asked == {"read_only": [], "ask": ["Write", "Bash"], "edit": ["Bash"], "full": []}[mode]


async def test_read_only_holds_against_the_settings_of_a_repository(claude_stage: Stage) -> None:
    """S12: a checked-in file may not allow what the run may not do."""
    attempt = claude_stage.attempt("[[bash touch ran]] [[say end]]", permission_mode="read_only")
    folder = claude_stage.work / ".claude"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"permissions": {"allow": ["Bash(*)", "Write(*)"]}}))
    await attempt.end()
    assert not (claude_stage.work / "ran").exists()


@pytest.mark.parametrize("mode", ["read_only", "ask", "edit", "full"])
@pytest.mark.parametrize("table", [{}, {"strict_mcp": False}])
def test_s12_what_nobody_has_trusted_is_left_out_in_every_mode(
    claude_stage: Stage, mode: PermissionMode, table: dict[str, Any]
) -> None:
    """S12: settings and servers of the repository, whatever the runner's file lets a client use else."""
    invocation = claude_stage.invocation("x", permission_mode=mode, settings=table, untrusted_files=["settings.json"])
    argv = launch(claude_stage.subject.executor(), invocation).argv
    assert [argv.count(flag) for flag in ("--setting-sources=user", "--strict-mcp-config")] == [1, 1]


async def test_a_message_while_a_tool_runs_is_taken_into_the_turn(claude_stage: Stage) -> None:
    attempt = claude_stage.attempt("[[bash cat go > /dev/null]] [[say not reached]]").begin()
    await attempt.until_event(PRE_TOOL)
    assert await attempt.say("also [[say heard you]]")
    await claude_stage.go()
    outcome = await attempt.end()
    assert outcome.result_text == "heard you"
    assert attempt.texts("user") == [attempt.invocation.prompt, "also [[say heard you]]"]


async def test_a_message_while_the_last_answer_streams_becomes_another_turn(claude_stage: Stage) -> None:
    attempt = claude_stage.attempt("[[say one two three four ++ drip 1]]").begin()
    await attempt.until(Delta)
    assert await attempt.say("and [[say five]]")
    outcome = await attempt.end()
    assert outcome.result_text == "five"
    assert attempt.texts("assistant") == ["one two three four", "five"]
    assert not await attempt.say("too late", "2")


async def test_deltas_are_the_message_that_follows(claude_stage: Stage) -> None:
    attempt = claude_stage.attempt("[[say one two three ++ drip 0.2]]")
    await attempt.end()
    (key,) = attempt.deltas()
    assert attempt.deltas()[key] == "one two three"
    assert attempt.payloads(MESSAGE)[-1]["message_key"] == key


async def test_sub_agents_are_shown_below_their_call_and_counted(claude: ClaudeClient, claude_stage: Stage) -> None:
    inner = "[[bash echo inner ++ usage 5 6 7 8]] [[say inner done ++ usage 50 60 70 80]]"
    call = json.dumps({"description": "d", "prompt": inner, "subagent_type": "general-purpose"})
    attempt = claude_stage.attempt(f"[[tool Task {call}]] [[say outer]]")
    assert (await attempt.end()).kind == "completed"
    attempt.assert_tools_are_paired()
    outer, below = attempt.payloads(PRE_TOOL)
    assert (outer["tool_name"], below["tool_name"]) == ("Task", "Bash")
    assert below["parent_tool_use_id"] == outer["tool_use_id"]
    assert counted(attempt) == spent(claude, claude_stage)


async def test_the_limit_of_turns_ends_the_run_with_its_reason(claude: ClaudeClient, claude_stage: Stage) -> None:
    attempt = claude_stage.attempt("[[bash true]] [[bash true]] [[say x]]", limits={"max_turns": 1})
    outcome = await attempt.end()
    assert (outcome.kind, outcome.reason, outcome.exit_code) == ("failed", "max_turns", 1)
    assert counted(attempt) == spent(claude, claude_stage)


async def test_the_budget_ends_the_run_with_its_reason(claude: ClaudeClient, claude_stage: Stage) -> None:
    budget = {"budget_microdollars": 1000}
    attempt = claude_stage.attempt("[[bash true]] [[bash true]] [[say x]]", limits=budget)
    outcome = await attempt.end()
    assert (outcome.kind, outcome.reason) == ("stopped", "budget_exceeded")
    assert counted(attempt) == spent(claude, claude_stage)
    assert sum(row.cost_microdollars or 0 for row in attempt.rows) > 1000


async def test_an_error_of_the_model_is_a_failure_and_nobody_said_it(claude_stage: Stage) -> None:
    """The client calls this a success; is_error and the reason say otherwise."""
    attempt = claude_stage.attempt("[[error 400]]")
    outcome = await attempt.end()
    assert (outcome.kind, outcome.error_code) == ("failed", "api_error")
    assert "scripted 400" in str(outcome.error_message)
    assert attempt.texts("assistant") == []


async def test_an_overloaded_model_is_asked_again_and_that_is_shown(claude_stage: Stage) -> None:
    attempt = claude_stage.attempt("[[error 529 1 ++ say there]]")
    assert (await attempt.end()).result_text == "there"
    assert "529 overloaded" in attempt.payloads(NOTE)[0]["text"]


async def test_a_cut_answer_is_asked_for_again_without_double_text(claude_stage: Stage) -> None:
    attempt = claude_stage.attempt("[[say a whole sentence ++ drop 1]]")
    await attempt.end()
    assert attempt.texts("assistant") == ["a whole sentence"]


async def test_a_flag_that_the_client_does_not_know_is_a_failure_with_its_words(claude_stage: Stage) -> None:
    settings = claude_stage.subject.settings | {"args": ["--no-such-flag"]}
    outcome = await claude_stage.attempt("[[say x]]", settings=settings).end()
    assert (outcome.kind, outcome.exit_code) == ("failed", 1)
    assert "--no-such-flag" in str(outcome.error_message)


@pytest.mark.parametrize(
    "prompt", ["--help", "-p", "--resume x", "$(touch pwned) `id` ${HOME}", "é\u2028\U0001f3ad\n\n<b>"]
)
async def test_a_prompt_is_a_prompt_whatever_it_looks_like(claude_stage: Stage, prompt: str) -> None:
    attempt = claude_stage.attempt(prompt)
    outcome = await attempt.end()
    assert outcome.kind == "completed"
    assert outcome.result_text == "ok: " + " ".join(prompt.split())[:80]
    assert attempt.texts("user") == [prompt]
    assert list(claude_stage.work.glob("pwned")) == []


async def test_a_prompt_of_a_megabyte_arrives(claude_stage: Stage) -> None:
    attempt = claude_stage.attempt("x" * (1 << 20) + " [[say read]]")
    assert (await attempt.end()).result_text == "read"
    assert attempt.payloads(MESSAGE)[0]["truncated"]


async def test_a_background_command_is_waited_for_and_its_end_is_another_turn(claude_stage: Stage) -> None:
    call = json.dumps({"command": "cat go > /dev/null", "run_in_background": True})
    attempt = claude_stage.attempt(f"[[tool Bash {call}]] [[say started it]]").begin()
    await attempt.until_event(MESSAGE, 2)
    await claude_stage.go()
    outcome = await attempt.end()
    assert outcome.kind == "completed"
    assert len(attempt.texts("assistant")) == 2


async def test_a_background_command_that_never_ends_does_not_hold_up_the_run(claude_stage: Stage) -> None:
    call = json.dumps({"command": SLOW, "run_in_background": True})
    settings = claude_stage.subject.settings | {"background_seconds": 0.5}
    attempt = claude_stage.attempt(f"[[tool Bash {call}]] [[say started it]]", settings=settings).begin()
    slow = await claude_stage.slow_pid()
    outcome = await attempt.end()
    assert (outcome.kind, outcome.result_text) == ("completed", "started it")
    assert not lives(slow)


async def test_s13_no_secret_stands_in_an_argument(claude: ClaudeClient, claude_stage: Stage) -> None:
    """A03: prompt, model, tools and MCP servers of the agent reach the client, by files that are private."""
    server = Path(__file__).with_name("mini_mcp.py")
    agent = {
        "system_prompt": "You are canary-prompt.",
        "model": "claude-canary",
        "tools": ["Read", "mcp__mini__echo"],
    }
    servers = {"mini": {"command": "python3", "args": [str(server)], "env": {"SECRET": "canary-secret"}}}
    script = '[[tool mcp__mini__echo {"text": "hi"}]] [[hold look]]'
    attempt = claude_stage.attempt(script, agent=agent, mcp_servers=servers).begin()
    result = await attempt.until_event(POST_TOOL)
    assert result["tool_output"] == "echo: hi"
    assert await wait_for_hold(claude, "look")
    arguments = " ".join(psutil.Process(attempt.agent_pid()).cmdline())
    for secret in ("canary-secret", "canary-prompt", "[[tool"):
        assert secret not in arguments
    request = claude.model.requests[-1]
    assert request["model"] == "claude-canary"
    assert "You are canary-prompt." in json.dumps(request["system"])
    tools = {tool["name"] for tool in request["tools"]}
    assert {"Read", "mcp__mini__echo"} <= tools
    assert not tools & {"Bash", "Edit", "Write"}
    claude.model.release("look")
    await attempt.stop()
