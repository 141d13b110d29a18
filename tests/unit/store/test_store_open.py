"""Opening a store: migrated, or refused with a hint and left as it was; and how the writing thread fares."""

import asyncio
import os
import random
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from consensus.types import Hash
from node.errors import OperatorError, TransientError
from node.store import open_store
from node.store.backend import SqliteBackend
from node.store.database import Database
from node.store.migrate import known_revisions, schema_differences
from node.store.schema import REVISION

ONE = Hash(bytes([1] * 32))


def opened_and_closed(place, run, **options):
    run(run_open(place, **options))


async def run_open(place, **options):
    async with await open_store(place.folder, url=place.url, **options) as store:
        await store.signing.claim_slot("a", ONE, b"signed")


def test_what_the_migrations_build_is_what_the_code_describes(store, run):
    assert run(store._database.read(schema_differences)) == []


def test_the_newest_migration_is_the_one_the_code_expects():
    assert known_revisions()[0] == REVISION


def test_an_up_to_date_database_opens_without_alembic(place, run):
    opened_and_closed(place, run)
    code = (
        "import asyncio, sys; from pathlib import Path; from node.store import open_store\n"
        "asyncio.run(asyncio.run(open_store(Path(sys.argv[1]), url=sys.argv[2] or None)).close())\n"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, place.folder, place.url or ""], check=True)


def test_only_the_owner_may_look_into_the_data_folder(store, place):
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700


def test_a_newer_schema_is_refused_and_left_alone(place, run):
    async def age():
        async with await open_store(place.folder, url=place.url) as store:
            await store._database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))

    run(age())
    for read_only in (False, True):
        with pytest.raises(OperatorError, match="schema '9999'") as refusal:
            opened_and_closed(place, run, read_only=read_only)
        assert "newer" in refusal.value.hint


def test_somebody_elses_tables_are_refused_and_left_alone(place, run):
    async def occupy():
        async with await open_store(place.folder, url=place.url) as store:
            await store._database.write(lambda c: c.execute(text("ALTER TABLE alembic_version RENAME TO theirs")))

    run(occupy())
    with pytest.raises(OperatorError, match="not swarm-node's: blobs"):
        opened_and_closed(place, run)


def test_a_second_process_is_kept_out_and_told_which_holds_it(store, place):
    code = (
        "import asyncio, sys; from pathlib import Path; from node.store import open_store\n"
        "asyncio.run(open_store(Path(sys.argv[1]), url=sys.argv[2] or None))"
    )
    command = [sys.executable, "-c", code, place.folder, place.url or ""]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert f"in use by process {os.getpid()}" in refused.stderr


def test_a_database_server_holds_one_node_only(postgres, tmp_path, run):
    url = postgres.emptied_database()
    first = run(open_store(tmp_path / "one", url=url))
    with pytest.raises(OperatorError, match="in use by another node"):
        run(open_store(tmp_path / "two", url=url))
    run(first.close())
    run(run_close(tmp_path / "two", url))


async def run_close(folder, url):
    await (await open_store(folder, url=url)).close()


def test_a_command_beside_a_running_node_reads_what_it_has_and_cannot_write(store, place, run):
    run(store.signing.claim_slot("a", ONE, b"signed"))
    beside = run(open_store(place.folder, url=place.url, read_only=True))
    assert run(beside.signing.signed("a")) == (ONE, b"signed")
    with pytest.raises(RuntimeError, match="read-only"):
        run(beside.settings.put("a", b"b"))
    run(beside.close())


def test_reading_where_no_node_ever_was_is_refused_and_creates_nothing(tmp_path, run):
    with pytest.raises(OperatorError, match="no node's data") as refusal:
        run(open_store(tmp_path / "none", read_only=True))
    assert "init" in refusal.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path, run):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OperatorError, match="cannot be used") as refusal:
        run(open_store(tmp_path / "file"))
    assert "permissions" in refusal.value.hint


READ_ONLY = """
import asyncio, os, sys
from pathlib import Path
from node.errors import OperatorError
from node.store import open_store

if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)  # root may write anywhere
try:
    asyncio.run(open_store(Path(sys.argv[1])))
except OperatorError as error:
    print(error, error.hint)
else:
    print("opened")
"""


@pytest.mark.parametrize("existing", [False, True])
def test_a_read_only_data_folder_is_refused_with_a_hint(run, existing):
    # Not pytest's own folder: when root runs the tests, other users cannot enter it.
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer) / "node"
        folder.mkdir()
        if existing:
            run(run_close(folder, None))
            (folder / "store.lock").chmod(0o666)
            (folder / "node.sqlite").chmod(0o444)
        before = sorted(folder.iterdir())
        Path(outer).chmod(0o755)
        folder.chmod(0o555)
        said = subprocess.run([sys.executable, "-c", READ_ONLY, folder], capture_output=True, text=True, check=True)
        assert "permissions" in said.stdout, said
        assert sorted(folder.iterdir()) == before
        folder.chmod(0o755)


@pytest.mark.parametrize("damage", ["header", "pages", "truncated"])
def test_a_damaged_database_is_refused_with_a_hint(tmp_path, run, damage):
    run(run_close(tmp_path / "node", None))
    path = tmp_path / "node" / "node.sqlite"
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[:16] = b"something else.."
    elif damage == "pages":
        data[4096:] = random.Random(1).randbytes(len(data) - 4096)
    else:
        del data[5000:]
    path.write_bytes(data)
    with pytest.raises(OperatorError, match="damaged or not a database") as refusal:
        run(run_close(tmp_path / "node", None))
    assert "backup" in refusal.value.hint
    assert path.read_bytes() == data


