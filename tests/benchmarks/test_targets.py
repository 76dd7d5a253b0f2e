"""The table of targets: counts what it says, and never hides a miss."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import targets
from benchmarks.families import BY_NAME, Case, Size
from benchmarks.measuring import Measurement
from benchmarks.service import first_requests, frontier
from benchmarks.target_table import target_table
from benchmarks.targets import TARGETS, Row, Target, measure_targets, rows_of
from tests.benchmarks.made_up import made_up

PROOF = Target("latency", Size(32, 8), 0.03)
PERCENT = Target("latency", Size(126, 64), 10.0, gap=0.01)


def times(*seconds: float | None) -> tuple[Measurement, ...]:
    """One run per entry; None never proves."""
    return tuple(
        made_up("auto", seed, solve_s=60.0 if s is None else s, status="feasible" if s is None else "optimal",
                gap=0.1 if s is None else 0.0)
        for seed, s in enumerate(seconds)
    )  # fmt: skip


def test_every_target_of_the_issue_is_in_the_table() -> None:
    asked = {(target.title, target.within_s) for target in TARGETS}
    assert asked == {
        ("32x8 latency", 0.03), ("32x8 energy", 0.03), ("32x8 throughput", 0.03), ("32x8 gpipe", 0.03),
        ("80x16 latency", 0.2), ("80x16 gpipe", 0.5),
        ("80x16 energy", 2.0), ("80x16 weighted", 2.0), ("80x16 dvfs", 2.0),
        ("80x32 latency", 5.0), ("80x32 gpipe", 15.0),
        ("126x64 latency, gap 1 %", 10.0), ("126x64 latency, gap 0.3 %", 60.0),
        ("80x1000 fleet_latency", 5.0), ("80x1000 fleet_gpipe", 15.0),
        ("8 nodes real", 0.01), ("80x16 mixed", 0.05), ("80x32 mixed", 0.05), ("80x64 mixed", 0.05),
        ("frontier of 32x8", 2.0),
    }  # fmt: skip


def test_the_median_counts_runs_without_proof_as_the_slowest() -> None:
    assert Row(PROOF, times(0.01, 0.02, None)).median_s == 0.02
    assert Row(PROOF, times(0.01, None, None)).median_s is None
    assert Row(PROOF, times(0.01, 0.02, 0.04, None)).median_s == pytest.approx(0.03)


def test_a_target_is_met_by_its_median_and_the_slowest_is_told() -> None:
    row = Row(PROOF, times(0.01, 0.02, 9.0))
    assert row.is_met
    assert row.slowest_s == 9.0
    assert not Row(PROOF, times(0.04, 0.05, 0.01)).is_met
    assert Row(PROOF, times(0.01, None, 0.01)).slowest_s is None


def test_a_gap_is_reached_at_its_own_time_with_or_without_the_proof() -> None:
    entries = ((1.0, 10.0, 9.0), (7.0, 10.0, 9.95))
    unproven = made_up("auto", size=(126, 64), status="feasible", gap=0.005, solve_s=60.0, entries=entries)
    proven = made_up("auto", 1, size=(126, 64), solve_s=30.0, entries=(*entries, (30.0, 10.0, 10.0)))
    assert Row(PERCENT, (unproven, proven)).median_s == 7.0
    assert Target("latency", Size(126, 64), 60.0, gap=0.003).seconds(unproven) is None


def test_runs_find_their_targets() -> None:
    rows = rows_of([made_up("auto"), made_up("milp"), made_up("frontier"), made_up("auto", family="energy")])
    found = {row.target.title: len(row.runs) for row in rows if row.runs}
    assert found == {"32x8 latency": 1, "frontier of 32x8": 1, "32x8 energy": 1}


def test_the_table_shows_misses_gaps_failures_and_stages() -> None:
    runs = [*times(0.01, None, None), made_up("frontier", stages=12)]
    latency, frontier = (line for line in target_table(runs).splitlines() if line.startswith(("| 32", "| fr")))
    assert latency == "| 32x8 latency | 0.030 | > 60.0 | > 60.0 | 1/3 | 10 % | 60.5 | 1 | 3 of 8 | NO |"
    assert frontier == "| frontier of 32x8 | 2.00 | 1.00 | 1.00 | 1/1 | - | 1.50 | 1 | 12 points | yes |"


def test_too_much_memory_is_told() -> None:
    assert "1 MiB, below the 1536 allowed" in target_table([made_up("auto")])
    big = Measurement("latency", "32x8", 0, "auto", 32, 8, status="optimal", solve_s=1.0, peak_bytes=2**31)
    assert "ABOVE" in target_table([big])


def test_each_instance_is_measured_once_though_two_targets_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fake(case: Case, contestant: str, _limit_s: float) -> Measurement:
        asked.append((case.family, case.instance, case.seed, contestant))
        return made_up(contestant)

    monkeypatch.setattr(targets, "measure_apart", fake)
    runs: Iterator[Measurement] = measure_targets(lambda target: target.size == Size(126, 64), seeds=2)
    assert len(list(runs)) == 2
    assert asked == [("latency", "126x64", 0, "auto"), ("latency", "126x64", 1, "auto")]


def test_first_requests_are_answered_by_a_service_of_their_own() -> None:
    seconds = first_requests(BY_NAME["latency"].case(Size(4, 2), 0), 20.0)
    assert len(seconds) == 10
    assert all(second > 0 for second in seconds)


def test_a_frontier_is_measured_by_the_service_with_its_points_and_their_proof() -> None:
    run = frontier(BY_NAME["latency"].case(Size(4, 2), 0), 20.0)
    assert run.error is None
    assert run.proven
    assert run.stages is not None
    assert run.stages >= 1
    assert run.solve_s is not None
    assert run.request_s is not None
    assert 0 < run.solve_s < run.request_s
