"""What happens before the socket opens: servers open it once the application's start-up is complete."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from api import service, solvers
from api.settings import Settings
from api.store.errors import SchemaTooNew, StoreUnavailable
from tests.api.clients import WAIT_S, Client
from tests.api.conftest import ClientOf, app_with


def test_the_solvers_are_tried_before_the_first_request(client_of: ClientOf, any_plan: Any) -> None:
    tried: list[str] = []

    def plan(asked: Any, *, cancelled: Any = None) -> Any:
        tried.append(asked.solver.backend)
        return any_plan(asked)

    client_of(plan=plan)
    assert "auto" in tried


def test_a_slow_solver_does_not_hold_up_the_start(any_plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CHECK_S", 0.1)
    up = threading.Event()
    waited: list[bool] = []

    def plan(asked: Any, *, cancelled: Any = None) -> Any:
        waited.append(up.wait(WAIT_S))
        return any_plan(asked)

    with Client(app_with(plan=plan)):
        up.set()
    assert False not in waited  # the first solver is let go once the service is up, or else gives up after a minute


def test_a_database_that_comes_late_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "OPENING_EVERY_S", 0.01)
    app = app_with()
    database, tries = app.state.service.database, []
    really_open = database.open

    async def late() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise StoreUnavailable("no route to host")
        await really_open()

    monkeypatch.setattr(database, "open", late)
    with caplog.at_level(logging.WARNING), Client(app) as client:
        assert client.get("/plans").status_code == 200
    assert caplog.text.count("the database cannot be used yet") == 2


def test_a_database_of_a_newer_release_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_with()

    async def too_new() -> None:
        raise SchemaTooNew("written by release 9")

    monkeypatch.setattr(app.state.service.database, "open", too_new)
    with pytest.raises(SchemaTooNew), Client(app):
        pass


def test_the_state_lives_in_its_folder(tmp_path: Path) -> None:
    with Client(app_with(database_url=None, state_dir=tmp_path / "state")) as client:
        assert client.get("/plans").json() == {"plans": [], "next": None}
    assert (tmp_path / "state" / "placement.sqlite3").exists()


def test_the_executor_gets_what_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(solvers, "LocalExecutor", made.append)
    solvers.local_executor(
        Settings(solver_slots=3, threads_per_solve=4, clerks=5, queue_length=6, solver_memory_bytes=2**30)
    )
    [provision] = made
    assert (provision.slots, provision.threads, provision.clerks) == (3, 4, 5)
    assert (provision.queue_length, provision.memory_bytes) == (6, 2**30)
