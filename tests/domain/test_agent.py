"""Agent files: what is understood, what is refused, and that no text whatever does more than that."""

import json
import string
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callboard.domain import front_matter
from callboard.domain.agent import Agent, Dialect, is_name, read_agent
from callboard.domain.errors import CallboardError, InvalidRequest
from callboard.domain.front_matter import BadFrontMatter

SUBAGENT = """---
name: code-reviewer
description: Use this agent when code changed. Examples: <example>user: "I wrote x: y"</example>
tools: Read, Grep, Bash(git diff:*, git log:*)
model: inherit
color: blue
---

You review code.
---
Not front matter.
"""


def read(front: str, body: str = "x", dialect: Dialect = "callboard") -> Agent:
    """The agent of a file with this front matter."""
    return read_agent(f"---\n{front}\n---\n{body}\n", name="stem", dialect=dialect)


def test_a_whole_agent_is_understood() -> None:
    """40: every name of the front matter."""
    agent = read(
        """
name: reviewer
description: Reviews.
executor: scripted
model: small
permission_mode: read_only
tools: [Read, "Bash(git log:*)"]
mcp_servers: {docs: {url: "http://127.0.0.1:1/mcp", headers: {X-Agent-Session-Id: "${AGENT_SESSION_ID}"}}}
demands: {hostname: build-1, project_dir: /srv/code, tags: [gpu]}
tags: [review, no]
parameters_schema: {type: object, properties: {file: {type: string}}, required: [file]}
output_schema:
  type: object
  properties:
    on: {type: boolean}
limits: {max_turns: 3, timeout_seconds: 60, budget_microdollars: 1_0}
""".replace("1_0", "10"),
        "You review.",
    )
    assert (agent.name, agent.system_prompt, agent.tags) == ("reviewer", "You review.", ["review", "no"])
    assert agent.tools == ["Read", "Bash(git log:*)"]
    assert agent.limits.timeout_seconds == 60.0
    assert agent.output_schema == {"type": "object", "properties": {"on": {"type": "boolean"}}}
    assert set(msgspec.to_builtins(agent)) == set(Agent.__struct_fields__) - {"active"}


def test_the_name_of_the_file_is_the_agents_where_it_says_none() -> None:
    assert read("description: x").name == "stem"
    assert read("").system_prompt == "x"


