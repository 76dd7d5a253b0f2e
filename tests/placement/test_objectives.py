"""Objectives: formulas over single goals, by hand and against each other."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.instances import heterogeneous
from models import Plan, PlanRequest
from models.constraints import ObjectiveKind
from placement.objectives import OBJECTIVES
from placement.solver import plan


def planned(objective: dict[str, Any], *, seed: int = 0, **workload: Any) -> Plan:
    body = heterogeneous(6, 4, seed)
    body["workload"] |= workload
    body["objective"] = objective
    return plan(PlanRequest.model_validate(body))


def test_every_kind_has_a_formula() -> None:
    assert set(OBJECTIVES) == set(ObjectiveKind)


@pytest.mark.parametrize("seed", range(4))
def test_weighted_normalises_by_the_proven_single_optima(seed: int) -> None:
    latency, energy = planned({"kind": "latency"}, seed=seed), planned({"kind": "energy"}, seed=seed)
    both = planned({"kind": "weighted", "latency_weight": 0.3}, seed=seed)
    references = {term.metric.value: term.reference for term in both.objective_terms}
    assert references == pytest.approx({"latency": latency.latency_s, "energy": energy.energy_j})
    assert latency.latency_s is not None
    assert energy.energy_j is not None
    assert both.latency_s is not None
    assert both.energy_j is not None
    expected = 0.3 * both.latency_s / latency.latency_s + 0.7 * both.energy_j / energy.energy_j
    assert both.objective == pytest.approx(expected)
    assert both.status == "optimal"


def test_all_weight_on_one_metric_is_that_metric() -> None:
    only = planned({"kind": "weighted", "latency_weight": 1.0})
    assert only.latency_s == pytest.approx(planned({"kind": "latency"}).latency_s)
    assert only.objective == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(4))
def test_lexicographic_keeps_the_first_metric_within_its_tolerance(seed: int) -> None:
    best = planned({"kind": "latency"}, seed=seed)
    then = planned({"kind": "lexicographic", "order": ["latency", "energy"], "tolerance": 0.1}, seed=seed)
    assert then.latency_s is not None
    assert best.latency_s is not None
    assert then.energy_j is not None
    assert best.energy_j is not None
    assert then.latency_s <= best.latency_s * 1.1 * (1 + 1e-6)
    assert then.energy_j <= best.energy_j * (1 + 1e-6)
    assert then.objective == pytest.approx(then.energy_j)
    assert [term.metric.value for term in then.objective_terms] == ["latency", "energy"]


def test_throughput_is_stated_per_second_with_its_bound_above() -> None:
    answer = planned({"kind": "throughput"}, concurrency=4)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(answer.throughput_per_s)
    assert answer.bound is not None
    assert answer.objective is not None
    assert answer.bound >= answer.objective * (1 - 1e-12)
