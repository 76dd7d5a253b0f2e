from __future__ import annotations

from itertools import pairwise

import pytest

from examples.split_runtime.fleet import Fleet, LinkShape, Shape
from examples.split_runtime.job import Job, Kind, Span
from examples.split_runtime.network import GSO_BYTES
from examples.split_runtime.prediction import measured_request, predict
from models.request import PlanRequest
from models.workload import Schedule
from tests.examples.split_runtime.jobs import ELSEWHERE, GPT2, LLAMA, NODES, STRAIGHT, U_SHAPED, generation, training

WAIT_S = 120.0
ACTIVATIONS_BYTES = 4 * 2 * 8 * 32 * 4.0
"""Micro-batches x sequences x tokens x hidden size x float32, over one cut in one iteration."""


@pytest.mark.parametrize(
    "job",
    [
        training(STRAIGHT),
        training(STRAIGHT, schedule=Schedule.ONE_F_ONE_B),
        training(U_SHAPED, GPT2),
        training(U_SHAPED, schedule=Schedule.ONE_F_ONE_B),
        training(ELSEWHERE, GPT2, Schedule.SEQUENTIAL, lora_rank=None),
    ],
    ids=["llama-gpipe-straight", "llama-1f1b-straight", "gpt2-gpipe-u", "llama-1f1b-u", "gpt2-all-weights-elsewhere"],
)
def test_a_split_model_learns_exactly_as_in_one_piece(fleet: Fleet, job: Job) -> None:
    losses = fleet.run(job, WAIT_S).losses
    assert losses == pytest.approx(fleet.run_in_one_piece(job, WAIT_S), rel=1e-5)
    assert len(losses) == 4


def test_what_is_learnt_is_the_text(fleet: Fleet) -> None:
    losses = fleet.run_in_one_piece(training(U_SHAPED, lora_rank=None, iterations=40), WAIT_S)
    assert sum(losses[-5:]) / 5 < losses[0] - 0.5


@pytest.mark.parametrize("stages", [STRAIGHT, U_SHAPED, ELSEWHERE], ids=["straight", "u-shaped", "elsewhere"])
def test_split_generation_with_caches_chooses_the_tokens_of_the_model_in_one_piece(fleet: Fleet, stages: tuple) -> None:
    job = generation(stages, LLAMA if stages is STRAIGHT else GPT2)
    assert fleet.run(job, WAIT_S).tokens == fleet.run_in_one_piece(job, WAIT_S)


def test_bytes_on_every_link_are_those_of_the_cost_model(fleet: Fleet) -> None:
    straight = fleet.run(training(STRAIGHT, iterations=1), WAIT_S).bytes_by_link()
    assert straight == {
        ("phone", "edge-1"): {Kind.ACTIVATION: ACTIVATIONS_BYTES},
        ("edge-1", "edge-2"): {Kind.ACTIVATION: ACTIVATIONS_BYTES},
        ("edge-2", "edge-1"): {Kind.GRADIENT: ACTIVATIONS_BYTES},
        ("edge-1", "phone"): {Kind.GRADIENT: ACTIVATIONS_BYTES},
        ("phone", "edge-2"): {Kind.LABEL: 4 * 2 * 8 * 4.0},
    }
    # Behind the last block only the last token's state goes on, in the prefill too; the result is an id per sequence.
    generated = fleet.run(generation((*STRAIGHT[:2], STRAIGHT[2])), WAIT_S).bytes_by_link()
    assert generated["phone", "edge-1"] == {Kind.ACTIVATION: 2 * (6 + 4) * 32 * 4}
    assert generated["edge-2", "phone"] == {Kind.RESULT: 2 * 5 * 4}
    assert fleet.run(generation(U_SHAPED), WAIT_S).bytes_by_link()["edge-1", "phone"] == {
        Kind.ACTIVATION: 2 * 5 * 32 * 4
    }


