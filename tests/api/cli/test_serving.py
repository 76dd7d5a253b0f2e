from __future__ import annotations

from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from api.cli.serving import url_host
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


def test_a_port_that_is_none_is_refused() -> None:
    assert run("serve", "--port", "70000").exit_code == 2


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]"), ("edge", "edge")],
)
def test_the_printed_address_is_one_that_a_browser_can_open(host: str, shown: str) -> None:
    assert url_host(host) == shown
