"""What the workers of a coordinator's work sessions were told: 50 promises that it holds none of the words of history.

Every world of processes looks at its end, so that this is every prompt, message and state file of those tests. What a
person, an issue, a check or a child said is theirs and is left out; all else is ours.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from callboard.domain.worker_prompt import history_words_in
from tests.support.database import HasDatabase, query

_QUOTED: Final = re.compile(r"<(untrusted-\w+|agent-callback) [^>]*>\n.*?</\1>", re.DOTALL)
_THEIRS: Final = ("issues", "guidance", "report", "pull_request_url")
"""Of a state file."""
_PROMPTS: Final = """
    SELECT r.session_id, r.run_id, r.prompt FROM runs r JOIN work_sessions w ON w.session_id = r.session_id
    WHERE r.attempt > 0 AND r.prompt IS NOT NULL
"""
_MESSAGES: Final = """
    SELECT m.session_id, m.message_id, m.text FROM messages m JOIN guidance g ON g.message_id = m.message_id
"""
_STATES: Final = "SELECT job_id, request FROM jobs WHERE kind = 'write_state'"
_REPOSITORIES: Final = "SELECT DISTINCT repository FROM work_sessions WHERE repository IS NOT NULL"


def assert_no_history(coordinator: HasDatabase) -> None:
    """AssertionError with every place at which a worker was told of a past."""
    if query(coordinator, "SELECT count(*) FROM work_sessions") == [(0,)]:
        return
    found = {where: words for where, text in told_by_us(coordinator) if (words := history_words_in(text))}
    assert found == {}, found


def told_by_us(coordinator: HasDatabase) -> Iterator[tuple[str, str]]:
    """Where, and our own words there: prompts of runs that were claimed, guidance as a message, state files."""
    guidance: dict[str, list[str]] = defaultdict(list)
    for session_id, text in query(coordinator, "SELECT session_id, text FROM guidance"):
        guidance[session_id].append(text)
    for session_id, name, text in query(coordinator, _PROMPTS) + query(coordinator, _MESSAGES):
        yield name, _without(_QUOTED.sub("", text), guidance[session_id])
    for job_id, request in query(coordinator, _STATES):
        yield job_id, _ours(json.loads(request)["content"])
    for (repository,) in query(coordinator, _REPOSITORIES):
        for path in Path(repository).glob(".git/worktrees/*/work-*.json"):
            yield str(path), _ours(_read(path))


def _without(text: str, said: list[str]) -> str:
    for one in sorted(said, key=len, reverse=True):
        text = text.replace(one, "")
    return text


def _read(path: Path) -> dict[str, Any]:
    """What a state file holds; nothing where a worker has just written something else into it."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _ours(content: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in content.items() if name not in _THEIRS})
