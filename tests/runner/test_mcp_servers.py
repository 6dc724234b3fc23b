"""Which MCP servers an agent is started with, and what of them is resolved."""

import os

import pytest

from callboard.runner.mcp_servers import described_servers, mcp_servers

AGENT = {
    "AGENT_SESSION_ID": "ses_x",
    "AGENT_RUN_ID": "run_x",
    "CALLBOARD_TOKEN": "cbs_secret",
    "CALLBOARD_URL": "http://127.0.0.1:1",
    "HOME": "/home/agent",
}


def test_s7_only_the_agents_own_identity_is_resolved_in_one_pass() -> None:
    """S6, S7: no variable of the runner or the agent besides, and nothing inside of what was put in."""
    own = {
        "url": "${CALLBOARD_URL}/x?dir=${PROJECT_DIR}",
        "headers": {"X-Agent-Session-Id": "${AGENT_SESSION_ID}", "Authorization": "Bearer ${CALLBOARD_TOKEN}"},
    }
    program = {"command": "x", "args": ["${HOME}", "$CALLBOARD_TOKEN", "${PATH}", "${CALLBOARD_TOKEN:-x}", 7]}
    found = mcp_servers({"own": own, "program": program}, AGENT, "/srv/${CALLBOARD_TOKEN}")
    assert found["own"] == {
        "url": "http://127.0.0.1:1/x?dir=/srv/${CALLBOARD_TOKEN}",
        "headers": {"X-Agent-Session-Id": "ses_x", "Authorization": "Bearer cbs_secret"},
    }
    assert found["program"] == program
    assert os.environ["PATH"] not in str(found)


def test_our_own_server_is_always_there_with_the_agents_token_and_cannot_be_replaced() -> None:
    found = mcp_servers({"callboard": {"command": "evil"}}, AGENT, "/srv")
    assert found["callboard"]["args"][-2:] == ["callboard", "mcp"]
    assert found["callboard"]["env"] == {name: value for name, value in AGENT.items() if name != "HOME"}
    assert mcp_servers(None, AGENT, "/srv") == found


def test_an_agent_names_servers_of_the_runners_file() -> None:
    described = {"wiki": {"url": "https://wiki/mcp", "headers": {"X": "${AGENT_SESSION_ID}"}}, "other": {"url": "x"}}
    found = mcp_servers(described_servers(["wiki", "callboard"], described), AGENT, "/srv")
    assert found["wiki"] == {"url": "https://wiki/mcp", "headers": {"X": "ses_x"}}
    assert set(found) == {"wiki", "callboard"}
    with pytest.raises(ValueError, match="'missing'"):
        described_servers(["missing"], described)
