r"""What the scripted model answers: the user's prompt is the script.

Each `[[...]]` of the prompt is one turn of the model; inside it, actions are separated by " ++ ":

    say TEXT            text                        think TEXT      a block of thinking
    bash COMMAND        a call of the client's shell tool, whatever its name
    write PATH TEXT     a call of its file-writing tool (absolute PATH)
    read PATH           a call of its file-reading tool
    tool NAME JSON      a call of any tool: of an MCP server, a sub-agent, ...; <<KEY>> in it stands for the last
                        value of that key among the results of tools
    json JSON           a call of its structured-output tool; without one, the JSON as text
    hold NAME           answer only when the test releases NAME
    pause SECONDS       wait before the answer      drip SECONDS    the text word by word over this time
    error STATUS [N]    answer with this HTTP status (only the first N times)
    drop [N]            cut the connection within the answer (only the first N times)
    later ACTION    not for this prompt: for the first one after it without a script; one more for the second, ...
    usage IN OUT [CACHE_READ CACHE_WRITE]           the figures of this turn

A turn with a tool call is answered by the tool's result, then comes the next turn. After the last one, and for a
prompt without any, the answer is "ok: " and the head of the prompt. The place in the script is found by counting
the assistant's messages after the prompt, so that nothing is kept here: kills, resumes and forks need nothing.
"""

import itertools
import json
import re
import shlex
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

DEFAULT_USAGE = (1000, 50, 200, 300)

SHELL = ("Bash", "bash", "exec_command", "shell", "shell_command", "local_shell", "run_shell_command")
WRITE = ("Write", "write", "write_file", "apply_patch")
READ = ("Read", "read", "read_file")
LATER = "later "
STRUCTURED = ("StructuredOutput", "structured_output")
PATHS = ("file_path", "filePath", "absolute_path", "path")
EMPTY: dict[str, Any] = {"boolean": False, "number": 1, "integer": 1, "array": [], "object": {}}


@dataclass
class Message:
    """A message of the conversation, in one shape for all formats."""

    role: str
    text: str = ""
    tool_result: bool = False
    results: str = ""
    """What tools answered, where the format has it in messages."""


@dataclass
class Tool:
    """A tool that the client offers."""

    schema: dict[str, Any]
    freeform: bool = False
    namespace: str | None = None


@dataclass
class Request:
    """What a client asks."""

    model: str
    stream: bool
    messages: list[Message]
    tools: dict[str, Tool]
    deferred: bool = False
    """More tools may be called by namespace than are listed."""


def new_id() -> str:
    """A name that nobody else has."""
    return uuid.uuid4().hex[:24]


@dataclass
class Call:
    """A call of a tool."""

    name: str
    arguments: dict[str, Any]
    freeform: str | None = None
    namespace: str | None = None
    id: str = field(default_factory=new_id)


@dataclass
class Turn:
    """One answer."""

    thoughts: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    usage: Sequence[int] = DEFAULT_USAGE
    hold: str | None = None
    pause: float = 0.0
    drip: float = 0.0
    error: int = 0
    drop: bool = False

    def pieces(self, text: str) -> list[tuple[str, float]]:
        """A text cut for a stream, each piece with the seconds to wait after it."""
        words = re.findall(r"\S+\s*", text) or [text]
        return [(word, self.drip / len(words)) for word in words] if self.drip else [(text, 0.0)]


class Script:
    """Turns a request into the answer that its prompt asks for; remembers only what happens a number of times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def answer(self, request: Request) -> Turn:
        """The answer to a request; one without tools (a title, a summary) gets text alone."""
        prompt, position = locate(request.messages)
        groups = [group for group in directives(prompt) if not group.startswith(LATER)] or later(request.messages)
        turn = Turn()
        if position < len(groups):
            for action in actions(groups[position]):
                self._apply(turn, action, request, f"{prompt}\n{position}")
        if not request.tools:
            turn.calls.clear()
        if not (turn.texts or turn.calls):
            turn.texts.append("ok: " + " ".join(prompt.split())[:80])
        return turn

    def _first_times(self, key: str, limit: str) -> bool:
        with self._lock:
            self._counts[key] += 1
            return not limit or self._counts[key] <= int(limit)

    def _apply(self, turn: Turn, action: str, request: Request, place: str) -> None:
        verb, _, rest = action.partition(" ")
        rest = rest.strip()
        match verb:
            case "say":
                turn.texts.append(rest)
            case "think":
                turn.thoughts.append(rest)
            case "usage":
                turn.usage = [int(word) for word in [*rest.split(), "0", "0"][:4]]
            case "hold":
                turn.hold = rest
            case "pause":
                turn.pause = float(rest)
            case "drip":
                turn.drip = float(rest)
            case "error":
                status, _, limit = rest.partition(" ")
                turn.error = int(status) if self._first_times(f"{place}\n{action}", limit) else 0
            case "drop":
                turn.drop = self._first_times(f"{place}\n{action}", rest)
            case _:
                _add_call(turn, call_for(request, verb, rest), action)


def _add_call(turn: Turn, call: Call | None, action: str) -> None:
    if call:
        turn.calls.append(call)
    elif action.startswith("json "):
        turn.texts.append(action[5:])
    else:
        turn.texts.append(f"(no tool here for: {action})")


def call_for(request: Request, verb: str, rest: str) -> Call | None:
    """The call that an action asks for, in the words of this client's tools; None when it has no such tool."""
    head, _, tail = rest.partition(" ")
    match verb:
        case "bash":
            return _shell_call(request.tools, rest)
        case "write":
            return _write_call(request.tools, head, tail)
        case "read":
            return _call(request.tools, READ, [(PATHS, rest)])
        case "json":
            name = _pick(request.tools, STRUCTURED)
            return Call(name, json.loads(rest)) if name else None
        case "tool":
            return _named_call(request, head, json.loads(_with_results(request, tail) or "{}"))
    return None


