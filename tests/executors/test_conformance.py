"""What every executor must do, whatever the agent: one suite for all (A01, A02, A41, A70, R15, R16, R17)."""

import json
import os
import signal

from callboard.domain.event import MESSAGE, POST_TOOL, PRE_TOOL, RESULT
from callboard.executors.process import find_strays
from tests.executors.driver import bound_id, lives
from tests.executors.subjects import SLOW, Stage

NONSENSE = r"""printf '\377\376\000 no text\n{"type": "message", "text": \nplain words\n[1,2]\n{"type":"news"}\n'; """
NONSENSE_AND_MORE = NONSENSE + "head -c 3000000 /dev/zero | tr '\\0' x; echo; "


async def test_a01_a_start_is_a_prompt_an_answer_and_a_result_in_this_order(stage: Stage) -> None:
    attempt = stage.attempt(stage.subject.say("hello there"))
    outcome = await attempt.end()
    assert (outcome.kind, outcome.reason, outcome.exit_code) == ("completed", "completed", 0)
    assert outcome.result_text == "hello there"
    kinds = [event.event_type for _, event in attempt.events]
    assert kinds[0] == MESSAGE
    assert kinds[-1] == RESULT
    assert attempt.texts("user") == [attempt.invocation.prompt]
    assert attempt.texts("assistant") == ["hello there"]
    assert attempt.payloads(RESULT) == [{"result_text": "hello there"}]
    assert outcome.left == 0


async def test_a70_a_conversation_has_the_id_that_we_chose(stage: Stage) -> None:
    attempt = stage.attempt(stage.subject.say("hello"))
    await attempt.end()
    if attempt.executor.native_ids == "none":
        assert [one for one in attempt.actions if type(one).__name__ == "Bind"] == []
    else:
        assert bound_id(attempt) == str(stage.session)


async def test_a02_a_resume_remembers_turn_one(stage: Stage) -> None:
    await stage.attempt(stage.subject.say("the word is banana")).end()
    again = stage.attempt(stage.subject.recall if stage.subject.remembers else stage.subject.say("again"))
    outcome = await again.end()
    assert outcome.kind == "completed"
    if stage.subject.memory:
        assert bound_id(again) == str(stage.session)
        assert "the word is banana" in stage.subject.memory(again)


async def test_a02_a_start_of_a_conversation_that_is_there_goes_on_with_it(stage: Stage) -> None:
    await stage.attempt(stage.subject.say("one")).end()
    again = stage.attempt(stage.subject.say("two"), mode="start", executor_session_id=None)
    outcome = await again.end()
    assert (outcome.kind, outcome.result_text) == ("completed", "two")
    assert again.launches == (2 if stage.subject.remembers else 1)
    assert again.texts("user") == [again.invocation.prompt]


async def test_tool_events_are_paired(stage: Stage) -> None:
    attempt = stage.attempt(stage.subject.tool("echo made > made.txt"))
    assert (await attempt.end()).kind == "completed"
    assert (stage.work / "made.txt").read_text(encoding="utf-8") == "made\n"
    attempt.assert_tools_are_paired()
    (result,) = attempt.payloads(POST_TOOL)
    assert result["is_error"] is False
    assert result["duration_ms"] >= 0


async def test_usage_is_counted_once(stage: Stage) -> None:
    attempt = stage.attempt(stage.subject.usage)
    await attempt.end()
    assert sum(row.input_tokens for row in attempt.rows) == 300
    assert sum(row.output_tokens for row in attempt.rows) == 30
    prices = [row.cost_microdollars for row in attempt.rows if row.cost_microdollars is not None]
    assert sum(prices) > 0
    if stage.subject.price is not None:
        assert sum(prices) == stage.subject.price
    names = [(row.model, row.message_id) for row in attempt.rows]
    assert len(set(names)) == len(names)


async def test_r15_a_stop_leaves_no_process(stage: Stage) -> None:
    attempt = stage.attempt(stage.subject.tool(SLOW)).begin()
    await attempt.until_event(PRE_TOOL)
    slow = await stage.slow_pid()
    assert lives(slow)
    outcome = await attempt.stop()
    assert (outcome.kind, outcome.reason) == ("stopped", "stopped")
    assert not lives(slow)
    assert attempt.living() == []
    attempt.assert_tools_are_paired()


