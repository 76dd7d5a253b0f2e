"""Floating-point operations of passes: matrices and attention. Normalisations and nonlinearities are not counted."""

from __future__ import annotations

from fractions import Fraction

from models.profile import AttentionKernel
from placement.transformers.adaptation import Adaptation, gradient_flow
from placement.transformers.architecture import Attention, Block


def attended_pairs(attention: Attention, sequence: int, kernel: AttentionKernel) -> int:
    """Pairs (query token, key token) that a pass over s tokens multiplies.

    Encoders and eager kernels: s^2 (an eager kernel computes what the mask then discards).
    Fused causal kernels: sum over i = 1..s of min(i, w), i.e. s (s + 1) / 2 without a window w.
    """
    if kernel is AttentionKernel.EAGER or not attention.causal:
        return sequence * sequence
    window = sequence if attention.window is None else min(attention.window, sequence)
    return window * (window + 1) // 2 + (sequence - window) * window


def mean_decode_context(attention: Attention, sequence: int, output_tokens: int) -> Fraction:
    """Mean over decode passes j = 1..T-1 of min(s + j, w): without a window w exactly s + T / 2.

    Decode pass j feeds one token, which attends to s + j tokens, itself included.
    """
    passes = output_tokens - 1
    unbounded = passes if attention.window is None else max(0, min(passes, attention.window - sequence))
    total = unbounded * sequence + unbounded * (unbounded + 1) // 2
    if attention.window is not None:
        total += (passes - unbounded) * attention.window
    return Fraction(total, passes)


def cache_context(attention: Attention, sequence: int, output_tokens: int) -> int:
    """Tokens whose keys and values are kept at the end: s + T, at most the window."""
    context = sequence + output_tokens
    return context if attention.window is None else min(context, attention.window)


def block_forward(block: Block, tokens: int, pairs: int | Fraction, adaptation: Adaptation | None = None) -> float:
    """2 t P_active + 4 pairs a d_h, plus 2 t P_adapter; t tokens in all, pairs over all sequences."""
    matrices = sum(2 * tokens * m.active * m.inputs * m.outputs for m in block.matrices)
    adapters = 0
    if adaptation is not None:
        adapters = sum(
            2 * tokens * m.active * adaptation.rank * (m.inputs + m.outputs)
            for m in block.matrices
            if adaptation.adapts(m)
        )
    return float(matrices + adapters + 4 * pairs * block.attention.query_width)


def block_backward(block: Block, tokens: int, pairs: int, adaptation: Adaptation, *, input_needs: bool) -> float:
    """Backward FLOPs, matrix by matrix, of what automatic differentiation computes.

    A matrix of P weights: 2 t P for the gradient of its input, if that is needed, and 2 t P for its own, if it trains.
    An adapter A (inputs x r), B (r x outputs): both gradients of B and A's own, and A's input's if that is needed.
    Attention: 2 pairs a d_h for each of dV, dP (if the query or the key needs one), dQ, dK.
    Full fine-tuning: exactly twice the forward pass. LoRA: 2 t P + 8 pairs a d_h + 4 t P_lora, but for the first block,
    which skips what its input would have needed.
    """
    flow = gradient_flow(block, adaptation, input_needs=input_needs)
    flops = 0
    for m in block.matrices:
        input_gradient = block.reads(m) in flow.tensors
        weights = m.active * m.inputs * m.outputs
        flops += 2 * tokens * weights * (input_gradient + adaptation.full)
        if adaptation.adapts(m):
            into, out_of = m.active * adaptation.rank * m.inputs, m.active * adaptation.rank * m.outputs
            flops += 2 * tokens * (2 * out_of + into * (1 + input_gradient))
    products = flow.value + (flow.query or flow.key) + flow.query + flow.key
    return float(flops + 2 * pairs * block.attention.query_width * products)
