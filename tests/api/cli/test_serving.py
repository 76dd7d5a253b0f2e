from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from api.cli.consoles import Exit
from api.cli.serving import url_host
from api.security.slow_heads import TimedHeads
from tests.api.cli.runs import run


def test_serve_runs_the_service_on_loopback_and_prints_where_swagger_ui_is(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: served.append((app, options)))
    result = run("serve", "--port", "8123")
    [(app, options)] = served
    assert isinstance(app, FastAPI)
    assert (options["host"], options["port"]) == ("127.0.0.1", 8123)
    assert "http://127.0.0.1:8123/docs" in result.stderr
    assert result.stdout == ""


def test_an_address_that_others_reach_is_refused_until_there_is_a_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLACEMENT_STATE_DIR", str(tmp_path / "state"))
    served: list[str] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: served.append(options["host"]))
    result = run("serve", "--host", "0.0.0.0")
    assert result.exit_code == Exit.BAD_INPUT
    assert "placement keys create" in result.stderr
    assert served == []
    run("keys", "create", "loop")
    assert run("serve", "--host", "0.0.0.0").exit_code == Exit.OK
    assert served == ["0.0.0.0"]


def test_uvicorn_writes_our_log_names_no_software_and_waits_for_no_slow_head(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[dict[str, Any]] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: served.append(options))
    run("serve")
    [options] = served
    assert options["server_header"] is False
    assert options["access_log"] is False
    assert options["http"] is TimedHeads
    assert "placement" in options["log_config"]["loggers"]


def test_a_port_that_is_none_is_refused() -> None:
    assert run("serve", "--port", "70000").exit_code == 2


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]"), ("edge", "edge")],
)
def test_the_printed_address_is_one_that_a_browser_can_open(host: str, shown: str) -> None:
    assert url_host(host) == shown