def _with_results(request: Request, text: str) -> str:
    told = "\n".join(message.results for message in request.messages)

    def value(found: re.Match[str]) -> str:
        values = re.findall(rf'"{found[1]}":\s*"([^"]*)"', told)
        return str(values[-1]) if values else found[0]

    return re.sub(r"<<(\w+)>>", value, text)


def _pick(tools: dict[str, Tool], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in tools), None)


def _call(tools: dict[str, Tool], names: Sequence[str], values: list[tuple[Sequence[str], str]]) -> Call | None:
    name = _pick(tools, names)
    return Call(name, _fill(tools[name].schema, values)) if name else None


def _fill(schema: dict[str, Any], values: list[tuple[Sequence[str], str]]) -> dict[str, Any]:
    """Arguments for a tool by its schema: what we know by any of its names, then what is required besides."""
    properties = schema.get("properties") or {}
    filled: dict[str, Any] = {}
    for aliases, value in values:
        key = next((alias for alias in aliases if alias in properties), aliases[0])
        is_list = (properties.get(key) or {}).get("type") == "array"
        filled[key] = ["bash", "-lc", value] if is_list else value
    for key in schema.get("required") or []:
        kind = str((properties.get(key) or {}).get("type"))
        filled.setdefault(key, EMPTY.get(kind, "scripted"))
    return filled


def _shell_call(tools: dict[str, Tool], command: str) -> Call | None:
    return _call(tools, SHELL, [(("command", "cmd"), command)])


def _write_call(tools: dict[str, Tool], path: str, text: str) -> Call | None:
    name = _pick(tools, WRITE)
    if name == "apply_patch":
        body = "\n".join("+" + line for line in text.split("\n"))
        patch = f"*** Begin Patch\n*** Add File: {path}\n{body}\n*** End Patch"
        return Call(name, {"input": patch}, freeform=patch if tools[name].freeform else None)
    if not name:
        return _shell_call(tools, f"printf %s {shlex.quote(text)} > {shlex.quote(path)}")
    return _call(tools, WRITE, [(PATHS, path), (("content", "contents", "new_text"), text)])


def _named_call(request: Request, name: str, arguments: dict[str, Any]) -> Call:
    """A call by name; `NAMESPACE__TOOL` where a client keeps the tools of MCP servers in namespaces."""
    tool = request.tools.get(name)
    namespace = tool.namespace if tool else (name.rpartition("__")[0] if request.deferred else None)
    return Call(name[len(namespace) + 2 :], arguments, namespace=namespace) if namespace else Call(name, arguments)


def directives(text: str) -> list[str]:
    """The `[[...]]` groups of a text; groups inside groups stay in them."""
    found, depth, start = [], 0, 0
    for mark in re.finditer(r"\[\[|\]\]", text):
        if mark[0] == "[[":
            start = mark.end() if depth == 0 else start
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                found.append(text[start : mark.start()].strip())
    return found


def actions(group: str) -> list[str]:
    """The actions of one group, cut where " ++ " stands outside inner groups."""
    parts, depth, current = [], 0, ""
    for token in re.split(r"(\[\[|\]\]|\s\+\+\s)", group):
        depth += (token == "[[") - (token == "]]")
        if token.strip() == "++" and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += token
    return [part.strip() for part in [*parts, current] if part.strip()]


def locate(messages: list[Message]) -> tuple[str, int]:
    """The latest prompt, and how many turns of the assistant came after it."""
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        scripted = bool(directives(message.text))
        if message.role == "user" and message.text.strip() and (scripted or not message.tool_result):
            roles = [later.role for later in messages[index + 1 :]]
            before = ["", *roles]
            return message.text, sum(
                role == "assistant" and previous != "assistant" for previous, role in zip(before, roles, strict=False)
            )
    return "", 0


def later(messages: list[Message]) -> list[str]:
    """What the last prompt with a script says for this one, which has none."""
    spoken = [message for message in messages if message.role == "user" and not message.tool_result]
    unscripted = list(itertools.takewhile(lambda message: not directives(message.text), reversed(spoken)))
    if not unscripted or len(unscripted) == len(spoken):
        return []
    kept = [group for group in directives(spoken[-1 - len(unscripted)].text) if group.startswith(LATER)]
    return [group.removeprefix(LATER) for group in kept[len(unscripted) - 1 : len(unscripted)]]


def prompt_text(content: Any) -> str:
    """The text that a person typed: the last block that is not a client's <reminder>."""
    if isinstance(content, str):
        return content
    kinds = ("text", "input_text", "output_text", None)
    texts = [str(block.get("text") or "") for block in content or () if block.get("type") in kinds]
    typed = [text for text in texts if text.strip() and not text.lstrip().startswith("<")]
    return (typed or texts or [""])[-1]
