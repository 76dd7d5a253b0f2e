"""Answers of searches that were ended from outside: honest about what is known, and silent about the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import placement.unfinished
from models.base import InvalidInput
from models.frontier import Frontier, FrontierRequest, FrontierTermination
from models.plan import Status, Termination
from models.request import PlacedStage, PlanRequest
from placement.frontier.method import FoundPoint
from placement.search import Progress
from placement.solver import FrontierProgress, frontier, plan
from placement.unfinished import ENDED_NOTE, unfinished_frontier, unfinished_plan
from tests.placement.examples_for_tests import inference, layer, link, node, request_body, training

ALONE = (PlacedStage(node="a", first_layer=0, stop_layer=2),)
CUT = (PlacedStage(node="a", first_layer=0, stop_layer=1), PlacedStage(node="b", first_layer=1, stop_layer=2))


def phone_and_server(**parts: Any) -> dict[str, Any]:
    """Two layers of 4 FLOP, b four times as fast: alone 8 s and 16 J, cut 6 s and 28 J; the input takes 10 s to b.

    Two requests in flight: T is 8 s alone and 4 s cut.
    """
    return request_body(
        [node("a", busy_power_w=2.0), node("b", speed=4.0, busy_power_w=20.0)],
        [link("a", "b")],
        [layer(4.0, out=1.0), layer(4.0)],
        inference(concurrency=2),
        **{"input_bytes": 10.0, **parts},
    )


def known(phase: str, objective: float | None = None, bound: float | None = None, stages: Any = None) -> Progress:
    return Progress(phase, 0.5, objective, bound, None, stages)


def answered(report: Progress | None, **parts: Any) -> Any:
    return unfinished_plan(PlanRequest.model_validate(phone_and_server(**parts)), report, Termination.CANCELLED)


def stages_of(answer: Any) -> list[tuple[str, int, int]]:
    return [(stage.node, stage.first_layer, stage.stop_layer) for stage in answer.stages]


def test_the_reported_plan_is_answered_with_all_its_figures() -> None:
    answer = answered(known("latency", 6.0, 3.0, CUT))
    assert (answer.status, answer.termination) == (Status.FEASIBLE, Termination.CANCELLED)
    assert stages_of(answer) == [("a", 0, 1), ("b", 1, 2)]
    assert (answer.objective, answer.latency_s, answer.energy_j) == (6.0, 6.0, 28.0)
    assert (answer.bound, answer.gap) == (3.0, 0.5)
    assert answer.timeline
    assert answer.solver.seconds == {"total": 0.5}


def test_the_referee_states_the_objective_whatever_was_reported() -> None:
    assert answered(known("latency", 1.0, 0.5, CUT)).objective == 6.0


def test_a_simple_rule_that_is_better_than_what_was_reported_stands_in() -> None:
    answer = answered(known("energy", 28.0, 1.0, CUT), objective={"kind": "energy"})
    assert (stages_of(answer), answer.objective) == ([("a", 0, 2)], 16.0)


def test_without_a_report_the_best_simple_rule_is_answered_without_a_bound() -> None:
    answer = answered(None)
    assert (answer.status, answer.objective, answer.bound, answer.gap) == (Status.FEASIBLE, 6.0, None, None)


def test_where_nothing_is_known_no_plan_is_found_but_the_bound_is_told() -> None:
    answer = answered(known("latency", None, 3.0), constraints={"max_latency_s": 5.0})
    assert (answer.status, answer.objective, answer.bound, answer.gap) == (Status.NO_PLAN_FOUND, None, 3.0, None)
    assert answer.stages == ()


def test_a_report_that_breaks_a_limit_is_not_answered() -> None:
    answer = answered(known("latency", 6.0, 3.0, CUT), constraints={"max_energy_j": 20.0})
    assert (stages_of(answer), answer.objective) == ([("a", 0, 2)], 8.0)


def test_a_report_on_layers_that_are_none_is_not_answered() -> None:
    beyond = (PlacedStage(node="a", first_layer=0, stop_layer=9),)
    assert answered(known("latency", 6.0, 3.0, beyond)).objective == 6.0


def test_throughput_is_told_per_second_with_its_bound_above() -> None:
    answer = answered(known("throughput", 4.0, 2.0, CUT), objective={"kind": "throughput"})
    assert (answer.objective, answer.bound, answer.gap) == (0.25, 0.5, 1.0)


def test_a_bound_above_the_plan_is_the_plan() -> None:
    answer = answered(known("latency", 6.0, 6.0 + 1e-9, CUT))
    assert (answer.bound, answer.gap) == (6.0, 0.0)


def test_of_a_weighted_sum_nothing_is_stated_before_its_last_phase() -> None:
    early = answered(known("best energy", 28.0, 1.0, CUT), objective={"kind": "weighted"})
    assert (stages_of(early), early.objective, early.bound) == ([("a", 0, 1), ("b", 1, 2)], None, None)
    late = answered(known("weighted", 1.4, 1.0, CUT), objective={"kind": "weighted"})
    assert (late.objective, late.bound, late.gap) == (1.4, 1.0, pytest.approx(0.4 / 1.4))


def test_of_a_weighted_sum_without_a_plan_nothing_is_stated() -> None:
    answer = answered(known("weighted", 1.4, 1.0, None), objective={"kind": "weighted"})
    assert (stages_of(answer), answer.objective, answer.bound) == ([("a", 0, 1), ("b", 1, 2)], None, None)


def test_a_lexicographic_objective_keeps_what_was_reported_for_its_first_metric() -> None:
    objective = {"kind": "lexicographic", "order": ["latency", "energy"]}
    early = answered(known("best latency", 6.0, 6.0, CUT), objective=objective)
    assert (stages_of(early), early.objective, early.bound) == ([("a", 0, 1), ("b", 1, 2)], 28.0, None)
    late = answered(known("best energy", 28.0, 14.0, CUT), objective=objective)
    assert (late.objective, late.bound, late.gap) == (28.0, 14.0, 0.5)
    assert answered(None, objective=objective).latency_s == 6.0


def test_a_bound_on_replays_is_stated_as_it_was_reported() -> None:
    body = request_body(
        [node("a"), node("b")],
        [link("a", "b")],
        [layer(4.0, out=1.0, backward=4.0), layer(4.0, backward=4.0)],
        training(4, "1f1b"),
    )
    answer = unfinished_plan(
        PlanRequest.model_validate(body), known("latency", 9.0, 8.0, ALONE), Termination.TIME_LIMIT
    )
    assert answer.latency_s == answer.objective
    assert answer.bound == 8.0
    assert answer.gap == (answer.objective - 8.0) / answer.objective


def test_input_that_shows_faults_late_is_refused_as_by_a_search() -> None:
    body = phone_and_server()
    body["model"] = {"huggingface_config": {"model_type": "unheard-of"}}
    with pytest.raises(InvalidInput, match="unheard-of"):
        unfinished_plan(PlanRequest.model_validate(body), None, Termination.CANCELLED)


def test_what_a_search_reports_last_makes_the_answer_that_it_gives() -> None:
    for kind in ("latency", "energy", "throughput", "weighted", "lexicographic"):
        reports: list[Progress] = []
        request = PlanRequest.model_validate(phone_and_server(objective={"kind": kind}))
        finished = plan(request, on_progress=reports.append)
        unfinished = unfinished_plan(request, reports[-1], Termination.WORKER_LOST)
        assert unfinished.stages == finished.stages
        assert unfinished.objective == pytest.approx(finished.objective)
        assert unfinished.bound == pytest.approx(finished.bound, rel=1e-6)


def searched(body: dict[str, Any], steps: int | None = None) -> tuple[FrontierRequest, list[FoundPoint], Frontier]:
    """A frontier's request, what its search had reported after some steps (or in all), and the whole of it."""
    request = FrontierRequest.model_validate(body | {"solver": {"backend": "labels"}})
    reports: list[FrontierProgress] = []
    whole = frontier(request, on_progress=reports.append)
    assert steps is None or len(reports) > steps
    return request, [point for report in reports[:steps] for point in report.found], whole


