"""The README's snippets: what is marked runnable is run, and shows what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models import Plan, PlanRequest
from placement.solver import plan
from tests.api.conftest import app_with
from tests.api.served import served

SNIPPET = re.compile(r"<!-- runnable: (?P<name>\w+) -->\n```\w+\n(?P<text>.*?)^```$", flags=re.MULTILINE | re.DOTALL)
SHOWN_DIGITS = 5e-3
"""Relative error that shortening a figure to three digits may bring."""


@pytest.fixture(scope="module")
def snippets(root: Path) -> dict[str, str]:
    """The README's runnable snippets by name."""
    found = {match["name"]: match["text"] for match in SNIPPET.finditer((root / "README.md").read_text())}
    assert set(found) == {"request", "answer", "python", "client"}
    return found


def differences(shown: Any, actual: Any, where: str = "") -> list[str]:
    """Where a shortened answer disagrees with the actual one; keys that are not shown do not count."""
    if isinstance(shown, dict):
        return [line for key, value in shown.items() for line in differences(value, actual[key], f"{where}/{key}")]
    if isinstance(shown, list) and isinstance(actual, list) and len(shown) == len(actual):
        return [line for k, value in enumerate(shown) for line in differences(value, actual[k], f"{where}/{k}")]
    if isinstance(shown, float) and isinstance(actual, float):
        return (
            [] if actual == pytest.approx(shown, rel=SHOWN_DIGITS) else [f"{where}: {shown} shown, {actual} answered"]
        )
    return [] if shown == actual else [f"{where}: {shown} shown, {actual} answered"]


def test_first_plan_answers_what_the_readme_shows(snippets: dict[str, str]) -> None:
    answer = plan(PlanRequest.model_validate_json(snippets["request"]))
    assert differences(json.loads(snippets["answer"]), json.loads(answer.model_dump_json())) == []


def test_client_snippet_asks_the_service(
    snippets: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def planner(request: PlanRequest, *, cancelled: Callable[[], bool] | None = None) -> Plan:
        return plan(request, cancelled=cancelled)

    (tmp_path / "first.json").write_text(snippets["request"])
    monkeypatch.chdir(tmp_path)
    with served(app_with(plan=planner)) as url:
        program = snippets["client"].replace("http://127.0.0.1:8000", url)
        exec(compile(program, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out.startswith("optimal 4.2")


def test_python_snippet_runs(snippets: dict[str, str]) -> None:
    exec(compile(snippets["python"], "README.md", "exec"), {"__name__": "readme"})
