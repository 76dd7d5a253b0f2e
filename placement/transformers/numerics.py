"""Bytes per value: number formats, weight-only quantisation, optimizer states."""

from __future__ import annotations

from dataclasses import dataclass

from models.profile import Dtype, Optimizer, Quantization

VALUE_BYTES = {Dtype.FLOAT32: 4, Dtype.FLOAT16: 2, Dtype.BFLOAT16: 2}

GROUP_SIZE = 128
"""Weights of a matrix that share one scale, as in GPTQ and AWQ checkpoints."""

QUANTISED_BYTES = {Quantization.INT8: 1 + 2 / GROUP_SIZE, Quantization.INT4: 0.5 + (2 + 2) / GROUP_SIZE}
"""int8: one byte and a share of a float16 scale; int4: half a byte and a share of a float16 scale and zero point."""

TOKEN_BYTES = 4
"""A token id on the wire: int32, which every vocabulary fits."""

_STATE_BYTES = {Optimizer.ADAMW: 8, Optimizer.ADAMW_8BIT: 2, Optimizer.SGD_MOMENTUM: 4, Optimizer.SGD: 0}
_MASTER_BYTES = 4
UPDATE_FLOPS = {Optimizer.ADAMW: 16, Optimizer.ADAMW_8BIT: 20, Optimizer.SGD_MOMENTUM: 4, Optimizer.SGD: 2}
"""Operations per trainable parameter and step, counted from the update rules; 8 bit adds 4 to unpack and pack."""


@dataclass(frozen=True, slots=True)
class Numerics:
    """How values are stored."""

    dtype: Dtype
    quantization: Quantization = Quantization.NONE
    optimizer: Optimizer = Optimizer.ADAMW

    @property
    def value_bytes(self) -> int:
        """Bytes v of an activation, an unquantised weight or a gradient."""
        return VALUE_BYTES[self.dtype]

    @property
    def block_weight_bytes(self) -> float:
        """Bytes of a weight in a block's matrices; biases, normalisations, routers, embedding and head keep v."""
        return QUANTISED_BYTES.get(self.quantization, self.value_bytes)

    @property
    def optimizer_bytes(self) -> int:
        """Bytes of optimizer state per trainable parameter, with a float32 master copy where dtype has 16 bits.

        16-bit: AdamW 12, 8-bit AdamW 6, SGD with momentum 8, SGD 4; float32: 8, 2, 4, 0.
        """
        master = 0 if self.dtype is Dtype.FLOAT32 else _MASTER_BYTES
        return _STATE_BYTES[self.optimizer] + master

    @property
    def update_traffic_bytes(self) -> int:
        """Bytes per trainable parameter and step: gradient read, weight and states read and written."""
        return self.value_bytes + 2 * (self.value_bytes + self.optimizer_bytes)

    @property
    def update_flops(self) -> int:
        """Operations per trainable parameter and step."""
        return UPDATE_FLOPS[self.optimizer]
