"""Every "saves X" is true: against every placement of the request as its own patch changes it."""

from __future__ import annotations

import pytest
from hypothesis import given

from models.explanation import ChangeKind
from models.patch import patched
from models.plan import Plan, Status
from tests.placement.examples_for_tests import inference, layer, link, node, request_body
from tests.placement.explanation.explained import Body, Truth, answered, random_explained
from tests.placement.random_problems import SEEDS, examples

ONLY = {"unused_nodes": False, "stability": False}


def saved(body: Body) -> dict[tuple[str, str], float]:
    """What each change saves, by kind and subject."""
    explanation = answered(body, **ONLY).explanation
    assert explanation is not None
    assert explanation.sensitivity is not None
    assert all(effect.proven for effect in explanation.sensitivity)
    return {(effect.kind.value, effect.subject): effect.saves_at_least for effect in explanation.sensitivity}


def two_nodes(**parts: object) -> Body:
    """11 s on a, 11 s over the link, 11 s on b; 2 s of delay there, and 2 s for the empty result back."""
    layers = [layer(11.0, out=11.0), layer(11.0)]
    return request_body(
        [node("a"), node("b")], [link("a", "b", latency_s=2.0)], layers, inference(),
        constraints={"pinned": {"0": "a", "1": "b"}}, **parts,
    )  # fmt: skip


def test_ten_percent_more_of_a_link_or_a_node_takes_a_tenth_off_its_time() -> None:
    effects = saved(two_nodes())
    assert effects["bandwidth", "a -> b"] == pytest.approx(1.0)
    assert effects["speed", "a"] == pytest.approx(1.0)
    assert effects["delay", "a <-> b"] == pytest.approx(0.4)
    assert effects["memory", "b"] == 0.0


def test_the_greatest_saving_comes_first() -> None:
    explanation = answered(two_nodes(), **ONLY).explanation
    assert explanation is not None
    effects = explanation.sensitivity or ()
    savings = [effect.saves_at_least for effect in effects]
    assert savings == sorted(savings, reverse=True)
    assert "saves 1 s" in effects[0].message


def test_a_layer_less_on_the_source_is_priced() -> None:
    """b is ten times as fast, and nothing is sent: one layer of 11 s on a would take 1.1 s on b."""
    body = request_body([node("a"), node("b", speed=10.0)], [link("a", "b")], [layer(11.0), layer(11.0)],
                        privacy={"head_layers": 1})  # fmt: skip
    assert saved(body)["privacy", "head_layers"] == pytest.approx(9.9)


def test_a_relaxed_limit_is_priced() -> None:
    """Three layers of 6 bytes on nodes of 13 and 7: with a third stage b would take one more of the slow a's layers."""
    layers = [layer(1.0, weight=6.0) for _ in range(3)]
    body = request_body([node("a", memory_bytes=19.0), node("b", speed=10.0, memory_bytes=7.0),
                         node("c", speed=10.0, memory_bytes=7.0)],
                        [link("a", "b"), link("b", "c"), link("a", "c")], layers,
                        constraints={"max_stages": 2}, privacy={"head_layers": 1})  # fmt: skip
    assert saved(body)["limit", "max_stages"] == pytest.approx(0.9)


@examples(8)
@given(SEEDS)
def test_every_saving_is_the_difference_of_two_optima(seed: int) -> None:
    found = random_explained(seed, **ONLY)
    if found is None:
        return
    body, answer = found
    explanation, truth = answer.explanation, Truth(answer, body)
    assert explanation is not None
    before = truth.best(body)
    assert before is not None
    for effect in explanation.sensitivity or ():
        after = truth.best(patched(body, effect.patch))
        assert after is not None, effect
        saving = max(0.0, truth.difference(after, before, body))
        slack = 1e-6 * abs(answer.objective or 0.0) + 1e-12
        assert effect.saves_at_least <= saving + slack, effect
        assert effect.saves_at_most is None or effect.saves_at_most >= saving - slack, effect
        if effect.proven:
            assert effect.saves_at_least == pytest.approx(saving, abs=2 * slack)


def test_without_time_nothing_is_claimed() -> None:
    answer: Plan = answered(two_nodes(), **{**ONLY, "time_share": 0.0})
    assert answer.status is Status.OPTIMAL
    assert answer.explanation is not None
    assert {effect.kind for effect in answer.explanation.sensitivity or ()} >= {ChangeKind.SPEED}
