from __future__ import annotations

import pytest

from examples.split_runtime.job import Job, NotRunnable, StageOf, TrainingWork
from tests.examples.split_runtime.jobs import LLAMA, STRAIGHT, U_SHAPED, training


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
