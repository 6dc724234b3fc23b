"""docs/runner-protocol.md says what is true: its bodies are valid, its routes exist, its journal can be read."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callboard.coordinator.http.routes import ROUTES
from callboard.domain.invocation import Invocation
from callboard.executors.journal import JournalReader
from callboard.runner.environment import ALLOWED
from callboard.wire import runner as wire
from callboard.wire import work
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "runner-protocol.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+) ?(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
BODIES = [(name, text) for kind, name, text in BLOCKS if kind == "json"]


@pytest.mark.parametrize(("name", "text"), BODIES, ids=[name for name, _ in BODIES])
def test_every_body_is_one_of_its_kind(name: str, text: str) -> None:
    kind: Any = getattr(work if hasattr(work, name) else wire, name)
    known = set(msgspec.json.decode(text)) - set(kind.__struct_fields__)
    assert known == set()
    msgspec.json.decode(text, type=kind)


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    assert {kind for kind, _, _ in BLOCKS} == {"json", "journal", "text"}


def test_every_route_of_runners_is_on_the_page() -> None:
    listed = {re.sub(r"\{\w+\}", "*", route) for route in re.findall(r"(?:GET|POST) (/[a-z_/{}]+)", PAGE)}
    routes = {re.sub(r"\{\w+\}", "*", one.path) for one in ROUTES if one.path.startswith("/runner/")}
    assert routes - {"/runner/runs/*/failed", "/runner/runs/*/stopped"} <= listed
    assert listed <= {re.sub(r"\{\w+\}", "*", one.path) for one in ROUTES}


def test_every_field_of_the_invocation_is_on_the_page() -> None:
    table = PAGE.partition("## The invocation")[2]
    assert [name for name in Invocation.__struct_fields__ if f"`{name}`" not in table] == []


def test_every_allowed_variable_is_on_the_page() -> None:
    assert [name for name in ALLOWED if not re.search(rf"\b{name}\b", PAGE)] == []


def test_the_journal_on_the_page_can_be_read(tmp_path: Path) -> None:
    (text,) = [text for kind, _, text in BLOCKS if kind == "journal"]
    path = tmp_path / "journal"
    path.write_text(text, encoding="utf-8")
    records = list(JournalReader(path, 1).read())
    assert [one.channel for one in records] == ["k", "o", "i", "k", "k"]
    assert (records[2].input_id, records[2].input_text) == ("prompt", "say hi")
    assert records[1].key(0) == f"1.{records[1].offset:012d}.00"
    assert records[-1].is_last
