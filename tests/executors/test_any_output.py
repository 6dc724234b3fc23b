"""R17: no output of an agent, however strange, can break the reader of it; and reading it again gives the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.event import MAX_PAYLOAD_BYTES
from callboard.domain.invocation import Action, Emit, Invocation
from callboard.executors import EXECUTORS, load
from callboard.executors.journal import Record

WORDS = st.sampled_from(
    [
        "type",
        "subtype",
        "system",
        "init",
        "status",
        "requesting",
        "assistant",
        "user",
        "result",
        "stream_event",
        "control_request",
        "message",
        "message_key",
        "content",
        "text",
        "thinking",
        "tool_use",
        "tool_result",
        "tool_use_id",
        "id",
        "name",
        "input",
        "model",
        "usage",
        "input_tokens",
        "output_tokens",
        "command_lifecycle",
        "state",
        "started",
        "command_uuid",
        "isReplay",
        "uuid",
        "event",
        "message_start",
        "message_delta",
        "content_block_delta",
        "delta",
        "text_delta",
        "index",
        "request",
        "request_id",
        "can_use_tool",
        "tool_name",
        "control_cancel_request",
        "is_error",
        "terminal_reason",
        "completed",
        "errors",
        "model_usage_since_last_result",
        "costUSD",
        "inputTokens",
        "background_tasks_changed",
        "tasks",
        "task_type",
        "local_agent",
        "parent_tool_use_id",
        "session_id",
        "structured_output",
        "bound",
        "taken",
        "input_id",
        "approval",
        "tool_input",
        "turn_end",
        "result_data",
        "result_text",
        "end",
        "in_use",
        "missing",
        "failed",
        "note",
        "pre_tool",
        "post_tool",
        "tool_output",
        "offset",
        "message_id",
        "cost_microdollars",
        "prompt",
        "api_retry",
        "informational",
        "compact_boundary",
    ]
)
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
TYPES = st.sampled_from(
    [
        "system",
        "assistant",
        "user",
        "result",
        "stream_event",
        "control_request",
        "control_cancel_request",
        "command_lifecycle",
        "bound",
        "taken",
        "approval",
        "turn_end",
        "end",
        "note",
        "message",
        "delta",
        "pre_tool",
        "post_tool",
        "usage",
    ]
)
BLOCK = st.fixed_dictionaries({"type": WORDS, "text": VALUES, "id": WORDS, "name": WORDS, "tool_use_id": WORDS})
MESSAGE = st.fixed_dictionaries({"id": WORDS, "model": WORDS, "content": st.lists(BLOCK, max_size=3), "usage": VALUES})
EVENT = st.fixed_dictionaries({"type": WORDS, "message": MESSAGE, "delta": BLOCK, "index": VALUES, "usage": VALUES})
NEARLY = st.fixed_dictionaries(
    {"type": TYPES},
    optional={
        **dict.fromkeys(("subtype", "status", "state", "uuid", "request_id", "input_id", "tool_name", "model"), WORDS),
        **dict.fromkeys(("result", "is_error", "tool_input", "result_data", "errors", "text", "tasks"), VALUES),
        "message": MESSAGE,
        "event": EVENT,
        "request": st.fixed_dictionaries({"subtype": WORDS, "tool_name": WORDS, "input": VALUES}),
        "model_usage_since_last_result": st.dictionaries(WORDS, VALUES, max_size=2),
    },
)
LINES = (st.dictionaries(WORDS, VALUES, max_size=6) | NEARLY | NEARLY).map(
    lambda line: json.dumps(line).encode()
) | st.binary(max_size=60)
FACTS = st.sampled_from(
    [
        {"fact": "started", "pid": 1, "start_time": 1},
        {"fact": "interrupt"},
        {"fact": "signal", "signal": "SIGTERM"},
        {"fact": "overdue"},
        {"fact": "orphaned"},
        {"fact": "keeper_lost"},
        {"fact": "exit", "code": 0, "signal": None},
        {"fact": "exit", "code": None, "signal": "SIGKILL"},
        {"fact": "of a newer keeper", "what": 1},
    ]
).map(lambda fact: ("k", json.dumps(fact).encode()))
RECORDS = st.lists(
    st.tuples(st.just("o"), LINES) | st.tuples(st.just("e"), st.binary(max_size=30)) | FACTS
    | st.tuples(st.just("i"), LINES.map(lambda line: b"id.1 " + line)),
    max_size=25,
)  # fmt: skip
GONE = ("k", json.dumps({"fact": "gone", "certainty": "cgroup", "killed": 0, "left": 0}).encode())


def invocation(name: str) -> Invocation:
    """An attempt, with an output schema."""
    return Invocation(
        run_id="run_1",
        session_id="ses_1",
        attempt=1,
        executor_type=name,
        chosen_session_uuid="11111111-1111-4111-8111-111111111111",
        prompt="prompt",
        project_dir="/",
        state_dir="/",
        agent={"output_schema": {"type": "object"}},
        settings={"argv": ["true"]},
    )


def read(name: str, records: list[tuple[str, bytes]]) -> tuple[list[Action], Any]:
    """All that a launch with these records asks for, and its outcome."""
    conversation = load(name).conversation(invocation(name))
    actions = conversation.begin()
    for number, (channel, data) in enumerate([*records, GONE]):
        found = conversation.record(Record(1, number, number + 1, number, channel, data))
        assert len([one for one in found if isinstance(one, Emit)]) < 100
        actions += found
    return actions, conversation.outcome()


@pytest.mark.parametrize("name", EXECUTORS)
@given(records=RECORDS)
def test_any_output_is_read_to_an_outcome_twice_the_same(name: str, records: list[tuple[str, bytes]]) -> None:
    first, second = read(name, records), read(name, records)
    assert repr(first) == repr(second)
    for action in first[0]:
        if isinstance(action, Emit):
            assert len(json.dumps(action.payload, ensure_ascii=False).encode()) < MAX_PAYLOAD_BYTES
