from __future__ import annotations

from pathlib import Path

import pytest

from examples.split_runtime.job import Job, NotRunnable, Runs, StageOf, TrainingWork, job_of
from examples.split_runtime.prediction import links_of, shapes_of
from models.request import PlanRequest
from models.workload import Schedule
from placement.solver import plan
from tests.examples.split_runtime.jobs import LLAMA, STRAIGHT, U_SHAPED, training

EXAMPLE = Path(__file__).parents[3] / "examples" / "split_runtime" / "three-boxes.json"


@pytest.fixture(scope="module")
def request_of_three_boxes() -> PlanRequest:
    return PlanRequest.model_validate_json(EXAMPLE.read_bytes())


def _changed(request: PlanRequest, **parts: dict) -> PlanRequest:
    given = request.model_dump(exclude_none=True)
    for part, change in parts.items():
        given[part] |= change
    return PlanRequest.model_validate(given)


def test_the_example_becomes_a_u_shaped_job(request_of_three_boxes: PlanRequest) -> None:
    answer = plan(request_of_three_boxes)
    job = job_of(request_of_three_boxes, answer, Runs(iterations=2))
    assert [(stage.node, stage.first, stage.stop) for stage in job.stages] == [
        (stage.node, stage.first_layer, stage.stop_layer) for stage in answer.stages
    ]
    assert job.stages[0].node == job.stages[-1].node == "phone"
    assert not job.tokens_leave
    assert not job.labels_leave
    assert isinstance(job.work, TrainingWork)
    assert (job.work.micro_batches, job.work.schedule, job.work.lora_rank) == (6, Schedule.GPIPE, 8)


def test_shares_follow_the_rates_of_the_nodes(request_of_three_boxes: PlanRequest) -> None:
    shares = shapes_of(request_of_three_boxes, plan(request_of_three_boxes))
    assert {name: shape.share for name, shape in shares.items()} == pytest.approx(
        {"phone": 0.25, "edge-1": 0.5, "edge-2": 0.75}
    )


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
def test_what_cannot_be_run_is_refused_by_name(request_of_three_boxes: PlanRequest, parts: dict, said: str) -> None:
    given = request_of_three_boxes.model_dump(exclude_none=True)
    for part, change in parts.items():
        given[part] = {name: value for name, value in (given[part] | change).items() if value is not None}
    if given["workload"]["kind"] == "inference":
        del given["workload"]["schedule"], given["workload"]["warmup"], given["workload"]["iterations"]
        del given["model"]["fine_tuning"]
    request = PlanRequest.model_validate(given)
    with pytest.raises(NotRunnable, match=said):
        job_of(request, plan(request_of_three_boxes))


def test_links_that_only_the_cost_model_knows_are_refused(request_of_three_boxes: PlanRequest) -> None:
    link = {"source": "phone", "target": "edge-1", "bandwidth_bits_per_s": 1e6, "medium": "air"}
    shared = _changed(request_of_three_boxes, cluster={"links": [link]})
    with pytest.raises(NotRunnable, match="shared media"):
        links_of(shared)
    both_ways = links_of(_changed(request_of_three_boxes, cluster={"links": [link | {"medium": None}]}))
    assert [(one.source, one.target) for one in both_ways] == [("phone", "edge-1"), ("edge-1", "phone")]


@pytest.mark.parametrize(
    "stages",
    [
        (StageOf("phone", 1, 6),),
        (StageOf("phone", 0, 2), StageOf("edge-1", 3, 6)),
        (StageOf("edge-1", 0, 2), StageOf("phone", 2, 3), StageOf("edge-1", 3, 6)),
    ],
    ids=["no embedding", "a gap", "two stages elsewhere"],
)
def test_stages_that_are_no_pipeline_are_refused(stages: tuple[StageOf, ...]) -> None:
    with pytest.raises(NotRunnable):
        Job(LLAMA, "phone", stages, TrainingWork(1, 1, 8))


def test_gradients_cross_cuts_behind_something_that_trains() -> None:
    assert [training(STRAIGHT).gradient_crosses(cut) for cut in (0, 1, 2)] == [False, False, True]
    assert training(U_SHAPED, lora_rank=None).gradient_crosses(1)
