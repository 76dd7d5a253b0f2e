"""`placement plot`: answers from files, pictures into files, faults as messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.cli.consoles import Exit
from tests.api.cli.runs import run

KEPT = Path(__file__).parents[3] / "api" / "kept_answers"
PLAN = str(KEPT / "plan-optimal.json")


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_a_plan_is_drawn_in_the_format_of_the_suffix(tmp_path, suffix):
    out = tmp_path / f"plan{suffix}"
    ended = run("plot", PLAN, "-o", str(out))
    assert ended.exit_code == Exit.OK
    assert ended.output == f"{out}: cluster, timeline\n"
    assert out.stat().st_size > 1000


def test_only_what_is_asked_for_is_drawn(tmp_path):
    out = tmp_path / "plan.svg"
    assert run("plot", PLAN, "-o", str(out), "--only", "timeline").output == f"{out}: timeline\n"


def test_a_frontier_comes_from_standard_input(tmp_path):
    out = tmp_path / "frontier.svg"
    ended = run("plot", "-", "-o", str(out), stdin=(KEPT / "frontier.json").read_text())
    assert ended.output == f"{out}: frontier\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((PLAN, "-o", "plan.gif"), "the suffix has to be .svg, .png or .pdf"),
        ((PLAN, "-o", "plan.svg", "--only", "pie"), "pie: there are cluster, timeline and frontier"),
        ((PLAN, "-o", "plan.svg", "--only", "frontier"), "there is no frontier in it"),
        ((PLAN, "-o", "nowhere/plan.svg"), "cannot write a file there"),
        ((str(KEPT / "plan-infeasible.json"), "-o", "plan.svg"), "status: infeasible"),
        ((str(KEPT / "profile.json"), "-o", "plan.svg"), "neither an answered plan nor an answered frontier"),
        (("absent.json", "-o", "plan.svg"), "No such file"),
    ],
)
def test_what_cannot_be_drawn_is_bad_input_and_says_why(tmp_path, monkeypatch, arguments, why):
    monkeypatch.chdir(tmp_path)
    ended = run("plot", *arguments)
    assert ended.exit_code == Exit.BAD_INPUT
    assert why in " ".join(ended.stderr.split())
    assert list(tmp_path.iterdir()) == []
