"""The requirements that tests name, one sentence each; `make promises` prints which test names which.

A test names a requirement by its number, in its name (test_a02_...) or in a docstring ("A02: ...").
"""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

TESTS = Path(__file__).resolve().parent

ACCEPTANCE: Final = {
    "A01": "A run starts: ids and `pending` at once, then every event of the run in order.",
    "A02": "A session resumes under the same id, and the agent remembers turn one.",
    "A03": "An agent's prompt, model and tools reach the executor; an unknown agent creates nothing.",
    "A04": "A child runs while its parent waits.",
    "A05": "A child with a callback resumes its parent without anybody's action.",
    "A06": "Five children: each reaches the parent exactly once.",
    "A07": "A child fails: its parent is told, with the error.",
    "A08": "A runner that is restarted keeps its id.",
    "A09": "Tags decide which runner takes a run.",
    "A10": "Nobody matches: pending, `why` names what is missing, then no_matching_runner, and the parent is told.",
    "A11": "The result comes before run_completed.",
    "A12": "The result of a run: 404, 409 while it runs, then the result of that run.",
    "A13": "What a child returns is escaped and marked; it imitates nothing.",
    "A14": "Parameters are checked against the agent's schema before anything is created.",
    "A15": "Without an agent, parameters follow the prompt's rules.",
    "A17": "An output schema: bad then good completes, bad twice fails.",
    "A22": "What a person started has no parent.",
    "A23": "Both reads show the parent.",
    "A24": "Three levels of children.",
    "A25": "A child's parent is proven by its token; a forged one is refused.",
    "A26": "The session id is in the answer.",
    "A27": "Bind stores and repeats harmlessly; a second native id, or a foreign one, is refused.",
    "A28": "A resume goes only to the host of the binding.",
    "A29": "No schema, route, column or field names a session.",
    "A30": "Old event types are read, and never written.",
    "A31": "The second run of a session can be stopped.",
    "A32": "A poll whose client went away loses no run.",
    "A33": "The queue's order survives a restart.",
    "A34": "Reports are fenced: foreign ones refused, repeated ones without effect.",
    "A35": "Ten thousand events page without a gap.",
    "A36": "The stream resumes after a restart of the coordinator, without gap or duplicate.",
    "A37": "Agents live through a minute without a coordinator.",
    "A38": "A stale runner comes back online.",
    "A39": "Callbacks survive kill -9 of the coordinator.",
    "A40": "A failed callback run blocks nothing.",
    "A41": "A runner killed with -9 and restarted attaches to its live agents.",
    "A42": "An outage, or a machine asleep for an hour, interrupts nothing.",
    "A43": "An external session is logged, and cannot be resumed while its lease lives.",
    "A44": "An ended run can be retried.",
    "A50": "The naming table of work.",
    "A51": "Conflicts are found in both directions, also with twenty spawns at once.",
    "A52": "Finished work does not block.",
    "A53": "The lifecycle table; illegal moves are refused.",
    "A54": "Stuck, guided and restarted work goes on in the same worktree.",
    "A55": "Trouble with git, at each step, leaves nothing behind.",
    "A56": "Listing changes nothing.",
    "A57": "Hostile issue texts and branch names do no harm.",
    "A60": "A standalone task leaves exactly one session with its real usage.",
    "A61": "A milestone is one session with all usage on it.",
    "A62": "The next iteration's prompt holds the failing check's output.",
    "A63": "An error in a task closes its session and is not changed.",
    "A64": "Usage for an unknown session is an error, and the next write works.",
    "A65": "Failed and killed runs keep their usage.",
    "A66": "Tasks wait for what they depend on.",
    "A70": "Claude Code, the real client.",
    "A71": "Codex, the real client.",
    "A72": "An ACP agent, a real client.",
    "A73": "An agent starts a child through MCP and gets its result.",
    "A74": "A callback through MCP with a real client as the parent.",
    "A80": "A fresh machine: `make demo` and `make test`.",
    "A81": "The page, in Chromium.",
    "A82": "The command line: exit codes, JSON, completion, times.",
    "A83": "The sentences of `why`.",
}
RELIABILITY: Final = {f"R{number}" for number in range(1, 25)}
SECURITY: Final = {f"S{number}" for number in range(1, 17)}

_IN_NAME = re.compile(r"_(a\d\d|[rs]\d{1,2})_")
_IN_SENTENCE = re.compile(r"\b(?:A\d\d|[RS]\d{1,2})\b")
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def known(requirement: str) -> bool:
    """Tell whether a requirement of this number exists."""
    return requirement in ACCEPTANCE or requirement in RELIABILITY or requirement in SECURITY


def named_in(path: Path) -> set[str]:
    """Return the requirements that a test file names: in its own name, or in names and docstrings inside."""
    found = _named(path.stem + "_", "")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, _Documented):
            found |= _named(getattr(node, "name", "") + "_", ast.get_docstring(node) or "")
    return found


def named_by_file() -> dict[str, list[str]]:
    """Return, for each requirement that is named, the test files that name it."""
    files: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for requirement in named_in(path):
            files[requirement].append(str(path.relative_to(TESTS.parent)))
    return files


def _named(name: str, sentence: str) -> set[str]:
    return {number.upper() for number in _IN_NAME.findall(name)} | set(_IN_SENTENCE.findall(sentence))


def main() -> None:
    """Print each acceptance requirement with the files that name it."""
    files = named_by_file()
    for number, sentence in ACCEPTANCE.items():
        sys.stdout.write(f"{number} {'x' if number in files else ' '} {sentence}\n")
        sys.stdout.writelines(f"      {path}\n" for path in files.get(number, ()))
    named = sum(number in files for number in ACCEPTANCE)
    sys.stdout.write(f"{named} of {len(ACCEPTANCE)} are named by a test.\n")


if __name__ == "__main__":
    main()
