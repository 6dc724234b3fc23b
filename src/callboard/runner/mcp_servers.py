"""The MCP servers that an agent is started with: Callboard's own, and the templates of its blueprint, resolved.

Only four names can be resolved, all of them the agent's own; no environment is looked into.
"""

import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from callboard.domain.agent import PLACEHOLDERS
from callboard.domain.invocation import OWN_SERVER
from callboard.runner.environment import IDENTITY

_PLACEHOLDER: Final = re.compile(r"\$\{(" + "|".join(PLACEHOLDERS) + r")\}")


def mcp_servers(
    templates: Mapping[str, Any] | None, environment: Mapping[str, str], project_dir: str
) -> dict[str, dict[str, Any]]:
    """Servers by name. `environment` is the agent's, from which its identity is taken and nothing else."""
    values = {name: environment.get(name, "") for name in PLACEHOLDERS} | {"PROJECT_DIR": project_dir}
    resolved = {name: _resolve(template, values) for name, template in (templates or {}).items()}
    return resolved | {OWN_SERVER: own_server(environment)}


def described_servers(
    asked: Mapping[str, Any] | list[str] | None, described: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Servers as an agent gives them, or those that it names as the runner's file describes them. ValueError."""
    if not isinstance(asked, list):
        return asked
    missing = [name for name in asked if name not in described and name != OWN_SERVER]
    if missing:
        raise ValueError(f"The agent names the MCP server {missing[0]!r}; this runner's file describes none.")
    return {name: described[name] for name in asked if name in described}


def own_server(environment: Mapping[str, str]) -> dict[str, Any]:
    """Callboard's server for this agent: a process of ours with the agent's token, whatever is on its PATH.

    `-P`: the agent's directory, which may hold anything, is no place to import from.
    """
    identity = {name: environment[name] for name in IDENTITY if name in environment}
    argv = ["-P", "-m", "callboard", "mcp"]
    return {"type": "stdio", "command": sys.executable, "args": argv, "env": identity}


def _resolve(template: Any, values: Mapping[str, str]) -> Any:
    """Every text in it with its placeholders replaced, in one pass: what a value holds is not looked at again."""
    if isinstance(template, str):
        return _PLACEHOLDER.sub(lambda found: values[found[1]], template)
    if isinstance(template, dict):
        return {key: _resolve(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [_resolve(value, values) for value in template]
    return template
