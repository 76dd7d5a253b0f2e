"""docs/benchmarks.md names everything that there is to measure and shows every plot that is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.contestants import OURS, RULES, TEXTBOOK
from benchmarks.families import NAMES
from benchmarks.plots import PLOTS
from benchmarks.targets import TARGETS


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "benchmarks.md").read_text()


def test_every_family_is_in_its_table(page: str) -> None:
    rows = re.findall(
        r"^\| ([\w, ]+) \|", page.partition("## Families")[2].partition("## Contestants")[0], re.MULTILINE
    )
    assert {name for row in rows for name in row.split(", ")} >= set(NAMES)


def test_every_contestant_is_explained(page: str) -> None:
    explained = page.partition("## Contestants")[2].partition("## Targets")[0]
    assert [name for name in (*OURS, *TEXTBOOK, *RULES) if f"`{name}`" not in explained] == []


def test_every_target_is_listed_with_its_seconds(page: str) -> None:
    listed = page.partition("## Targets")[2].partition("## Plots")[0]
    cells = [cell.strip() for line in listed.splitlines() if line.startswith("|") for cell in line.split("|")]
    lacking = []
    for target in TARGETS:
        words = [word.rstrip(",") for word in target.title.split() if word != "of"]
        places = [k for k, cell in enumerate(cells) if all(word in cell.replace(",", " ").split() for word in words)]
        if not any(cells[k + 1].partition(" ")[0] == f"{target.within_s:.3f}" or cells[k + 1] == f"{target.within_s:g}"
                   for k in places):  # fmt: skip
            lacking.append(target.title)
    assert lacking == []


def test_every_plot_is_shown_and_committed(page: str, root: Path) -> None:
    assert set(re.findall(r"\]\(benchmarks/([\w-]+)\.svg\)", page)) == set(PLOTS)
    assert {file.stem for file in (root / "docs" / "benchmarks").glob("*.svg")} == set(PLOTS)
