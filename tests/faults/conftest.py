"""Services in processes of their own, one on SQLite and one on PostgreSQL, that tests do harm to and restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from benchmarks.served import Served, wait_until
from tests.faults.bodies import LONGEST_BODY, MEMORY_BYTES
from tests.faults.talk import unfinished

SETTINGS = {
    "solver_slots": "2",
    "clerks": "1",
    "queue_length": "64",
    "solver_memory_bytes": str(MEMORY_BYTES),
    "drain_notice_s": "0.2",
    "drain_grace_s": "1",
    "body_timeout_s": "2",
    "max_body_bytes": str(LONGEST_BODY),
}


@pytest.fixture(scope="session", params=["sqlite"])
def standing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The service of a whole session: on SQLite, or on the database that a test is parametrised with."""
    with ExitStack() as scratch:
        settings = dict(SETTINGS)
        if request.param == "postgresql":
            settings["database_url"] = scratch.enter_context(request.getfixturevalue("postgres").scratch())
        with Served(tmp_path_factory.mktemp(f"served-{request.param}"), settings) as served:
            yield served


@pytest.fixture
def served(standing: Served) -> Iterator[Served]:
    """The service, up and with nothing in hand, whatever the test before it did; nothing in its log is a crash."""
    if not standing.alive:
        standing.start()
    with standing.client() as client:
        for plan in unfinished(client):
            client.delete(plan["href"])
        wait_until(lambda: not unfinished(client))
    wait_until(lambda: len(standing.workers()) == 3)
    before = len(standing.log.read_text(errors="replace"))
    yield standing
    assert "Traceback" not in standing.log.read_text(errors="replace")[before:]


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder for a service that a test has for itself."""
    folder = tmp_path / "state"
    folder.mkdir()
    return folder
