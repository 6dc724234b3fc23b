"""What a runner can be told: merged by precedence, checked, and every mistake named."""

from pathlib import Path

import pytest

from callboard.domain.errors import InvalidRequest
from callboard.runner.config import ExecutorTable, KeeperTable, RunnerTable, merged, read_tables, runner_settings
from callboard.runner.context import OfferedExecutor
from callboard.runner.offers import offered_executors


def _settings(tmp_path: Path, table: RunnerTable) -> dict[str, OfferedExecutor]:
    made = runner_settings(table, url="http://x/", join_token="secret", state_dir=tmp_path)
    return offered_executors(made, {"PATH": str(tmp_path / "bin")})


def test_the_first_table_that_sets_a_field_decides() -> None:
    flags = RunnerTable(slots=3, tags=["a"])
    file = RunnerTable(slots=9, name="build", keeper=KeeperTable(term_seconds=2), executors={"x": ExecutorTable()})
    both = merged(flags, file)
    assert (both.slots, both.name, both.tags) == (3, "build", ["a"])
    assert both.keeper.as_limits() == {"term_seconds": 2}
    assert set(both.executors) == {"x"}


def test_the_way_to_github_is_the_runners_own(tmp_path: Path) -> None:
    table = read_tables({"gh": "~/bin/gh", "github_token_file": "~/token"}, None, "environment")
    made = runner_settings(table, url="http://x/", join_token=None, state_dir=tmp_path)
    assert (made.gh, made.github_token_file) == (str(Path.home() / "bin/gh"), Path.home() / "token")
    with pytest.raises(InvalidRequest, match="github_api_url"):
        read_tables({"github_api_url": "ftp://git.test"}, None, "config.toml")


def test_an_unknown_key_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(InvalidRequest) as wrong:
        read_tables({"slot": 3}, {}, "config.toml")
    assert "config.toml" in wrong.value.detail
    assert "slots" in wrong.value.hint


def test_a_value_of_the_wrong_kind_names_its_place() -> None:
    with pytest.raises(InvalidRequest) as wrong:
        read_tables({}, {"tool": {"type": "command", "argv": "sh -c"}}, "config.toml")
    assert "argv" in wrong.value.detail


def test_a57_a_parameter_in_the_text_of_a_script_is_refused_with_what_to_do() -> None:
    """A57: whoever starts a run chooses its parameters; a runner does not start with a table that executes them."""
    with pytest.raises(InvalidRequest) as wrong:
        read_tables({}, {"tool": {"type": "command", "argv": ["sh", "-c", "deploy ${to}"]}}, "config.toml")
    assert "config.toml: [executors.tool]" in wrong.value.detail
    assert "$CALLBOARD_PARAMETER_NAME" in wrong.value.hint


def test_a57_no_statement_makes_a_shell_a_reader_of_its_prompt() -> None:
    """A57: said when the file is read."""
    with pytest.raises(InvalidRequest) as wrong:
        read_tables({}, {"tool": {"type": "command", "argv": ["nice", "bash"], "prompt_is_data": True}}, "config.toml")
    assert "[executors.tool] states prompt_is_data, but bash would execute" in wrong.value.detail


def test_directories_become_real_paths_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    made = runner_settings(
        RunnerTable(project_dir=str(tmp_path / "link")), url="http://x/", join_token=None, state_dir=tmp_path
    )
    assert (made.project_dir, made.roots, made.url) == (tmp_path, (tmp_path,), "http://x")
    with pytest.raises(InvalidRequest):
        runner_settings(
            RunnerTable(project_dir=str(tmp_path / "missing")), url="http://x", join_token=None, state_dir=tmp_path
        )


def test_a_token_is_not_shown(tmp_path: Path) -> None:
    made = runner_settings(RunnerTable(), url="http://x", join_token="secret", state_dir=tmp_path)
    assert "secret" not in repr(made)


def test_what_is_not_there_is_not_offered_unless_a_person_named_it(tmp_path: Path) -> None:
    assert set(_settings(tmp_path, RunnerTable())) == {"scripted"}
    with pytest.raises(InvalidRequest):
        _settings(tmp_path, RunnerTable(offer=["claude-code"]))
    with pytest.raises(InvalidRequest):
        _settings(tmp_path, RunnerTable(executors={"tool": ExecutorTable(type="command", argv=["no-such-program"])}))
    with pytest.raises(InvalidRequest):
        _settings(tmp_path, RunnerTable(offer=["nobody"]))


def test_a_program_that_is_found_is_offered_under_its_name(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    table = RunnerTable(executors={"tool": ExecutorTable(type="command", argv=["claude", "x"])})
    assert set(_settings(tmp_path, table)) == {"scripted", "claude-code", "tool"}


def test_a_shell_is_offered_only_when_it_was_allowed(tmp_path: Path) -> None:
    shell = tmp_path / "bin" / "sh"
    shell.parent.mkdir()
    shell.write_text("#!/bin/sh\n")
    shell.chmod(0o755)
    assert "command" not in _settings(tmp_path, RunnerTable())
    assert "command" in _settings(tmp_path, RunnerTable(allow_shell=True))
