from __future__ import annotations

import math
import time

import torch

from examples.split_runtime.protocol import Pace
from examples.split_runtime.sending import _Lane, _Parcel
from examples.split_runtime.throttle import Throttle


def _work(cpu_s: float) -> None:
    end_s = time.thread_time() + cpu_s
    while time.thread_time() < end_s:
        pass


def test_a_pass_takes_its_cpu_time_over_the_share_with_a_rest_at_every_layer() -> None:
    throttle = Throttle(0.25)
    with throttle.run_pass("forward", 0, 7):
        _work(0.01)
        throttle.pay()
        _work(0.01)
    (one,) = throttle.passes
    assert (one.activity, one.stage, one.micro_batch) == ("forward", 0, 7)
    assert one.cpu_s >= 0.02
    assert one.seconds >= one.cpu_s / 0.25
    assert one.marks_s[0] >= 0.04


def test_nothing_is_paid_for_outside_of_a_pass() -> None:
    throttle = Throttle(0.001)
    _work(0.01)
    throttle.pay()
    assert throttle.passes == []


def _arrivals(pace: Pace, sizes: list[int]) -> tuple[list[int], list[float]]:
    """Order and moments in which a lane hands its messages over."""
    lane, begin_s = _Lane(pace), time.monotonic()
    order: list[int] = []
    moments: list[float] = []
    parcels = [_Parcel(torch.zeros(size, dtype=torch.uint8)) for size in sizes]
    for number, parcel in enumerate(parcels):

        def send(number: int = number) -> _Delivered:
            order.append(number)
            moments.append(time.monotonic() - begin_s)
            return _Delivered()

        lane.put(parcel, send)
    for parcel in parcels:
        parcel.wait()
    lane.close()
    return order, moments


class _Delivered:
    def wait(self) -> None:
        pass


def test_messages_occupy_a_lane_one_after_the_other_and_arrive_a_latency_later() -> None:
    order, moments = _arrivals(Pace(bits_per_s=8e6, latency_s=0.02), [10_000, 20_000])
    assert order == [0, 1]
    assert moments[0] >= 0.01 + 0.02
    assert moments[1] >= 0.03 + 0.02


def test_a_lane_beside_the_kernel_waits_for_the_first_segment_and_keeps_the_order() -> None:
    pace = Pace(first_bits_per_s=1e6)
    assert pace.needs_lane
    assert math.isinf(pace.bits_per_s)
    order, moments = _arrivals(pace, [100_000, 10])
    assert order == [0, 1]
    assert moments[0] >= 1448 * 8 / 1e6
