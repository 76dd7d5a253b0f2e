from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli.consoles import Exit
from api.cli.engine import Engine
from tests.api.cli import samples
from tests.api.cli.runs import run

ROOT = Path(__file__).parents[3]


def placement(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "api.cli.app", *arguments],
        input=stdin.encode(),
        capture_output=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env=os.environ | environment,
    )


def test_the_version_is_printed() -> None:
    result = run("--version")
    assert result.exit_code == Exit.OK
    assert result.stdout.startswith("placement ")


def test_without_a_command_the_commands_are_listed() -> None:
    text = run().output
    assert all(command in text for command in ("plan", "evaluate", "profile", "catalogue", "serve", "doctor"))


def test_a_terminal_without_unicode_gets_plain_characters() -> None:
    body = samples.request_body(("ph\N{LATIN SMALL LETTER O WITH STROKE}ne", "edge"))
    result = placement("plan", "-", stdin=json.dumps(body), PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (Exit.OK, b"")
    text = result.stdout.decode("ascii")
    assert "ph?ne" in text
    assert "## forward" in text


def test_loading_the_command_line_does_not_load_the_solvers() -> None:
    code = "import sys, api.cli.app; print([name for name in ('pulp', 'ortools', 'highspy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == b"[]"


def test_of_very_many_faults_the_first_hundred_are_told(tmp_path: Path) -> None:
    body = samples.request_body()
    body["model"]["layers"] = [{"forward": {"flops": -1}}] * 150
    file = tmp_path / "request.json"
    file.write_text(json.dumps(body))
    said = run("plan", str(file)).stderr.splitlines()
    assert sum(line.startswith("  /model/layers/") for line in said) == 100
    assert said[-1] == "  and 50 more"


def test_a_file_that_cannot_be_written_in_the_end_is_told_after_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(samples.request_body()))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    engine = Engine(plan=lambda request, **_: samples.plan())
    result = run("plan", str(file), "-o", str(tmp_path / "plan.json"), engine=engine)
    assert result.exit_code == Exit.BAD_INPUT
    assert result.stdout.startswith("OPTIMAL")
    assert "No space left on device" in result.stderr
