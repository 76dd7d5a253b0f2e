"""The runner: what it measures is what the planner answers, and its figures are right for runs made up by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main, settings_of
from benchmarks.families import NAMES, Case, Size
from benchmarks.instances import heterogeneous
from benchmarks.measuring import Measurement, measure, measure_apart
from benchmarks.summary import cells, disagreements, ratios, simple_rules
from benchmarks.tables import report
from models.constraints import Backend

TINY = Case("latency", "5x3", 0, heterogeneous(5, 3, 0))


def made_up(
    backend: str,
    seed: int = 0,
    *,
    status: str = "optimal",
    solve_s: float = 1.0,
    objective: float = 10.0,
    kind: str = "latency",
    baselines: tuple[tuple[str, float | None], ...] = (),
    gap: float = 0.0,
) -> Measurement:
    return Measurement(
        "latency", "32x8", seed, backend, status=status, objective_kind=kind, objective=objective, gap=gap,
        solve_s=solve_s, request_s=solve_s + 0.5, cpu_s=solve_s, peak_bytes=2**20, baselines=baselines,
    )  # fmt: skip


def test_a_measurement_states_the_proof_and_the_time_of_its_parts() -> None:
    run = measure(TINY, Backend.MILP, 20.0)
    assert run.proven
    assert run.solve_s is not None
    assert run.request_s is not None
    assert 0 < run.solve_s < run.request_s
    assert {name for name, _ in run.baselines} >= {"even_split", "memory_proportional", "compute_proportional"}


def test_a_process_of_its_own_answers_the_same() -> None:
    here, apart = measure(TINY, Backend.CP_SAT, 20.0), measure_apart(TINY, Backend.CP_SAT, 20.0)
    assert apart.error is None
    assert (apart.status, apart.objective, apart.baselines) == (here.status, here.objective, here.baselines)
    assert apart.peak_bytes is not None
    assert apart.peak_bytes > 2**20


def test_a_run_that_raises_is_reported_and_does_not_end_the_benchmark() -> None:
    run = measure_apart(Case("latency", "broken", 0, {}), Backend.MILP, 5.0)
    assert run.status is None
    assert run.error is not None
    assert "cluster" in run.error


def test_a_cell_takes_medians_and_counts_proofs() -> None:
    runs = [made_up("milp", seed, solve_s=seconds) for seed, seconds in enumerate([1.0, 9.0, 2.0])]
    (cell,) = cells([*runs[:2], made_up("milp", 2, solve_s=2.0, status="feasible", gap=0.25)])
    assert (cell.median_solve_s, cell.slowest_solve_s, cell.median_request_s) == (2.0, 9.0, 2.5)
    assert (cell.proven, cell.widest_gap) == (2, 0.25)


def test_a_ratio_compares_the_same_seeds_only() -> None:
    runs = [made_up("milp", 0, solve_s=1.0), made_up("milp", 1, solve_s=100.0), made_up("reference_milp", 0, solve_s=4)]
    (ratio,) = ratios(runs)
    assert (ratio.median, ratio.seeds, ratio.is_floor) == (4.0, 1, False)


def test_a_ratio_is_a_floor_when_only_the_textbook_ran_into_its_limit() -> None:
    limited = made_up("reference_cp_sat", status="feasible", solve_s=20.0, gap=0.4)
    (ratio,) = ratios([made_up("cp_sat", solve_s=2.0), limited])
    assert (ratio.median, ratio.is_floor) == (10.0, True)
    assert ">= 10.0" in report([made_up("cp_sat", solve_s=2.0), limited])


def test_a_ratio_without_our_own_proof_is_marked() -> None:
    runs = [made_up("milp", status="feasible", solve_s=20.0, gap=0.1), made_up("reference_milp", solve_s=5.0)]
    assert "ours unproven" in report(runs)


def test_a_simple_rule_is_so_much_worse_where_it_fits_at_all() -> None:
    rules = (("even_split", 15.0), ("terminal_only", None))
    even, alone = simple_rules([made_up("milp", baselines=rules), made_up("cp_sat", baselines=rules)])
    assert (even.rule, even.median, even.feasible, even.seeds) == ("even_split", 0.5, 1, 1)
    assert (alone.rule, alone.median, alone.feasible, alone.seeds) == ("terminal_only", None, 0, 1)


def test_half_the_throughput_counts_as_twice_as_bad() -> None:
    (row,) = simple_rules([made_up("milp", kind="throughput", objective=8.0, baselines=(("even_split", 4.0),))])
    assert row.median == 1.0


def test_two_proofs_of_different_values_are_told_and_unproven_runs_are_not() -> None:
    same = [made_up("milp", objective=10.0), made_up("cp_sat", objective=10.0 + 1e-6)]
    assert disagreements(same) == []
    assert disagreements([*same, made_up("reference_milp", objective=11.0, status="feasible")]) == []
    assert len(disagreements([*same, made_up("reference_milp", objective=11.0)])) == 1


def test_the_target_needs_proof_and_whole_request_within_three_seconds() -> None:
    runs = [made_up("milp", 0, solve_s=1.0), made_up("milp", 1, solve_s=2.9), made_up("milp", 2, status="feasible")]
    (row,) = (line for line in report(runs).splitlines() if line.startswith("| latency milp"))
    assert row.endswith("| 1/3 |")


def test_the_command_prints_tables_and_writes_every_measurement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "runs.json"
    arguments = ["--families", "gpipe", "--sizes", "5x3", "--seeds", "1", "--backends", "milp", "--json", str(file)]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "| 5x3 milp | 1/1 |" in printed.out
    assert "gpipe 5x3 seed 0 milp: optimal" in printed.err
    (run,) = json.loads(file.read_text())["measurements"]
    assert (run["family"], run["status"]) == ("gpipe", "optimal")


def test_options_override_what_quick_and_full_choose() -> None:
    assert settings_of(["--quick"]).sizes == (Size(16, 4),)
    assert settings_of(["--full"]).reference_seeds == 3
    chosen = settings_of(["--quick", "--sizes", "6x3", "--seeds", "2", "--time-limit", "7"])
    assert (chosen.sizes, chosen.seeds, chosen.time_limit_s) == ((Size(6, 3),), 2, 7.0)
    assert settings_of([]).families == NAMES
