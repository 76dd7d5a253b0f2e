"""What is measured is what the planner answers, here or in a process of its own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.apart import Failed, apart
from benchmarks.families import BY_NAME, Case, Size
from benchmarks.instances import heterogeneous
from benchmarks.measuring import as_json, from_json, measure, measure_apart, weighted_value
from benchmarks.recording import read, recorded
from tests.benchmarks.made_up import made_up

TINY = Case("latency", "5x3", 0, heterogeneous(5, 3, 0), Size(5, 3))


def test_a_measurement_states_the_proof_the_counted_work_and_the_time_of_its_parts() -> None:
    run = measure(TINY, "milp", 20.0)
    assert run.proven
    assert run.solve_s is not None
    assert run.request_s is not None
    assert 0 < run.solve_s < run.request_s
    assert dict(run.sizes)["stage_arcs"] > 0
    assert {name for name, _ in run.baselines} >= {"even_split", "memory_proportional", "compute_proportional"}


def test_a_measurement_follows_the_gap_to_the_proof() -> None:
    run = measure(TINY, "milp", 20.0)
    assert run.solve_s is not None
    first, proof = run.trace.first_incumbent_s, run.trace.seconds_to(1e-6)
    assert first is not None
    assert proof is not None
    assert 0 < first <= proof < 2 * run.solve_s


def test_1f1b_has_no_gap_over_time_as_bounds_and_values_mean_different_things() -> None:
    assert measure(BY_NAME["1f1b"].case(Size(5, 3), 0), "auto", 20.0).trace.entries == ()


def test_a_rule_is_scored_by_the_evaluator_and_never_beats_the_optimum() -> None:
    rule, best = measure(TINY, "fixed_order", 20.0), measure(TINY, "auto", 20.0)
    assert rule.status == "feasible"
    assert rule.objective is not None
    assert best.objective is not None
    assert rule.objective >= best.objective * (1 - 1e-9)
    assert rule.bound is None


def test_a_rule_is_weighed_with_the_optimum_s_own_terms() -> None:
    case = BY_NAME["weighted"].case(Size(5, 3), 0)
    rule, best = measure(case, "fixed_order", 20.0), measure(case, "auto", 20.0)
    value = weighted_value(rule, best)
    assert best.objective is not None
    assert value is not None
    assert value >= best.objective * (1 - 1e-6)


def test_a_rule_without_a_plan_is_no_plan_found() -> None:
    run = measure(Case("latency", "tight", 0, heterogeneous(5, 3, 0, tightness=0.5)), "greedy", 20.0)
    assert (run.status, run.objective, run.error) == ("no_plan_found", None, None)


def test_a_process_of_its_own_answers_the_same() -> None:
    here, there = measure(TINY, "cp_sat", 20.0), measure_apart(TINY, "cp_sat", 20.0)
    assert there.error is None
    assert (there.status, there.objective, there.baselines) == (here.status, here.objective, here.baselines)
    assert there.peak_bytes is not None
    assert there.peak_bytes > 2**20


def test_a_run_that_raises_is_reported_and_does_not_end_the_benchmark() -> None:
    run = measure_apart(Case("latency", "broken", 0, {}), "milp", 5.0)
    assert run.status is None
    assert run.error is not None
    assert "cluster" in run.error


def test_a_process_that_dies_is_told_by_its_exit_code() -> None:
    with pytest.raises(Failed, match="exit code 3"):
        apart(os._exit, (3,), 20.0)


def test_a_measurement_survives_the_way_to_the_disk_and_back(tmp_path: Path) -> None:
    run = replace(measure(TINY, "auto", 20.0), error="made up")
    assert from_json(as_json(run)) == run
    file = tmp_path / "new" / "runs.jsonl"
    assert list(recorded([run], file)) == [run]
    assert read([file]) == [run]


def test_of_two_measurements_of_the_same_the_later_one_counts(tmp_path: Path) -> None:
    files = [tmp_path / "early", tmp_path / "late"]
    for file, seconds in zip(files, (1.0, 2.0), strict=True):
        list(recorded([made_up("auto", 0, solve_s=seconds), made_up("auto", int(seconds))], file))
    found = {run.seed: run.solve_s for run in read(files)}
    assert found == {0: 2.0, 1: 1.0, 2: 1.0}


def test_a_run_is_on_disk_before_the_next_one_begins(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    runs = recorded((made_up("auto", seed) for seed in range(2)), file)
    next(runs)
    assert len(read([file])) == 1
    runs.close()
