"""What doctor finds around the solvers; the texts matter, for they are all an operator has."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest

from api.cli import surroundings
from api.cli.findings import Finding, Verdict
from api.execution import supervisor
from api.execution.base import Ending, Outcome
from api.settings import MetricsAccess, RequireKeys, Settings
from api.state import database_url
from api.store import Database

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state")


def store(settings: Settings) -> Finding:
    """The finding about the database itself."""
    *_, found = surroundings.checked_store(settings)
    return found


def opened_once(settings: Settings) -> Path:
    """The file of a database that a service has used."""

    async def use() -> None:
        async with Database(database_url(settings)):
            pass

    asyncio.run(use())
    assert settings.state_dir is not None
    return settings.state_dir / "placement.sqlite3"


def test_a_store_that_is_not_there_yet_is_fine_and_is_not_made(settings: Settings) -> None:
    found = store(settings)
    assert found.verdict is Verdict.OK
    assert "is made at the first start" in found.said
    assert settings.state_dir is not None
    assert not settings.state_dir.exists()


def test_a_store_of_this_release_that_can_be_written_is_fine(settings: Settings) -> None:
    opened_once(settings)
    found = store(settings)
    assert found.verdict is Verdict.OK
    assert "tables of this release" in found.said


def test_a_store_of_a_newer_release_is_refused(settings: Settings) -> None:
    file = opened_once(settings)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    found = store(settings)
    assert found.verdict is Verdict.FAILS
    assert "newer release" in found.said


def test_a_file_that_is_no_database_is_named(settings: Settings) -> None:
    file = opened_once(settings)
    file.write_bytes(b"this is no database at all, but long enough to look at" * 100)
    found = store(settings)
    assert found.verdict is Verdict.FAILS
    assert "placement.sqlite3" in found.said


def test_a_database_that_is_away_fails_without_telling_its_password() -> None:
    found = store(Settings(database_url="postgresql://me:s3cret@127.0.0.1:1/plans"))
    assert found.verdict is Verdict.FAILS
    assert "s3cret" not in found.said
    assert "127.0.0.1" in found.said


def test_a_store_in_memory_is_noted_and_another_kind_of_database_fails() -> None:
    assert store(Settings(database_url="sqlite://")).verdict is Verdict.NOTE
    assert store(Settings(database_url="mysql://host/name")).verdict is Verdict.FAILS


@pytest.mark.parametrize(
    ("free_bytes", "verdict"), [(10**11, Verdict.OK), (5 * 10**8, Verdict.NOTE), (10**7, Verdict.FAILS)]
)
def test_room_on_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_bytes: int, verdict: Verdict) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, free_bytes))
    assert surroundings.disk("disk", tmp_path).verdict is verdict


@pytest.mark.parametrize(
    ("soft", "verdict"),
    [(resource.RLIM_INFINITY, Verdict.OK), (65536, Verdict.OK), (1000, Verdict.NOTE), (100, Verdict.FAILS)],
)
def test_open_files(monkeypatch: pytest.MonkeyPatch, soft: int, verdict: Verdict) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert surroundings.file_descriptors().verdict is verdict


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"require_keys": RequireKeys.NEVER}, "PLACEMENT_REQUIRE_KEYS=never"),
        ({"metrics": MetricsAccess.OPEN}, "PLACEMENT_METRICS=open"),
        ({"solver_slots": 256}, "256 slots of 1 threads"),
        ({"solver_memory_bytes": 2**50}, "the slots may take 1.00 PiB together"),
        ({"max_body_bytes": 2**30}, "PLACEMENT_MAX_BODY_BYTES"),
        ({"body_timeout_s": 600.0}, "PLACEMENT_BODY_TIMEOUT_S"),
    ],
)
def test_a_dangerous_setting_is_noted(monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], said: str) -> None:
    for name in list(os.environ):
        if name.startswith("PLACEMENT_"):
            monkeypatch.delenv(name)
    sound = {"solver_slots": 1, "solver_memory_bytes": 2**28}
    assert [f.verdict for f in surroundings.checked_settings(Settings(**sound))] == [Verdict.OK]
    [found] = [f for f in surroundings.checked_settings(Settings(**sound | changes)) if said in f.said]
    assert found.verdict is Verdict.NOTE


def test_a_misspelt_setting_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEMENT_QUEUE_LENGHT", "3")
    notes = [found.said for found in surroundings.checked_settings(Settings())]
    assert "PLACEMENT_QUEUE_LENGHT is set, but there is no such setting" in notes


def test_settings_that_are_none_fail_by_name_without_their_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEMENT_QUEUE_LENGTH", "s3cret")
    [found] = surroundings.surroundings()
    assert found.verdict is Verdict.FAILS
    assert "PLACEMENT_QUEUE_LENGTH" in found.said
    assert "s3cret" not in found.said


def test_a_solver_process_starts_answers_and_ends() -> None:
    found = surroundings.solver_process(Settings())
    assert found.verdict is Verdict.OK, found.said


def test_a_solver_process_that_dies_is_told_with_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[float] = []

    class Dying:
        def __init__(self, _: object) -> None: ...

        async def open(self) -> None: ...

        async def run(self, *_: object) -> Ending:
            return Ending(Outcome.LOST, message="killed by signal 9")

        async def close(self, grace_s: float) -> None:
            closed.append(grace_s)

    monkeypatch.setattr(supervisor, "LocalExecutor", Dying)
    found = surroundings.solver_process(Settings())
    assert found.verdict is Verdict.FAILS
    assert "killed by signal 9" in found.said
    assert closed == [0.0]
