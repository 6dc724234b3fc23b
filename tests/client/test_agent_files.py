"""Agent files as they are told to a coordinator."""

from pathlib import Path

from callboard.client.agent_files import user_source


def test_the_files_of_a_user_have_the_paths_that_they_have_on_the_disk(tmp_path: Path) -> None:
    paths = [".config/callboard/agents/mine.md", ".claude/agents/theirs.md"]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("---\n---\n", encoding="utf-8")
    source = user_source("here", {"HOME": str(tmp_path)})
    assert (source.directory, list(source.texts)) == (str(tmp_path), paths)
