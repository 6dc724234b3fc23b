"""How much a request for permission could do: a hint for whoever decides, from tool, paths and command. Pure.

It recognises words and executes nothing: what it does not recognise is not safe, and nothing is ever called so.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from callboard.domain.approval import PATHS

Risk = Literal["reads", "writes", "writes_elsewhere", "executes", "dangerous", "unknown"]

_READS: Final = frozenset({"Read", "Glob", "Grep", "LS", "NotebookRead", "WebFetch", "WebSearch"})
_WRITES: Final = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit", "write", "append"})
_EXECUTES: Final = frozenset({"Bash", "BashOutput", "KillShell", "Task", "run"})
_COMMANDS: Final = ("command", "cmd", "argv")
_SANDBOX: Final = ("dangerouslyDisableSandbox", "dangerously_disable_sandbox")
UNSANDBOXED: Final = "turns the sandbox off"

_STATEMENTS: Final = re.compile(r"[;\n]|&&|\|\||&(?=\s|$)")
_STAGES: Final = re.compile(r"[|(){}`]")
_QUOTES: Final = str.maketrans({"'": " ", '"': " ", "\\": "", "$": " "})
_DOWNLOADS: Final = frozenset({"curl", "wget"})
_SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "ksh", "fish", "eval", "source"})
_INTERPRETERS: Final = re.compile(r"(?:python|perl|ruby|node|php)[\d.]*")
_WORTH_A_LOOK: Final = re.compile(r"\b(?:rm|git|find|sudo|doas|dd|mkfs|curl|wget)\b|/dev/")
MAX_LOOKED_AT: Final = 16_384
TOO_LONG: Final = "is too long to be looked at whole"
_DEVICES: Final = re.compile(r">\s*/dev/(?:sd|hd|vd|nvme|disk|mapper)")


def risk_of(tool_name: str, tool_input: dict[str, Any], project_dir: str | None) -> Risk:
    """How much the tool could do; `dangerous` when its command has one of the notes below."""
    if risk_notes(tool_input):
        return "dangerous"
    if tool_name in _READS:
        return "reads"
    if tool_name in _EXECUTES:
        return "executes"
    if tool_name not in _WRITES:
        return "unknown"
    paths = [str(tool_input[name]) for name in PATHS if tool_input.get(name)]
    return "writes" if all(_inside(path, project_dir) for path in paths) else "writes_elsewhere"


def risk_notes(tool_input: dict[str, Any]) -> list[str]:
    """What is recognised of a command that is hard to undo or goes around a guard, each in a few words, each once."""
    found = [UNSANDBOXED] if any(tool_input.get(name) for name in _SANDBOX) else []
    command = _command(tool_input)
    if len(command) > MAX_LOOKED_AT:
        found.append(TOO_LONG)
    statements = _STATEMENTS.split(command[:MAX_LOOKED_AT].replace("\\\n", " "))
    for statement in filter(_WORTH_A_LOOK.search, statements):
        stages = [words for one in _STAGES.split(statement.translate(_QUOTES)) if (words := _words(one))]
        found += _notes_of(stages)
        if _DEVICES.search(statement):
            found.append("writes to a disk")
    return list(dict.fromkeys(found))


def _command(tool_input: dict[str, Any]) -> str:
    given = next((tool_input[name] for name in _COMMANDS if tool_input.get(name)), "")
    return " ".join(map(str, given)) if isinstance(given, list) else str(given)


def _words(stage: str) -> list[str]:
    return [posixpath.basename(word) or word if index == 0 else word for index, word in enumerate(stage.split())]


def _notes_of(stages: list[list[str]]) -> Iterator[str]:
    for words in stages:
        yield from (note for note, is_such in _NOTES if is_such(words))
    downloads = next((at for at, words in enumerate(stages) if _DOWNLOADS & set(words)), None)
    if downloads is not None and any(_executes(words, at > downloads) for at, words in enumerate(stages)):
        yield "executes what it downloads"


def _executes(words: list[str], is_fed: bool) -> bool:
    """Whether a stage is a shell, or, behind the download, an interpreter that reads its program from there."""
    names = [posixpath.basename(word) for word in words]
    if any(name in _SHELLS for name in names):
        return True
    return is_fed and bool(_INTERPRETERS.fullmatch(names[-1]) or (names[-1] == "-" and len(names) > 1))


def _after(words: list[str], *names: str) -> list[str] | None:
    """The arguments of a program, wherever it stands: behind `sudo`, `xargs` or `env` too; None where it does not."""
    for at, word in enumerate(words):
        if posixpath.basename(word) in names:
            return words[at + 1 :]
    return None


def _has(arguments: list[str] | None, letters: str, *long: str) -> bool:
    """Whether one of these options is among them, also within others of one letter each."""
    for word in arguments or []:
        if word.startswith("--"):
            if word.split("=")[0] in long:
                return True
        elif word.startswith("-") and set(letters) & set(word[1:]):
            return True
    return False


def _removes(words: list[str]) -> bool:
    found = _after(words, "find")
    if found is not None and "-delete" in found:
        return True
    return _has(_after(words, "rm"), "rR", "--recursive")


def _git(words: list[str], verb: str) -> list[str] | None:
    return _after(_after(words, "git") or [], verb)


def _rewrites(words: list[str]) -> bool:
    pushed = _git(words, "push")
    if pushed is None:
        return False
    forced = ("--force", "--force-with-lease", "--delete", "--mirror", "--prune")
    return _has(pushed, "fd", *forced) or any(word[0] in "+:" for word in pushed)


def _discards(words: list[str]) -> bool:
    if _has(_git(words, "reset"), "", "--hard") or _has(_git(words, "clean"), "f", "--force"):
        return True
    if _has(_git(words, "branch"), "D") or _has(_git(words, "checkout"), "f", "--force"):
        return True
    if "--" in (_git(words, "checkout") or []) or _git(words, "restore") is not None:
        return True
    stashed = _git(words, "stash") or []
    return "drop" in stashed or "clear" in stashed


def _writes_disks(words: list[str]) -> bool:
    copied = _after(words, "dd")
    if copied is not None and any(word.startswith("of=") for word in copied):
        return True
    return any(posixpath.basename(word).split(".")[0] == "mkfs" for word in words)


_NOTES: Final[tuple[tuple[str, Callable[[list[str]], bool]], ...]] = (
    ("removes whole folders", _removes),
    ("rewrites or deletes a remote branch", _rewrites),
    ("discards work in git", _discards),
    ("takes another user's rights", lambda words: _after(words, "sudo", "doas") is not None),
    ("writes to a disk", _writes_disks),
)


def _inside(path: str, project_dir: str | None) -> bool:
    if project_dir is None:
        return not path.startswith("/") and ".." not in path.split("/")
    base = posixpath.normpath(project_dir)
    whole = posixpath.normpath(posixpath.join(base, path))
    return whole == base or whole.startswith(base.rstrip("/") + "/")
