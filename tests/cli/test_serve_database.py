"""`serve --database` on PostgreSQL: what is wrong is said with a next step, what is not ready is waited for."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from callboard.coordinator import serve as coordinator_process
from callboard.coordinator.config import Config
from callboard.domain.errors import CallboardError
from callboard.store import migrate
from tests.support import postgres
from tests.support.command import CommandLine, Done
from tests.support.database_forward import forward
from tests.support.later_version import LaterVersion
from tests.support.postgres_roles import (
    LOCKED,
    PASSWORD,
    SHUT_OUT,
    ask_for_passwords,
    locked_url,
    new_role,
    place_of,
    socket_of,
    url_as,
)
from tests.support.programs import CALLBOARD, Program
from tests.support.world import World

LISTENING = "listening on "
SECRETS = (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), "hush", "7f3k")


@pytest.fixture
def database() -> Iterator[str]:
    """A database with our schema."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def empty() -> Iterator[str]:
    """A database without anything."""
    url = postgres.empty_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def somebody(tmp_path: Path) -> CommandLine:
    """The command line of somebody whose starts do not wait."""
    return CommandLine(tmp_path, {"HOME": str(tmp_path), "CALLBOARD_DATABASE_WAIT_SECONDS": "0"})


_SET_VERSION = "UPDATE meta SET value = '{}' WHERE key = 'schema_version'"


def serve(callboard: CommandLine, url: str) -> Done:
    """A coordinator that does not start, told its database by the environment."""
    directory = str(callboard.directory / "data")
    return callboard("serve", "--port", "0", "--data-dir", directory, CALLBOARD_DATABASE=url)


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def assert_refused(done: Done, code: int, *words: str) -> None:
    """It ended so, said these words, what to do next, and no secret."""
    assert done.code == code, done.err
    assert done.err.startswith(("error: ", '{"')), done.err
    assert "\nnext:  " in done.err
    for word in words:
        assert word in done.err, done.err
    assert "Traceback" not in done.err
    assert "defect" not in done.err
    assert [secret for secret in SECRETS if secret in done.err + done.out] == []


# ---------------------------------------------------------------------------------------- what a person has to change


def test_a_wrong_password(somebody: CommandLine, database: str) -> None:
    done = serve(somebody, locked_url(database, "hush-wrong"))
    assert_refused(done, 2, "password authentication failed", LOCKED, "~/.pgpass")


def test_no_password_at_all(somebody: CommandLine, database: str) -> None:
    assert_refused(serve(somebody, locked_url(database, "")), 2, "no password supplied", "~/.pgpass")


def test_a_user_that_is_not_let_in(somebody: CommandLine, database: str) -> None:
    ask_for_passwords()
    assert_refused(serve(somebody, url_as(database, SHUT_OUT, PASSWORD)), 2, "pg_hba.conf")


def test_a_user_that_does_not_exist(somebody: CommandLine, database: str) -> None:
    assert_refused(serve(somebody, url_as(database, "no_such_user", PASSWORD)), 2, "does not exist", "createuser")


def test_a_database_that_does_not_exist(somebody: CommandLine, database: str) -> None:
    name, _ = place_of(database)
    assert_refused(serve(somebody, database.replace(name, "no_such_database")), 2, "does not exist", "createdb")


def names_below(directory: Path) -> list[str]:
    return [path.name for path in directory.rglob("*")]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush%zz7f3k@127.0.0.1/board",
        "postgresql://me:hush@7f3k@127.0.0.1/board",
        "postgresql://me:hush/7f3k@127.0.0.1/board",
        "postgresql://me@127.0.0.1/board?hush",
        "postgresql://me@127.0.0.1/board?passwrod=hush",
        "postgresql://me@127.0.0.1/board?password=hush=7f3k",
        "postgresql://me:hush@[::1/board",
        "postgresql://me:hush@127.0.0.1:many/board",
        "postgresql://me:hush@127.0.0.1:123456/board",
        "postgresql://me:hush@127.0.0.1/board?sslmode=bogus",
        "postgresql://me:hush@127.0.0.1/board?connect_timeout=bogus",
        "postgresql:/me:hush@127.0.0.1/board",
        "host=127.0.0.1 dbname=board password=hush",
        "mysql://me:hush@127.0.0.1/board",
        "PostgreSQL://me:hush@127.0.0.1/board",
    ],
)
async def test_a_url_that_is_malformed(tmp_path: Path, url: str) -> None:
    """S13: nothing of it is repeated, because what is malformed may have its secret anywhere."""
    config = Config(database=url, data_dir=str(tmp_path / "data"), port=0, database_wait_seconds=0)
    with pytest.raises(CallboardError) as refused:
        await coordinator_process.serve(config)
    assert refused.value.code != "database_not_ready"
    assert "postgresql://USER@HOST" in refused.value.hint
    said = f"{refused.value.detail} {refused.value.hint}"
    assert [secret for secret in SECRETS if secret in said] == []
    assert not any("hush" in name for name in names_below(tmp_path))


