"""Settings: flag, environment, project file, user file, default, in this order; mistakes come with a suggestion."""

from pathlib import Path

import pytest

from callboard.cli.settings import read_settings
from callboard.domain.errors import InvalidRequest
from tests.support.command import CommandLine


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with a user's file."""
    folder = tmp_path / ".config" / "callboard"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        'executor = "of-user"\nagent = "of-user"\ncolor = "never"\nproject = "of-user"\n'
    )
    return tmp_path


@pytest.fixture
def project(home: Path) -> Path:
    """Return a directory in a repository with a project's file."""
    repository = home / "repository"
    (repository / ".callboard").mkdir(parents=True)
    (repository / ".git").mkdir()
    (repository / ".callboard" / "config.toml").write_text('executor = "of-project"\nagent = "of-project"\n')
    (repository / "src").mkdir()
    return repository / "src"


def test_each_place_outweighs_the_ones_behind_it(home: Path, project: Path) -> None:
    """A82: flag > environment > project > user > default."""
    settings = read_settings({"HOME": str(home), "CALLBOARD_EXECUTOR": "of-environment"}, project)
    found = settings.with_flags(color="always").found
    assert found["color"] == ("always", "flag")
    assert found["executor"] == ("of-environment", "CALLBOARD_EXECUTOR")
    assert found["agent"].value == "of-project"
    assert found["agent"].origin.endswith("repository/.callboard/config.toml")
    assert found["project"].value == "of-user"
    assert found["context"] == (None, "default")


def test_a_flag_that_was_not_given_outweighs_nothing(home: Path) -> None:
    assert read_settings({"HOME": str(home)}, home).with_flags(color=None)["color"] == "never"


def test_an_unknown_key_is_an_error_with_a_suggestion(home: Path) -> None:
    (home / ".config" / "callboard" / "config.toml").write_text('executer = "x"\n')
    with pytest.raises(InvalidRequest, match="executer") as raised:
        read_settings({"HOME": str(home)}, home)
    assert raised.value.hint == "Did you mean executor?"


@pytest.mark.parametrize("line", ["executor = 5", "tags = 'a'", "no_input = 'yes'", "runner = 3"])
def test_a_value_of_the_wrong_kind_is_an_error(home: Path, line: str) -> None:
    (home / ".config" / "callboard" / "config.toml").write_text(line)
    with pytest.raises(InvalidRequest):
        read_settings({"HOME": str(home)}, home)


@pytest.mark.parametrize(
    "line", ["url = 'http://evil'", "token_file = '/x'", "data_dir = '/x'", "[runner]", "[executors.x]"]
)
def test_a_repository_cannot_say_where_a_token_goes_or_what_is_executed(home: Path, project: Path, line: str) -> None:
    """S12: a cloned repository must not redirect the person's token, nor name programs."""
    (project.parent / ".callboard" / "config.toml").write_text(line)
    with pytest.raises(InvalidRequest):
        read_settings({"HOME": str(home)}, project)


def test_the_search_for_a_projects_file_ends_at_its_repository(home: Path, project: Path) -> None:
    inner = project / "vendored"
    (inner / ".git").mkdir(parents=True)
    assert read_settings({"HOME": str(home)}, inner)["agent"] == "of-user"


def test_lists_and_truths_are_read_from_the_environment(home: Path) -> None:
    settings = read_settings({"HOME": str(home), "CALLBOARD_TAGS": "gpu, big", "CALLBOARD_NO_INPUT": "1"}, home)
    assert (settings["tags"], settings["no_input"]) == (["gpu", "big"], True)
    with pytest.raises(InvalidRequest, match="CALLBOARD_NO_INPUT"):
        read_settings({"HOME": str(home), "CALLBOARD_NO_INPUT": "maybe"}, home)


def test_config_show_says_where_each_value_comes_from(home: Path, project: Path) -> None:
    callboard = CommandLine(project, {"HOME": str(home), "CALLBOARD_PORT": "9000", "CALLBOARD_RUNNER_TAGS": "gpu"})
    lines = {line.split()[0]: line for line in callboard("config", "show", "--origin").out.splitlines()}
    assert lines["executor"].split()[1:] == ["of-project", str(project.parent / ".callboard" / "config.toml")]
    assert lines["coordinator.port"].split()[1:] == ["9000", "environment"]
    assert lines["runner.tags"].split()[1:] == ['["gpu"]', "CALLBOARD_RUNNER_TAGS"]
    assert lines["coordinator.lease_seconds"].split()[-1] == "default"


def test_config_show_keeps_passwords_to_itself(home: Path) -> None:
    """S13: settings are shown to people who look over the shoulder."""
    callboard = CommandLine(home, {"HOME": str(home), "CALLBOARD_DATABASE": "postgresql://me:hidden@db/x"})
    done = callboard("config", "show", "--json")
    assert done.code == 0
    assert "hidden" not in done.out
    assert "postgresql://me:***@db/x" in done.out


def test_config_check_finds_mistakes_in_files_and_environment(home: Path) -> None:
    callboard = CommandLine(home, {"HOME": str(home), "CALLBOARD_EXECUTR": "x", "CALLBOARD_PORT": "many"})
    done = callboard("config", "check")
    assert done.code == 2
    assert "CALLBOARD_EXECUTR" in done.out
    assert "CALLBOARD_EXECUTOR" in done.out
    assert "port" in done.out
    assert callboard("config", "check", CALLBOARD_EXECUTR="", CALLBOARD_PORT="").code == 0


def test_config_check_names_every_mistake_at_once(home: Path, project: Path) -> None:
    """Of both files, of each table in them, and of the environment: nobody mends one, and is told of the next."""
    (home / ".config" / "callboard" / "config.toml").write_text(
        "colour = 'auto'\n[coordinator]\nprot = 1\nlease_seconds = 0\n"
        "[runner]\nslot = 3\nslots = 0\n[executors.tool]\nargv = 'sh'\n"
    )
    (project.parent / ".callboard" / "config.toml").write_text("url = 'http://evil'\n")
    wrong = {"CALLBOARD_NO_INPUT": "maybe", "CALLBOARD_RUNNER_ALLOW_SHELL": "perhaps"}
    done = CommandLine(project, {"HOME": str(home)} | wrong)("config", "check")
    assert done.code == 2
    for name in (
        "colour",
        "'url'",
        "NO_INPUT",
        "prot",
        "lease_seconds",
        "`slot`",
        "slots`",
        "tool.argv",
        "allow_shell",
    ):
        assert name in done.out, (name, done.out)
