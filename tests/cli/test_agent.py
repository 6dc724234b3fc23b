"""The noun `agent` on the command line: files that are looked at without a coordinator, agents by name."""

from pathlib import Path

from tests.support.command import CommandLine

GOOD = "---\nname: good\ndescription: Does good.\n---\nBe good.\n"
BAD = "---\nname: bad\ncolour: red\n---\nBe bad.\n"


def write(folder: Path, name: str, text: str) -> Path:
    """A file of an agent."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.md"
    file.write_text(text, encoding="utf-8")
    return file


def test_validate_needs_no_coordinator_and_names_what_is_wrong(nowhere: CommandLine) -> None:
    """60: `agent validate`; exit 1 when a check failed."""
    own = nowhere.directory / ".callboard" / "agents"
    good = write(own, "good", GOOD)
    assert nowhere("agent", "validate").code == 0
    bad = write(own, "bad", BAD)
    done = nowhere("agent", "validate")
    assert (done.code, done.out.strip()) == (1, ".callboard/agents/good.md  good")
    assert "unknown field `colour`" in done.err
    assert nowhere("agent", "validate", str(good)).code == 0
    (problem,) = nowhere("agent", "validate", str(bad), "--json").value
    assert problem["path"] == str(bad)
    assert nowhere("agent", "validate", "absent.md").code == 1


def test_validate_knows_two_files_of_one_name_and_who_has_to_be_trusted(nowhere: CommandLine) -> None:
    own = nowhere.directory / ".callboard" / "agents"
    write(own, "first", "---\nname: same\npermission_mode: full\n---\nx\n")
    write(own, "second", "---\nname: same\n---\nx\n")
    done = nowhere("agent", "validate")
    assert (done.code, done.out.strip()) == (1, ".callboard/agents/first.md  same")
    assert "second.md: Another file here has the agent 'same' already." in done.err
    assert "first.md: MCP servers of its own, or the mode full: only `agent sync` takes it." in done.err


def test_links_that_lead_out_of_the_folder_are_not_read(nowhere: CommandLine) -> None:
    """S12: a repository brings no file of the machine to the coordinator."""
    secret = write(nowhere.directory, "secret", GOOD)
    own = nowhere.directory / ".callboard" / "agents"
    write(own, "good", GOOD)
    (own / "link.md").symlink_to(secret)
    done = nowhere("agent", "validate", "--json")
    assert [(problem["path"], "link" in problem["message"]) for problem in done.value] == [
        (".callboard/agents/link.md", True)
    ]


def test_agents_are_listed_shown_and_synced(callboard: CommandLine, tmp_path: Path) -> None:
    """60: `agent list|show|sync`."""
    write(tmp_path / ".callboard" / "agents", "good", GOOD)
    synced = callboard("agent", "sync", "--project-dir", str(tmp_path))
    assert (synced.code, "new or changed: good" in synced.out) == (0, True)
    again = callboard("agent", "sync", "--project-dir", str(tmp_path))
    assert "new or changed: none; unchanged: 1" in again.out
    assert "good" in callboard("agent", "list", "-q", "--project-dir", str(tmp_path)).out.split()
    assert "good" not in callboard("agent", "list", "-q", "--project-dir", "/nowhere").out.split()
    shown = callboard("agent", "show", "good", "--project-dir", str(tmp_path))
    assert (shown.code, "Be good." in shown.out, "Does good." in shown.out) == (0, True, True)
    assert callboard("agent", "show", "nobody").code == 3
    (tmp_path / ".callboard" / "agents" / "good.md").unlink()
    assert "gone: good" in callboard("agent", "sync", "--project-dir", str(tmp_path)).out


def test_an_executor_of_the_settings_does_not_contradict_the_agents(callboard: CommandLine, tmp_path: Path) -> None:
    """60: a setting is a default; what the agent says is meant."""
    write(tmp_path / ".callboard" / "agents", "acts", "---\nexecutor: scripted\n---\nresult acted\n")
    callboard("agent", "sync", "--project-dir", str(tmp_path))
    words = ("run", "say x", "--agent", "acts", "--project-dir", str(callboard.directory), "--wait")
    missing = callboard(*words, CALLBOARD_EXECUTOR="claude-code")
    assert missing.code == 3
    write(callboard.directory / ".callboard" / "agents", "acts", "---\nexecutor: scripted\n---\nresult acted\n")
    callboard("agent", "sync")
    done = callboard(*words, CALLBOARD_EXECUTOR="claude-code")
    assert (done.code, done.out.strip()) == (0, "acted")
    settings = callboard.directory / ".callboard" / "config.toml"
    settings.write_text('agent = "acts"\n', encoding="utf-8")
    try:
        told = f"agent acts, as {settings} says; without it: --no-agent"
        usual = callboard("run", "say x", "--wait")
        assert (usual.out.strip(), told in usual.err) == ("acted", True), usual.err
        refused = callboard("run", "say x", "--executor", "command", "--json")
        assert (refused.code, told in refused.err) == (2, True), refused.err
        without = callboard("run", "result alone", "--no-agent", "--executor", "scripted", "--wait")
        assert (without.out.strip(), "acts" in without.err) == ("alone", False)
        assert callboard("run", "say x", "--no-agent", "--agent", "acts").code == 2
    finally:
        settings.unlink()