def test_2_a_malformed_url_as_a_person_sees_it(somebody: CommandLine) -> None:
    done = serve(somebody, "postgresql://me:hush%zz7f3k@127.0.0.1/board")
    assert_refused(done, 2, "The database URL cannot be read: invalid percent-encoded token.")


def test_r23_a_newer_schema(somebody: CommandLine, database: str) -> None:
    newer = len(migrate.load()) + 1
    execute(database, _SET_VERSION.format(newer))
    assert_refused(serve(somebody, database), 2, f"schema version {newer}", "newer Callboard")


def test_an_older_schema_names_the_command(tmp_path: Path, database: str) -> None:
    """R23: nobody migrates a shared database by starting a coordinator."""
    done = serve(LaterVersion(tmp_path, {}), database)
    assert_refused(done, 2, "callboard migrate", "backup", "stop every coordinator")
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT to_regclass('later_thing')").fetchone() == (None,)


@pytest.mark.parametrize(
    "tables",
    [
        ["CREATE TABLE customers (id INTEGER)"],
        ["CREATE TABLE meta (id INTEGER)"],
        ["CREATE TABLE meta (key INTEGER, value INTEGER)"],
        ["CREATE TABLE meta (key TEXT, value TEXT)", "INSERT INTO meta VALUES ('schema_version', 'five')"],
        ["CREATE TABLE meta (key TEXT, value TEXT)", "CREATE TABLE sessions (id INTEGER)"],
    ],
    ids=["tables", "meta", "meta of numbers", "meta with a version", "meta without a version"],
)
def test_a_database_of_another_program_is_left_alone(somebody: CommandLine, empty: str, tables: list[str]) -> None:
    count = "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'"
    execute(empty, *tables)
    with psycopg.connect(empty) as connection:
        before = connection.execute(count).fetchone()
        assert_refused(serve(somebody, empty), 2, "not Callboard's", "createdb")
        assert connection.execute(count).fetchone() == before


READER = "GRANT USAGE ON SCHEMA public TO {role}"


@pytest.mark.parametrize(
    ("grants", "words"),
    [
        ([], "permission denied for table meta"),
        ([READER, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"], "may not read and change the table"),
        (
            [
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
                "REVOKE INSERT ON runs FROM {role}",
            ],
            "the table runs",
        ),
        (["GRANT postgres TO {role}", "ALTER ROLE {role} SET default_transaction_read_only = on"], "only read"),
        (["REVOKE USAGE ON SCHEMA public FROM PUBLIC"], "search path"),
    ],
    ids=["no rights", "a reader", "all but one right", "read-only transactions", "no schema"],
)
def test_a_role_that_may_only_read(somebody: CommandLine, database: str, grants: list[str], words: str) -> None:
    assert_refused(serve(somebody, new_role(database, *grants)), 2, "too few rights", words, "OWNER TO")


def test_a_role_that_may_make_no_tables_in_an_empty_database(somebody: CommandLine, empty: str) -> None:
    assert_refused(serve(somebody, new_role(empty)), 2, "too few rights", "schema public", "OWNER TO")


def test_a_server_that_is_too_old(somebody: CommandLine, database: str) -> None:
    """The real server, which says of itself that it is of another version."""
    with psycopg.connect(database) as connection:
        version = connection.info.parameter_status("server_version") or ""
    old = "9.6." + "9" * (len(version) - 4) if len(version) > 4 else "13.4"
    with forward(socket_of(database), f"\0{version}\0".encode(), f"\0{old}\0".encode()) as port:
        name, _ = place_of(database)
        done = serve(somebody, f"postgresql://postgres@127.0.0.1:{port}/{name}?sslmode=disable&gssencmode=disable")
    assert_refused(done, 2, "too old", "PostgreSQL 14 or newer")


def test_a_server_without_the_encryption_that_is_demanded(somebody: CommandLine, database: str) -> None:
    """sslmode of the URL is the driver's: it passes through."""
    name, _ = place_of(database)
    with forward(socket_of(database)) as port:
        done = serve(
            somebody, f"postgresql://postgres:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/{name}?sslmode=require"
        )
    assert_refused(done, 2, "SSL", "sslmode")


# ------------------------------------------------------------------------------------------- what is only not ready


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush@127.0.0.1:1/board",
        "postgresql://me@/board?host=/nowhere&password=hush",
        "postgresql://me:hush@127.0.0.1:1,127.0.0.1:2/board",
    ],
    ids=["port", "socket", "two hosts"],
)
def test_5_a_server_that_cannot_be_reached(somebody: CommandLine, url: str) -> None:
    """A82: a supervisor may try again, and can tell it from a setting that is wrong."""
    done = serve(somebody, url)
    assert_refused(done, 5, "cannot be reached", "Start the server", "code:  database_not_ready")
    assert all(port in done.err for port in ("port 1", "port 2")) or "," not in url
    as_json = somebody("serve", "--json", "--port", "0", CALLBOARD_DATABASE=url)
    assert json.loads(as_json.err.splitlines()[-1])["exit_code"] == 5


