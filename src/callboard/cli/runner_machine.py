"""What a runner told of itself, as lines: its machine, agents' programs, files of agents that were refused."""

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

GIB: Final = 1024**3
_LOGINS: Final = {
    "environment": "logged in by its environment",
    "file": "logged in",
    "keychain": "login in the keychain, if any",
    "none": "no login found",
}


def machine_lines(facts: Mapping[str, Any]) -> dict[str, str]:
    """The lines by their names; what the runner did not tell, or tells otherwise, is left out."""
    machine, clients = facts.get("machine"), facts.get("clients")
    lines: dict[str, str] = {}
    if isinstance(machine, dict):
        lines |= _machine(machine)
    if isinstance(clients, dict):
        lines |= {str(name): _client(told) for name, told in clients.items() if isinstance(told, dict)}
    worktrees = facts.get("worktrees")
    if isinstance(worktrees, int):
        lines["worktrees"] = f"{worktrees}  (those that are left over: callboard worktrees)"
    if refused := _refused_agents(facts.get("refused_agents")):
        lines["refused"] = refused
    return lines


def _refused_agents(told: Any) -> str:
    """The files of agents that were not taken, one on each line, with why."""
    files = told.get("files") if isinstance(told, dict) else None
    named = [one for one in files if isinstance(one, dict)] if isinstance(files, list) else []
    lines = [f"{one.get('path')}: {one.get('why')}" for one in named]
    count = told.get("count") if isinstance(told, dict) else None
    more = [f"and {count - len(named)} more"] if _is_number(count) and count > len(named) else []
    return "\n               ".join([*lines, *more])


def _machine(machine: Mapping[str, Any]) -> dict[str, str]:
    lines: dict[str, str] = {}
    cores, load, percent = machine.get("cores"), machine.get("load"), machine.get("cpu_percent")
    if _is_number(cores) and _is_number(load):
        lines["load"] = f"{load} on {cores} cores" + (f", {percent:.0f} % busy" if _is_number(percent) else "")
    for name in ("memory", "disk"):
        whole, free = machine.get(f"{name}_bytes"), machine.get(f"{name}_free_bytes")
        if _is_number(whole) and _is_number(free):
            lines[name] = f"{free / GIB:.1f} of {whole / GIB:.1f} GiB free"
    return lines


def _client(told: Mapping[str, Any]) -> str:
    login = str(told.get("login"))
    return f"{told.get('version') or 'no version'}, {_LOGINS.get(login, login)}"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
