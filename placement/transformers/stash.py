"""Bytes that the forward pass keeps for the backward pass (the "activations" of training).

Tensor by tensor, as automatic differentiation keeps them in the transformers library. The sums agree to the byte with
what was measured through `torch.autograd.graph.saved_tensors_hooks` on Llama blocks (multi-head and grouped-query,
fused and eager, full fine-tuning, LoRA on two and on all matrices, frozen) and on GPT-2 blocks (eager). For Llama with
the fused kernel and full fine-tuning they come to b s d (20 + 4 g/a + 8 f/d) plus two small terms, where a d_h = d.
Other families follow the same rules but were not measured.
"""

from __future__ import annotations

from models.profile import AttentionKernel
from placement.transformers.adaptation import Adaptation, GradientFlow, gradient_flow
from placement.transformers.architecture import Block, Embedding, Head, HeadKind, NormKind, Role, Tensor
from placement.transformers.setting import Setting

_FLOAT32 = 4
_INT64 = 8


def block_stash(block: Block, setting: Setting, adaptation: Adaptation, *, input_needs: bool) -> float:
    """Bytes per block and micro-batch without recomputation."""
    flow = gradient_flow(block, adaptation, input_needs=input_needs)
    value = setting.numerics.value_bytes
    per_token = (
        _norm_bytes(block, flow, value, adaptation)
        + _attention_bytes(block, flow, setting, adaptation)
        + _mlp_bytes(block, flow, value)
        + _read_bytes(block, flow, setting, adaptation)
        + (2 * value * block.hidden if block.residual_dropout else 0)
        + sum(value * adaptation.rank * m.active for m in block.matrices if adaptation.adapts(m))
    )
    return float(setting.tokens * per_token)


def norm_kept(kind: NormKind, width: int, groups: int, value: int, *, trains: bool) -> int:
    """Bytes per token: input (float32 in RMSNorm), statistics of every group, normalised values if the scale trains."""
    if kind is NormKind.LAYER:
        return value * width + 2 * value * groups
    normalised = _FLOAT32 if kind is NormKind.RMS_FLOAT32 else value
    return _FLOAT32 * width + _FLOAT32 * groups + (normalised * width if trains else 0)


def _norm_bytes(block: Block, flow: GradientFlow, value: int, adaptation: Adaptation) -> int:
    each = norm_kept(block.norm, block.hidden, 1, value, trains=adaptation.full)
    first = Tensor.BLOCK_INPUT in flow.tensors
    others = (Tensor.MLP_INPUT in flow.tensors) * (block.norms - 1)
    return each * (first + others)


def _attention_bytes(block: Block, flow: GradientFlow, setting: Setting, adaptation: Adaptation) -> int:
    """Queries, keys, values, then: fused, the output and a float32 log-sum per head; eager, the scores.

    An eager kernel keeps keys and values repeated for every query head, and per pair and head the float32 softmax and
    its copy in v bytes (or the softmax in v bytes alone), plus mask and result of the dropout.
    """
    if not flow.attention:
        return 0
    attention, value = block.attention, setting.numerics.value_bytes
    query, kv = attention.query_width, attention.kv_width
    kept = value * query
    if setting.kernel is AttentionKernel.FUSED:
        kept += value * (2 * kv + query) + _FLOAT32 * attention.heads
    else:
        softmax = value if not attention.float32_softmax or value == _FLOAT32 else _FLOAT32 + value
        dropout = 2 * value if attention.dropout else 0
        kept += 2 * value * query + attention.heads * setting.tokens_per_sequence * (softmax + dropout)
    if attention.normalised_heads is not None:
        groups = attention.heads + attention.kv_heads
        kept += norm_kept(attention.normalised_heads, query + kv, groups, value, trains=adaptation.full)
    return kept


def _mlp_bytes(block: Block, flow: GradientFlow, value: int) -> int:
    """What the nonlinearity keeps, both factors of a gate, and for experts their outputs and the router's softmax."""
    kept = 0
    out = block.mlp_out
    if Tensor.MLP_HIDDEN in flow.tensors:
        kept += value * out.inputs * out.active * (block.nonlinearity_tensors + (2 if block.gated else 0))
    routers = [m for m in block.matrices if m.role is Role.ROUTER]
    if routers and flow.mlp_branch:
        kept += value * out.outputs * out.active + _FLOAT32 * routers[0].outputs
    return kept


def _read_bytes(block: Block, flow: GradientFlow, setting: Setting, adaptation: Adaptation) -> int:
    """Inputs of matrices that train, each tensor once; experts read a copy per token they serve.

    The attention's output is not counted again where a fused kernel keeps it anyway.
    """
    read = {(block.reads(m), m.copies > 1): m.inputs * m.active for m in block.matrices if adaptation.trains(m)}
    if setting.kernel is AttentionKernel.FUSED and flow.attention:
        read.pop((Tensor.ATTENTION_OUTPUT, False), None)
    return setting.numerics.value_bytes * sum(read.values())


def embedding_stash(embedding: Embedding, setting: Setting) -> float:
    """Indices (int64) or pixels, the dropout mask, the normalisation's input. Only if the embedding trains."""
    value = setting.numerics.value_bytes
    per_token = value * embedding.hidden if embedding.dropout else 0
    if embedding.norm is not None:
        per_token += norm_kept(embedding.norm, embedding.hidden, 1, value, trains=True)
    if embedding.patches is None:
        return float(setting.tokens * (per_token + _INT64))
    return float(setting.tokens * per_token + setting.sequences * value * embedding.patches.image_values)


def head_stash(head: Head, setting: Setting, adaptation: Adaptation) -> float:
    """Normalisation, inputs of matrices that train, outputs of all but the last, float32 log-probabilities."""
    value = setting.numerics.value_bytes
    per_token = 0
    if head.norm is not None:
        per_token += norm_kept(head.norm, head.hidden, 1, value, trains=adaptation.full)
    if adaptation.full:
        per_token += value * sum(m.inputs for m in head.matrices)
    per_token += value * sum(m.outputs for m in head.matrices[:-1])
    if head.kind is not HeadKind.HIDDEN:
        per_token += _FLOAT32 * head.outputs
    return float(setting.sequences * head.tokens_read(setting.tokens_per_sequence, training=True) * per_token)
