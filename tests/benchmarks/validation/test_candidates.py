"""Which plans run: the planner's, three rules', three random ones, all feasible and all different."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.validation.candidates import SLOWEST, Choice, Role, choose, drawn
from benchmarks.validation.inputs import nominal, request_of
from benchmarks.validation.settings import MEBIBYTE, EmulatedNode, Setting
from models.plan import Status
from models.request import PlanRequest
from placement.cost_model import compile_problem
from tests.benchmarks.validation.made_up import SETTING


@pytest.fixture(scope="module")
def request_() -> PlanRequest:
    return request_of(SETTING, nominal(SETTING))


@pytest.fixture(scope="module")
def choice(request_: PlanRequest) -> Choice:
    return choose(request_, seed=3)


def test_seven_different_plans_run_three_of_them_baselines_and_three_random(choice: Choice) -> None:
    roles = [candidate.role for candidate in choice.candidates]
    assert roles == [Role.OPTIMAL, *[Role.BASELINE] * 3, *[Role.RANDOM] * 3]
    assert len({candidate.stages for candidate in choice.candidates}) == 7
    assert choice.status is Status.OPTIMAL


def test_no_plan_is_predicted_to_beat_the_planners_and_no_random_one_to_take_too_long(choice: Choice) -> None:
    best_s = choice.candidates[0].forecast.latency_s
    assert all(best_s <= candidate.forecast.latency_s for candidate in choice.candidates)
    assert all(each.forecast.latency_s <= SLOWEST * best_s for each in choice.candidates if each.role is Role.RANDOM)


def test_of_the_rules_the_quickest_run_and_the_rest_is_accounted_for(choice: Choice) -> None:
    ran = {candidate.name for candidate in choice.candidates if candidate.role is Role.BASELINE}
    told = " ".join(choice.notes)
    every = {"terminal_only", "best_single_edge", "even_split", "memory_proportional", "compute_proportional"}
    assert all(name in ran or name in told for name in every)


def test_the_same_seed_draws_the_same_plans_and_another_seed_others(request_: PlanRequest, choice: Choice) -> None:
    def random_stages(found: Choice) -> list[object]:
        return [candidate.stages for candidate in found.candidates if candidate.role is Role.RANDOM]

    assert random_stages(choose(request_, seed=3)) == random_stages(choice)
    assert random_stages(choose(request_, seed=4)) != random_stages(choice)


def test_a_rule_that_memory_forbids_is_left_out_with_the_reason() -> None:
    small = EmulatedNode("terminal", 0.3, 10.0 * MEBIBYTE)
    tight = dataclasses.replace(SETTING, nodes=(small, *SETTING.nodes[1:]))
    found = choose(request_of(tight, nominal(tight)), seed=3)
    assert "terminal_only" not in [candidate.name for candidate in found.candidates]
    assert any(note.startswith("terminal_only cannot run") and "memory" in note for note in found.notes)


@pytest.mark.parametrize("tail", [0, 1])
def test_drawn_plans_cover_all_layers_and_keep_head_and_tail_on_the_source(tail: int) -> None:
    setting: Setting = dataclasses.replace(SETTING, tail_layers=tail)
    plans = [stages for stages, _ in zip(drawn(compile_problem(request_of(setting, nominal(setting))), 1), range(50),
                                         strict=False)]  # fmt: skip
    for stages in plans:
        assert stages[0].node == "terminal"
        assert stages[0].stop_layer >= 2
        assert [cut.first_layer for cut in stages[1:]] == [cut.stop_layer for cut in stages[:-1]]
        assert stages[-1].stop_layer == setting.layer_count
        assert tail == 0 or stages[-1].node == "terminal"
    assert len({tuple(cut.node for cut in stages) for stages in plans}) >= 4
