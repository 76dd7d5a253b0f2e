"""Bytes that layers occupy: weights, key-value cache, scratch."""

from __future__ import annotations

from models.profile import AttentionKernel
from placement.transformers.adaptation import Adaptation
from placement.transformers.architecture import Block, Head, Matrix, Role
from placement.transformers.compute import cache_context
from placement.transformers.numerics import Numerics
from placement.transformers.setting import Setting

_FLOAT32 = 4


def weight_bytes_each(matrix: Matrix, numerics: Numerics) -> float:
    """Stored bytes per weight of a block's matrix; routers are not quantised, as GPTQ and AWQ leave them."""
    return numerics.value_bytes if matrix.role is Role.ROUTER else numerics.block_weight_bytes


def block_weights(block: Block, numerics: Numerics, adaptation: Adaptation | None) -> float:
    """Matrices as stored; biases, normalisations and adapters in dtype. All experts count."""
    matrices = sum(m.weights * weight_bytes_each(m, numerics) for m in block.matrices)
    rest = block.vectors + sum(m.biases for m in block.matrices)
    adapters = 0 if adaptation is None else adaptation.adapters(block)
    return matrices + numerics.value_bytes * (rest + adapters)


def kv_cache(block: Block, setting: Setting) -> float:
    """2 g d_h v bytes per token, for b sequences of the final context (s + T, at most the window)."""
    context = cache_context(block.attention, setting.tokens_per_sequence, setting.output_tokens)
    values = 2 * block.attention.kv_width * setting.sequences * context
    return float(values * setting.numerics.value_bytes)


def block_workspace(block: Block, setting: Setting) -> float:
    """Input and output of the block, and the larger of what attention and MLP hold at once.

    Attention: q, k, v and output; an eager kernel also two copies of the s x s scores of every head.
    MLP: what its first matrices give and what the nonlinearity makes of it.
    """
    value, attention = setting.numerics.value_bytes, block.attention
    attention_bytes = value * setting.tokens * 2 * (attention.query_width + attention.kv_width)
    if setting.kernel is AttentionKernel.EAGER:
        pairs = setting.sequences * setting.tokens_per_sequence**2
        score = value + (_FLOAT32 if attention.float32_softmax else value)
        attention_bytes += attention.heads * pairs * score
    entering = sum(m.outputs * m.active for m in block.matrices if m.role is Role.MLP_IN)
    mlp_bytes = value * setting.tokens * (entering + block.mlp_out.inputs * block.mlp_out.active)
    return float(2 * value * setting.tokens * block.hidden + max(attention_bytes, mlp_bytes))


def head_workspace(head: Head, setting: Setting) -> float:
    """Hidden states that the head reads, its outputs in dtype, and their float32 copy for the loss or the choice."""
    value = setting.numerics.value_bytes
    tokens = setting.sequences * head.tokens_read(setting.tokens_per_sequence, training=setting.training)
    return float(tokens * (value * head.hidden + (value + _FLOAT32) * head.outputs))