def test_a_database_locked_by_somebody_else_is_a_matter_of_waiting(tmp_path, run, monkeypatch):
    monkeypatch.setattr("node.store.backend.BUSY_MS", 1)
    store = run(open_store(tmp_path / "node"))
    with closing(sqlite3.connect(tmp_path / "node" / "node.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError) as refusal:
            run(store.signing.claim_slot("a", ONE, b"signed"))
        assert refusal.value.waits_for == "database lock"
        other.execute("ROLLBACK")
    assert run(store.signing.claim_slot("a", ONE, b"signed")) == b"signed"
    run(store.close())


def test_a_full_disk_is_the_operators_turn_and_breaks_nothing(tmp_path, run):
    store = run(open_store(tmp_path / "node"))

    def limit(connection):
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))

    run(store._database.write(limit))
    with pytest.raises(OperatorError, match="no space left") as refusal:
        run(store.settings.put("large", bytes(1 << 20)))
    assert "Free disk space" in refusal.value.hint
    run(store._database.write(lambda c: c.execute(text("PRAGMA max_page_count = 100000"))))
    run(store.settings.put("large", bytes(1 << 20)))
    run(store.close())


@pytest.mark.parametrize(
    ("url", "message"),
    [("mysql://host/db", "not supported"), ("no url", "cannot be parsed"), ("sqlite:///x", "not supported")],
)
def test_other_database_urls_are_refused(tmp_path, run, url, message):
    with pytest.raises(OperatorError, match=message):
        run(open_store(tmp_path / "node", url=url))


def test_a_database_that_does_not_exist_is_the_operators_turn(postgres, tmp_path, run):
    with pytest.raises(OperatorError, match='"nowhere" does not exist') as refusal:
        run(open_store(tmp_path / "node", url=postgres.url("nowhere")))
    assert "database URL" in refusal.value.hint


def test_an_unreachable_server_is_a_matter_of_waiting(postgres, tmp_path, run):
    with pytest.raises(TransientError) as refusal:
        run(open_store(tmp_path / "node", url="postgresql://secret:secret@/db?host=/nowhere"))
    assert refusal.value.waits_for == "database"
    assert "secret@" not in str(refusal.value)


def test_a_server_that_restarts_is_found_again(postgres, tmp_path, run):
    store = run(open_store(tmp_path / "node", url=postgres.emptied_database()))
    run(store.signing.claim_slot("a", ONE, b"signed"))
    postgres.stop()
    try:
        for ask in (store.signing.claim_slot("b", ONE, b"signed"), store.signing.signed("a")):
            with pytest.raises(TransientError):
                run(ask)
    finally:
        postgres.start()
    assert run(store.signing.claim_slot("a", ONE, b"other")) == b"signed"
    assert run(store.signing.claim_slot("b", ONE, b"signed")) == b"signed"
    run(store.close())


# The writing thread


def test_of_many_requests_in_one_batch_only_the_wrong_one_fails(store, run):
    async def put_all():
        wrong = store._database.write(lambda c: c.execute(text("SELECT * FROM nowhere")))
        right = [store.settings.put(str(number), b"value") for number in range(20)]
        return await asyncio.gather(*right[:10], wrong, *right[10:], return_exceptions=True)

    results = run(put_all())
    assert [type(result).__name__ for result in results if result is not None] in (
        ["OperationalError"],
        ["ProgrammingError"],
    )
    assert all(run(store.settings.get(str(number))) == b"value" for number in range(20))


def test_writes_take_effect_in_the_order_in_which_they_were_asked_for(store, run):
    async def put_all():
        await asyncio.gather(*[store.settings.put("last", b"%d" % number) for number in range(500)])

    run(put_all())
    assert run(store.settings.get("last")) == b"499"


def test_durable_writes_sync_at_commit_and_others_do_not(tmp_path, run):
    database = Database(SqliteBackend(tmp_path / "node.sqlite"))

    def level(connection):
        return connection.execute(text("PRAGMA synchronous")).scalar()

    assert run(database.write(level, durable=True)) == 2
    assert run(database.write(level)) == 1
    database.close()


def test_closing_finishes_what_was_asked_for_and_refuses_more(place, run):
    async def live():
        store = await open_store(place.folder, url=place.url)
        asked = [asyncio.ensure_future(store.settings.put(str(number), b"value")) for number in range(100)]
        await asyncio.sleep(0)
        await store.close()
        await store.close()
        assert await asyncio.gather(*asked) == [None] * 100
        with pytest.raises(RuntimeError, match="closed"):
            await store.settings.put("more", b"value")

    run(live())

    async def count():
        async with await open_store(place.folder, url=place.url) as store:
            return [await store.settings.get(str(number)) for number in range(100)]

    assert run(count()) == [b"value"] * 100


def test_a_cancelled_caller_leaves_the_writer_at_work(store, run):
    async def cancel_one():
        first = asyncio.ensure_future(store.settings.put("a", b"1"))
        await asyncio.sleep(0)
        first.cancel()
        await store.settings.put("b", b"2")
        return await store.settings.get("b")

    assert run(cancel_one()) == b"2"


def test_a_node_that_lost_its_line_waits_until_the_server_has_noticed(postgres, tmp_path, run):
    """Its old session still holds the lock then. That is a matter of waiting, not of a second node."""
    url = postgres.emptied_database()
    store = run(open_store(tmp_path / "node", url=url))
    writer = store._database._writer
    old_session, writer._connection = writer._connection, None
    with pytest.raises(TransientError) as refusal:
        run(store.settings.put("a", b"b"))
    assert refusal.value.waits_for == "database lock"
    old_session.close()
    run(store.settings.put("a", b"b"))
    run(store.close())
