from __future__ import annotations

import pytest

from examples.split_runtime.job import NotRunnable, TrainingWork
from examples.split_runtime.planned_job import Runs, job_of
from models.request import PlanRequest
from models.workload import Schedule
from placement.solver import plan


def test_the_example_becomes_a_u_shaped_job(three_boxes: PlanRequest) -> None:
    answer = plan(three_boxes)
    job = job_of(three_boxes, answer, Runs(iterations=2))
    assert [(stage.node, stage.first, stage.stop) for stage in job.stages] == [
        (stage.node, stage.first_layer, stage.stop_layer) for stage in answer.stages
    ]
    assert job.stages[0].node == job.stages[-1].node == "phone"
    assert not job.tokens_leave
    assert not job.labels_leave
    assert isinstance(job.work, TrainingWork)
    assert (job.work.micro_batches, job.work.schedule, job.work.lora_rank) == (6, Schedule.GPIPE, 8)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"model": {"quantization": "int8"}}, "model.quantization"),
        ({"model": {"fine_tuning": {"method": "lora", "optimizer": "sgd"}}}, "optimizer: sgd"),
        ({"model": {"fine_tuning": {"method": "lora", "target_modules": ["q_proj"]}}}, "target_modules"),
        ({"workload": {"kind": "inference", "concurrency": 2, "micro_batches": None}}, "workload.concurrency"),
    ],
    ids=["quantised", "sgd", "other adapters", "several requests at once"],
)
def test_what_cannot_be_run_is_refused_by_name(three_boxes: PlanRequest, parts: dict, said: str) -> None:
    given = three_boxes.model_dump(exclude_none=True)
    for part, change in parts.items():
        given[part] = {name: value for name, value in (given[part] | change).items() if value is not None}
    if given["workload"]["kind"] == "inference":
        del given["workload"]["schedule"], given["workload"]["warmup"], given["workload"]["iterations"]
        del given["model"]["fine_tuning"]
    request = PlanRequest.model_validate(given)
    with pytest.raises(NotRunnable, match=said):
        job_of(request, plan(three_boxes))
