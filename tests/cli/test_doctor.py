"""`doctor` finds what is wrong and changes nothing."""

import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from callboard.cli.dispatch import run_command
from callboard.coordinator.services.places import refusal_of
from callboard.store import file_system, migrate
from callboard.store.postgres import READERS, WRITERS
from callboard.store.postgres_look import CONNECTIONS_EACH
from tests.support import postgres
from tests.support.command import CommandLine
from tests.support.coordinator import Coordinator
from tests.support.github import GitHub
from tests.support.later_version import LaterVersion
from tests.support.work import Workshop
from tests.support.world import World


def _findings(callboard: CommandLine, **variables: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = callboard("doctor", "--json", **variables)
    return done.code, {one["name"]: one for one in done.value["findings"]}


def test_all_is_well(callboard: CommandLine) -> None:
    code, found = _findings(callboard)
    assert code == 0
    assert {found[name]["verdict"] for name in ("callboard", "sqlite", "coordinator", "token", "runners")} == {"ok"}
    assert "scripted" in found["runners"]["sentence"]


def test_a_coordinator_that_is_not_there_is_wrong_and_the_next_step_is_named(nowhere: CommandLine) -> None:
    code, found = _findings(nowhere)
    assert (code, found["coordinator"]["verdict"]) == (1, "wrong")
    assert "callboard up" in found["coordinator"]["next_step"]


def test_a_token_that_others_can_read_is_wrong(callboard: CommandLine, coordinator: Coordinator) -> None:
    """S2: token files are private."""
    token = coordinator.data_dir / "token"
    token.chmod(0o644)
    try:
        code, found = _findings(callboard, CALLBOARD_DATA_DIR=str(coordinator.data_dir))
    finally:
        token.chmod(0o600)
    assert (code, found["data"]["verdict"]) == (1, "wrong")
    assert found["data"]["next_step"] == f"chmod go= {token}"


@pytest.mark.parametrize("words", ["nobody", ""])
def test_a_token_that_is_not_known_is_wrong(callboard: CommandLine, words: str) -> None:
    code, found = _findings(callboard, CALLBOARD_TOKEN=words or "x", CALLBOARD_TOKEN_FILE="")
    assert (code, found["token"]["verdict"]) == (1, "wrong")


def test_it_says_that_agents_run_as_the_person(callboard: CommandLine) -> None:
    """Under one user id the separation is hygiene, not a boundary; doctor says so."""
    _, found = _findings(callboard)
    assert "as your user" in found["boundary"]["sentence"]


def test_git_and_the_way_to_github_are_looked_at_for_the_projects_that_are_here(tmp_path: Path) -> None:
    """50: a git that is too old and a tracker that cannot be asked, each with what to do."""
    (tmp_path / "world").mkdir()
    with GitHub(tmp_path / "github") as github, World(tmp_path / "world") as world:
        coordinator = world.coordinator()
        place = {"hostname": socket.gethostname(), "remote_url": github.remote, "tracker": "github"}
        Workshop(coordinator, "shop", str(world.project), **place)
        callboard = world.command_line(coordinator)
        (old := tmp_path / "old").mkdir()
        (old / "git").write_text("#!/bin/sh\necho git version 2.31.9\n")
        (old / "git").chmod(0o755)
        code, found = _findings(callboard, PATH=f"{old}:{os.environ['PATH']}")
        assert (code, found["git"]["verdict"], "2.32" in found["git"]["sentence"]) == (1, "wrong", True)
        assert "only" in found["github"]["sentence"]
        access = {"CALLBOARD_RUNNER_GITHUB_API_URL": github.api_url, "CALLBOARD_RUNNER_GH": "/nowhere/gh"}
        code, found = _findings(callboard, **access)
        assert (code, found["git"]["verdict"], found["github"]["verdict"]) == (0, "ok", "warning")
        assert "gh auth login" in found["github"]["next_step"]
        for logged_in, verdict in ((False, "warning"), (True, "ok")):
            access["CALLBOARD_RUNNER_GH"] = str(github.gh(tmp_path / "programs", logged_in=logged_in))
            assert _findings(callboard, **access)[1]["github"]["verdict"] == verdict


@pytest.fixture
def database() -> Iterator[str]:
    """A database with our schema."""
    with postgres.database() as url:
        yield url


def test_a_postgresql_database_is_looked_at(callboard: CommandLine, tmp_path: Path, database: str) -> None:
    """60: version, way, clock, schema, and for how many coordinators there is room."""
    with World(tmp_path) as world:
        world.coordinator(database=database)
        code, found = _findings(callboard, CALLBOARD_DATABASE=database)
    assert code == 0
    names = ("database", "its clock", "schema", "connections")
    assert {name: found[name]["verdict"] for name in names} == dict.fromkeys(names, "ok")
    assert re.search(r": PostgreSQL \d+\S*, \d+\.\d ms away, on this machine$", found["database"]["sentence"])
    assert re.match(r"[+-]\d{1,3} ms from this machine's", found["its clock"]["sentence"])
    assert found["schema"]["sentence"].startswith(f"version {len(migrate.load())}, ")
    used = re.search(
        r"^(\d+) of (\d+) used, (\d+) by coordinators; room for (\d+) more", found["connections"]["sentence"]
    )
    assert used is not None
    in_use, limit, ours, room = map(int, used.groups())
    assert 0 < ours <= CONNECTIONS_EACH
    assert room == (limit - in_use) // CONNECTIONS_EACH


def test_a_coordinator_has_as_many_connections_as_doctor_counts() -> None:
    assert CONNECTIONS_EACH == WRITERS + READERS + 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:hush@127.0.0.1:1/board", "cannot be reached"),
        ("postgresql://me:hush%zz@127.0.0.1/board", "cannot be read"),
    ],
)
def test_a_postgresql_that_cannot_be_used_is_wrong_and_no_secret_is_shown(
    callboard: CommandLine, url: str, words: str
) -> None:
    """S13: what a start would say, before there is a start."""
    code, found = _findings(callboard, CALLBOARD_DATABASE=url)
    assert (code, found["database"]["verdict"]) == (1, "wrong")
    assert words in found["database"]["sentence"]
    assert found["database"]["next_step"]
    assert "hush" not in str(found)


