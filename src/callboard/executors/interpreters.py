"""Whether a program takes what it is given as a script to execute, and which of its arguments it executes.

Looks at the arguments, and at what links of that name lead to; starts nothing.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, Final

_SHELLS: Final = "ash bash csh dash fish ksh mksh pwsh rbash sh tcsh zsh"
_LANGUAGES: Final = "bun deno lua node perl php python pypy ruby tclsh"
_INTERPRETERS: Final = frozenset(f"{_SHELLS} {_LANGUAGES}".split())
_LOGINS: Final = frozenset({"runuser", "su"})
_JOINS: Final = _LOGINS | {"parallel", "ssh", "watch"}
"""What a shell is given of these is made of all their arguments."""
PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""Stands for a parameter of a run in `argv`."""
_VERSION: Final = re.compile(r"[\d.]+$")
_READS_STANDARD_INPUT: Final = frozenset({"-", "-s", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_EXECUTES_NEXT: Final = re.compile(r"--(?:command|eval|execute|print)|-[A-Za-z]*[ceEpr]")
_TAKES_VALUE: Final = frozenset({"-o", "+o", "-O", "+O", "-W", "-X", "--rcfile", "--init-file"})
_SSH_TAKES_VALUE: Final = frozenset(f"-{letter}" for letter in "BbcDEeFIiJLlmOopQRSWw")
_SCRIPT_ENDS_OPTIONS: Final = frozenset(f"{_SHELLS} python pypy".split())
"""After the script of `-c` these take nothing more as an option."""


def executes_prompt(settings: Mapping[str, Any]) -> bool:
    """Whether a table of a `command` may execute what a run gives it; it does unless the table says otherwise.

    Which programs execute their input cannot be listed: whoever names one has to state that it does not.
    """
    argv = [str(part) for part in settings.get("argv") or ()]
    if settings.get("prompt") == "none" and not any(PLACEHOLDER.search(part) for part in argv):
        return False
    return not settings.get("prompt_is_data") or interpreter_of_prompt(settings) is not None


def interpreter_of_prompt(settings: Mapping[str, Any]) -> str | None:
    """The known interpreter that a table hands the prompt to as its script, whatever the table states."""
    how, argv = settings.get("prompt", "stdin"), _words([str(part) for part in settings.get("argv") or ()])
    place = None if how == "none" else _place_of(argv, _INTERPRETERS | _JOINS)
    if place is None:
        return None
    name, called = _known(argv[place]), argv[place + 1 :]
    operands = _operands(called)
    if name in _JOINS:
        executes = how == "argument" or _reads_script(name, called)
    elif how == "argument":
        executes = not operands or _EXECUTES_NEXT.fullmatch(called[-1]) is not None
    else:
        executes = not operands or not _READS_STANDARD_INPUT.isdisjoint(called)
    return argv[place] if executes else None


def _reads_script(name: str, called: list[str]) -> bool:
    """Whether a program that hands its arguments to a shell has that shell read its script from standard input."""
    if name == "ssh":
        values = [place for place, part in enumerate(called) if part in _SSH_TAKES_VALUE]
        words = [part for place, part in enumerate(called) if place - 1 not in values and not part.startswith("-")]
        if len(words) < 2:  # the host, and then what is executed there
            return True
        there = " ".join(called[called.index(words[1]) :]).split()
        return interpreter_of_prompt({"argv": there}) is not None
    return name == "parallel" or (name in _LOGINS and not any(map(_EXECUTES_NEXT.fullmatch, called)))


def executed_arguments(argv: list[str]) -> list[str]:
    """The arguments that are a script, name one, or stand where an interpreter still takes options; in doubt one is."""
    place = _place_of(argv, _INTERPRETERS | _JOINS)
    if place is None:
        return []
    name, called = _known(argv[place]), argv[place + 1 :]
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


def _words(argv: list[str]) -> list[str]:
    """The arguments, with those of `env -S` split as it splits them."""
    if not argv or "env" not in _names(argv[0]):
        return argv
    return [word for part in argv for word in part.removeprefix("-S").split()]


def _place_of(argv: list[str], names: frozenset[str]) -> int | None:
    """The first argument that names one of these programs, itself or behind any other that may start it."""
    return next((place for place, part in enumerate(argv) if not names.isdisjoint(_names(part))), None)


def _known(program: str) -> str:
    """By which of its names a program is known."""
    return next(name for name in _names(program) if name in _INTERPRETERS | _JOINS)


def _names(program: str) -> tuple[str, ...]:
    """What a program is called, and what its link leads to."""
    found = shutil.which(Path(program).expanduser() if program.startswith("~/") else program)
    return (_name(program), _name(str(Path(found).resolve()))) if found else (_name(program),)


def _name(program: str) -> str:
    name = PurePath(program).name.lower().removesuffix(".exe")
    return _VERSION.sub("", name) or name


def _operands(arguments: list[str]) -> list[str]:
    return [
        part
        for place, part in enumerate(arguments)
        if not part.startswith(("-", "+")) and (place == 0 or arguments[place - 1] not in _TAKES_VALUE)
    ]
