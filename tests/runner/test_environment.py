"""S13: what an agent gets of the runner's environment, and what the runner leaves in its own."""

import os
import subprocess
import sys

from callboard.runner.environment import agent_environment, agent_identity

OWN = {
    "PATH": "/bin",
    "HOME": "/home",
    "LC_ALL": "C",
    "SECRET": "canary",
    "CALLBOARD_TOKEN": "owner",
    "CALLBOARD_TOKEN_FILE": "file",
    "WANTED": "yes",
    "AGENT_SESSION_ID": "of the runner's own parent",
}
STARTED_AGAIN = """
import os, pathlib, sys
from callboard.runner.environment import drop_token_from_environment
drop_token_from_environment()
kept = pathlib.Path("/proc/self/environ").read_bytes()
print(b"canary-token" in kept, "CALLBOARD_TOKEN" in os.environ)
print(pathlib.Path(os.environ["CALLBOARD_TOKEN_FILE"]).read_text(), sys.argv[1:])
"""
HIDDEN = """
import ctypes, os
from callboard.runner.environment import hide_from_other_processes
hide_from_other_processes()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def test_only_allowed_passed_and_declared_variables_reach_the_agent() -> None:
    made = agent_environment(OWN, passed=["WANTED"], declared={"MODE": "fast"}, identity={"AGENT_RUN_ID": "run"})
    assert made == {
        "PATH": "/bin",
        "HOME": "/home",
        "LC_ALL": "C",
        "WANTED": "yes",
        "MODE": "fast",
        "AGENT_RUN_ID": "run",
    }


def test_no_table_can_pass_the_runners_token_or_replace_the_identity() -> None:
    identity = agent_identity(session_id="ses", run_id="run", url="http://x", session_token="own", traceparent=None)
    made = agent_environment(
        OWN, passed=["CALLBOARD_TOKEN", "CALLBOARD_TOKEN_FILE"], declared={"AGENT_RUN_ID": "forged"}, identity=identity
    )
    assert made["CALLBOARD_TOKEN"] == "own"
    assert made["AGENT_RUN_ID"] == "run"
    assert "CALLBOARD_TOKEN_FILE" not in made
    assert "TRACEPARENT" not in made


def test_a_token_in_the_environment_is_taken_over_by_a_process_without_it() -> None:
    """What procfs shows of the process that remains holds no token, and the token is not lost."""
    given = {"PATH": os.environ["PATH"], "CALLBOARD_TOKEN": "canary-token"}
    done = subprocess.run(
        [sys.executable, "-c", STARTED_AGAIN, "argument"],
        env=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.splitlines() == ["False False", "canary-token ['argument']"]


def test_other_processes_of_the_user_may_not_read_the_runner() -> None:
    done = subprocess.run([sys.executable, "-c", HIDDEN], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "0"