def trade_offs(answer: Frontier) -> set[tuple[float, float]]:
    return {(point.latency_s, point.energy_j) for point in answer.points}


def chain_of_trade_offs(layers: Sequence[dict[str, Any]] = (), **parts: Any) -> dict[str, Any]:
    """Each further layer on b saves time and costs energy; c is in between."""
    nodes = [
        node("a", busy_power_w=2.0),
        node("b", speed=4.0, busy_power_w=20.0),
        node("c", speed=2.0, busy_power_w=6.0),
    ]
    links = [link("a", "b"), link("a", "c"), link("b", "c")]
    return request_body(nodes, links, list(layers) or [layer(4.0, out=0.1)] * 6, **{"input_bytes": 9.0, **parts})


def test_all_points_that_were_reported_are_in_the_answer_and_none_is_called_proven() -> None:
    request, reported, whole = searched(chain_of_trade_offs(), 3)
    answer = unfinished_frontier(request, reported, FrontierTermination.CANCELLED)
    simple = unfinished_frontier(request, [], FrontierTermination.CANCELLED)
    told = {(point.latency_s, point.energy_j) for point in reported}
    assert trade_offs(answer) & told & trade_offs(whole) > trade_offs(simple) & trade_offs(whole)
    for point in reported:
        assert any(kept.latency_s <= point.latency_s and kept.energy_j <= point.energy_j for kept in answer.points)
    assert (answer.status, answer.termination) == (Status.FEASIBLE, FrontierTermination.CANCELLED)
    assert not answer.complete
    assert not any(point.proven for point in answer.points)
    assert ENDED_NOTE in answer.notes


