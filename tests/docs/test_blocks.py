"""Every block of the documentation is what it says it is: commands run, bodies are valid, settings are accepted."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec
import pytest
from cyclopts import App

from callboard.cli.app import build_app
from callboard.cli.dispatch import with_stdin_named
from callboard.wire import agents, requests, responses, work
from callboard.wire import runner as reports
from tests.conftest import REPOSITORY
from tests.docs.pages import PAGES, WRITTEN, Block, Page
from tests.docs.shell import SHELL, Machine, callboard_words
from tests.support.command import CommandLine

RUN: Final = SHELL | {"python"}
LOOKED_AT: Final = RUN | {"json", "toml", "sql", "journal", "text", ""}
NOT_RUN: Final = {"README.md": 2, "docs/plugin.md": 1}
"""How many blocks of a page are not run. A higher number needs as good a reason as a skipped test."""

ALL: Final = [block for page in PAGES for block in page.blocks]
PAGES_WITH_COMMANDS: Final = [page for page in WRITTEN if any(block.kind in RUN for block in page.blocks)]


def of_kind(*kinds: str) -> list[Any]:
    """The blocks of these kinds, as parameters of a test."""
    return [pytest.param(block, id=block.place) for block in ALL if block.kind in kinds]


@pytest.fixture(scope="module")
def app() -> App:
    return build_app(whole=True)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=str)
def test_the_commands_of_a_page_run_from_its_top_to_its_end(page: Page, tmp_path: Path) -> None:
    blocks = [block for block in page.blocks if block.kind in RUN and not block.not_run]
    code, said = Machine(tmp_path).run(blocks)
    assert code == 0, said


def test_what_is_not_run_says_what_it_needs_and_is_counted() -> None:
    marked = [block for block in ALL if block.not_run]
    assert [block.place for block in marked if not re.match(r"needs \w+", block.not_run or "")] == []
    counted: dict[str, int] = {}
    for block in marked:
        page = block.place.partition(":")[0]
        counted[page] = counted.get(page, 0) + 1
    assert counted == NOT_RUN


def test_every_block_is_of_a_kind_that_is_looked_at() -> None:
    assert [block.place for block in ALL if block.kind not in LOOKED_AT] == []


@pytest.mark.parametrize("page", [page for page in WRITTEN if page.blocks], ids=str)
def test_every_command_is_one_that_is_understood(page: Page, app: App) -> None:
    """Also where it is not run; the generated reference is made from examples that are tested on their own."""
    for block in page.blocks:
        for words in callboard_words(block) if block.kind in SHELL else ():
            app.parse_args(with_stdin_named(words), exit_on_error=False, print_error=False)


@pytest.mark.parametrize("block", of_kind("json"))
def test_every_body_is_one_of_its_kind(block: Block) -> None:
    """A name after the word json is that of a shape of the API."""
    value = msgspec.json.decode(block.text)
    if block.name:
        (kind,) = [
            found for room in (agents, requests, responses, reports, work) if (found := getattr(room, block.name, None))
        ]
        assert set(value) - set(kind.__struct_fields__) == set()
        msgspec.json.decode(block.text, type=kind)


@pytest.mark.parametrize("block", of_kind("toml"))
def test_every_settings_file_is_accepted(block: Block, tmp_path: Path) -> None:
    place = tmp_path / "callboard" / "config.toml"
    place.parent.mkdir()
    place.write_text(block.text, encoding="utf-8")
    assert tomllib.loads(block.text)
    checked = CommandLine(tmp_path, {"XDG_CONFIG_HOME": str(tmp_path)})("config", "check")
    assert checked.code == 0, checked.err


@pytest.mark.parametrize("page", [page for page in PAGES if any(one.kind == "sql" for one in page.blocks)], ids=str)
def test_the_schema_can_be_executed(page: Page) -> None:
    database = apsw.Connection(":memory:")
    for block in page.blocks:
        database.execute(block.text)
    assert database.execute("SELECT count(*) FROM sqlite_schema").get > 10


def test_the_layers_on_the_page_are_those_that_are_checked() -> None:
    (block,) = Page(REPOSITORY / "docs" / "architecture.md").blocks
    contract = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [re.findall(r"\w+", line) for line in contract["contracts"][0]["layers"]]
    rooms = {path.name for path in (REPOSITORY / "src" / "callboard").iterdir() if path.is_dir()}
    there = [[room for room in layer if room in rooms] for layer in layers]
    assert [line.split(" | ") for line in block.text.splitlines()] == [layer for layer in there if layer]
