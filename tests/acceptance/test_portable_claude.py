"""A70 of portable sessions: the real Claude Code goes on with a conversation that it had on another host."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from callboard.domain.ids import uuid_of
from tests.clients_fixture import ClaudeClient
from tests.support.claude import ClaudeWorld, served_model, table_of
from tests.support.coordinator import QUICK
from tests.support.history import assert_promises_kept
from tests.support.runner import Runner
from tests.support.world import World

pytestmark = [pytest.mark.clients, pytest.mark.either_database, pytest.mark.timeout(120)]


@dataclass
class TwoHosts:
    """A world whose coordinator has little patience, and a second host with a home of its own."""

    first: ClaudeWorld
    client: ClaudeClient
    runner: Runner


@pytest.fixture
def hosts(world: World, claude_code: Path) -> Iterator[TwoHosts]:
    """Yield two hosts that offer the real client."""
    patience = {"lost_runner_seconds": 2, "heartbeat_seconds": 0.5, "grace_seconds": 0.5, "portable_grace_seconds": 1}
    with served_model() as model:
        first = ClaudeWorld(world, claude_code, model, QUICK | patience)
        client = ClaudeClient(claude_code, world.folder / "home-of-beta", model)
        (client.home / "tmp").mkdir(parents=True)
        table = table_of(client)
        beta = world.runner(first.coordinator, hostname="beta", executors=["claude-code"], tables=table)
        yield TwoHosts(first, client, beta)


def test_a70_the_client_on_another_host_remembers_and_back_on_the_first_too(hosts: TwoHosts) -> None:
    """A70, A02: the model is told the turns of both hosts, under the one id."""
    first, coordinator = hosts.first, hosts.first.coordinator
    hosts.runner.kill()
    begun = coordinator.completed("[[say The word is heron.]]", portable=True)
    native = str(uuid_of(begun.session_id))
    assert begun.runner_id == first.runner.runner_id

    first.runner.kill()
    hosts.runner.restart()
    moved = coordinator.resume_completed(begun.session_id, "[[say The number is seven.]]")
    assert moved.runner_id == hosts.runner.runner_id
    assert "The word is heron." in first.last_messages()
    here, there = first.client.transcripts(), hosts.client.transcripts()
    assert [(path.parent.name, path.stem) for path in here] == [(path.parent.name, path.stem) for path in there]
    assert there[0].read_bytes().startswith(here[0].read_bytes())

    hosts.runner.kill()
    first.runner.restart()
    back = coordinator.resume_completed(begun.session_id, "[[say I remember.]]")
    assert back.runner_id == first.runner.runner_id
    told = first.last_messages()
    assert "The word is heron." in told
    assert "The number is seven." in told
    found = [(one.generation, one.executor_session_id, one.reason) for one in coordinator.bindings(begun.session_id)]
    assert found == [(1, native, "start"), (2, native, "migrate"), (3, native, "migrate")]
    assert_promises_kept(coordinator, begun.session_id)
