"""MCP servers of agents: given as such, or by the names under which the runner's file describes them."""

import pytest

from callboard.domain.errors import InvalidRequest
from callboard.runner.config import McpServerTable, read_tables
from callboard.runner.mcp_servers import described_servers, mcp_servers

DESCRIBED = {"tickets": {"command": "/bin/tickets", "env": {"WHO": "${AGENT_SESSION_ID}"}}}


def test_an_agent_names_servers_of_the_runners_file() -> None:
    """30: what can be executed is named in files on the runner's machine; agents refer to names."""
    asked = described_servers(["tickets"], DESCRIBED)
    servers = mcp_servers(asked, {"AGENT_SESSION_ID": "ses_1"}, "/srv")
    assert servers["tickets"] == {"command": "/bin/tickets", "env": {"WHO": "ses_1"}}


def test_a_name_that_the_file_does_not_have_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="'bugs'"):
        described_servers(["tickets", "bugs"], DESCRIBED)


def test_servers_that_an_agent_gives_itself_stay_as_they_are() -> None:
    given = {"docs": {"url": "http://127.0.0.1:1/mcp"}}
    assert described_servers(given, DESCRIBED) == given
    assert described_servers(None, DESCRIBED) is None


def test_the_table_of_the_file_is_checked() -> None:
    table = read_tables({"mcp_servers": {"tickets": {"command": "x", "args": ["y"]}}}, None, "file")
    assert table.mcp_servers == {"tickets": McpServerTable(command="x", args=["y"])}
    with pytest.raises(InvalidRequest, match="comand"):
        read_tables({"mcp_servers": {"tickets": {"comand": "x"}}}, None, "file")