def test_no_gradient_goes_back_to_layers_that_do_not_learn(fleet: Fleet) -> None:
    only_embedding = (STRAIGHT[0].__class__("phone", 0, 1), STRAIGHT[0].__class__("edge-1", 1, 6))
    assert ("edge-1", "phone") not in fleet.run(training(only_embedding, iterations=1), WAIT_S).bytes_by_link()


def test_passes_of_a_node_never_overlap_and_follow_each_other_through_the_stages(fleet: Fleet) -> None:
    spans = fleet.run(training(U_SHAPED, iterations=1), WAIT_S).spans
    for of_node in spans.values():
        assert all(earlier.end_s <= later.start_s for earlier, later in pairwise(of_node))
    everything = [span for of_node in spans.values() for span in of_node if span.activity in {"forward", "backward"}]
    for m in range(4):
        way = sorted((span for span in everything if span.micro_batch == m), key=lambda span: span.start_s)
        assert [_step(span) for span in way] == [
            "forward 0",
            "forward 1",
            "forward 2",
            "backward 2",
            "backward 1",
            "backward 0",
        ]


def _step(span: Span) -> str:
    return f"{span.activity} {span.stage}"


def test_a_throttled_node_takes_the_inverse_of_its_share(fleet: Fleet) -> None:
    fleet.shape({"edge-1": Shape(0.25)}, [])
    measured = fleet.run(training(STRAIGHT, iterations=1), WAIT_S)
    fleet.shape({}, [])
    assert measured.busy_s["edge-1"] >= 4 * measured.cpu_s["edge-1"] * 0.999


def test_a_shaped_link_carries_no_more_than_its_rate_after_its_latency(fleet: Fleet) -> None:
    sizes, rate, latency_s = (1_000, 100_000, 400_000), 20e6, 0.01
    fleet.shape({}, [LinkShape("phone", "edge-1", rate, latency_s)])
    seconds = fleet.time_transfers("phone", "edge-1", sizes, repeats=2)
    fleet.shape({}, [])
    # A bucket of tokens lets the last packets of a message pass early; no load on the machine makes a message quicker.
    least = [latency_s + 8 * max(size - 2 * GSO_BYTES, 0) / rate for size in sizes * 2]
    assert all(taken >= bound for taken, bound in zip(seconds, least, strict=True)), (seconds, least)


def test_measurements_make_a_request_that_predicts_the_job(fleet: Fleet) -> None:
    job = training(U_SHAPED)
    pairs = [("phone", "edge-1"), ("edge-1", "phone")]
    fleet.shape({}, [LinkShape(source, target, 100e6) for source, target in pairs])
    links = fleet.measure_links(pairs, repeats=2)
    fleet.shape({}, [])
    request = measured_request(_request(), _request().model, fleet.measure_layers(job, budget_s=0.1), links)
    blocks = request.model.layers[1:5]
    assert all(set(block.backward.time_s) == set(NODES) for block in blocks)
    assert all(min(block.forward.time_s.values()) > 0 for block in blocks)
    predicted = predict(request, job)
    assert predicted.latency_s > 4 * sum(block.forward.time_s["edge-1"] for block in request.model.layers[2:5])
    assert {link.source: link.bytes for link in predicted.links} == {
        "phone": 2 * ACTIVATIONS_BYTES,
        "edge-1": 2 * ACTIVATIONS_BYTES,
    }


def _request() -> PlanRequest:
    return PlanRequest.model_validate(
        {
            "cluster": {
                "nodes": [{"id": name, "compute_flops_per_s": 1e9, "memory_bytes": 1e9} for name in NODES],
                "links": [{"source": "phone", "target": "edge-1", "bandwidth_bits_per_s": 1e9}],
            },
            "model": {
                "huggingface_config": LLAMA,
                "sequence_length": 8,
                "micro_batch_size": 2,
                "dtype": "float32",
                "fine_tuning": {"method": "lora", "rank": 4},
            },
            "workload": {"kind": "training", "source": "phone", "micro_batches": 4},
        }
    )
