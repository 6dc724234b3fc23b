"""Opening a database: made, migrated with a copy kept, or refused with a sentence (R12, R23)."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from callboard.store import migrate
from callboard.store.backup import copy_database, problems_of
from callboard.store.database import StoreRefused, Transaction
from callboard.store.file_system import file_system_of, refuse_network, refuse_old_sqlite
from callboard.store.migrate import Migration
from callboard.store.sqlite import open_sqlite
from tests.store.harness import SqliteHarness, recall, remember

MOUNTS = [("/", "ext4"), ("/srv", "nfs4"), ("/srv/me/local", "xfs"), ("/mnt", "ext4"), ("/mnt", "cifs")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is to be."""
    return tmp_path / "callboard.db"


def content(path: Path) -> bytes:
    return path.read_bytes()


def fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def names(directory: Path) -> list[str]:
    return [file.name for file in directory.iterdir()]


async def write_and_close(path: Path, key: str, value: str) -> None:
    database = await open_sqlite(path)
    await database.write(remember(key, value))
    await database.close()


async def read_and_close(path: Path, key: str) -> str | None:
    database = await open_sqlite(path)
    found = await database.read(recall(key))
    await database.close()
    return found


async def test_nobody_else_can_read_the_file_or_its_log(path: Path) -> None:
    database = await open_sqlite(path)
    await database.write(remember("a"))
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "callboard.db": 0o600,
        "callboard.db-wal": 0o600,
        "callboard.db-shm": 0o600,
    }
    await database.close()
    assert names(path.parent) == ["callboard.db"]


async def test_r23_a_newer_schema_is_refused_before_anything_is_touched(path: Path) -> None:
    """R23: an older Callboard does not write into a newer database."""
    newer = len(migrate.load()) + 1
    await write_and_close(path, migrate.VERSION_KEY, str(newer))
    before = content(path)
    with pytest.raises(StoreRefused, match=f"schema version {newer}") as refused:
        await open_sqlite(path)
    assert "newer Callboard" in refused.value.hint
    assert content(path) == before


async def test_a_migration_keeps_a_copy_of_what_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await write_and_close(path, "fact", "from before")
    steps = migrate.load()
    added = Migration(len(steps) + 1, "later.sql", "CREATE TABLE later (a TEXT); INSERT INTO later VALUES ('x');")
    monkeypatch.setattr(migrate, "load", lambda: [*steps, added])
    assert await read_and_close(path, migrate.VERSION_KEY) == str(len(steps) + 1)
    copy = path.with_name(f"callboard.db.bak-{len(steps)}")
    assert copy.stat().st_mode & 0o777 == 0o600
    monkeypatch.undo()
    assert await read_and_close(copy, "fact") == "from before"
    with pytest.raises(StoreRefused):
        await open_sqlite(path)


async def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await write_and_close(path, "fact", "from before")
    steps = migrate.load()
    broken = Migration(len(steps) + 1, "broken.sql", "CREATE TABLE half (a TEXT); INSERT INTO nowhere VALUES (1);")
    monkeypatch.setattr(migrate, "load", lambda: [*steps, broken])
    with pytest.raises(StoreRefused, match=r"broken\.sql"):
        await open_sqlite(path)
    monkeypatch.undo()
    assert await read_and_close(path, "fact") == "from before"


async def test_opening_again_migrates_nothing_and_copies_nothing(path: Path) -> None:
    await write_and_close(path, "fact", "x")
    await write_and_close(path, "fact", "y")
    assert names(path.parent) == ["callboard.db"]


async def test_what_is_no_database_of_ours_is_refused(path: Path, tmp_path: Path) -> None:
    fill(path, b"This is no database. " * 100)
    with pytest.raises(StoreRefused, match="no SQLite database"):
        await open_sqlite(path)
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(StoreRefused, match="cannot be opened"):
        await open_sqlite(link)
    assert not (tmp_path / "elsewhere.db").exists()
    with pytest.raises(StoreRefused, match="cannot be opened"):
        await open_sqlite(tmp_path / "nowhere" / "callboard.db")


async def test_a_foreign_database_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = Migration(1, "foreign.sql", "CREATE TABLE foreign_thing (a TEXT); CREATE TABLE meta (key, value);")
    monkeypatch.setattr(migrate, "load", lambda: [foreign])
    with pytest.raises(StoreRefused):
        await open_sqlite(path)


def write_both(value: str, tx: Transaction) -> None:
    remember("one", value)(tx)
    remember("two", value)(tx)


async def test_a_copy_is_of_one_moment_while_others_write(tmp_path: Path) -> None:
    harness = SqliteHarness(tmp_path)
    database = await harness.open()
    await database.write(remember("padding", "x" * 5_000_000))
    stop = asyncio.Event()

    async def writes() -> int:
        number = 0
        while not stop.is_set():
            number += 1
            await database.write(partial(write_both, str(number)))
        return number

    writing = asyncio.create_task(writes())
    for number in range(3):
        copy = tmp_path / f"copy-{number}.db"
        await asyncio.to_thread(copy_database, harness.path, copy)
        assert problems_of(copy) == []
        assert await read_and_close(copy, "one") == await read_and_close(copy, "two")
    stop.set()
    assert await writing > 3
    await database.close()
    assert sorted(names(tmp_path)) == ["callboard.db", "copy-0.db", "copy-1.db", "copy-2.db"]


def test_a_damaged_file_is_noticed(tmp_path: Path) -> None:
    harness = SqliteHarness(tmp_path)

    async def write() -> None:
        database = await harness.open()
        await database.write(lambda tx: [remember(f"key {number}", "x" * 500)(tx) for number in range(200)])
        await database.close()

    asyncio.run(write())
    damaged = bytearray(content(harness.path))
    damaged[-4096 * 3 : -4096 * 2] = b"\xff" * 4096
    fill(harness.path, bytes(damaged))
    assert harness.problems() != []


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.7.17"])
def test_r12_an_old_library_is_refused(version: str) -> None:
    """R12: it could corrupt the write-ahead log."""
    with pytest.raises(StoreRefused, match=version):
        refuse_old_sqlite(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "3.54.1", "4.0.0"])
def test_a_new_library_is_taken(version: str) -> None:
    refuse_old_sqlite(version)


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "fuse.sshfs", "fuse.rclone", "NFS"]
)
def test_r12_a_network_file_system_is_refused(kind: str) -> None:
    """R12: locks and mapped memory do not hold there."""
    with pytest.raises(StoreRefused, match="network file system"):
        refuse_network(Path("/data/callboard.db"), kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "apfs", "overlay", "tmpfs", "zfs", "fuseblk", ""])
def test_a_local_file_system_is_taken(kind: str) -> None:
    refuse_network(Path("/data/callboard.db"), kind)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/lib/callboard.db", "ext4"),
        ("/srv/me/callboard.db", "nfs4"),
        ("/srv/me/local/callboard.db", "xfs"),
        ("/srvices/callboard.db", "ext4"),
        ("/mnt/callboard.db", "cifs"),
    ],
)
def test_the_deepest_and_latest_mount_counts(place: str, kind: str) -> None:
    assert file_system_of(Path(place), MOUNTS) == kind