def test_a_claude_code_subagent_is_understood_as_it_is() -> None:
    """40: existing .claude/agents files, also those whose front matter is no YAML."""
    agent = read_agent(SUBAGENT, name="stem", dialect="claude")
    assert (agent.name, agent.executor, agent.model) == ("code-reviewer", "claude-code", None)
    assert agent.tools == ["Read", "Grep", "Bash(git diff:*, git log:*)"]
    assert agent.description.endswith("</example>")
    assert agent.system_prompt == "You review code.\n---\nNot front matter."
    assert read("name: a\ntools: [Read]\nmodel: opus", dialect="claude").tools == ["Read"]
    assert read('name: a\ntools: "*"', dialect="claude").tools is None
    with pytest.raises(BadFrontMatter, match="disallowedTools"):
        read("name: a\ndisallowedTools: Bash", dialect="claude")


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a.b", "", "a b", "-a", ".", "..", "a\\b", "ä", "x" * 65, "a:b", "a\n"]
)
def test_a_name_is_a_plain_word_and_never_a_path(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(InvalidRequest):
        read(f"name: {json.dumps(name)}")


LAUGHS = "a: &a [x, x]\n" + "\n".join(f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("front", "words"),
    [
        (LAUGHS, "anchors and aliases"),
        ("name: &x a", "anchors and aliases"),
        ("tags: " + "[" * 5000, "levels"),
        ("tags: [" + "a," * 25_000 + "]", "values"),
        ("description: " + "x" * 100_000, "bytes"),
        ("name: !!python/object/apply:os.system ['true']", "constructor"),
        ("name: !!binary aGk=", "constructor"),
        ("name: !!timestamp 2001-01-01", "constructor"),
        ("name: a\nname: b", "twice"),
        ("1: a", "no text"),
        ("[a, b]: c", "no text"),
        ("<<: {name: a}", "unknown field"),
        ("- a", "list or a text"),
        ("name: a\n--- \nname: b", "not that of an agent|does not end|no YAML|Expected"),
        ("colour: red", "unknown field `colour`"),
        ("tools: Read", "/tools: expected a list, got a text"),
        ("active: no", "/active: expected true or false, got a text"),
        ("name: ../x", "/name: a plain word of letters"),
        ("mcp_servers: {callboard: {url: 'http://127.0.0.1'}}", "/mcp_servers/callboard: every agent has this one"),
        ("limits: {max_turns: 0}", "max_turns"),
        ("limits: {budget_microdollars: 0}", "/limits/budget_microdollars: more than 0"),
        ("limits: {budget_tokens: 0}", "/limits/budget_tokens: more than 0"),
        ("limits: {queue_timeout_seconds: 3}", "unknown field"),
        ("permission_mode: god", "/permission_mode: .*; it is one of ask, edit, full, read_only"),
        ("system_prompt: x", "below the front matter"),
        ("mcp_servers: {a: {command: x, url: y}}", "exactly one"),
        (
            "mcp_servers: {a: {url: 'http://x', headers: {X-Home: '${HOME}'}}}",
            "/headers/X-Home: nobody fills in .{7}; known",
        ),
        ("mcp_servers: {a: {url: 'http://${HOST}/mcp'}}", "/mcp_servers/a/url: nobody fills in"),
        ("demands: {project_dir: here}", "absolute"),
        ("demands: {project_dir: /a/../b}", "absolute"),
        ('description: "\\0"', "NUL"),
        ("name: 123", "/name: expected a text"),
        ("limits: {max_turns: 99999999999999999999}", "2\\^53|max_turns"),
    ],
)
def test_what_is_wrong_in_a_front_matter_is_said(front: str, words: str) -> None:
    if front.startswith("name: a\n---"):  # the second part is the body then
        assert read(front).system_prompt.startswith("name: b")
        return
    with pytest.raises(CallboardError, match=words):
        read(front)


@pytest.mark.parametrize("text", ["", "name: a", "---\nname: a", "----\nname: a\n---\n", " ---\n---\n"])
def test_a_file_without_front_matter_is_no_agent(text: str) -> None:
    with pytest.raises(BadFrontMatter):
        read_agent(text, name="stem", dialect="callboard")


def test_a_file_of_another_system_is_understood() -> None:
    text = "\N{BYTE ORDER MARK}---\r\nname: windows\r\n---\r\nBe brief.\r\n"
    agent = read_agent(text, name="stem", dialect="callboard")
    assert (agent.name, agent.system_prompt) == ("windows", "Be brief.")


def test_words_mean_what_they_say() -> None:
    """YAML 1.2: a country is not false, an hour is no number, a version no date."""
    values = front_matter.read(
        "a: no\nb: 12:30\nc: 2024-01-01\nd: 010\ne: 1e3\nf: ~\ng: true\nh: 1.5\ni: 0x1f\nj: .nan"
    )
    expected = {"a": "no", "b": "12:30", "c": "2024-01-01", "d": 10, "e": 1000.0}
    assert values == expected | {"f": None, "g": True, "h": 1.5, "i": "0x1f", "j": ".nan"}


YAML_PARTS = st.sampled_from([*"-:{}[]&*!|>'\"%@`#,?~<=\n \t", "---", "name", "a", "1", "!!", "...", "\\u0000", "é"])
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(string.printable, max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(string.ascii_letters, min_size=1), inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(YAML_PARTS, max_size=60).map("".join) | st.text(max_size=200), st.sampled_from(["callboard", "claude"]))
@example("name: \ud800", "callboard")
@example("a: 1e999", "callboard")
@example("\x85: \u2028", "claude")
def test_no_text_does_more_than_be_refused(front: str, dialect: Dialect) -> None:
    """Whatever stands in a file: an agent that is well formed, or a refusal with a sentence."""
    try:
        agent = read(front, dialect=dialect)
    except CallboardError:
        return
    assert is_name(agent.name)
    assert msgspec.json.decode(msgspec.json.encode(agent), type=Agent) == agent


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(string.ascii_letters, min_size=1), VALUES, max_size=5))
def test_what_is_written_as_yaml_is_read_as_it_was(values: dict[str, Any]) -> None:
    """Also where it looks like something else: quoted text stays text."""
    written = json.dumps(values, indent=1)
    assert front_matter.read(written) == values
    shown = yaml.safe_dump(values, default_style='"', allow_unicode=True)
    assert list(front_matter.read(shown)) == sorted(values)
