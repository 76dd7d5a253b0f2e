"""`placement compare` and `placement explain`: options become what is asked, answers become tables."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import examples
from api.cli.comparison_view import show_comparison
from api.cli.consoles import Exit
from api.cli.engine import Engine
from models import CompareRequest, Comparison, Plan, PlanRequest
from placement import comparing, solver
from tests.api.cli.runs import run


class Comparer:
    """Answers as the planner does, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[CompareRequest] = []

    def __call__(self, request: CompareRequest, **given: Any) -> Comparison:
        self.asked.append(request)
        return comparing.compare(request, **given)


class Planner:
    def __init__(self) -> None:
        self.asked: list[PlanRequest] = []

    def __call__(self, request: PlanRequest, **given: Any) -> Plan:
        self.asked.append(request)
        return solver.plan(request, **given)


def example(purpose: examples.Purpose) -> bytes:
    [found] = [one for one in examples.of(purpose) if one.name == "two-nodes-by-hand"]
    return found.read()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "request.json"
    path.write_bytes(example(examples.Purpose.PLAN))
    return str(path)


def test_each_option_is_a_variant_in_the_order_of_the_page(file: str) -> None:
    comparer = Comparer()
    result = run(
        "compare", file, "--node-lost", "edge", "--link-down", "phone:edge", "--model", "gpt2", "--head-layers", "3",
        "--tail-layers", "1", "--objective", "energy", "--patch", 'slow={"constraints": {"max_stages": 1}}', "-q",
        engine=Engine(compare=comparer),
    )  # fmt: skip
    assert result.exit_code == Exit.OK, result.output
    (asked,) = comparer.asked
    assert [variant.name for variant in asked.variants] == [
        "without edge", "without phone - edge", "gpt2", "head_layers 3", "tail_layers 1", "objective energy", "slow",
    ]  # fmt: skip
    assert asked.variant_requests[2].model.catalogue == "gpt2"
    assert asked.variant_requests[6].constraints.max_stages == 1


def test_a_file_with_variants_is_compared_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "variants.json"
    path.write_bytes(example(examples.Purpose.COMPARE))
    out = tmp_path / "comparison.json"
    result = run("compare", str(path), "--json", "-o", str(out), "-q")
    answer = Comparison.model_validate_json(result.output)
    assert [variant.name for variant in answer.variants] == [
        "10 Mbit/s", "link down", "least energy", "within a second"
    ]  # fmt: skip
    assert Comparison.model_validate_json(out.read_bytes()) == answer


def test_what_is_compared_fits_a_narrow_terminal_without_colours(tmp_path: Path) -> None:
    request = CompareRequest.model_validate_json(example(examples.Purpose.COMPARE))
    console = Console(file=io.StringIO(), width=60, color_system=None)
    show_comparison(comparing.compare(request), console)
    printed = console.file.getvalue()
    assert all(len(line) <= 60 for line in printed.splitlines())
    assert "No number of layers" in printed
    assert "infeasible" in printed


@pytest.mark.parametrize(("options", "told"), [
    (("--node-lost", "nobody"), "/variants/0/node_lost"),
    (("--link-down", "phone"), "write both ends"),
    (("--patch", "x={"), "cannot be read as JSON"),
    ((), "/variants"),
])  # fmt: skip
def test_a_variant_that_makes_no_sense_is_bad_input(file: str, options: tuple[str, ...], told: str) -> None:
    result = run("compare", file, *options)
    assert result.exit_code == Exit.BAD_INPUT
    assert told in result.output


def test_explain_asks_for_the_parts_that_are_wanted(file: str) -> None:
    planner = Planner()
    result = run("explain", file, "--no-stability", "--time-share", "0.8", "--time-limit", "20", "-q",
                 engine=Engine(plan=planner))  # fmt: skip
    assert result.exit_code == Exit.OK
    (asked,) = planner.asked
    assert asked.explain is not None
    assert (asked.explain.stability, asked.explain.time_share, asked.solver.time_limit_s) == (False, 0.8, 20.0)
    assert "What would improve the plan" in result.output
    assert "Over which bandwidths" not in result.output


def test_explain_as_json_is_the_plan_with_its_explanation(file: str) -> None:
    answer = Plan.model_validate_json(run("explain", file, "--json", "-q").output)
    assert answer.explanation is not None
    assert answer.explanation.stability
    assert answer.explanation.unused_nodes == ()


def test_a_plan_that_does_not_exist_is_explained_by_its_conflict(tmp_path: Path) -> None:
    path = tmp_path / "tight.json"
    path.write_text(json.dumps(json.loads(example(examples.Purpose.PLAN)) | {"constraints": {"max_latency_s": 0.2}}))
    result = run("explain", str(path), "-q")
    assert result.exit_code == Exit.INFEASIBLE
    assert "no plan keeps max_latency_s" in result.output


def test_every_plan_says_why(file: str) -> None:
    assert "The bottleneck is node edge" in run("plan", file, engine=Engine(plan=Planner())).output
