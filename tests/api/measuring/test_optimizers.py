from __future__ import annotations

import pytest
import torch

from api.measuring.optimizers import Updater
from models.base import InvalidInput
from models.profile import Dtype, Optimizer
from placement.transformers.numerics import Numerics

MEASURABLE = [one for one in Optimizer if one is not Optimizer.ADAMW_8BIT]


@pytest.mark.parametrize("dtype", Dtype)
@pytest.mark.parametrize("kind", MEASURABLE)
def test_states_take_the_bytes_per_parameter_that_the_profile_counts(kind: Optimizer, dtype: Dtype) -> None:
    weights = torch.ones(5, 3, dtype=getattr(torch, dtype.value), requires_grad=True)
    updater = Updater([weights], kind)
    weights.grad = torch.ones_like(weights)
    updater.step()
    assert updater.state_bytes == 15 * Numerics(dtype, optimizer=kind).optimizer_bytes


def test_a_sixteen_bit_weight_remembers_steps_too_small_for_it() -> None:
    weights = torch.ones(1, dtype=torch.bfloat16, requires_grad=True)
    updater = Updater([weights], Optimizer.SGD)
    for _ in range(100):
        weights.grad = torch.ones_like(weights)
        updater.step()
    assert weights.item() == pytest.approx(0.99, abs=0.004)
    updater.zero_grad()
    assert weights.grad is None


def test_eight_bit_adamw_is_refused_with_those_that_can_be_measured() -> None:
    with pytest.raises(InvalidInput, match="adamw_8bit cannot be measured") as caught:
        Updater([torch.ones(1, requires_grad=True)], Optimizer.ADAMW_8BIT)
    assert caught.value.faults[0].limit == [one.value for one in MEASURABLE]
