"""What a check executes is named on the runner's machine, or in a repository's file that is trusted as it is."""

import os
from pathlib import Path

import pytest

from callboard.domain.checks import Check
from callboard.domain.invocation import CheckOrder
from callboard.executors import load
from callboard.runner.checks import CheckUnknown, check_orders, checks_in
from callboard.runner.config import RunnerSettings, read_tables, runner_settings
from callboard.runner.trust import REPOSITORY_FILE, trust, untrusted_files

ENVIRONMENT = {"PATH": "/bin", "SECRET": "s", "TOOL_HOME": "/opt", "CALLBOARD_TOKEN": "cbr_x"}


def settings(folder: Path) -> RunnerSettings:
    """A runner whose file names one check."""
    told = {"test": {"argv": ["make", "test"], "timeout_seconds": 5, "environment": ["TOOL_HOME"], "env": {"CI": "1"}}}
    table = read_tables({"project_dir": str(folder)}, None, "the file", told)
    return runner_settings(table, url="http://127.0.0.1:1", join_token=None, state_dir=folder / "state")


def orders(folder: Path, *asked: Check) -> list[CheckOrder]:
    """What these checks execute."""
    return check_orders(asked, settings(folder), ENVIRONMENT, "/work", folder)


def test_s6_a_check_executes_what_the_runners_file_says_with_nothing_of_the_runner_in_its_environment(
    tmp_path: Path,
) -> None:
    (test, text) = orders(tmp_path, Check(name="test"), Check(name="lint", argv=["ruff"]))
    assert (test.argv, test.timeout_seconds, test.cwd) == (["make", "test"], 5.0, "/work")
    assert test.env == {"PATH": "/bin", "TOOL_HOME": "/opt", "CI": "1"}
    assert (text.argv, text.timeout_seconds, text.env) == (["ruff"], 600.0, {"PATH": "/bin"})


def test_a_check_of_a_repository_counts_only_while_its_file_is_the_one_that_was_trusted(tmp_path: Path) -> None:
    file = tmp_path / REPOSITORY_FILE
    file.parent.mkdir()
    (tmp_path / "state").mkdir()
    file.write_text('[checks.unit]\nargv = ["pytest"]\n[checks.test]\nargv = ["evil"]\n', encoding="utf-8")
    with pytest.raises(CheckUnknown, match=r"does not know the check 'unit'.*\[checks.unit\] .* callboard trust "):
        orders(tmp_path, Check(name="unit"))
    assert trust(tmp_path / "state", file, file.read_bytes())
    assert not trust(tmp_path / "state", file, file.read_bytes())
    assert [one.argv for one in orders(tmp_path, Check(name="unit"), Check(name="test"))] == [
        ["pytest"],
        ["make", "test"],
    ]
    file.write_text(file.read_text(encoding="utf-8").replace("pytest", "curl"), encoding="utf-8")
    with pytest.raises(CheckUnknown):
        orders(tmp_path, Check(name="unit"))


def test_s12_what_a_repository_brings_is_found_wherever_a_client_looks(tmp_path: Path) -> None:
    """S12: in the directory and above it to the root, in a worktree's repository, behind links; nothing stops it."""
    names, outside = (".claude/settings.json", ".claude/agents/"), tmp_path / "outside"
    (repository := tmp_path / "web" / "sub").mkdir(parents=True)
    (outside / "agents").mkdir(parents=True)
    (outside / "agents" / "a.md").write_text("x", encoding="utf-8")
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / "settings.json").write_text("{}", encoding="utf-8")

    def strange(home: str | None = None) -> list[str]:
        found = untrusted_files(tmp_path, repository, names, home)
        return sorted(str(Path(one).relative_to(tmp_path)) for one in found if one.startswith(str(tmp_path)))

    assert strange() == [".claude/settings.json"]
    assert strange(str(tmp_path)) == []
    (private := tmp_path / "main" / ".git" / "worktrees" / "web").mkdir(parents=True)
    (private / "commondir").write_text("../..\n", encoding="utf-8")
    (repository.parent / ".git").write_text(f"gitdir: {private}\n", encoding="utf-8")
    (tmp_path / "main" / ".claude").mkdir()
    os.mkfifo(tmp_path / "main" / ".claude" / "settings.json")
    (repository.parent / ".claude").symlink_to(outside)
    for circle in ("b", "c"):  # a walk that follows them has 2^40 ends
        (outside / "agents" / circle).symlink_to(".")
    assert strange() == ["main/.claude/settings.json", "web/.claude/agents/a.md"]
    trust(tmp_path, outside, b"x")
    assert strange() == ["main/.claude/settings.json"]


def test_s12_the_script_of_a_hook_counts_as_the_settings_that_name_it(tmp_path: Path) -> None:
    """S12: settings that stay as they were execute a script that a later commit has changed."""
    (tmp_path / ".git").mkdir()
    (folder := tmp_path / ".claude" / "hooks").mkdir(parents=True)
    (script := folder / "format.sh").write_text("make format", encoding="utf-8")
    trust(tmp_path, script, script.read_bytes())
    names = load("claude-code").repository_files({})
    assert untrusted_files(tmp_path, tmp_path, names, None) == []
    script.write_text("make off", encoding="utf-8")
    assert untrusted_files(tmp_path, tmp_path, names, None) == [str(script)]


def test_what_is_no_check_in_a_file_is_refused() -> None:
    assert checks_in(b'checks = ["test"]') == {}
    with pytest.raises(ValueError, match="run"):
        checks_in(b"[checks.test]\nrun = 'make'")
