"""docs/measure.md: what its examples print, and that its commands and options exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from api.cli.app import app
from tests.api.cli.command_page import EXAMPLE, comparable, output_of, prepared

TEXT = (Path(__file__).parents[3] / "docs" / "measure.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands["measure"].commands
TYPED = re.findall(r"^(?:\S*\$) +(?:\w+=\S+ )?placement measure (\w+)([^\n|]*)", TEXT, flags=re.MULTILINE)


@pytest.mark.parametrize("printed", EXAMPLE.findall(TEXT), ids=lambda found: found[0])
def test_an_example_of_the_page_prints_what_the_page_says(
    printed: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert comparable(output_of(printed[0])) == comparable(printed[1])


def test_every_command_of_the_page_has_only_options_that_there_are() -> None:
    assert {name for name, _ in TYPED} == set(COMMANDS)
    unknown = {
        f"{name} {word}"
        for name, rest in TYPED
        for word in shlex.split(rest)
        if word.startswith("-") and word not in {option for one in COMMANDS[name].params for option in one.opts}
    }
    assert unknown == set()
