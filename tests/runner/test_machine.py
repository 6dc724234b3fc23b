"""D10: what a runner finds of the programs of its agents and their logins."""

import os
from pathlib import Path

from callboard.executors import load
from callboard.runner.context import OfferedExecutor
from callboard.runner.machine import clients_of, measured


def test_d10_version_and_login_of_an_agents_program_are_found_without_reading_it(tmp_path: Path) -> None:
    program, home = tmp_path / "claude", tmp_path / "home"
    program.write_text('#!/bin/sh\necho "2.9.1 (${SECRET-nothing leaked})"\necho more\n', encoding="utf-8")
    program.chmod(0o755)
    (home / ".claude").mkdir(parents=True)
    offered = {
        "claude-code": OfferedExecutor(executor=load("claude-code"), table={"argv": [str(program)]}),
        "scripted": OfferedExecutor(executor=load("scripted"), table={}),
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "SECRET": "x", "ANTHROPIC_API_KEY": "k"}
    assert clients_of(offered, environment) == {
        "claude-code": {"version": "2.9.1 (nothing leaked)", "login": "none"},
    }
    (home / ".claude" / ".credentials.json").write_text("{}", encoding="utf-8")
    (home / ".claude" / ".credentials.json").chmod(0)
    assert clients_of(offered, environment)["claude-code"]["login"] == "file"
    table = {"argv": ["/nowhere/claude"], "env": {"CLAUDE_CODE_OAUTH_TOKEN": "t"}}
    offered["claude-code"] = OfferedExecutor(executor=load("claude-code"), table=table)
    assert clients_of(offered, environment) == {"claude-code": {"version": "", "login": "environment"}}


def test_a_machine_that_does_not_say_how_it_is_ends_no_runner(tmp_path: Path) -> None:
    """What a runner tells of its machine is shown, never needed: what cannot be looked at is left out."""
    offered = {"claude-code": OfferedExecutor(executor=load("claude-code"), table={"argv": ["/nowhere/claude"]})}
    unusable = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / ("x" * 300))}
    assert clients_of(offered, unusable)["claude-code"]["login"] == "none"

    def refused() -> int:
        raise PermissionError

    found = measured(tmp_path / "gone", refused)
    assert set(found) == {"machine"}
    assert {"cores", "load", "memory_bytes"} <= set(found["machine"])
    assert "disk_bytes" not in found["machine"]
