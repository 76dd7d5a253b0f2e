"""DeepSpeed runs the exported class on its own terms; Kubernetes' schemas accept the exported objects."""

from __future__ import annotations

import json
import sys
from collections import namedtuple
from types import ModuleType
from typing import Any

import kubernetes_validate
import pytest

from placement.exports.deepspeed import uniform
from tests.placement.exports.plans import (
    LAYERS,
    THREE,
    TRAINING,
    U_SHAPED,
    exported,
    losses,
    refusals,
    request,
    stages,
)

KUBERNETES = "1.30"
Coordinate = namedtuple("Coordinate", "pipe")


class PipelineModule:
    """What of DeepSpeed's PipelineModule decides which layers a rank builds (runtime/pipe/module.py, release 0.19)."""

    def __init__(self, layers: Any, num_stages: int, rank: int, partition_method: str = "parameters") -> None:
        self._layer_specs = list(layers)
        self.num_stages = num_stages
        self.global_rank = rank
        self._topo = self
        self._partition_layers(method=partition_method)
        self.built = self._layer_specs[self._local_start : self._local_stop]

    def get_coord(self, rank: int) -> Coordinate:
        return Coordinate(pipe=rank)

    def _partition_layers(self, method: str = "uniform") -> None:
        raise AssertionError("the plan's own boundaries take its place")

    def _set_bounds(self, start: int | None = None, stop: int | None = None) -> None:
        self._local_start, self._local_stop = start, stop


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class that an export defines."""
    package, pipe = ModuleType("deepspeed"), ModuleType("deepspeed.pipe")
    pipe.PipelineModule = PipelineModule
    monkeypatch.setitem(sys.modules, "deepspeed", package)
    monkeypatch.setitem(sys.modules, "deepspeed.pipe", pipe)

    def read(content: str) -> Any:
        scope: dict[str, Any] = {}
        exec(compile(content, "planned_pipeline.py", "exec"), scope)
        return scope["PlannedPipelineModule"]

    return read


def test_deepspeed_builds_on_every_rank_the_layers_of_its_stage(planned: Any) -> None:
    made = exported("deepspeed", THREE, request(workload=TRAINING))
    built = [planned(made.content)(range(LAYERS), num_stages=3, rank=rank).built for rank in range(3)]
    assert built == [[0, 1], [2], [3, 4, 5]]
    assert losses(made) == {"node_order", "raw_input"}


def test_deepspeed_is_not_given_other_layers_or_stages_than_planned(planned: Any) -> None:
    module = planned(exported("deepspeed", THREE, request(workload=TRAINING)).content)
    for layers, num_stages in ((LAYERS + 1, 3), (LAYERS, 2)):
        with pytest.raises(ValueError, match="the plan is for 6 layers on 3 stages"):
            module(range(layers), num_stages=num_stages, rank=0)


def test_names_in_a_plan_cannot_break_out_of_the_module(planned: Any) -> None:
    name = 'a""" \\ b'
    made = exported("deepspeed", THREE, request(workload=TRAINING), model_name=name)
    assert planned(made.content)(range(LAYERS), num_stages=3, rank=1).built == [2]


@pytest.mark.parametrize(("parts", "same"), [((0, 2, 4, 6), True), ((0, 3, 5), True), ((0, 2, 5), False)])
def test_boundaries_that_deepspeed_finds_itself_are_recognised(parts: tuple[int, ...], same: bool) -> None:
    assert uniform(parts) is same


def test_micro_batches_one_by_one_are_refused_as_more_would_be_in_flight() -> None:
    for schedule, refused in (("sequential", {"sequential_micro_batches"}), ("gpipe", set()), ("1f1b", set())):
        assert refusals("deepspeed", THREE, request(workload=TRAINING | {"schedule": schedule})) == refused


def items(placed: list[dict[str, Any]], asked: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
    made = json.loads(exported("kubernetes", placed, asked, **options).content)
    assert (made["apiVersion"], made["kind"]) == ("v1", "List")
    return made["items"]


@pytest.mark.parametrize("placed", [THREE, U_SHAPED, stages(("phone", 0, 6))])
def test_kubernetes_accepts_every_object(placed: list[dict[str, Any]]) -> None:
    found = items(placed, image="registry.local/stage:1")
    assert [one["kind"] for one in found] == ["ConfigMap", *["Service", "Deployment"] * len(placed)]
    for one in found:
        kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_a_stage_runs_on_its_node_with_its_memory_and_knows_the_next() -> None:
    placed = stages(("phone", 0, 2), ("edge", 2, 6))
    placed[1]["memory"] = {"total_bytes": 2.5e9, "weights_bytes": 1e9}
    found = items(placed, devices={"phone": "host-a", "edge": "host-b"}, image="stage:1")
    first, second = (one["spec"]["template"]["spec"] for one in found if one["kind"] == "Deployment")
    assert [pod["nodeSelector"] for pod in (first, second)] == [
        {"kubernetes.io/hostname": "host-a"},
        {"kubernetes.io/hostname": "host-b"},
    ]
    assert second["containers"][0]["resources"] == {"requests": {"memory": "2500000000"}}
    told = [{one["name"]: one["value"] for one in pod["containers"][0]["env"]} for pod in (first, second)]
    services = {one["metadata"]["name"] for one in found if one["kind"] == "Service"}
    assert told[0]["PLACEMENT_NEXT"].partition(":")[0] in services
    assert (told[0]["PLACEMENT_FIRST_LAYER"], told[0]["PLACEMENT_STOP_LAYER"]) == ("0", "2")
    assert told[1]["PLACEMENT_NEXT"] == ""


def test_every_service_finds_the_pod_of_its_stage_alone() -> None:
    found = items(U_SHAPED)
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in found if one["kind"] == "Deployment"]
    for one in found:
        if one["kind"] == "Service":
            assert sum(one["spec"]["selector"].items() <= pod.items() for pod in pods) == 1


def test_a_node_whose_name_is_no_label_needs_a_host_name() -> None:
    asked = request(nodes=("phone", "jetson", "edge server"))
    placed = stages(("phone", 0, 2), ("edge server", 2, 6))
    assert refusals("kubernetes", placed, asked) == {"label_unfit"}
    assert exported("kubernetes", placed, asked, devices={"edge server": "edge-1"})
