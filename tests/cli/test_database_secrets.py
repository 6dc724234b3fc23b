"""The password of a coordinator's database: where it may be kept, and that it is shown nowhere (S2, S13)."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from callboard.domain.database_url import holds_secret, shown, without_secrets
from tests.support import postgres
from tests.support.command import CommandLine
from tests.support.postgres_roles import LOCKED, PASSWORD, locked_url, place_of, url_as
from tests.support.programs import CALLBOARD, Program
from tests.support.world import World

LISTENING = "listening on "
ENCODED = "".join(f"%{byte:02X}" for byte in PASSWORD.encode())
SECRETS = (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), ENCODED, "hush", "7f3k")
_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


@pytest.fixture
def database() -> Iterator[str]:
    """A database with our schema."""
    with postgres.database() as url:
        yield url


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("", ""),
        ("/var/lib/callboard.db", "/var/lib/callboard.db"),
        ("sqlite:////var/lib/callboard.db", "sqlite:////var/lib/callboard.db"),
        ("postgresql://me:hush@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me:hu:sh?7f3k#@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me@db/x", "postgresql://me@db/x"),
        ("postgresql:///x?host=/run/postgresql", "postgresql:///x?host=/run/postgresql"),
        ("postgres://me:hush@a:1,[::1]:2/x?sslmode=require", "postgres://me:***@a:1,[::1]:2/x?sslmode=require"),
        ("postgresql://db/x?password=hush&sslmode=require", "postgresql://db/x?password=***&sslmode=require"),
        ("postgresql://db/x?p%61ssword=hush", "postgresql://db/x?p%61ssword=***"),
        ("postgresql://db/x?sslpassword=hush&passfile=/f", "postgresql://db/x?sslpassword=***&passfile=/f"),
        ("postgresql://db/x?oauth_client_secret=hush", "postgresql://db/x?oauth_client_secret=***"),
        ("postgresql://db/x?hush", "postgresql://db/x?***"),
        ("postgresql://me:hush@7f3k@db/x", "postgresql://***"),
        ("postgresql://me:hush/7f3k@db/x", "postgresql://***"),
        ("postgresql://me:hush", "postgresql://***"),
        ("mysql://me:hush@db/x", "mysql://***"),
        ("host=db password=hush", "***"),
        ("postgresql:/me:hush@db/x", "***"),
    ],
)
def test_s13_a_url_is_shown_without_its_secrets(url: str, seen: str) -> None:
    assert shown(url) == seen
    assert holds_secret(url) == ("***" in seen)
    assert [secret for secret in SECRETS if secret in (without_secrets(url) or "")] == []


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def secret_urls(database: str) -> dict[str, str]:
    """A password at every place that a URL has for one."""
    plain = url_as(database, LOCKED)
    encoded = quote(PASSWORD, safe="")
    return {
        "userinfo": locked_url(database),
        "userinfo, all encoded": plain.replace(LOCKED, f"{LOCKED}:{ENCODED}"),
        "query": f"{plain}&password={encoded}&sslpassword={encoded}",
        "query, name encoded": f"{plain}&p%61ssword={encoded}",
    }


@pytest.fixture
def somebody(tmp_path: Path) -> CommandLine:
    """The command line of somebody whose starts do not wait."""
    return CommandLine(tmp_path, {"HOME": str(tmp_path), "CALLBOARD_DATABASE_WAIT_SECONDS": "0"})


@pytest.mark.parametrize("place", ["userinfo", "userinfo, all encoded", "query", "query, name encoded"])
def test_s13_a_password_is_shown_nowhere(tmp_path: Path, database: str, place: str) -> None:
    """S13: not in logs, answers, metrics, arguments or the files of a coordinator that works, nor by the commands."""
    url = secret_urls(database)[place]
    with World(tmp_path) as world:
        coordinator = world.coordinator(database=url, log_level="debug", access_log="true")
        command = world.command_line(coordinator)
        said = [coordinator.http.get(path).text for path in ("/healthz", "/readyz", "/metrics", "/openapi.json")]
        for words in (
            ("config", "show", "--origin"),
            ("config", "show", "--json"),
            ("config", "check"),
            ("doctor",),
            ("doctor", "--json"),
            ("migrate",),
            ("migrate", "--check"),
            ("backup", str(tmp_path / "copy")),
        ):
            done = command(*words, CALLBOARD_DATABASE=url)
            said += [done.out, done.err]
        said.append(Path(f"/proc/{coordinator.program.pid}/cmdline").read_text(encoding="utf-8"))
        execute(postgres.server(), _CUT.format(place_of(database)[0]))
        coordinator.http.get("/sessions")
        coordinator.program.terminate()
        said += coordinator.program.lines
        said += [file.read_text(encoding="utf-8") for file in coordinator.data_dir.iterdir()]
    everything = "\n".join(said)
    assert [secret for secret in SECRETS if secret in everything] == []


def test_s13_a_password_among_the_arguments_is_warned_of(somebody: CommandLine) -> None:
    words = ("serve", "--port", "0", "--data-dir", str(somebody.directory / "data"), "--database")
    done = somebody(*words, "postgresql://me:hush@127.0.0.1:1/board")
    assert done.code == 5
    assert "every user of this machine can read the password" in done.err
    assert "CALLBOARD_DATABASE" in done.err
    assert "hush" not in done.err
    assert "every user" not in somebody(*words, "postgresql://me@127.0.0.1:1/board").err


def test_s13_a_misspelt_option_does_not_repeat_the_password(somebody: CommandLine) -> None:
    done = somebody("serve", "--databse", "postgresql://me:hush@127.0.0.1:1/board")
    assert done.code == 2
    assert "hush" not in done.err


def start(directory: Path, url: str, **variables: str) -> Program:
    argv = (*CALLBOARD, "serve", "--port", "0", "--data-dir", str(directory / "data"))
    return Program("coordinator", argv, {"CALLBOARD_DATABASE": url, **variables}, directory)


def test_the_password_may_come_from_a_file(tmp_path: Path, database: str) -> None:
    """S2: ~/.pgpass is libpq's; the URL then has no secret."""
    locked_url(database)
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:*:{LOCKED}:{PASSWORD}\n", encoding="utf-8")
    file.chmod(0o600)
    program = start(tmp_path, url_as(database, LOCKED), PGPASSFILE=str(file))
    try:
        assert program.line(LISTENING)
    finally:
        program.close()


def test_the_whole_url_may_come_from_the_settings_file(tmp_path: Path, database: str) -> None:
    settings = tmp_path / "callboard" / "config.toml"
    settings.parent.mkdir()
    settings.write_text(f'[coordinator]\ndatabase = "{locked_url(database)}"\nport = 0\n', encoding="utf-8")
    settings.chmod(0o600)
    argv = (*CALLBOARD, "serve", "--data-dir", str(tmp_path / "data"))
    program = Program("coordinator", argv, {"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path)
    try:
        assert program.line(LISTENING)
    finally:
        program.close()
