"""docs/client.md: complete, true to the code, and its programs run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from models import FrontierRequest, PlanRequest
from models.export import OptionName
from placement import client as package
from placement.client import PlacementError, Retries, Timeouts
from placement.client.exporting import ExportSettings
from placement.client.operations import Operations
from placement.client.retries import REPEATED_STATUSES
from placement.solver import frontier, plan
from tests.api.conftest import app_with
from tests.api.served import served

GUIDE = (Path(__file__).parents[3] / "docs/client.md").read_text()


def planner(request: PlanRequest, *, cancelled: Callable[[], bool] | None = None) -> Any:
    return plan(request, cancelled=cancelled)


def frontier_planner(request: FrontierRequest, *, cancelled: Callable[[], bool] | None = None) -> Any:
    return frontier(request, cancelled=cancelled)


def test_its_programs_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert len(programs) == 5
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "guide"}
    with served(app_with(plan=planner, frontier=frontier_planner)) as url:
        for program in programs:
            exec(compile(program.replace("http://127.0.0.1:8000", url), "docs/client.md", "exec"), names)
        names["client"].close()
    said = capsys.readouterr().out
    assert "1 queued None" in said
    assert "/workload/source" in said
    assert "--rpc 10.0.0.3:50052\n" in (tmp_path / "llama-cpp.args").read_text()


def test_it_names_every_method() -> None:
    for name, value in vars(Operations).items():
        if callable(value) and not name.startswith("_"):
            assert re.search(rf"^\| .*`{name}`.* \|$", GUIDE, flags=re.MULTILINE), name


def test_it_names_every_option_of_exports() -> None:
    assert ExportSettings.__annotations__.keys() == set(OptionName)
    assert all(re.search(rf"^\| .*`{name}`.* \|$", GUIDE, flags=re.MULTILINE) for name in OptionName)


def test_it_names_every_exception() -> None:
    for name, kind in vars(package).items():
        if isinstance(kind, type) and issubclass(kind, PlacementError):
            assert f"`{name}`" in GUIDE


@pytest.mark.parametrize("settings", [Retries, Timeouts])
def test_it_names_every_setting_with_its_default(settings: Any) -> None:
    for field in fields(settings):
        assert f"| `{field.name}` | {field.default} |" in GUIDE


def test_it_names_every_status_that_is_repeated() -> None:
    [repeated] = re.findall(r"## What is repeated.*?\n## ", GUIDE, flags=re.DOTALL)
    assert all(str(status) in repeated for status in REPEATED_STATUSES)
