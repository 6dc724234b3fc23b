"""A82: data on stdout, hints on stderr; JSON with the API's names; nothing cut or coloured where a program reads."""

import json
import os
import pty
import re
import select
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callboard.wire.responses import Run, Runner, Session, Stopped, Token, Tree, Why
from tests.support.command import CommandLine

ESCAPE = "\x1b"


def _on_terminal(callboard: CommandLine, *words: str, columns: int = 80, **variables: Any) -> tuple[str, str]:
    """Run a command on a terminal of its own; what it wrote there, and what to stderr."""
    ours, theirs = pty.openpty()
    process = callboard.start(
        *words, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, COLUMNS=str(columns), TERM="xterm", **variables
    )
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.stderr is not None
    hints = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(30) == 0, hints
    return shown.decode().replace("\r\n", "\n"), hints


@pytest.fixture(scope="module")
def session_id(callboard: CommandLine) -> str:
    """Return a session whose agent wrote control bytes and long lines."""
    words = f"a{ESCAPE}[31mred{ESCAPE}]0;owned\x07text"
    script = f'say {words}\ntool search {{"query": "{"long " * 60}"}}\nresult r{ESCAPE}[2Jest'
    done = callboard("run", script, "--wait", "-q", "--title", f"a {'very ' * 30}long title{ESCAPE}[31m")
    assert done.code == 0, done.err
    return done.out.strip()


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_only_data_stands_on_stdout(callboard: CommandLine) -> None:
    done = callboard("run", "say hello\nresult the data", "--wait")
    assert done.out == "the data\n"
    assert "run started" in done.err


def test_a_run_that_is_not_waited_for_prints_its_ids_at_once(callboard: CommandLine) -> None:
    """A26: the session id is in the answer."""
    done = callboard("run", "say x")
    session, run, status = done.out.split()
    assert (session[:4], run[:4], status) == ("ses_", "run_", "pending")
    assert "callboard logs -f" in done.err


@pytest.mark.parametrize(
    "words", [("ps", "--all"), ("session", "list", "--all"), ("runner", "list"), ("token", "list")]
)
def test_quiet_prints_ids_only(words: tuple[str, ...], callboard: CommandLine, session_id: str) -> None:
    del session_id
    done = callboard(*words, "-q")
    assert done.err == ""
    assert done.out.splitlines()
    assert all(re.fullmatch(r"(ses|rnr|tok)_[0-9a-z]+", line) for line in done.out.splitlines())


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("session", "show", "{session}"), Session),
        (("why", "{session}"), Why),
        (("tree", "{session}"), Tree),
        (("wait", "{session}"), Run),
        (("stop", "{session}"), Stopped),
    ],
)
def test_json_is_what_the_api_says(words: tuple[str, ...], kind: Any, callboard: CommandLine, session_id: str) -> None:
    done = callboard(*(word.format(session=session_id) for word in words), "--json")
    assert done.code == 0
    assert msgspec.json.decode(done.out, type=kind)
    assert set(done.value) == set(kind.__struct_fields__)


@pytest.mark.parametrize(
    ("words", "kind"), [(("ps",), Session), (("runner", "list"), Runner), (("token", "list"), Token)]
)
def test_lists_are_pages_of_the_api(words: tuple[str, ...], kind: Any, callboard: CommandLine, session_id: str) -> None:
    del session_id
    page = callboard(*words, "--json").value
    assert set(page) == {"items", "next_page", "limit"}
    assert set(page["items"][0]) == set(kind.__struct_fields__)


