from __future__ import annotations

from examples.split_runtime.job import Job, TrainingWork
from examples.split_runtime.order import orders
from models.workload import Schedule, Warmup
from tests.examples.split_runtime.jobs import LLAMA, STRAIGHT, U_SHAPED


def _orders(stages: tuple, schedule: Schedule, count: int, **more: object) -> dict[str, str]:
    work = TrainingWork(count, 1, 8, schedule, **more)
    return {
        node: " ".join(f"{step.stage}{'B' if step.backward else 'F'}{step.micro_batch}" for step in steps)
        for node, steps in orders(Job(LLAMA, "phone", stages, work)).items()
    }


def test_straight_plans_run_in_the_order_of_torchs_own_schedules() -> None:
    # As _step_microbatches of ScheduleGPipe and Schedule1F1B runs them in torch 2.13, on three ranks.
    assert _orders(STRAIGHT, Schedule.GPIPE, 2)["edge-1"] == "1F0 1F1 1B0 1B1"
    assert _orders(STRAIGHT, Schedule.ONE_F_ONE_B, 5) == {
        "phone": "0F0 0F1 0F2 0B0 0F3 0B1 0F4 0B2 0B3 0B4",
        "edge-1": "1F0 1F1 1B0 1F2 1B1 1F3 1B2 1F4 1B3 1B4",
        "edge-2": "2F0 2B0 2F1 2B1 2F2 2B2 2F3 2B3 2F4 2B4",
    }


def test_sequential_finishes_a_micro_batch_before_the_next() -> None:
    assert _orders(STRAIGHT, Schedule.SEQUENTIAL, 2)["edge-1"] == "1F0 1B0 1F1 1B1"


def test_a_source_with_two_stages_serves_first_what_comes_first() -> None:
    # The middle stage takes 3 s: the source has time for its own next micro-batch before the first one is back.
    seconds = ((1.0, 1.0), (3.0, 3.0), (1.0, 1.0))
    order = _orders(U_SHAPED, Schedule.GPIPE, 3, pass_seconds=seconds)["phone"]
    assert order == "0F0 0F1 0F2 2F0 2F1 2F2 2B0 2B1 2B2 0B0 0B1 0B2"
    slow_source = _orders(U_SHAPED, Schedule.GPIPE, 3, pass_seconds=((2.0, 1.0), (1.0, 1.0), (2.0, 1.0)))["phone"]
    assert slow_source.startswith("0F0 0F1 2F0 0F2 2F1")


def test_slow_links_let_the_source_go_on_with_its_first_stage() -> None:
    seconds = ((2.0, 1.0), (1.0, 1.0), (2.0, 1.0))
    sent = ((2.0, 2.0), (2.0, 2.0))
    order = _orders(U_SHAPED, Schedule.GPIPE, 3, pass_seconds=seconds, transfer_seconds=sent)["phone"]
    # The first micro-batch is back after 2 + 2 + 1 + 2 = 7 s; until then the source has done its three forwards.
    assert order.startswith("0F0 0F1 0F2 2F0 2F1")


def test_a_deep_warm_up_keeps_more_in_flight() -> None:
    classic = _orders(STRAIGHT, Schedule.ONE_F_ONE_B, 6)
    deep = _orders(STRAIGHT, Schedule.ONE_F_ONE_B, 6, warmup=Warmup.DEEP)
    assert classic["phone"].split().index("0B0") == 3
    assert deep["phone"].split().index("0B0") == 5
