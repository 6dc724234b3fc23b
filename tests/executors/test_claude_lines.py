"""The reader of Claude Code's lines, on lines that the scripted model cannot provoke."""

import json
from typing import Any

from callboard.domain.event import NOTE
from callboard.domain.invocation import Action, Bind, Emit, Finish, Input, Invocation, Outcome, Usage
from callboard.executors.claude_code import ClaudeCodeExecutor
from callboard.executors.claude_usage import UsageLedger
from callboard.executors.journal import Record

CALL = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 3}


def turn(model: str, given: int, made: int, dollars: float | None, **more: Any) -> dict[str, Any]:
    """What a result says of one model."""
    return {model: {"inputTokens": given, "outputTokens": made, "costUSD": dollars, **more}}


def rows(actions: list[Action]) -> list[tuple[str, str, int, int, int | None]]:
    """The rows of usage in short."""
    return [
        (row.model, row.message_id, row.input_tokens, row.output_tokens, row.cost_microdollars)
        for action in actions
        if isinstance(action, Usage)
        for row in action.rows
    ]


def test_the_difference_is_closed_for_each_model_also_downwards() -> None:
    ledger = UsageLedger("1.start")
    ledger.begun("a", "big", CALL)
    ledger.ended("a", CALL | {"output_tokens": 50})
    ledger.passed_by("b", "small", CALL)
    actions = ledger.result(turn("big", 10, 40, 0.01) | turn("small", 12, 9, 0.002))
    assert rows(actions) == [
        ("big", "adjustment:1.start.1", 0, -10, 10_000),
        ("small", "adjustment:1.start.1", 2, 8, 2000),
    ]


def test_a_variants_name_and_a_canonical_name_are_the_same_model() -> None:
    ledger = UsageLedger("1.start")
    for message_id, model in (("a", "opus"), ("b", "other-name")):
        ledger.begun(message_id, model, CALL)
        ledger.ended(message_id, CALL)
    actions = ledger.result(turn("opus[1m]", 10, 1, 0.5) | turn("provider.x", 10, 1, 0.5, canonicalModel="other-name"))
    assert [row[2:] for row in rows(actions)] == [(0, 0, 500_000), (0, 0, 500_000)]


def test_a_result_without_figures_adjusts_nothing() -> None:
    ledger = UsageLedger("1.start")
    assert ledger.result({}) == []
    assert ledger.abandon() == []


def test_figures_of_another_shape_are_no_figures_and_the_run_still_ends() -> None:
    for figures in ([1], "x", {"m": 1}, {"m": {"inputTokens": "many", "costUSD": "much"}}):
        told = Told()
        assert Finish(30.0) in told.succeed(model_usage_since_last_result=figures)


def test_a_call_that_was_asked_and_never_answered_is_noted_as_incomplete() -> None:
    ledger = UsageLedger("1.start")
    ledger.asked()
    (action,) = ledger.abandon()
    assert action == Usage([], final=True, incomplete=True)


def test_a_sub_agents_call_is_booked_once_however_many_lines_it_has() -> None:
    ledger = UsageLedger("1.start")
    assert len(ledger.passed_by("a", "m", CALL)) == 1
    assert ledger.passed_by("a", "m", CALL) == []


class Told:
    """A conversation that is told lines, without any process."""

    def __init__(self, **changes: Any) -> None:
        given: dict[str, Any] = {
            "run_id": "run_1",
            "session_id": "ses_1",
            "attempt": 1,
            "executor_type": "claude-code",
            "chosen_session_uuid": "11111111-1111-4111-8111-111111111111",
            "prompt": "hello",
            "project_dir": "/",
            "state_dir": "/",
        }
        self.conversation = ClaudeCodeExecutor().conversation(Invocation(**(given | changes)))
        (self.prompt,) = self.conversation.begin()
        self._offset = 0

    def line(self, *texts: str, channel: str = "o") -> list[Action]:
        """What these lines ask for."""
        actions: list[Action] = []
        for text in texts:
            self._offset += 100
            actions += self.conversation.record(Record(1, self._offset, self._offset + 100, 0, channel, text.encode()))
        return actions

    def hear(self, **line: Any) -> list[Action]:
        """What a JSON line asks for."""
        return self.line(json.dumps(line))

    def end(self, code: int | None, *facts: str, signal: str | None = None) -> Outcome:
        """The outcome after these facts, an exit and the end."""
        for fact in facts:
            self.line(json.dumps({"fact": fact, "signal": "SIGTERM"}), channel="k")
        self.line(json.dumps({"fact": "exit", "code": code, "signal": signal}), channel="k")
        self.line(json.dumps({"fact": "gone", "certainty": "cgroup", "killed": 0, "left": 0}), channel="k")
        outcome = self.conversation.outcome()
        assert isinstance(outcome, Outcome)
        return outcome

    def succeed(self, **more: Any) -> list[Action]:
        """A whole turn that went well."""
        self.hear(type="system", subtype="init", session_id="s")
        good = {"subtype": "success", "is_error": False, "terminal_reason": "completed", "result": "fine"}
        return self.hear(type="result", **(good | more))


def test_a_success_with_exit_0_is_completed() -> None:
    told = Told()
    told.succeed()
    assert told.end(0).kind == "completed"


