"""Ranks, quantiles, ties: small cases by hand."""

from __future__ import annotations

import pytest

from benchmarks.validation.statistics import (
    Verdict,
    compared,
    kendall,
    quantile,
    ranks,
    relative_spread,
    spearman,
)


def test_equal_values_share_the_mean_of_their_places() -> None:
    assert ranks([30.0, 10.0, 20.0, 20.0]) == [4.0, 1.0, 2.5, 2.5]


def test_the_same_order_correlates_fully_and_the_reverse_order_inversely() -> None:
    assert spearman([1.0, 2.0, 3.0], [10.0, 11.0, 99.0]) == pytest.approx(1.0)
    assert kendall([1.0, 2.0, 3.0], [99.0, 11.0, 10.0]) == pytest.approx(-1.0)


def test_one_swap_of_neighbours_among_four_costs_a_fifth_of_spearman_and_a_third_of_kendall() -> None:
    a, b = [1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]
    assert spearman(a, b) == pytest.approx(0.8)
    assert kendall(a, b) == pytest.approx(4 / 6)


def test_kendall_counts_pairs_that_are_tied_on_one_side_for_neither() -> None:
    # Pairs: (1,2) tied in b, (1,3) and (2,3) concordant: 2 / sqrt(3 x 2).
    assert kendall([1.0, 2.0, 3.0], [5.0, 5.0, 6.0]) == pytest.approx(2 / 6**0.5)


def test_what_has_no_order_has_no_correlation() -> None:
    assert spearman([1.0, 1.0], [1.0, 2.0]) is None
    assert kendall([1.0, 2.0], [3.0, 3.0]) is None


def test_a_quantile_between_two_values_is_interpolated() -> None:
    assert quantile([0.0, 1.0], 0.9) == pytest.approx(0.9)


def test_the_spread_is_pooled_over_plans_and_relative_to_their_medians() -> None:
    # Both: deviations 0.1, 0, 0.1 of the median; sqrt(3 / 2) for three values.
    spread = relative_spread([[0.9, 1.0, 1.1], [9.0, 10.0, 11.0]])
    assert spread == pytest.approx(1.4826 * 0.1 * 1.5**0.5)


def test_medians_closer_than_two_standard_errors_are_a_tie() -> None:
    # Standard error of the difference: 1.2533 x 0.02 x sqrt(1 / 4 + 1.03^2 / 4) = 0.018.
    quick, slow = [1.0] * 4, [1.03] * 4
    assert compared(quick, slow, 0.02) is Verdict.TIED
    assert compared(quick, [1.05] * 4, 0.02) is Verdict.FASTER
    assert compared([1.05] * 4, quick, 0.02) is Verdict.SLOWER
