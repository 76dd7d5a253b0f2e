"""Within its range the plan is the best; where another takes over, just beyond it is not."""

from __future__ import annotations

import pytest
from hypothesis import given

from models.explanation import RangeEnd, RangeMethod, Stability
from models.request import PlanRequest
from placement.explanation.changes import with_link
from tests.placement.examples_for_tests import inference, layer, link, node, request_body
from tests.placement.explanation.explained import Body, Truth, answered, random_explained
from tests.placement.random_problems import SEEDS, examples

ONLY = {"sensitivity": False, "unused_nodes": False}


def ranges(body: Body, **settings: object) -> dict[str, Stability]:
    explanation = answered(body, **{**ONLY, **settings}).explanation
    assert explanation is not None
    return {f"{link.source}{link.target}": link for link in explanation.stability or ()}


def cut_or_not(**workload: object) -> Body:
    """The second layer takes 8 s on a, or 2 s on b and its input's 3 bytes their time on the link."""
    return request_body([node("a"), node("b", speed=4.0)], [link("a", "b")], [layer(1.0, out=3.0), layer(8.0)],
                        inference(**workload), privacy={"head_layers": 1})  # fmt: skip


def test_a_range_ends_exactly_where_two_plans_cost_the_same() -> None:
    """3 bytes in 6 s, half of what the link carries: then staying on a is as good."""
    found = ranges(cut_or_not())["ab"]
    assert found.method is RangeMethod.PARAMETRIC
    assert found.low_end is RangeEnd.OTHER_PLAN
    assert found.low_bits_per_s == pytest.approx(0.5 * found.bandwidth_bits_per_s)
    assert found.high_end is RangeEnd.SEARCHED
    assert [stage.node for stage in found.below] == ["a"]
    assert found.above == ()


def test_where_plans_are_not_linear_the_range_is_bisected() -> None:
    found = ranges(cut_or_not(concurrency=2), resolution=0.05)["ab"]
    assert found.method is RangeMethod.BISECTION
    assert found.low_bits_per_s == pytest.approx(0.5 * found.bandwidth_bits_per_s, rel=0.06)
    assert found.low_bits_per_s >= 0.5 * found.bandwidth_bits_per_s * (1 - 1e-5)


@examples(15)
@given(SEEDS)
def test_the_plan_is_the_best_within_its_range_and_not_beyond_an_end_where_another_takes_over(seed: int) -> None:
    found = random_explained(seed, **ONLY, resolution=0.1)
    if found is None or len(found[1].stages) < 2:
        return
    body, answer = found
    explanation, truth = answer.explanation, Truth(answer, body)
    assert explanation is not None
    request = PlanRequest.model_validate(body)
    stages = [(stage.node, stage.level, stage.first_layer, stage.stop_layer) for stage in answer.stages]

    def behind(link_told: Stability, bandwidth: float) -> float:
        """By which share the plan is worse than the best at a bandwidth; infinite where it breaks a limit there."""
        factor = bandwidth / link_told.bandwidth_bits_per_s
        changed = with_link(request, link_told.source, link_told.target, bandwidth=factor).request
        dumped = changed.model_dump(mode="json", exclude_unset=True)
        best = truth.best(dumped)
        own = truth.best(dumped, lambda problem, placement: [
            (problem.node_ids[problem.node_of(s)], problem.options[s.option].level, s.first, s.stop) for s in placement
        ] == stages)  # fmt: skip
        if best is None or own is None:
            return float("inf")
        return (own - best) / abs(best or 1.0)

    for told in explanation.stability or ():
        low, high = told.low_bits_per_s, told.high_bits_per_s
        assert low <= told.bandwidth_bits_per_s <= high
        for end, beyond in ((low, 1 / 1.12), (high, 1.12)):
            assert behind(told, end) <= 1e-5, told
            kind = told.low_end if beyond < 1 else told.high_end
            if kind is RangeEnd.OTHER_PLAN and told.method is RangeMethod.PARAMETRIC:
                assert behind(told, end * beyond) > 0, told
        if told.method is RangeMethod.PARAMETRIC:
            assert behind(told, (low * high) ** 0.5) <= 1e-5, told
