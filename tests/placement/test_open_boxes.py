"""Boxes that wait: order, and what the bound counts."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from placement.open_boxes import OpenBox, OpenBoxes


def named(name: str) -> OpenBox:
    """A box that is told by its name alone; the heap never looks inside."""
    return cast("OpenBox", cast("Any", name))


def test_the_least_bound_comes_first_and_equal_ones_in_the_order_they_came() -> None:
    waiting = OpenBoxes()
    for bound, name in ((2.0, "late"), (1.0, "first"), (1.0, "second")):
        waiting.push(bound, named(name))
    taken = []
    while waiting:
        with waiting.least() as (bound, box):
            taken.append((bound, box))
    assert taken == [(1.0, "first"), (1.0, "second"), (2.0, "late")]


def test_a_box_in_work_holds_the_bound_down_until_it_is_done() -> None:
    waiting = OpenBoxes()
    waiting.push(1.0, named("in work"))
    waiting.push(3.0, named("waits"))
    with waiting.least():
        assert waiting.bound == 1.0
    assert waiting.bound == 3.0


def test_a_box_given_up_bounds_every_plan_and_leaves_the_search_unfinished() -> None:
    waiting = OpenBoxes()
    assert waiting.all_closed
    assert waiting.bound == np.inf
    waiting.give_up(5.0)
    waiting.give_up(7.0)
    assert not waiting
    assert not waiting.all_closed
    assert waiting.bound == 5.0
