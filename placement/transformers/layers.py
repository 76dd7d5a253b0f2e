"""Puts the costs of embedding, block and head together as layers."""

from __future__ import annotations

from typing import Any

from models.profile import Layer, LayerKind, Pass
from placement.transformers import compute, memory, stash, traffic
from placement.transformers.adaptation import Adaptation
from placement.transformers.architecture import Block, Embedding, Head
from placement.transformers.payloads import hidden_bytes, result_bytes
from placement.transformers.setting import Setting


def embedding_layer(embedding: Embedding, setting: Setting) -> Layer:
    """Looks up rows (no FLOPs) or multiplies patches; trains in full fine-tuning only."""
    value, tokens = setting.numerics.value_bytes, setting.tokens
    patches = 0 if embedding.patches is None else embedding.patches.count
    flops = float(2 * setting.sequences * patches * embedding.patch_weights)
    moved = traffic.embedding_forward(embedding, setting.sequences, tokens, value)
    full = setting.adaptation is not None and setting.adaptation.full
    gradients = float(value * embedding.parameters)
    return Layer(
        name="embedding",
        kind=LayerKind.EMBEDDING,
        weight_bytes=float(value * embedding.parameters),
        activation_bytes=stash.embedding_stash(embedding, setting) if full else 0.0,
        workspace_bytes=hidden_bytes(embedding.hidden, setting, setting.tokens_per_sequence),
        forward=Pass(
            flops=flops,
            traffic_bytes=moved,
            output_bytes=hidden_bytes(embedding.hidden, setting, setting.tokens_per_sequence),
        ),
        # The input needs no gradient: only the weights' own, as many FLOPs as forward.
        backward=Pass(flops=flops, traffic_bytes=2 * (moved + gradients)) if full else None,
        decode=Pass(
            traffic_bytes=traffic.embedding_forward(embedding, setting.sequences, setting.sequences, value),
            output_bytes=hidden_bytes(embedding.hidden, setting, 1),
        )
        if setting.decodes
        else None,
        **_trained(embedding.parameters if full else 0, setting),
    )


def block_layer(block: Block, setting: Setting, *, input_needs: bool, read_behind: int, generates: bool) -> Layer:
    """One block. `input_needs`: whether a gradient goes on to the layer before.

    `read_behind`: tokens per sequence that the next layer reads (all, or one if that is a head that reads one).
    """
    forward = _block_forward(block, setting, read_behind)
    fields: dict[str, Any] = {}
    if setting.adaptation is None:
        fields["kv_cache_bytes"] = memory.kv_cache(block, setting) if generates else 0.0
        fields["decode"] = _block_decode(block, setting) if setting.decodes else None
        kept = 0.0
    else:
        kept = stash.block_stash(block, setting, setting.adaptation, input_needs=input_needs)
        block_input = hidden_bytes(block.hidden, setting, setting.tokens_per_sequence)
        fields = {
            "activation_bytes": block_input if setting.recompute else kept,
            "backward": _block_backward(block, setting, setting.adaptation, forward, input_needs=input_needs),
            **_trained(setting.adaptation.trainable(block), setting),
        }
    return Layer(
        name="block",
        kind=LayerKind.BLOCK,
        weight_bytes=memory.block_weights(block, setting.numerics, setting.adaptation),
        # A recomputed block holds all its activations again while its backward pass runs.
        workspace_bytes=memory.block_workspace(block, setting) + (kept if setting.recompute else 0.0),
        forward=forward,
        **fields,
    )


def _block_forward(block: Block, setting: Setting, read_behind: int) -> Pass:
    tokens, numerics = setting.tokens, setting.numerics
    pairs = setting.sequences * compute.attended_pairs(block.attention, setting.tokens_per_sequence, setting.kernel)
    return Pass(
        flops=compute.block_forward(block, tokens, pairs, setting.adaptation),
        traffic_bytes=traffic.block_weights_read(block, tokens, numerics, setting.adaptation)
        + traffic.block_activations(block, tokens, numerics.value_bytes)
        + traffic.attention_prefill(block, setting),
        output_bytes=hidden_bytes(block.hidden, setting, read_behind),
    )


