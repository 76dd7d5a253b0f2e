"""Pictures of answers: what is on them, in which formats, and the same file for the same answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from api.plots import drawing, palette
from models import Frontier, Plan
from tests.api.cli import samples

KEPT = Path(__file__).parents[3] / "api" / "kept_answers"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.model_validate_json((KEPT / "plan-optimal.json").read_bytes())


@pytest.fixture(scope="module")
def frontier() -> Frontier:
    return Frontier.model_validate_json((KEPT / "frontier.json").read_bytes())


def texts(path: Path) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())


def test_a_plan_is_drawn_with_its_nodes_layers_links_and_activities(plan, tmp_path):
    assert drawing.draw(plan, tmp_path / "plan.svg") == ("cluster", "timeline")
    found = texts(tmp_path / "plan.svg")
    for words in ("phone", "edge", "layers 0..2", "layers 2..4", "488 KiB, 40.0 ms", "forward", "activations sent"):
        assert words in found
    assert "time / ms" in found
    assert palette.BLUE in (tmp_path / "plan.svg").read_text()


def test_one_part_alone_is_drawn_on_request(plan, tmp_path):
    drawing.draw(plan, tmp_path / "timeline.svg", [drawing.Part.TIMELINE])
    found = texts(tmp_path / "timeline.svg")
    assert "forward" in found
    assert "layers 0..2" not in found


def test_a_frontier_is_drawn_with_its_knee(frontier, tmp_path):
    assert drawing.draw(frontier, tmp_path / "frontier.svg") == ("frontier",)
    found = texts(tmp_path / "frontier.svg")
    assert {"knee", "proven", "latency / s", "energy / J"} <= set(found)


def test_intervals_left_open_are_shaded(frontier, tmp_path):
    body = json.loads((KEPT / "frontier.json").read_text())
    low, high = body["points"][0]["latency_s"], body["points"][1]["latency_s"]
    body |= {
        "complete": False,
        "open_intervals": [{"latency_low_s": low, "latency_high_s": high, "energy_low_j": 11.0, "energy_high_j": None}],
    }
    drawing.draw(Frontier.model_validate(body), tmp_path / "open.svg")
    found = texts(tmp_path / "open.svg")
    assert "further plans may lie here" in found
    assert "Latency against energy: 3 plans, not complete" in found


@pytest.mark.parametrize(
    ("suffix", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")]
)
def test_the_suffix_says_the_format(plan, tmp_path, suffix, magic):
    path = tmp_path / f"plan.{suffix}"
    drawing.draw(plan, path)
    assert path.read_bytes().startswith(magic)


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_the_same_plan_gives_the_same_file(plan, tmp_path, suffix):
    for name in ("one", "two"):
        drawing.draw(plan, tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


def test_long_pipelines_turn_at_the_margin_and_bear_every_number(tmp_path):
    plan = samples.plan(tuple(f"node-{index}" for index in range(16)))
    drawing.draw(plan, tmp_path / "long.svg")
    found = texts(tmp_path / "long.svg")
    assert {str(index) for index in range(len(plan.stages))} <= set(found)


def test_an_answer_without_a_plan_is_refused_with_its_status(tmp_path):
    plan = Plan.model_validate_json((KEPT / "plan-infeasible.json").read_bytes())
    with pytest.raises(drawing.NothingToDrawError, match="status: infeasible"):
        drawing.draw(plan, tmp_path / "none.svg")


def test_a_part_that_the_answer_has_not_is_refused(plan, tmp_path):
    with pytest.raises(drawing.NothingToDrawError, match="there is no frontier"):
        drawing.draw(plan, tmp_path / "none.svg", [drawing.Part.FRONTIER])