async def test_r16_kill_9_of_the_agent_in_the_middle_of_a_tool_leaves_no_process(stage: Stage) -> None:
    attempt = stage.attempt(stage.subject.tool(SLOW)).begin()
    await attempt.until_event(PRE_TOOL)
    slow = await stage.slow_pid()
    os.kill(attempt.agent_pid(), signal.SIGKILL)
    outcome = await attempt.end()
    assert (outcome.kind, outcome.signal) == ("failed", "SIGKILL")
    assert not lives(slow)
    assert attempt.living() == []
    attempt.assert_tools_are_paired()
    assert attempt.payloads(POST_TOOL)[0]["is_error"] is True


async def test_a_crash_is_a_failure_with_what_is_known_of_it(stage: Stage) -> None:
    attempt = stage.attempt(stage.subject.crash)
    outcome = await attempt.end()
    assert (outcome.kind, outcome.reason, outcome.error_code) == ("failed", "failed", "agent_crashed")
    assert outcome.signal in ("SIGKILL", "SIGABRT")
    assert outcome.error_message
    assert outcome.signal in outcome.error_message
    assert attempt.texts("assistant") == ["before"]
    assert attempt.payloads(RESULT) == []
    if stage.subject.name == "scripted":
        assert "scripted crash" in outcome.error_message
    if stage.subject.name == "command":
        assert "the last words" in outcome.error_message


async def test_a_program_that_is_not_there_is_a_failure_with_a_sentence(stage: Stage) -> None:
    gone = {**stage.subject.settings, "argv": ["/nowhere/agent"]}
    changes = {"settings": gone} if stage.subject.name != "scripted" else {"project_dir": "/nowhere"}
    outcome = await stage.attempt(stage.subject.say("x"), **changes).end()
    assert (outcome.kind, outcome.error_code) == ("failed", "launch_failed")
    assert "/nowhere" in str(outcome.error_message)


async def test_an_unknown_native_id_is_a_clear_error(stage: Stage) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    attempt = stage.attempt(stage.subject.say("x"), mode="resume", executor_session_id=unknown)
    outcome = await attempt.end()
    if not stage.subject.remembers:
        assert outcome.kind == "completed"
        return
    assert (outcome.kind, outcome.reason) == ("failed", "executor_session_missing")
    assert unknown in str(outcome.error_message)
    assert attempt.texts("assistant") == []


async def test_r17_garbage_in_the_output_survives(stage: Stage) -> None:
    """What is no line of the agent's language is shown or left out; what comes after it counts."""
    if stage.subject.name == "scripted":
        attempt = stage.attempt("garbage\nsay after")
    elif stage.subject.name == "command":
        attempt = stage.attempt(f"{NONSENSE_AND_MORE} echo after")
    else:
        wrapped = ["sh", "-c", NONSENSE_AND_MORE + 'exec "$0" "$@"', *stage.subject.settings["argv"]]
        attempt = stage.attempt(stage.subject.say("after"), settings={"argv": wrapped})
    outcome = await attempt.end()
    assert outcome.kind == "completed"
    assert attempt.texts("assistant")[-1] == "after"
    for _, event in attempt.events:
        text = json.dumps(event.payload)
        assert len(text) < 256 * 1024
        assert "\\u0000" not in text


async def test_a41_reading_the_journal_again_repeats_every_key_and_event(stage: Stage) -> None:
    first = stage.attempt(stage.subject.tool("echo hi"))
    outcome = await first.end()
    second = stage.attempt_of(first.invocation)
    assert await second.end() == outcome
    assert second.events == first.events
    assert second.rows == first.rows
    assert len({key for key, _ in first.events}) == len(first.events)
    assert sorted(key for key, _ in first.events) == [key for key, _ in first.events]


async def test_a41_a_second_runner_attaches_in_the_middle_and_nothing_is_said_twice(stage: Stage) -> None:
    first = stage.attempt(stage.subject.tool("cat go > /dev/null")).begin()
    await first.until_event(PRE_TOOL)
    await first.abandon()
    second = stage.attempt_of(first.invocation).begin()
    await second.until_event(PRE_TOOL)
    await stage.go()
    outcome = await second.end()
    assert (outcome.kind, outcome.result_text) == ("completed", "done")
    assert second.events[: len(first.events)] == first.events
    assert second.texts("user") == [first.invocation.prompt]
    inputs = [record.input_id for record in second.records if record.channel == "i"]
    assert len(set(inputs)) == len(inputs)
    third = stage.attempt_of(first.invocation)
    await third.end()
    assert third.events == second.events


async def test_a_run_leaves_nothing_running_behind(stage: Stage) -> None:
    attempt = stage.attempt(stage.subject.tool("setsid sleep 600 > /dev/null 2>&1 &"))
    outcome = await attempt.end()
    assert outcome.kind == "completed"
    assert outcome.left == 0
    assert find_strays([attempt.invocation.tracking]) == []
