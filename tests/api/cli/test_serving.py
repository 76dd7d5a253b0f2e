from __future__ import annotations

from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from api.cli.consoles import Exit
from api.cli.server import DrainingServer
from api.cli.serving import url_host
from api.security.slow_heads import TimedHeads
from tests.api.cli.runs import run


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[uvicorn.Config]:
    """What would have been served, with the service's state in a folder of the test's own."""
    found: list[uvicorn.Config] = []
    monkeypatch.setenv("PLACEMENT_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(DrainingServer, "run", lambda server: found.append(server.config))
    return found


def test_serve_runs_the_service_on_loopback_and_prints_where_swagger_ui_is(served: list[uvicorn.Config]) -> None:
    result = run("serve", "--port", "8123")
    [config] = served
    assert isinstance(config.app, FastAPI)
    assert (config.host, config.port) == ("127.0.0.1", 8123)
    assert "http://127.0.0.1:8123/docs" in result.stderr
    assert result.stdout == ""


def test_an_address_that_others_reach_is_refused_until_there_is_a_key(
    served: list[uvicorn.Config], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLACEMENT_STATE_DIR", str(tmp_path / "state"))
    result = run("serve", "--host", "0.0.0.0")
    assert result.exit_code == Exit.BAD_INPUT
    assert "placement keys create" in result.stderr
    assert served == []
    run("keys", "create", "loop")
    assert run("serve", "--host", "0.0.0.0").exit_code == Exit.OK
    assert [config.host for config in served] == ["0.0.0.0"]


def test_uvicorn_writes_our_log_names_no_software_and_waits_for_no_slow_head(served: list[uvicorn.Config]) -> None:
    run("serve")
    [config] = served
    assert config.server_header is False
    assert config.access_log is False
    assert (config.http, config.loop) == (TimedHeads, "uvloop")
    assert "placement" in config.log_config["loggers"]


def test_a_port_that_is_none_is_refused() -> None:
    assert run("serve", "--port", "70000").exit_code == 2


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]"), ("edge", "edge")],
)
def test_the_printed_address_is_one_that_a_browser_can_open(host: str, shown: str) -> None:
    assert url_host(host) == shown


def test_a_process_keeps_its_name_over_a_restart_and_shares_it_with_no_other(served: list[uvicorn.Config]) -> None:
    for port in ("8123", "8123", "8124"):
        run("serve", "--port", port)
    names = [config.app.state.service.store.instance for config in served]
    assert names[0] == names[1] != names[2]


def test_answers_are_sent_within_the_time_that_running_plans_have_and_a_little_more(
    served: list[uvicorn.Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACEMENT_DRAIN_GRACE_S", "42")
    run("serve")
    assert served[0].timeout_graceful_shutdown == 47
