"""Gap over time, from what a search streams."""

from __future__ import annotations

import pytest

from benchmarks.traces import LONGEST, Trace, trace_of
from placement.solver import Progress


def event(seconds: float, objective: float | None, bound: float | None, phase: str = "latency") -> Progress:
    return Progress(phase, seconds, objective, bound)


def test_a_gap_is_reached_when_value_and_bound_are_close_enough() -> None:
    trace = trace_of([event(1, None, 50), event(2, 100, 50), event(3, 80, 76), event(4, 80, 80)])
    assert trace.first_incumbent_s == 2
    assert trace.seconds_to(0.5) == 2
    assert trace.seconds_to(0.05) == 3
    assert trace.seconds_to(1e-6) == 4


def test_a_gap_that_was_never_reached_has_no_time() -> None:
    assert trace_of([event(1, 100, 50)]).seconds_to(0.1) is None
    assert Trace().first_incumbent_s is None


def test_the_gap_at_a_time_is_that_of_the_last_event_before() -> None:
    trace = trace_of([event(1, 100, 50), event(3, 100, 75)])
    assert (trace.gap_at(0.5), trace.gap_at(2.9), trace.gap_at(3.0)) == (None, 0.5, 0.25)


def test_worse_values_and_bounds_do_not_undo_better_ones() -> None:
    trace = trace_of([event(1, 100, 50), event(2, 120, 40), event(3, 90, 60)])
    assert trace.entries == ((1, 100, 50), (3, 90, 60))


@pytest.mark.parametrize("final", [(80, 80), (100, 80)], ids=["a better plan", "no better plan"])
def test_a_bound_above_the_last_one_is_counted_and_not_believed(final: tuple[float, float]) -> None:
    trace = trace_of([event(1, 100, 99), event(2, 100, 40), event(3, *final)])
    assert trace.refuted == 1
    assert trace.gap_at(2) == 0.6


def test_bounds_that_are_withdrawn_are_not_believed() -> None:
    assert trace_of([event(1, 100, 99), event(2, 100, None)]).refuted == 1


def test_only_the_last_phase_counts_as_earlier_ones_minimise_something_else() -> None:
    trace = trace_of([event(1, 5, 5, "best latency"), event(2, 1.1, 0.9, "weighted"), event(3, 1, 1, "weighted")])
    assert trace.entries[0] == (2, 1.1, 0.9)


def test_a_long_trace_is_thinned_and_keeps_both_ends() -> None:
    trace = trace_of([event(k, 1e6 - k, 0) for k in range(5 * LONGEST)])
    assert len(trace.entries) == LONGEST
    assert (trace.entries[0][0], trace.entries[-1][0]) == (0, 5 * LONGEST - 1)


def test_nothing_streamed_is_an_empty_trace() -> None:
    assert trace_of([]) == Trace()
