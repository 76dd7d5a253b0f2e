"""Bytes of memory read and written by passes: weights once, activations in and out of every operation.

An estimate for kernels that are not fused with one another; caches between operations are ignored. In decode, where it
matters most, weights and the key-value cache dominate and are exact.
"""

from __future__ import annotations

from fractions import Fraction

from models.profile import AttentionKernel
from placement.transformers.adaptation import Adaptation
from placement.transformers.architecture import Block, Embedding, Head, Matrix
from placement.transformers.memory import weight_bytes_each
from placement.transformers.numerics import Numerics
from placement.transformers.setting import Setting


def distinct_copies(matrix: Matrix, tokens: int) -> float:
    """Expected number of distinct experts that T tokens choose, k of E each: E (1 - (1 - k/E)^T).

    Assumes that every expert is equally likely and tokens choose independently.
    """
    if matrix.copies == 1:
        return 1.0
    missed: float = (1 - matrix.active / matrix.copies) ** float(tokens)
    return matrix.copies * (1 - missed)


def block_weights_read(block: Block, tokens: int, numerics: Numerics, adaptation: Adaptation | None) -> float:
    """Stored weights of every matrix that the tokens pass, with biases, normalisations and adapters."""
    value = numerics.value_bytes
    total = float(value * block.vectors)
    for matrix in block.matrices:
        share = distinct_copies(matrix, tokens) / matrix.copies
        adapter = 0 if adaptation is None else adaptation.adapter_parameters(matrix)
        each = matrix.weights * weight_bytes_each(matrix, numerics)
        total += share * (each + value * (matrix.biases + adapter))
    return total


def block_activations(block: Block, tokens: int, value: int) -> float:
    """Input and output of every matrix, of normalisations (2 d), residual sums (3 d each) and the nonlinearity."""
    matrices = sum(m.active * (m.inputs + m.outputs) for m in block.matrices)
    hidden = block.hidden * (2 * block.norms + 2 * 3)
    nonlinearity = block.mlp_out.inputs * block.mlp_out.active * (3 if block.gated else 2)
    return float(value * tokens * (matrices + hidden + nonlinearity))


def attention_prefill(block: Block, setting: Setting) -> float:
    """q, k, v read and the output written; eager: scores written, read, and probabilities written, read.

    In inference a causal model also writes keys and values to its cache.
    """
    attention, value = block.attention, setting.numerics.value_bytes
    total = setting.tokens * 2 * (attention.query_width + attention.kv_width)
    if setting.kernel is AttentionKernel.EAGER:
        total += 4 * attention.heads * setting.sequences * setting.tokens_per_sequence**2
    if attention.causal and not setting.training:
        total += setting.tokens * 2 * attention.kv_width
    return float(value * total)


def attention_decode(block: Block, setting: Setting, context: Fraction) -> float:
    """The cache of the mean context read, one token's key and value written, q read and the output written."""
    attention, value = block.attention, setting.numerics.value_bytes
    per_sequence = 2 * attention.kv_width * (context + 1) + 2 * attention.query_width
    if setting.kernel is AttentionKernel.EAGER:
        per_sequence += 4 * attention.heads * context
    return float(value * setting.sequences * per_sequence)


def embedding_forward(embedding: Embedding, sequences: int, tokens: int, value: int) -> float:
    """Rows looked up (token, position, type) and the sum written; for images pixels and the patch matrix."""
    tables = (embedding.vocabulary > 0) + (embedding.positions > 0) + (embedding.token_types > 0)
    norm = 0 if embedding.norm is None else 2
    total = tokens * embedding.hidden * (tables + 1 + norm)
    if embedding.patches is not None:
        total += embedding.patch_weights + sequences * embedding.patches.image_values
    return float(value * total)


def head_forward(head: Head, tokens: int, value: int) -> float:
    """All weights behind the last block, and the values in and out of every matrix and of the normalisation."""
    values = sum(m.inputs + m.outputs for m in head.matrices) + (0 if head.norm is None else 2 * head.hidden)
    return float(value * (head.parameters + tokens * values))