def test_success_is_judged_by_error_flag_reason_and_exit_code_together() -> None:
    """R15: a stop that came after the last turn changes nothing; a crash of the client does."""
    cases: list[tuple[dict[str, Any], int | None, list[str], str]] = [
        ({"is_error": True}, 0, [], "failed"),
        ({"terminal_reason": "something_new"}, 0, [], "failed"),
        ({}, 1, [], "failed"),
        ({}, 143, ["signal"], "completed"),
        ({}, 1, ["overdue", "signal"], "completed"),
        ({"is_error": True, "terminal_reason": "aborted_tools"}, 1, ["interrupt"], "stopped"),
    ]
    for result, code, facts, kind in cases:
        told = Told()
        told.succeed(**result)
        assert told.end(code, *facts).kind == kind, (result, code, facts)


def test_exit_0_without_a_result_is_no_success() -> None:
    told = Told()
    told.hear(type="system", subtype="init", session_id="s")
    outcome = told.end(0)
    assert (outcome.kind, outcome.error_code) == ("failed", "agent_crashed")
    stopped = Told()
    assert stopped.end(0, "interrupt").kind == "stopped"


def test_a_turn_that_was_begun_after_the_last_result_must_end_too() -> None:
    told = Told()
    told.succeed()
    told.hear(type="system", subtype="init", session_id="s")
    assert told.end(0).kind == "failed"


def test_what_befell_the_keeper_is_the_reason() -> None:
    for fact, reason, code in (
        ("orphaned", "interrupted", "orphaned"),
        ("terminated", "interrupted", "terminated"),
        ("keeper_lost", "failed", "keeper_lost"),
    ):
        outcome = Told().end(None, fact, signal="SIGTERM")
        assert (outcome.kind, outcome.reason, outcome.error_code) == ("failed", reason, code)


def test_lines_of_the_right_kind_and_the_wrong_shape_are_shown_and_survived() -> None:
    told = Told()
    shapes: list[dict[str, Any]] = [
        {"type": "assistant"},
        {"type": "assistant", "message": {"id": 1, "content": 7}},
        {"type": "assistant", "message": {"id": "a", "content": [{"type": "tool_use"}]}},
        {"type": "user", "message": "x"},
        {"type": "stream_event", "event": None},
        {"type": "stream_event", "event": {"type": "content_block_delta", "delta": {"type": "text_delta"}}},
        {"type": "control_request", "request_id": "r"},
        {"type": "system", "subtype": "background_tasks_changed", "tasks": [{}]},
        {"type": "command_lifecycle"},
    ]
    for shape in shapes:
        actions = told.hear(**shape)
        assert [one.event_type for one in actions if isinstance(one, Emit)] == [NOTE], shape
    assert told.hear(type="of a newer client", whatever=1) == []


def test_unreadable_lines_are_shown_a_bounded_number_of_times() -> None:
    told = Told()
    assert len(told.line(*["no json at all"] * 1000)) == 20


def test_a_request_that_we_do_not_know_is_refused_and_not_left_waiting() -> None:
    told = Told()
    (answer,) = told.hear(type="control_request", request_id="r1", request={"subtype": "new_thing"})
    assert isinstance(answer, Input)
    response = json.loads(answer.text)["response"]
    assert (response["subtype"], response["request_id"]) == ("error", "r1")


def test_a_request_that_the_client_takes_back_is_withdrawn_once() -> None:
    told = Told()
    asked = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {}}
    told.hear(type="control_request", request_id="r1", request=asked)
    assert len(told.hear(type="control_cancel_request", request_id="r1")) == 1
    assert told.hear(type="control_cancel_request", request_id="r1") == []


def test_inputs_carry_the_same_ids_in_every_reading() -> None:
    first, second = Told(), Told()
    assert first.prompt == second.prompt
    assert first.conversation.message("x", "k") == second.conversation.message("x", "k")
    assert first.prompt != Told(attempt=2).prompt


def test_after_a_turn_with_a_command_in_the_background_the_run_waits_a_bounded_time() -> None:
    told = Told(settings={"background_seconds": 5})
    told.hear(type="system", subtype="background_tasks_changed", tasks=[{"task_type": "local_bash"}])
    assert told.succeed()[-1] == Finish(5)
    assert told.hear(type="system", subtype="background_tasks_changed", tasks=[]) == [Finish(30.0)]
    assert Finish(None) in told.hear(type="system", subtype="init", session_id="s")


def test_a_client_that_does_not_tell_what_it_took_takes_the_prompt_with_its_first_turn() -> None:
    told = Told()
    bind, emit = told.hear(type="system", subtype="init", session_id="s")
    assert bind == Bind("s")
    assert isinstance(emit, Emit)
    assert emit.payload["content"] == [{"type": "text", "text": "hello"}]
    assert told.hear(type="system", subtype="init", session_id="s") == []


def test_a_message_that_the_client_never_takes_does_not_hold_up_the_run() -> None:
    told = Told()
    told.hear(type="system", subtype="init", session_id="s")
    assert told.conversation.message("more", "1")
    assert told.succeed()[-1] == Finish(30.0)
    assert told.end(143, "overdue", "signal").kind == "completed"


def test_a_message_that_was_taken_is_named_and_not_said_again() -> None:
    """A41: a restarted runner reads that an earlier one said it, and is ordered to say it once more."""
    told, before = Told(), Told()
    (said,) = before.conversation.message("more", "msg_1")
    assert isinstance(said, Input)
    told.hear(type="system", subtype="init", session_id="s")
    told.line(f"{said.input_id} {said.text}", channel="i")
    assert told.conversation.message("more", "msg_1") == [said], "the keeper knows it already"
    (emit,) = told.hear(type="user", isReplay=True, uuid=json.loads(said.text)["uuid"], message={})
    assert isinstance(emit, Emit)
    assert (emit.payload["role"], emit.payload["message_id"]) == ("user", "msg_1")
    assert told.conversation.message("more", "msg_1") == []
    assert told.succeed()[-1] == Finish(30.0)