def test_a_postgresql_without_room_for_another_coordinator_is_a_warning(callboard: CommandLine, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {conninfo_to_dict(database)['dbname']} CONNECTION LIMIT 1".encode())
        code, found = _findings(callboard, CALLBOARD_DATABASE=database)
    assert (code, found["connections"]["verdict"]) == (0, "warning")
    assert "max_connections" in found["connections"]["next_step"]


def test_an_older_schema_is_wrong_and_migrate_is_named(tmp_path: Path, database: str) -> None:
    done = LaterVersion(tmp_path, {"CALLBOARD_DATABASE": database})("doctor", "--json")
    found = {one["name"]: one for one in done.value["findings"]}
    assert (done.code, found["schema"]["verdict"]) == (1, "wrong")
    assert "callboard migrate" in found["schema"]["next_step"]


def test_s2_a_settings_file_with_a_password_that_others_can_read_is_wrong(tmp_path: Path) -> None:
    """S2: like a token file."""
    settings = tmp_path / "callboard" / "config.toml"
    settings.parent.mkdir()
    settings.write_text('[coordinator]\ndatabase = "postgresql://me:hush@127.0.0.1:1/board"\n', encoding="utf-8")
    callboard = CommandLine(tmp_path, {"XDG_CONFIG_HOME": str(tmp_path)})
    settings.chmod(0o644)
    _, found = _findings(callboard)
    assert found["password"]["next_step"] == f"chmod go= {settings}"
    settings.chmod(0o600)
    assert "password" not in _findings(callboard)[1]


@pytest.mark.parametrize(
    ("version", "says"), [("3.40.1", "can corrupt its write-ahead log"), ("3.51.3", "")], ids=["old", "fixed"]
)
def test_r12_an_old_sqlite_library_is_refused_with_a_sentence(tmp_path: Path, version: str, says: str) -> None:
    """R12: what a coordinator would refuse is told before it is started."""
    refused = refusal_of(tmp_path / "callboard.db", version)
    assert (refused.detail if refused else "") == (
        f"SQLite {version} {says}; 3.51.3 or newer is needed." if says else ""
    )


def test_r12_a_network_file_system_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """R12: doctor says that the data directory may not be where it is."""
    monkeypatch.setattr(file_system, "_mounts", lambda: [("/", "ext4"), (str(tmp_path), "nfs4")])
    monkeypatch.setenv("CALLBOARD_URL", "http://127.0.0.1:1")
    assert run_command(["doctor", "--data-dir", str(tmp_path), "--json"]) == 1
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert found["place"]["verdict"] == "wrong"
    assert "network file system (nfs4)" in found["place"]["sentence"]
    assert "local disk" in found["place"]["next_step"]
