"""Whether a program takes what it is given as a script to execute, and which of its arguments it executes.

Looks at the arguments alone; starts nothing.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

_SHELLS: Final = "ash bash csh dash fish ksh mksh pwsh sh tcsh zsh"
_LANGUAGES: Final = "bun deno lua node perl php python pypy ruby tclsh"
_INTERPRETERS: Final = frozenset(f"{_SHELLS} {_LANGUAGES}".split())
_WRAPPERS: Final = frozenset(
    {"busybox", "command", "env", "exec", "nice", "nohup", "setsid", "stdbuf", "time", "timeout"}
    | {"chroot", "doas", "docker", "ionice", "podman", "sudo", "xargs"}
)
_LOGINS: Final = frozenset({"runuser", "su"})
_JOINS: Final = _LOGINS | {"parallel", "ssh", "watch"}
"""What a shell is given of these is made of all their arguments."""
_VERSION: Final = re.compile(r"[\d.]+$")
_READS_STANDARD_INPUT: Final = frozenset({"-", "-s", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_EXECUTES_NEXT: Final = re.compile(r"--(?:command|eval|execute|print)|-[A-Za-z]*[ceEpr]")
_TAKES_VALUE: Final = frozenset({"-o", "+o", "-O", "+O", "-W", "-X", "--rcfile", "--init-file"})
_SSH_TAKES_VALUE: Final = frozenset(f"-{letter}" for letter in "BbcDEeFIiJLlmOopQRSWw")
_SCRIPT_ENDS_OPTIONS: Final = frozenset(f"{_SHELLS} python pypy".split())
"""After the script of `-c` these take nothing more as an option."""


def executes_prompt(settings: Mapping[str, Any]) -> bool:
    """Whether a table of a `command` hands the prompt to an interpreter as its script; in doubt it does."""
    how, argv = settings.get("prompt", "stdin"), [str(part) for part in settings.get("argv") or ()]
    if how == "none":
        return False
    joined = _place_of(argv, _JOINS)
    if joined is not None:
        return how == "argument" or _reads_script(_name(argv[joined]), argv[joined + 1 :])
    called = _interpreter_in(argv)
    if called is None:
        return False
    operands = _operands(called)
    if how == "argument":
        return not operands or _EXECUTES_NEXT.fullmatch(called[-1]) is not None
    return not operands or not _READS_STANDARD_INPUT.isdisjoint(called)


def _reads_script(name: str, called: list[str]) -> bool:
    """Whether a program that hands its arguments to a shell has that shell read its script from standard input."""
    if name == "ssh":
        values = [place for place, part in enumerate(called) if part in _SSH_TAKES_VALUE]
        words = [part for place, part in enumerate(called) if place - 1 not in values and not part.startswith("-")]
        if len(words) < 2:  # the host, and then what is executed there
            return True
        return executes_prompt({"argv": " ".join(called[called.index(words[1]) :]).split()})
    return name == "parallel" or (name in _LOGINS and not any(map(_EXECUTES_NEXT.fullmatch, called)))


def executed_arguments(argv: list[str]) -> list[str]:
    """The arguments that are a script, name one, or stand where an interpreter still takes options; in doubt one is."""
    place = _place_of(argv, _INTERPRETERS | _JOINS)
    if place is None:
        return []
    name, called = _name(argv[place]), argv[place + 1 :]
    return called if name in _JOINS else called[: _options_end(name, called)]


def _options_end(name: str, called: list[str]) -> int:
    """How many arguments of an interpreter there are up to the one after which all are data."""
    for place, part in enumerate(called):
        before = called[place - 1] if place else ""
        if part == "--" and name not in _SCRIPT_ENDS_OPTIONS:
            return place
        if part.startswith(("-", "+")) or before in _TAKES_VALUE:
            continue
        if name in _SCRIPT_ENDS_OPTIONS or _EXECUTES_NEXT.fullmatch(before) is None:
            return place + 1
    return len(called)


def _interpreter_in(argv: list[str]) -> list[str] | None:
    """The arguments of the interpreter that is started, itself or by a wrapper; None when there is none."""
    place = _place_of(argv, _INTERPRETERS)
    return None if place is None else argv[place + 1 :]


def _place_of(argv: list[str], names: frozenset[str]) -> int | None:
    """Where one of these programs is called, itself or by a wrapper."""
    wrapped = bool(argv) and _name(argv[0]) in _WRAPPERS
    return next((place for place, part in enumerate(argv if wrapped else argv[:1]) if _name(part) in names), None)


def _name(program: str) -> str:
    name = PurePath(program).name.lower().removesuffix(".exe")
    return _VERSION.sub("", name) or name


def _operands(arguments: list[str]) -> list[str]:
    return [
        part
        for place, part in enumerate(arguments)
        if not part.startswith(("-", "+")) and (place == 0 or arguments[place - 1] not in _TAKES_VALUE)
    ]
