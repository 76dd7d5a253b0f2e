"""What a layer costs before it computes anything: the time to dispatch its operations one after the other.

Measured on a layer so small that its arithmetic takes no time. With torch that is a Transformer block of width 8 on one
token: norm, projections, attention, feed-forward, two residuals, called as modules are. Without torch it is the same
number of operations in NumPy, which stands for a lean runtime, not for torch; the answer says which it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from api.measuring.matmul import Call, Clock, Library
from api.measuring.spread import Spread, spread_of
from models.base import DomainType

_WIDTH = 8
_LEAST_CALLS = 20
_CHAIN = 8
"""Layers in a row for one time: a device is waited for after the last only, as a stage does."""
STANDS_FOR = {
    Library.TORCH: "a block of torch modules, dispatched in inference mode; training adds autograd's records",
    Library.NUMPY: "as many NumPy operations as a block has; a runtime in Python takes about as long per operation",
}


class OverheadReport(DomainType):
    """Seconds per pass of a layer that computes next to nothing."""

    library: Library
    device: str
    seconds: Spread
    stands_for: str


def measure_overhead(
    call: Call, seconds: float, named: dict[str, Any], clock: Clock = time.perf_counter
) -> OverheadReport:
    """A layer's part of the time of one call; the first calls, which build what later ones reuse, are thrown away."""
    for _ in range(_LEAST_CALLS):
        call()
    times, deadline = list[float](), clock() + seconds
    while len(times) < _LEAST_CALLS or clock() < deadline:
        began = clock()
        call()
        times.append((clock() - began) / _CHAIN)
    return OverheadReport(**named, seconds=spread_of(times))


def numpy_layer() -> Call:
    """A chain of Transformer blocks of width 8 on one token, in NumPy."""
    import numpy as np  # noqa: PLC0415 - threads are set before it is loaded

    square, wide = np.ones((_WIDTH, _WIDTH), np.float32), np.ones((_WIDTH, 4 * _WIDTH), np.float32)
    token = np.ones((1, _WIDTH), np.float32)

    def norm(x: Any) -> Any:
        return (x - x.mean()) / np.sqrt(x.var() + 1e-5)

    def block(x: Any) -> Any:
        y = norm(x)
        query, key, value = y @ square, y @ square, y @ square
        x = x + (np.exp(query @ key.T * 1e-3) @ value) @ square
        return x + np.maximum(norm(x) @ wide, 0) @ wide.T

    return lambda: _chained(block, token)


def torch_layer(device: str) -> Call:
    """The same by torch's modules, in inference mode."""
    import torch  # noqa: PLC0415 - optional
    from torch import nn  # noqa: PLC0415 - as above

    norms = [nn.LayerNorm(_WIDTH, device=device) for _ in range(2)]
    projections = [nn.Linear(_WIDTH, _WIDTH, device=device) for _ in range(4)]
    up, down = nn.Linear(_WIDTH, 4 * _WIDTH, device=device), nn.Linear(4 * _WIDTH, _WIDTH, device=device)
    token = torch.ones(1, 1, 1, _WIDTH, device=device)

    def block(x: Any) -> Any:
        y = norms[0](x)
        mixed = nn.functional.scaled_dot_product_attention(*(project(y) for project in projections[:3]))
        x = x + projections[3](mixed)
        return x + down(nn.functional.gelu(up(norms[1](x))))

    def call() -> None:
        with torch.inference_mode():
            _chained(block, token)
            if device != "cpu":
                torch.cuda.synchronize()

    return call


def _chained(block: Callable[[Any], Any], x: Any) -> Any:
    for _ in range(_CHAIN):
        x = block(x)
    return x