def _block_backward(
    block: Block, setting: Setting, adaptation: Adaptation, forward: Pass, *, input_needs: bool
) -> Pass:
    """Weights once more, activations and their gradients, the weights' gradients accumulated (read and written)."""
    tokens, numerics = setting.tokens, setting.numerics
    pairs = setting.sequences * compute.attended_pairs(block.attention, setting.tokens_per_sequence, setting.kernel)
    flops = compute.block_backward(block, tokens, pairs, adaptation, input_needs=input_needs)
    weights = traffic.block_weights_read(block, tokens, numerics, adaptation)
    gradients = numerics.value_bytes * adaptation.trainable(block)
    moved = 2 * forward.traffic_bytes - weights + 2 * gradients
    if setting.recompute:
        flops, moved = flops + forward.flops, moved + forward.traffic_bytes
    crossing = hidden_bytes(block.hidden, setting, setting.tokens_per_sequence) if input_needs else 0.0
    return Pass(flops=flops, traffic_bytes=moved, output_bytes=crossing)


def head_layer(head: Head, setting: Setting) -> Layer:
    """Final normalisation and matrices, on the tokens whose outputs are needed."""
    read = head.tokens_read(setting.tokens_per_sequence, training=setting.training)
    forward = _head_forward(head, setting, setting.sequences * read)
    fields: dict[str, Any] = {"decode": _head_forward(head, setting, setting.sequences) if setting.decodes else None}
    if setting.adaptation is not None:
        full = setting.adaptation.full
        weight_bytes = setting.numerics.value_bytes * head.parameters
        fields = {
            "activation_bytes": stash.head_stash(head, setting, setting.adaptation),
            "backward": Pass(
                flops=forward.flops * (2 if full else 1),
                traffic_bytes=2 * forward.traffic_bytes - weight_bytes + (2 * weight_bytes if full else 0),
                output_bytes=hidden_bytes(head.hidden, setting, read),
            ),
            **_trained(head.parameters if full else 0, setting),
        }
    return Layer(
        name="head",
        kind=LayerKind.HEAD,
        weight_bytes=float(setting.numerics.value_bytes * head.parameters),
        workspace_bytes=memory.head_workspace(head, setting),
        forward=forward,
        **fields,
    )


def _head_forward(head: Head, setting: Setting, tokens: int) -> Pass:
    return Pass(
        flops=float(2 * tokens * sum(matrix.weights for matrix in head.matrices)),
        traffic_bytes=traffic.head_forward(head, tokens, setting.numerics.value_bytes),
        output_bytes=0.0 if setting.training else result_bytes(head, setting),
    )


def _block_decode(block: Block, setting: Setting) -> Pass:
    """One token per sequence, at the mean context of all decode passes."""
    context = compute.mean_decode_context(block.attention, setting.tokens_per_sequence, setting.output_tokens)
    sequences, numerics = setting.sequences, setting.numerics
    return Pass(
        flops=compute.block_forward(block, sequences, sequences * context),
        traffic_bytes=traffic.block_weights_read(block, sequences, numerics, None)
        + traffic.block_activations(block, sequences, numerics.value_bytes)
        + traffic.attention_decode(block, setting, context),
        output_bytes=hidden_bytes(block.hidden, setting, 1),
    )


def _trained(parameters: int, setting: Setting) -> dict[str, Any]:
    """Gradients, optimizer states and the update pass of trainable parameters; nothing for none."""
    if not parameters:
        return {}
    numerics = setting.numerics
    return {
        "gradient_bytes": float(numerics.value_bytes * parameters),
        "optimizer_bytes": float(numerics.optimizer_bytes * parameters),
        "update": Pass(
            flops=float(numerics.update_flops * parameters),
            traffic_bytes=float(numerics.update_traffic_bytes * parameters),
        ),
    }