def test_what_a_frontier_reported_in_all_makes_the_points_that_it_answers() -> None:
    request, found, whole = searched(chain_of_trade_offs())
    assert trade_offs(unfinished_frontier(request, found, FrontierTermination.CANCELLED)) == trade_offs(whole)


def test_a_search_that_knows_points_starts_with_them() -> None:
    request, reported, whole = searched(chain_of_trade_offs(), 3)
    reports: list[FrontierProgress] = []
    assert trade_offs(frontier(request, on_progress=reports.append, known=reported)) == trade_offs(whole)
    again = {point.stages for point in reports[0].found}
    kept = unfinished_frontier(request, reported, FrontierTermination.CANCELLED)
    assert {point.stages for point in reported if (point.latency_s, point.energy_j) in trade_offs(kept)} <= again


def test_points_on_layers_that_are_none_are_not_answered() -> None:
    request = FrontierRequest.model_validate(phone_and_server())
    beyond = FoundPoint(1.0, 1.0, (PlacedStage(node="a", first_layer=0, stop_layer=9),))
    answer = unfinished_frontier(request, [beyond], FrontierTermination.CANCELLED)
    assert trade_offs(answer) == {(6.0, 28.0), (8.0, 16.0)}


def test_of_many_replays_few_are_answered_both_ends_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement.unfinished, "MOST_REPLAYED", 2)
    monkeypatch.setattr(placement.unfinished, "baselines", lambda _: [])
    layers = [layer(4.0, out=0.1, backward=4.0) for _ in range(6)]
    request, found, whole = searched(chain_of_trade_offs(layers, workload=training(3, "1f1b")))
    assert len(whole.points) > 2
    answer = unfinished_frontier(request, found, FrontierTermination.CANCELLED)
    assert trade_offs(answer) == {(point.latency_s, point.energy_j) for point in (whole.points[0], whole.points[-1])}


def test_a_frontier_of_which_nothing_is_known_holds_the_simple_plans_and_leaves_all_open() -> None:
    request = FrontierRequest.model_validate(phone_and_server())
    answer = unfinished_frontier(request, [], FrontierTermination.WORKER_LOST)
    assert (answer.status, answer.termination) == (Status.FEASIBLE, FrontierTermination.WORKER_LOST)
    assert [(point.latency_s, point.energy_j, point.proven) for point in answer.points] == [
        (6.0, 28.0, False),
        (8.0, 16.0, False),
    ]
    assert answer.open_intervals
    assert not answer.complete


def test_a_frontier_without_any_plan_says_so() -> None:
    request = FrontierRequest.model_validate(phone_and_server(constraints={"max_latency_s": 5.0}))
    answer = unfinished_frontier(request, [], FrontierTermination.MEMORY_LIMIT)
    assert (answer.status, answer.points) == (Status.NO_PLAN_FOUND, ())
