from __future__ import annotations

import pytest

from placement.gaps import relative_gap


@pytest.mark.parametrize(
    ("value", "bound", "gap"),
    [(4.0, 3.0, 0.25), (-4.0, -5.0, 0.25), (4.0, 5.0, 0.0), (0.0, -0.5, 0.5), (0.0, 0.0, 0.0)],
)
def test_a_gap_is_relative_to_the_value_and_never_negative(value: float, bound: float, gap: float) -> None:
    assert relative_gap(value, bound) == gap


@pytest.mark.parametrize(("value", "bound"), [(None, 1.0), (1.0, None), (None, None)])
def test_what_is_unknown_has_no_gap(value: float | None, bound: float | None) -> None:
    assert relative_gap(value, bound) is None
