"""A82: what is refused, or shows nothing, says why; no help leaves something out."""

from pathlib import Path

import pytest

from callboard.cli import jobs
from callboard.cli.context import Context
from callboard.cli.failure import report_error
from callboard.cli.options import Show, Where
from callboard.cli.output import Output
from callboard.cli.settings import read_settings
from callboard.domain.caller import Caller
from callboard.domain.database_url import holds_secret
from callboard.domain.errors import Conflict, InvalidRequest, Unavailable
from tests.support.command import CommandLine
from tests.support.coordinator import Coordinator

LANGUAGE = Path(__file__).parents[2] / "src" / "callboard" / "executors" / "scripted_agent" / "language.py"


def test_the_help_on_scripts_names_every_command(callboard: CommandLine) -> None:
    shown = callboard("help", "script").out
    lines = LANGUAGE.read_text(encoding="utf-8").splitlines()
    commands = [line.split("do_")[1].split("(")[0].replace("_", "-") for line in lines if "    def do_" in line]
    assert "hold-stdout" in commands
    assert [command for command in commands if command not in shown] == []


def test_a_colour_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="purple"):
        read_settings({"HOME": str(tmp_path), "CALLBOARD_COLOR": "purple"}, tmp_path)
    file = tmp_path / ".config" / "callboard" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('color = "purple"')
    with pytest.raises(InvalidRequest, match="purple"):
        read_settings({"HOME": str(tmp_path)}, tmp_path)


def test_every_wrong_setting_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / ".config" / "callboard" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('color = "purple"\nexecuter = "x"\nagent = 5\n')
    done = CommandLine(tmp_path, {"HOME": str(tmp_path)})("config", "check")
    assert done.code == 2
    assert [word for word in ("purple", "'executer'", "executor?", "agent must be") if word not in done.out] == []


def test_a_malformed_approval_is_called_that(callboard: CommandLine) -> None:
    done = callboard("approve", "apr_xxx")
    assert (done.code, "no approval's id" in done.err) == (2, True)


def test_a_log_without_the_types_that_were_asked_for_says_so(callboard: CommandLine) -> None:
    session_id = callboard("run", "say x", "--wait", "-q").out.strip()
    done = callboard("logs", session_id, "--types", "bogus")
    assert (done.code, done.out) == (0, "")
    assert "bogus" in done.err


def test_who_leads_a_session_elsewhere_is_not_sent_to_a_stop_that_is_refused(
    callboard: CommandLine, coordinator: Coordinator
) -> None:
    """A43."""
    led = {"executor_type": "claude-code", "executor_session_id": "0199aa00-0000-7000-8000-0000000000aa"}
    answer = coordinator.http.post("/sessions", json=led | {"hostname": "laptop", "project_dir": "/src"})
    made = answer.json()
    for verb in (("archive",), ("delete", "--yes")):
        done = callboard("session", verb[0], made["session_id"], *verb[1:])
        assert (done.code, "callboard stop" in done.err) == (8, False)
        assert "Another process leads it" in done.err


def test_every_fact_of_a_refusal_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    errors: list[dict[str, object]] = [{"status": "allowed", "decided_by": "tok_1"}]
    report_error(Output(), Conflict("It was allowed.", code="approval_decided", errors=errors))
    assert "  - status allowed, decided_by tok_1\n" in capsys.readouterr().err


def test_a_refusal_is_in_the_words_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A83: a person knows no bodies; `--json` keeps the API's words."""
    refused = {
        ("/title", "Expected `str` of length <= 200"): "error: The title must have at most 200 characters.\n",
        ("/limits/budget_microdollars", "Expected `int` <= 9000000"): "error: --budget must be at most 9.\n",
        ("/limits/budget_microdollars", "Expected `int` >= 1"): "error: --budget must be more than 0.\n",
        ("/limits/budget_tokens", "Expected `int` >= 1"): "error: --budget-tokens must be at least 1.\n",
    }
    for (pointer, message), said in refused.items():
        error = InvalidRequest(f"{pointer}: {message}.", errors=[{"pointer": pointer, "message": message}])
        report_error(Output(), error)
        told = capsys.readouterr().err
        assert (told.startswith(said), "Expected" in told) == (True, False)
        report_error(Output(json=True), error)
        assert message in capsys.readouterr().err
    report_error(Output(), Conflict("It is busy.", code="session_busy", hint="Use on_busy=enqueue to wait."))
    assert "Use --on-busy enqueue to wait." in capsys.readouterr().err


def test_an_empty_password_is_none() -> None:
    assert not holds_secret("postgres://user:@host/name")
    assert holds_secret("postgres://user:word@host/name")


def test_a_sentence_begins_with_the_article_of_the_kind() -> None:
    kinds = [Caller(token_id="t", kind=kind).kind_in_words for kind in ("owner", "user")]
    assert kinds == ["An owner", "A user"]


def test_a_spawn_whose_coordinator_is_gone_says_so_once_and_then_what_became_of_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A83: the work is reserved, and goes on without whoever asked for it."""
    monkeypatch.setattr(jobs, "PATIENCE_SECONDS", 1.5)
    token = tmp_path / "token"
    token.write_text("cbu_nobody")
    token.chmod(0o600)
    context = Context(Show(), Where(url="http://127.0.0.1:9", token_file=token))
    with pytest.raises(Unavailable) as away:
        jobs.wait_for_work(context, "job_1", "The worktree", session_id="ses_1", handle="35")
    assert capfd.readouterr().err.count("Asking again") == 1
    assert "callboard get 35" in away.value.hint


@pytest.mark.parametrize("word", ["abc", "0", "-3"])
def test_what_is_no_number_of_an_issue_is_called_that(word: str, callboard: CommandLine) -> None:
    done = callboard("task", "run", "--", word)
    assert (done.code, f"{word}: no number here" in done.err) == (2, True), done.err
