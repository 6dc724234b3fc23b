"""The list of tools: their names, what an agent reads of each, and which function does it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from callboard.mcp_server import arguments
from callboard.mcp_server.tools import Answer, Tools


@dataclass(frozen=True)
class Tool:
    """One tool. `changes` says whether it does more than to look."""

    name: str
    description: str
    arguments: type[arguments.Arguments]
    work: Callable[[Tools, Any], Awaitable[Answer]]
    changes: bool = True


TOOLS: Final = (
    Tool(
        "list_agents",
        "Agents that you may start by agent_name, with what each takes as parameters instead of a prompt.",
        arguments.ListAgents,
        Tools.list_agents,
        changes=False,
    ),
    Tool(
        "list_sessions",
        "Sessions that you may see (yours and those below it), newest first.",
        arguments.ListSessions,
        Tools.list_sessions,
        changes=False,
    ),
    Tool(
        "start_agent_session",
        "Start another agent on a prompt; you are its parent. Answers session_id and run_id.",
        arguments.StartSession,
        Tools.start_agent_session,
    ),
    Tool(
        "resume_agent_session",
        "Give a session that you started its next turn; it remembers the earlier ones.",
        arguments.ResumeSession,
        Tools.resume_agent_session,
    ),
    Tool(
        "wait_agent_session",
        "Wait up to 45 s for sessions to end; answers those that ended with their results, and a cursor for the rest "
        "(call again with it until there is none).",
        arguments.WaitSession,
        Tools.wait_agent_session,
        changes=False,
    ),
    Tool(
        "get_agent_session_status",
        "How a session is now: status, why it waits, children, usage.",
        arguments.SessionStatusOf,
        Tools.get_agent_session_status,
        changes=False,
    ),
    Tool(
        "get_agent_session_result",
        "The result of a run that has ended, 8,000 characters at a time.",
        arguments.ResultOf,
        Tools.get_agent_session_result,
        changes=False,
    ),
    Tool(
        "send_message",
        "Say something to a session that you started.",
        arguments.SendMessage,
        Tools.send_message,
    ),
    Tool(
        "stop_agent_session",
        "Stop a session that you started, and what waits for it.",
        arguments.StopAgentSession,
        Tools.stop_agent_session,
    ),
    Tool(
        "report_status",
        "Say where your work on issues stands (status), or tell the people who watch you what you do or need (text).",
        arguments.ReportStatus,
        Tools.report_status,
    ),
)
BY_NAME: Final = {tool.name: tool for tool in TOOLS}
