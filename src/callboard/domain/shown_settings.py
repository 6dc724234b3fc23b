"""What may be shown of how an agent reaches its MCP servers: addresses, names and templates, and no secret.

Pure. A value counts as a secret unless it is a template, or one of the usual words of an address.
"""

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from msgspec import structs

from callboard.domain.agent import Agent, McpServer

HIDDEN: Final = "\N{BULLET}\N{BULLET}\N{BULLET}"
_TEMPLATE: Final = re.compile(r"(\$\{[A-Za-z0-9_]{1,64}\})")
_SCHEME: Final = re.compile(r"\s*(?:(?:Bearer|Basic|Token|ApiKey)\s+)?", re.IGNORECASE)
_WORD: Final = re.compile(r"api|http|mcp|messages?|rpc|servers?|sse|stream|tools?|v\d{1,3}", re.IGNORECASE)
"""What addresses of MCP servers are usually made of; any other part of a path may be a key."""


def shown_value(value: str) -> str:
    """A header's value: its templates and the word that says of which kind it is; all else is hidden."""
    return "".join(
        part if _TEMPLATE.fullmatch(part) or _SCHEME.fullmatch(part) else HIDDEN for part in _TEMPLATE.split(value)
    )


def shown_address(url: str) -> str:
    """An address without who logs in, and without what in its path or query could be a key."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return HIDDEN
    if not parts.scheme or not host:
        return shown_value(url)
    path = "/".join(_shown_step(step) for step in parts.path.split("/"))
    query = "&".join(f"{name}={shown_value(value)}" for name, value in pairs)
    who = f"{HIDDEN}@" if "@" in parts.netloc else ""
    return f"{parts.scheme}://{who}{host}{path}{'?' if query else ''}{query}"


def _shown_step(step: str) -> str:
    return step if not step or _WORD.fullmatch(step) else shown_value(step)


def without_secrets(agent: Agent) -> Agent:
    """The agent with nothing secret of how its servers are reached."""
    servers = agent.mcp_servers
    if not isinstance(servers, dict):
        return agent
    return structs.replace(agent, mcp_servers={name: _shown_server(server) for name, server in servers.items()})


def _shown_server(server: McpServer) -> McpServer:
    return structs.replace(
        server,
        url=None if server.url is None else shown_address(server.url),
        headers={name: shown_value(value) for name, value in server.headers.items()},
        args=[HIDDEN] * len(server.args),
        env=dict.fromkeys(server.env, HIDDEN),
    )
