"""Figures from measurements: right for runs made up by hand."""

from __future__ import annotations

from benchmarks.comparison import qualities, time_ratios
from benchmarks.summary import cells, disagreements, milestones, refuted_bounds
from benchmarks.tables import report
from tests.benchmarks.made_up import made_up


def test_a_cell_takes_medians_and_counts_proofs() -> None:
    runs = [made_up("auto", seed, solve_s=seconds) for seed, seconds in enumerate([1.0, 9.0])]
    (cell,) = cells([*runs, made_up("auto", 2, solve_s=2.0, status="feasible", gap=0.25)])
    assert (cell.median_solve_s, cell.slowest_solve_s, cell.median_request_s) == (2.0, 9.0, 2.5)
    assert (cell.proven, cell.widest_gap) == (2, 0.25)


def test_a_ratio_compares_the_same_seeds_only() -> None:
    runs = [made_up("auto", 0, solve_s=1.0), made_up("auto", 1, solve_s=100.0), made_up("reference_milp", 0, solve_s=4)]
    (ratio,) = time_ratios(runs)
    assert (ratio.median, ratio.seeds, ratio.is_floor) == (4.0, 1, False)


def test_a_ratio_is_a_floor_when_only_the_textbook_ran_into_its_limit() -> None:
    limited = made_up("reference_cp_sat", status="feasible", solve_s=20.0, gap=0.4)
    (ratio,) = time_ratios([made_up("auto", solve_s=2.0), limited])
    assert (ratio.median, ratio.is_floor) == (10.0, True)
    assert ">= 10.0" in report([made_up("auto", solve_s=2.0), limited])


def test_a_ratio_without_our_own_proof_is_marked() -> None:
    runs = [made_up("auto", status="feasible", solve_s=20.0, gap=0.1), made_up("reference_milp", solve_s=5.0)]
    assert "ours unproven" in report(runs)


def test_every_instance_on_which_a_seed_of_ours_is_slower_is_named() -> None:
    pairs = ((1.0, 3.0), (2.0, 1.0), (1.0, 3.0))
    ours = [made_up("auto", seed, solve_s=pair[0]) for seed, pair in enumerate(pairs)]
    theirs = [made_up("reference_milp", seed, solve_s=pair[1]) for seed, pair in enumerate(pairs)]
    assert "slower on some seed: latency 32x8 (reference_milp)" in report([*ours, *theirs])
    assert "slower on some seed: nowhere" in report([ours[0], theirs[0]])


def test_a_rule_is_so_many_times_worse_where_it_fits_at_all() -> None:
    best = [made_up("auto", seed) for seed in range(3)]
    rule = [made_up("ring", seed, objective=value, status="feasible") for seed, value in enumerate((15.0, 30.0))]
    rule.append(made_up("ring", 2, objective=None, status="no_plan_found"))
    (quality,) = qualities([*best, *rule])
    assert (quality.median, quality.worst, quality.feasible, quality.seeds) == (2.25, 3.0, 2, 3)
    assert (quality.by_bound, quality.seconds) == (0, 1.0)


def test_where_nothing_is_proven_the_bound_is_the_yardstick_and_marked() -> None:
    ours = made_up("auto", status="feasible", objective=10.0, bound=8.0, gap=0.2)
    (quality,) = qualities([ours, made_up("ring", objective=12.0, status="feasible")])
    assert (quality.median, quality.by_bound) == (1.5, 1)
    assert "1.500*" in report([ours, made_up("ring", objective=12.0, status="feasible")])


def test_a_textbook_proof_is_the_yardstick_where_ours_has_none() -> None:
    ours = made_up("auto", status="feasible", objective=12.0, bound=8.0, gap=1 / 3)
    theirs = made_up("reference_milp", objective=10.0)
    found = {quality.contestant: quality for quality in qualities([ours, theirs, made_up("ring", objective=20.0)])}
    assert found["ring"].median == 2.0
    assert found["reference_milp"].median == 1.0


def test_half_the_throughput_counts_as_twice_as_bad() -> None:
    ours = made_up("auto", kind="throughput", objective=8.0, baselines=(("even_split", 4.0), ("terminal_only", None)))
    even, alone = qualities([ours])
    assert (even.contestant, even.median) == ("even_split", 2.0)
    assert (alone.median, alone.feasible, alone.seeds) == (None, 0, 1)


def test_of_several_placements_by_one_rule_the_best_counts() -> None:
    edges = (("best_single_edge", 30.0), ("best_single_edge", 20.0), ("best_single_edge", None))
    (quality,) = qualities([made_up("auto", baselines=edges)])
    assert quality.median == 2.0


def test_weighted_objectives_of_rules_use_the_optimum_s_single_optima() -> None:
    ours = made_up("auto", kind="weighted", objective=1.0, references=(("latency", 2.0), ("energy", 10.0)))
    rule = made_up("greedy", kind="weighted", objective=None, references=(("latency", 4.0), ("energy", 10.0)))
    (quality,) = qualities([ours, rule])
    assert quality.median == 1.5


def test_milestones_are_medians_over_the_runs_that_reached_them() -> None:
    quick = made_up("auto", 0, entries=((1.0, 10.0, 9.0), (2.0, 10.0, 9.95), (3.0, 10.0, 10.0)))
    slow = made_up("auto", 1, status="feasible", entries=((3.0, 10.0, 9.0), (4.0, 10.0, 9.6)), gap=0.04)
    (cell,) = cells([quick, slow])
    found = milestones(cell)
    assert [(stone.seconds, stone.reached) for stone in found.values()] == [(2.0, 2), (3.0, 2), (2.0, 1), (3.0, 1)]


def test_two_proofs_of_different_values_are_told_and_unproven_runs_are_not() -> None:
    same = [made_up("auto", objective=10.0), made_up("cp_sat", objective=10.0 + 1e-6)]
    assert disagreements(same) == []
    assert disagreements([*same, made_up("reference_milp", objective=11.0, status="feasible")]) == []
    assert len(disagreements([*same, made_up("reference_milp", objective=11.0)])) == 1
    assert "They do NOT" in report([*same, made_up("reference_milp", objective=11.0)])


def test_bounds_that_the_answer_refutes_are_told() -> None:
    assert list(refuted_bounds([made_up("auto", refuted=0)])) == []
    assert "2 streamed bounds lie above" in report([made_up("auto", refuted=2)])


def test_lexicographic_objectives_are_not_compared() -> None:
    ours = made_up("auto", kind="lexicographic", baselines=(("even_split", 20.0),))
    assert all(quality.seeds == 0 for quality in qualities([ours, made_up("ring", kind="lexicographic")]))
