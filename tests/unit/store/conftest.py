"""Every store test runs on SQLite and on a real PostgreSQL server, where its binaries are installed."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.store import open_store

OFF_FOR_SPEED = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=40")


@dataclass(frozen=True)
class Place:
    """Where a store lives."""

    folder: Path
    url: str | None


class PostgresServer:
    """A server of our own on a Unix socket in a temporary folder."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        # Not pytest's folder: a socket's path must be short, and root's folders are closed to the server's user.
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        self._command("initdb", "-D", self._data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _command(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / name, *arguments],
            user=self._user,
            cwd=self._folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def start(self) -> None:
        options = " ".join(f"-c {option}" for option in OFF_FOR_SPEED)
        options += f" -c listen_addresses= -k {self._folder}"
        self._command("pg_ctl", "-D", self._data, "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._command("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def url(self, database: str) -> str:
        return f"postgresql://tester@/{database}?host={self._folder}"

    def emptied_database(self) -> str:
        """One database for all tests: making one copies 7 MB, emptying one does not."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return self.url("postgres")


def find_postgres() -> Path | None:
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    # Debian keeps the servers' binaries off the path, one folder per version.
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((path for path in candidates if (path / "initdb").is_file()), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    pytest.importorskip("psycopg", reason="the postgres extra is not installed")
    binaries = find_postgres()
    if binaries is None:
        pytest.skip("no PostgreSQL server binaries (initdb) on this machine")
    server = PostgresServer(binaries)
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    url = request.getfixturevalue("postgres").emptied_database() if request.param == "postgresql" else None
    return Place(tmp_path / "node", url)


@pytest.fixture
def run() -> Iterator[Callable]:
    """Runs one coroutine after the other on one event loop."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def store(place: Place, run: Callable):
    opened = run(open_store(place.folder, url=place.url))
    yield opened
    run(opened.close())