def test_a_log_as_json_is_one_event_a_line(callboard: CommandLine, session_id: str) -> None:
    events = [json.loads(line) for line in callboard("logs", session_id, "--json").out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run_completed"


def test_an_error_as_json_has_code_hint_and_request(callboard: CommandLine) -> None:
    done = callboard("logs", "zzzzzz", "--json")
    assert (done.code, done.out) == (3, "")
    failure = json.loads(done.err)
    assert (failure["code"], failure["exit_code"]) == ("session_not_found", 3)
    assert failure["hint"]


def test_an_error_of_the_coordinator_names_its_request(callboard: CommandLine) -> None:
    done = callboard("session", "show", "ses_01h2xcejqtf2nbrexx3vqjhp41")
    assert re.search(r"code:  session_not_found  request \S+", done.err)


def test_piped_output_is_whole_and_plain(callboard: CommandLine, session_id: str) -> None:
    done = callboard("ps", "--all", COLUMNS="40")
    row = next(line for line in done.out.splitlines() if session_id in line)
    assert "very " * 30 + "long title" in row
    assert ESCAPE not in done.out


def test_a_terminal_gets_groups_colours_short_ids_and_lines_that_fit(callboard: CommandLine, session_id: str) -> None:
    shown, _ = _on_terminal(callboard, "ps", "--all", columns=90)
    lines = _plain(shown).splitlines()
    assert any(line.startswith("DONE (") for line in lines)
    assert f"{ESCAPE}[" in shown
    row = next(line for line in lines if line.startswith(session_id[-8:]))
    assert "…" in row
    assert all(len(line) <= 90 for line in lines)


def test_state_is_said_in_words_and_not_by_colour_alone(callboard: CommandLine, session_id: str) -> None:
    shown, _ = _on_terminal(callboard, "ps", "--all", columns=90)
    row = next(line for line in _plain(shown).splitlines() if line.startswith(session_id[-8:]))
    assert "✓ finished" in row


@pytest.mark.parametrize(
    ("words", "variables", "coloured"),
    [
        ((), {"NO_COLOR": "1"}, False),
        (("--color", "never"), {}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
    ],
)
def test_colour_is_asked_for_or_refused(
    words: tuple[str, ...], variables: dict[str, Any], coloured: bool, callboard: CommandLine, session_id: str
) -> None:
    shown, _ = _on_terminal(callboard, "session", "show", session_id, *words, **variables)
    assert (f"{ESCAPE}[" in shown) == coloured


@pytest.mark.parametrize(
    "words", [("logs", "{session}"), ("wait", "{session}"), ("ps", "--all"), ("tree", "{session}")]
)
def test_s8_what_an_agent_wrote_does_nothing_to_the_terminal(
    words: tuple[str, ...], callboard: CommandLine, session_id: str
) -> None:
    done = callboard(*(word.format(session=session_id) for word in words))
    assert ESCAPE not in done.out + done.err
    assert "\x07" not in done.out + done.err


def test_s8_raw_output_is_there_for_those_who_ask(callboard: CommandLine, session_id: str) -> None:
    assert f"{ESCAPE}[31mred" in callboard("logs", session_id, "--raw").out


def test_logs_can_be_cut_by_number_time_and_type(callboard: CommandLine, session_id: str) -> None:
    every = callboard("logs", session_id).out.splitlines()
    assert callboard("logs", session_id, "--tail", "3").out.splitlines() == every[-3:]
    assert callboard("logs", session_id, "--since", "1h").out.splitlines() == every
    assert callboard("logs", session_id, "--since", "2999-01-01T00:00:00Z").out == ""
    of_type = callboard("logs", session_id, "--types", "message,result", "--json").out.splitlines()
    assert {json.loads(line)["type"] for line in of_type} == {"message", "result"}


def test_a_reader_that_has_seen_enough_is_no_error(callboard: CommandLine, session_id: str) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    process = callboard.start("logs", session_id, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    _, hints = process.communicate(timeout=30)
    assert (process.returncode, hints) == (0, b"")


def test_a82_who_reads_no_progress_still_gets_the_exit_code(callboard: CommandLine) -> None:
    """`run --wait 2>&1 >result | head -1`: progress is decoration."""
    ours, theirs = os.pipe()
    os.close(ours)
    words = ("run", "fail x", "--wait")
    process = callboard.start(*words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    process.communicate(timeout=30)
    assert process.returncode == 1


def test_no_traceback_without_debug(nowhere: CommandLine) -> None:
    assert "Traceback" not in nowhere("ps").err
    assert "Traceback" in nowhere("ps", "--debug").err


def test_a_prompt_comes_from_stdin(callboard: CommandLine) -> None:
    done = callboard("run", "-", "--wait", stdin="say hello\nresult from stdin")
    assert (done.code, done.out) == (0, "from stdin\n")


def test_deleting_asks_first_and_says_what_is_lost(callboard: CommandLine) -> None:
    session = callboard("run", "say x", "--wait", "-q").out.strip()
    refused = callboard("session", "delete", session)
    assert refused.code == 2
    assert re.search(r"1 runs and \d+ events will be lost", refused.err)
    assert callboard("session", "delete", session, "--yes").code == 0
    assert callboard("session", "show", session).code == 3


def test_a30_an_old_log_is_imported_under_todays_names(callboard: CommandLine, tmp_path: Path) -> None:
    old = tmp_path / "old.jsonl"
    lines = [{"event_type": "session_start", "timestamp": "2025-01-01T00:00:00Z"}, {"event_type": "session_stop"}]
    old.write_text("\n".join(json.dumps(line) for line in lines))
    session = callboard("session", "import", str(old), "-q").out.strip()
    types = [json.loads(line)["type"] for line in callboard("logs", session, "--json").out.splitlines()]
    assert types[-2:] == ["run_start", "run_completed"]
    old.write_text("no json")
    assert callboard("session", "import", str(old)).code == 2
