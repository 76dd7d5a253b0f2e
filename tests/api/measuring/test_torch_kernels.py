from __future__ import annotations

import pytest
import torch

from api.measuring.matmul import NumberFormat, torch_matmul
from api.measuring.memory_bandwidth import measure_torch_bandwidth
from api.measuring.overhead import torch_layer


@pytest.mark.parametrize("number_format", list(NumberFormat))
def test_torch_multiplies_in_every_format(number_format: NumberFormat) -> None:
    made: list[torch.Tensor] = []
    matmul = torch.matmul

    def noted(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        made.append(matmul(left, right, out=out))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "matmul", noted)
        torch_matmul(number_format, "cpu", 8)()
    assert (made[0].shape, str(made[0].dtype)) == ((8, 8), f"torch.{number_format}")


def test_torchs_triad_is_fused_and_counted_as_stream_does() -> None:
    """With a clock that ticks a second per look, a call takes a second: the rate is the bytes moved."""
    ticks = iter(range(10**6))
    reports = measure_torch_bandwidth(8 * 1024, 1024, 30.0, "cpu", clock=lambda: float(next(ticks)))
    per_element = {report.kernel: report.bytes_per_s.median / 1024 for report in reports}
    assert per_element == {"copy": 16, "triad": 24, "matrix_vector": pytest.approx(8, rel=0.05)}


def test_a_tiny_block_of_torch_runs() -> None:
    assert torch_layer("cpu")() is None