def test_5_a_standby_is_not_ready(somebody: CommandLine, database: str) -> None:
    """With target_session_attrs=read-write a server that only reads is none, whatever else it is."""
    execute(database, f"ALTER DATABASE {place_of(database)[0]} SET default_transaction_read_only = on")
    done = serve(somebody, f"{database}&target_session_attrs=read-write")
    assert_refused(done, 5, "read-only")


@pytest.fixture
def later(database: str, short_directory: Path) -> tuple[str, Callable[[], None]]:
    """The URL of a database whose server is not there yet, and what lets it come."""
    name, directory = place_of(database)
    place = short_directory / "s"
    return f"postgresql://postgres@/{name}?host={place}", lambda: place.symlink_to(directory)


def start(directory: Path, url: str, **variables: str) -> Program:
    argv = (*CALLBOARD, "serve", "--port", "0", "--data-dir", str(directory / "data"))
    return Program("coordinator", argv, {"CALLBOARD_DATABASE": url, **variables}, directory)


def waits(program: Program) -> None:
    program.line_where(lambda line: "waiting for the database" in line)


def test_a_start_waits_for_its_database(tmp_path: Path, later: tuple[str, Callable[[], None]]) -> None:
    """60: whoever starts everything at once need not know which is up first."""
    url, come = later
    program = start(tmp_path, url)
    try:
        waits(program)
        come()
        assert program.line(LISTENING).startswith("http://127.0.0.1:")
        program.terminate()
    finally:
        program.close()


def test_a_start_waits_no_longer_than_it_is_told(tmp_path: Path, later: tuple[str, Callable[[], None]]) -> None:
    program = start(tmp_path, later[0], CALLBOARD_DATABASE_WAIT_SECONDS="0.3")
    try:
        assert program.ended(20) == 5
        waits(program)
        assert any("PostgreSQL cannot be reached" in line for line in program.lines)
        assert not any(LISTENING in line for line in program.lines)
    finally:
        program.close()


def test_a_start_that_waits_ends_when_it_is_told_to(tmp_path: Path, later: tuple[str, Callable[[], None]]) -> None:
    program = start(tmp_path, later[0], CALLBOARD_DATABASE_WAIT_SECONDS="600")
    try:
        waits(program)
        program.signal(signal.SIGTERM)
        assert program.ended(20) == 0
    finally:
        program.close()


# ---------------------------------------------------------------------------------------------- what passes through


def test_of_two_hosts_one_is_dead_and_the_other_serves(tmp_path: Path, database: str) -> None:
    name, directory = place_of(database)
    with World(tmp_path) as world:
        url = f"postgresql://postgres@/{name}?host=/nowhere,{directory}&target_session_attrs=read-write"
        assert world.coordinator(database=url).http.get("/sessions").status_code == 200
        with forward(socket_of(database)) as port:
            url = f"postgresql://postgres@127.0.0.1:1,127.0.0.1:{port}/{name}?target_session_attrs=read-write"
            assert world.coordinator(database=url).http.get("/sessions").status_code == 200


def test_a_schema_of_its_own_is_named_in_the_url(tmp_path: Path, empty: str) -> None:
    execute(empty, "CREATE SCHEMA board", "CREATE TABLE public.customers (id INTEGER)")
    with World(tmp_path) as world:
        coordinator = world.coordinator(database=f"{empty}&options=-csearch_path%3Dboard")
        world.runner(coordinator)
        coordinator.completed("say hello")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM board.runs").fetchone() == (1,)
        assert connection.execute("SELECT to_regclass('public.runs')").fetchone() == (None,)
