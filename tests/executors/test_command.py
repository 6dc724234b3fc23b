"""The command executor: a program with the prompt, its lines as messages, its exit code as the outcome."""

import json
from typing import Any

import pytest

from callboard.domain.event import MESSAGE, NOTE, POST_TOOL, PRE_TOOL, RESULT
from callboard.executors.command import CommandExecutor
from tests.executors.driver import Attempt
from tests.executors.subjects import Stage


async def run(stage: Stage, *argv: str, prompt: str = "", **changes: Any) -> Attempt:
    """Run a program to its end."""
    settings = {"argv": list(argv), **changes.pop("settings", {})}
    attempt = stage.attempt(prompt, settings=settings, **changes)
    await attempt.end()
    return attempt


async def test_the_prompt_is_on_stdin_and_the_output_is_the_result(command_stage: Stage) -> None:
    attempt = await run(command_stage, "tr", "a-z", "A-Z", prompt="one\ntwo")
    assert attempt.texts("user") == ["one\ntwo"]
    assert attempt.texts("assistant") == ["ONE", "TWO"]
    assert attempt.payloads(RESULT) == [{"result_text": "ONE\nTWO"}]


async def test_a_prompt_that_nobody_reads_is_no_trouble(command_stage: Stage) -> None:
    attempt = await run(command_stage, "true", prompt="x" * 300_000)
    assert attempt.outcome
    assert (attempt.outcome.kind, attempt.outcome.result_text) == ("completed", "")


async def test_the_prompt_can_be_the_last_argument_and_is_never_text_for_a_shell(command_stage: Stage) -> None:
    prompt = "$(touch pwned); `id` 'x' --help"
    attempt = await run(command_stage, "echo", prompt=prompt, settings={"prompt": "argument"})
    assert attempt.texts("assistant") == [prompt]
    assert not (command_stage.work / "pwned").exists()


async def test_parameters_are_arguments_and_environment(command_stage: Stage) -> None:
    parameters = {"path": "a b; touch pwned", "count": 3, "deep": {"x": [1]}, "LD_PRELOAD": "evil", "not a name": 1}
    script = 'echo "$1|$2"; echo $CALLBOARD_PARAMETER_PATH; echo $CALLBOARD_PARAMETERS; echo "[$LD_PRELOAD]"'
    attempt = await run(command_stage, "sh", "-c", script, "sh", "${path}", "n=${count}", parameters=parameters)
    arguments, path, whole, preload = attempt.texts("assistant")
    assert arguments == "a b; touch pwned|n=3"
    assert path == "a b; touch pwned"
    assert json.loads(whole) == parameters
    assert preload == "[]"
    assert not (command_stage.work / "pwned").exists()


def test_a_parameter_that_is_missing_is_an_error_before_anything_runs(command_stage: Stage) -> None:
    invocation = command_stage.invocation("x", settings={"argv": ["echo", "${who}"]})
    with pytest.raises(ValueError, match="needs the parameter 'who'"):
        CommandExecutor().start(invocation)


def test_a_table_without_a_program_is_an_error_before_anything_runs(command_stage: Stage) -> None:
    with pytest.raises(ValueError, match="has no argv"):
        CommandExecutor().start(command_stage.invocation("x", settings={}))


def test_what_a_parameter_holds_is_not_filled_in_again(command_stage: Stage) -> None:
    settings = {"argv": ["echo", "${a}"]}
    invocation = command_stage.invocation("x", settings=settings, parameters={"a": "${b}", "b": "secret"})
    assert CommandExecutor().start(invocation).argv == ["echo", "${b}"]


async def test_the_exit_code_is_the_outcome_and_stderr_the_reason(command_stage: Stage) -> None:
    attempt = await run(command_stage, "sh", "-c", "echo said; echo why >&2; exit 5")
    outcome = attempt.outcome
    assert outcome
    assert (outcome.kind, outcome.exit_code, outcome.error_code) == ("failed", 5, "command_failed")
    assert outcome.error_message == "The agent exited with code 5.\nwhy"
    assert attempt.payloads(RESULT) == []


async def test_of_a_long_stderr_the_tail_is_kept(command_stage: Stage) -> None:
    attempt = await run(command_stage, "sh", "-c", "seq 100000 >&2; exit 1")
    message = str(attempt.outcome and attempt.outcome.error_message)
    assert len(message) <= 8000
    assert message.endswith("\n99999\n100000")


async def test_a_stop_that_the_command_heeds_with_exit_0_is_a_stop(command_stage: Stage) -> None:
    attempt = command_stage.attempt("trap 'echo bye; exit 0' TERM; echo ready; while :; do read x < go; done").begin()
    await attempt.until_event(MESSAGE, 2)
    outcome = await attempt.stop()
    assert (outcome.kind, outcome.exit_code) == ("stopped", 0)
    assert attempt.payloads(RESULT) == []


async def test_lines_of_our_language_become_what_they_say(command_stage: Stage) -> None:
    lines = [
        {"type": "message", "text": "hello", "message_key": "k"},
        {"type": "note", "text": "a note"},
        {"type": "pre_tool", "tool_use_id": "1", "tool_name": "t", "tool_input": {"a": 1}},
        {"type": "post_tool", "tool_use_id": "1", "tool_output": ["x"], "is_error": True},
        {"type": "delta", "message_key": "d", "offset": 0, "text": "de"},
        {"type": "usage", "model": "m", "message_id": "1", "input_tokens": 4},
        {"type": "result", "result_data": {"ok": True}},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    attempt = await run(command_stage, "cat", prompt=text)
    assert attempt.texts("assistant") == ["hello"]
    assert attempt.payloads(NOTE) == [{"text": "a note"}]
    assert attempt.payloads(PRE_TOOL)[0]["tool_input"] == {"a": 1}
    assert attempt.payloads(POST_TOOL)[0]["is_error"] is True
    assert attempt.deltas() == {"d": "de"}
    assert attempt.rows[0].input_tokens == 4
    assert attempt.payloads(RESULT) == [{"result_data": {"ok": True}}]


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "run_completed"}',
        '{"type": "message"}',
        '{"type": "usage", "model": 3}',
        '{"type": "pre_tool", "tool_use_id": 1}',
        "[1]",
        '{"a": 1}',
        '{"type": "message", "text": "cut',
    ],
)
async def test_lines_that_only_look_like_ours_are_messages(command_stage: Stage, line: str) -> None:
    attempt = await run(command_stage, "cat", prompt=line)
    assert attempt.texts("assistant") == [line]


async def test_a_result_for_a_call_that_was_never_made_is_nothing(command_stage: Stage) -> None:
    attempt = await run(command_stage, "cat", prompt='{"type": "post_tool", "tool_use_id": "x"}')
    assert attempt.payloads(POST_TOOL) == []


async def test_a_resume_runs_it_again(command_stage: Stage) -> None:
    for number in (1, 2):
        attempt = command_stage.attempt(f"echo run {number} >> log; cat log")
        await attempt.end()
        assert attempt.texts("assistant")[-1] == f"run {number}"
