"""Who gets a slot, and what those are told who get none."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from api.execution.base import Full
from api.execution.children import Children
from api.execution.pool import LONGEST_RETRY_S, Pool


def pool_of(count: int = 1, queue_length: int = 2) -> Pool:
    """Its slots have no processes."""
    return Pool(Children("nobody:nothing", 0), count, queue_length)


def slot() -> SimpleNamespace:
    return SimpleNamespace(alive=True)


def in_a_loop(test):
    def run():
        async def within():
            test()

        asyncio.run(within())

    return run


@in_a_loop
def test_who_came_first_is_served_first():
    pool, free = pool_of(), slot()
    first, second = pool.take(), pool.take()
    pool.give_back(free)
    assert (first.done(), second.done()) == (True, False)


@in_a_loop
def test_whoever_salvages_goes_before_all_who_wait():
    pool = pool_of()
    waiting, urgent = pool.take(), pool.take(first=True)
    pool.give_back(slot())
    assert (waiting.done(), urgent.done()) == (False, True)


@in_a_loop
def test_whoever_leaves_the_queue_gets_no_slot():
    pool = pool_of()
    left, stays = pool.take(), pool.take()
    assert pool.leave(left)
    pool.give_back(slot())
    assert left.result() is None
    assert stays.result() is not None
    assert not pool.leave(stays)


@in_a_loop
def test_a_slot_whose_worker_has_ended_is_given_to_nobody():
    pool, gone = pool_of(), slot()
    gone.alive = False
    waiting = pool.take()
    pool.give_back(gone)
    assert not waiting.done()
    assert pool.load().queued == 1


@in_a_loop
def test_retry_after_is_the_queue_times_the_recent_time_by_slots():
    pool = pool_of(count=2, queue_length=3)
    for _ in range(60):
        pool.note(6.0)
    for _ in range(3):
        pool.check_room()
        pool.take()
    with pytest.raises(Full) as full:
        pool.check_room()
    assert full.value.retry_after_s == 12  # four jobs of 6 s in two slots
    assert pool.load().recent_solve_seconds == pytest.approx(6.0)


@in_a_loop
def test_nobody_is_sent_away_for_longer_than_a_minute_or_less_than_a_second():
    pool = pool_of()
    pool.note(1e6)
    assert pool.retry_after_s == LONGEST_RETRY_S
    for _ in range(60):
        pool.note(0.001)
    assert pool.retry_after_s == 1
