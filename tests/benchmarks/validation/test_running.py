"""What happens to a setting whose plans fail, or for which there is no time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks.validation.__main__ import outcome
from benchmarks.validation.inputs import Measured
from benchmarks.validation.record import SettingRun, Validation, read, write
from benchmarks.validation.running import Stopwatch, iterations_per_round, run_setting
from tests.benchmarks.validation.made_up import SETTING, MadeUpBench


def run(bench: MadeUpBench, seconds: float = 100.0) -> SettingRun:
    return run_setting(bench, SETTING, Stopwatch(bench.clock, seconds), 5, lambda _: None)


def test_a_machine_that_does_what_was_said_leaves_no_error() -> None:
    found = run(MadeUpBench())
    assert len(found.ran) == 7
    assert all(plan.error == pytest.approx(0.0) for plan in found.ran)
    assert all(len(plan.seconds) == 6 for plan in found.ran)
    assert found.drift == pytest.approx(1.0)


def test_a_machine_that_is_slower_than_said_makes_the_prediction_too_low() -> None:
    assert [plan.error for plan in run(MadeUpBench(slower_by=1.25)).ran] == pytest.approx([-0.2] * 7)


def test_each_round_is_predicted_from_the_layers_measured_before_and_after_it() -> None:
    found = run(MadeUpBench(slows_down_to=1.5))
    assert found.drift == pytest.approx(1.5)
    alone = min(found.ran, key=lambda plan: len(plan.candidate.stages))
    first, second = (each.forecast.latency_s for each in alone.rounds)
    chosen_by = alone.candidate.forecast.latency_s
    # The layers of the first round took 1 before and 1.5 after it, those of the second 1.5 and 1.5; links never change.
    assert second - chosen_by == pytest.approx(2 * (first - chosen_by))
    assert chosen_by < first < second < 1.5 * chosen_by
    assert alone.predicted_s == pytest.approx((first + second) / 2)


def test_every_plan_runs_once_a_round_and_the_rounds_have_different_orders() -> None:
    bench = MadeUpBench()
    run(bench)
    first, second = bench.calls[1:8], bench.calls[8:]
    assert sorted(first) == sorted(second)
    assert first != second


def test_a_plan_that_crashes_is_reported_and_the_others_run() -> None:
    bench = MadeUpBench(fails=("even_split",))
    found = run(bench)
    assert len(found.ran) == 6
    broken = next(plan for plan in found.plans if plan.name == "even_split")
    assert broken.errors == ("a node died", "a node died")
    assert bench.revived == 2


def test_with_little_time_each_plan_runs_fewer_iterations() -> None:
    candidates = [plan.candidate for plan in run(MadeUpBench()).plans]
    once_s = sum(candidate.forecast.latency_s for candidate in candidates)
    starting_s = 0.5 * len(candidates)
    assert iterations_per_round(candidates, 2 * (4 * once_s + starting_s)) == 3
    assert iterations_per_round(candidates, 2 * (2 * once_s + starting_s)) == 1
    assert iterations_per_round(candidates, 2 * once_s) == 0


def test_with_too_little_time_for_all_the_slowest_plans_are_left_out_and_named() -> None:
    found = run(MadeUpBench(measuring_s=0.1), seconds=6.0)
    assert found.optimal is not None
    assert 2 <= len(found.plans) < 7
    assert any("was left out for want of time" in note for note in found.notes)


def test_a_setting_that_no_time_is_left_for_is_dropped_by_name() -> None:
    bench = MadeUpBench(measuring_s=100.0)
    settings = [SETTING, dataclasses.replace(SETTING, name="late")]
    found = outcome(bench, settings, Stopwatch(bench.clock, 50.0), 1, {})
    assert [setting.name for setting in found.settings] == ["quick"]
    assert found.dropped == ("late",)


def test_a_setting_that_cannot_be_measured_is_reported_and_not_fatal() -> None:
    class Deaf(MadeUpBench):
        def measure(self, setting: object) -> Measured:
            raise RuntimeError("no link")

    bench = Deaf()
    found = run(bench)
    assert found.error == "no link"
    assert found.plans == ()
    assert bench.revived == 1


def test_a_validation_is_read_as_it_was_written(tmp_path: Path) -> None:
    bench = MadeUpBench(fails=("even_split",))
    found = outcome(bench, [SETTING], Stopwatch(bench.clock, 100.0), 1, {"cores": 2})
    file = tmp_path / "build" / "validation.json"
    write(found, file)
    assert read(file) == found
    assert isinstance(found, Validation)
