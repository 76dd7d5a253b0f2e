from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from api.cli.app import app
from api.cli.consoles import Exit
from tests.api.cli.command_page import EXAMPLE, PAGE, comparable, output_of, prepared

TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands


def section(command: str) -> str:
    """What stands under the heading of a command."""
    return TEXT.split(f"\n## placement {command}\n")[1].split("\n## ")[0]


def test_every_command_has_its_heading_and_every_heading_its_command() -> None:
    assert sorted(re.findall(r"^## placement (\S+)$", TEXT, flags=re.MULTILINE)) == sorted(COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_of_a_command_is_explained_under_its_heading(command: str) -> None:
    commands = getattr(COMMANDS[command], "commands", {"": COMMANDS[command]}).values()
    options = {name for one in commands for option in one.params for name in option.opts if name.startswith("--")}
    assert options - set(re.findall(r"--[a-z-]+", section(command))) == set()
    assert set(re.findall(r"^\| `(--[a-z-]+)", section(command), flags=re.MULTILINE)) <= options


def test_every_exit_code_is_explained() -> None:
    rows = re.findall(r"^\| (\d+) \|", TEXT, flags=re.MULTILINE)
    assert [int(row) for row in rows if int(row) != 130] == [code.value for code in Exit]


@pytest.mark.parametrize(
    ("command", "printed"), EXAMPLE.findall(TEXT), ids=[found[0] for found in EXAMPLE.findall(TEXT)]
)
def test_an_example_of_the_page_prints_what_the_page_says(
    command: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PLACEMENT_STATE_DIR", str(tmp_path / "state"))
    assert comparable(output_of(command)) == comparable(printed)


def test_every_command_that_ends_by_itself_has_an_example() -> None:
    shown = {word for command, _ in EXAMPLE.findall(TEXT) for word in re.findall(r"placement (\S+)", command)}
    assert set(COMMANDS) - shown == {"serve", "worker", "doctor"}
