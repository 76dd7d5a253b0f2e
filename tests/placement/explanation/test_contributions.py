"""What every node and link adds, adds up; and a limit that is called binding is."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given

from models.explanation import Explanation, LimitSlack
from models.plan import Plan
from models.request import PlanRequest
from placement.solver import plan
from tests.placement.examples_for_tests import inference, layer, link, node, request_body, training
from tests.placement.explanation.explained import Body
from tests.placement.instances import random_request
from tests.placement.random_problems import SEEDS, examples


def solved(body: Body) -> tuple[Plan, Explanation]:
    answer = plan(PlanRequest.model_validate(body), threads=1)
    assert answer.explanation is not None
    return answer, answer.explanation


def seconds(explanation: Explanation) -> dict[str, float]:
    own = {node.id: node.latency_s for node in explanation.nodes}
    return own | {f"{link.source}{link.target}": link.latency_s for link in explanation.links}


def cut(workload: Body) -> Body:
    layers = [layer(2.0, out=3.0, backward=4.0, decode=1.0), layer(1.0, backward=2.0, gradient=1.0, decode=1.0,
                                                                   update=5.0)]  # fmt: skip
    return request_body([node("a"), node("b")], [link("a", "b", latency_s=0.5)], layers, workload,
                        constraints={"pinned": {"0": "a", "1": "b"}}, result_bytes=1.0)  # fmt: skip


def test_a_request_takes_what_its_stages_and_transfers_take() -> None:
    """Two tokens: 2 + 1 s on a, 1 + 1 s on b, 3.5 s and then 0.5 s over, twice 1.5 s back."""
    _, explanation = solved(cut(inference(output_tokens=2)))
    assert seconds(explanation) == pytest.approx({"a": 3.0, "b": 2.0, "ab": 4.0, "ba": 3.0})


def test_waiting_in_a_pipeline_belongs_to_the_slowest() -> None:
    """gpipe, two micro-batches: forward waits 3 s for the link, backward 4 s for a; b updates for 5 s."""
    _, explanation = solved(cut(training(2)))
    assert seconds(explanation) == pytest.approx({"a": 6.0 + 4.0, "b": 3.0 + 5.0, "ab": 3.5 + 3.0, "ba": 1.5})


@examples(25)
@given(SEEDS)
def test_parts_add_up_to_the_latency_and_the_energy(seed: int) -> None:
    answer = plan(PlanRequest.model_validate(random_request(Random(seed))), threads=1)
    if answer.explanation is None:
        return
    explanation = answer.explanation
    latency = sum(seconds(explanation).values()) + explanation.other_latency_s
    assert latency == pytest.approx(answer.latency_s)
    assert sum(node.energy_j for node in explanation.nodes) == pytest.approx(answer.energy_j)
    assert len(explanation.summary) >= 2


def limit_of(body: Body, constraint: str, subject: str | None = None) -> LimitSlack:
    _, explanation = solved(body)
    return next(limit for limit in explanation.limits if (limit.constraint, limit.subject) == (constraint, subject))


def test_memory_binds_where_no_further_layer_fits() -> None:
    """b, the faster, holds two of three layers of 6 bytes in 13; with 18 it holds them all."""

    def body(size: float) -> Body:
        layers = [layer(1.0, weight=6.0) for _ in range(3)]
        return request_body([node("a"), node("b", speed=9.0, memory_bytes=size)], [link("a", "b")], layers)

    tight = limit_of(body(13.0), "memory_bytes", "b")
    assert (tight.used, tight.limit, tight.slack, tight.binding) == (12.0, 13.0, 1.0, True)
    assert not limit_of(body(18.0), "memory_bytes", "b").binding


def test_a_deadline_that_is_just_met_binds() -> None:
    body = cut(inference())
    answer, _ = solved(body)
    assert answer.latency_s is not None
    body["constraints"]["max_latency_s"] = answer.latency_s
    assert limit_of(body, "max_latency_s").binding
    body["constraints"]["max_latency_s"] = 2 * answer.latency_s
    slack = limit_of(body, "max_latency_s")
    assert (slack.binding, slack.slack) == (False, pytest.approx(answer.latency_s))


def test_a_head_that_is_no_longer_than_it_has_to_be_binds() -> None:
    body = request_body([node("a"), node("b", speed=9.0)], [link("a", "b")], [layer(1.0), layer(1.0)],
                        privacy={"head_layers": 1})  # fmt: skip
    head = limit_of(body, "head_layers")
    assert (head.used, head.limit, head.binding) == (1, 1, True)
