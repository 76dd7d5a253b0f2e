"""What happens to an SQLite file: locked, gone, replaced, on a full disk, read-only, its process killed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from api.store import Database, PlanStore
from tests.api.store import on_a_full_disk, on_a_read_only_disk, until_killed
from tests.api.store.rows import every_call, every_read, fails, open_store, plan

WAIT_S = 60.0


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "plans.sqlite3"


@pytest.fixture
def url(path) -> str:
    return f"sqlite:///{path}"


def run(module, *arguments: object) -> str:
    """What a program of ours prints, in a process of its own."""
    command = [sys.executable, "-m", module.__name__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_commit_is_on_the_disk_before_it_is_acknowledged(url, path):
    async def pragmas():
        async with Database(url) as database:
            names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")

            def ask(connection):
                return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}

            return await database.write(ask), await database.read(ask)

    full = 2
    expected = {"journal_mode": "wal", "synchronous": full, "foreign_keys": 1, "busy_timeout": 2000}
    assert asyncio.run(pragmas()) == (expected, expected)


def test_while_another_process_holds_the_file_plans_can_be_read_and_writes_say_try_again(url, path):
    async def scenario():
        async with Database(url, busy_timeout_s=0.05) as database, PlanStore(database, "here") as store:
            await store.insert(plan(id="plan-1"))
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                locked = await fails(every_call(store))
                other.execute("ROLLBACK")
            return locked, await fails(every_call(store)), every_read(store).keys()

    locked, later, reads = asyncio.run(scenario())
    assert {name for name, failed in locked.items() if failed} == locked.keys() - reads
    assert not any(later.values())


def test_a_file_that_is_gone_is_missed_and_welcome_back(url, path):
    async def scenario():
        async with open_store(url) as store:
            await store.insert(plan(id="plan-1"))
            elsewhere = path.rename(path.with_name("elsewhere"))
            gone = await fails(every_call(store))
            assert not path.exists(), "an empty database was made in its place"
            elsewhere.rename(path)
            return gone, await fails(every_call(store)), await store.status("plan-1", None)

    gone, later, found = asyncio.run(scenario())
    assert all(gone.values())
    assert not any(later.values())
    assert found is not None


def test_a_file_that_was_replaced_is_opened_afresh(url, path):
    async def scenario():
        async with open_store(url) as store:
            await store.insert(plan(id="plan-1"))
        shutil.copy(path, path.with_name("back-up"))
        async with open_store(url) as store:
            await store.insert(plan(id="plan-2"))
            before = await store.status("plan-2", None)
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                path.with_name(name).unlink()
            path.with_name("back-up").rename(path)
            await store.insert(plan(id="plan-3"))
            return before, [await store.status(f"plan-{n}", None) for n in (1, 2, 3)]

    before, after = asyncio.run(scenario())
    assert before is not None
    assert [row is not None for row in after] == [True, False, True]


def test_a_full_disk_refuses_plans_keeps_those_it_promised_and_goes_on_once_there_is_room(url):
    promised, while_full, readable, afterwards, kept = json.loads(run(on_a_full_disk, url))
    assert promised > 0
    assert (while_full, readable, afterwards) == (False, True, True)
    assert kept == promised + 1


def test_a_read_only_disk_is_said_when_opening_and_bears_no_grudge():
    with tempfile.TemporaryDirectory() as folder:  # not below pytest's own, which is for this user only
        assert run(on_a_read_only_disk, folder).split() == ["opened", "unavailable", "opened"]


def test_a_killed_process_has_lost_nothing_that_it_acknowledged(url):
    command = [sys.executable, "-m", until_killed.__name__, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        acknowledged = [process.stdout.readline().strip() for _ in range(40)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += process.stdout.read().split("\n")[:-1]

    async def found():
        async with open_store(url) as store:
            return {row.id for row in await store.unfinished()}

    assert len(acknowledged) >= 40
    assert set(acknowledged) <= asyncio.run(found())
