"""Llama 1, 2, 3 and what is built like it: RMSNorm, rotary positions, grouped queries, a gated MLP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from placement.transformers.architecture import Architecture, Block, Embedding, HeadKind, HeadMatrix, Matrix, NormKind
from placement.transformers.config_reader import ConfigReader
from placement.transformers.families import pieces
from placement.transformers.families.family import Family, decoder_heads
from placement.transformers.families.pieces import DecoderDefaults

DEFAULTS = DecoderDefaults(32000, 4096, 11008, 32, 32, positions=2048)


@dataclass(frozen=True, slots=True)
class Variation:
    """How a block differs from Llama's."""

    qkv_bias: bool = False
    out_bias: bool = False
    norm: NormKind = NormKind.RMS
    norms: int = 2
    normalised_heads: NormKind | None = None
    mlp: Callable[[int, int], tuple[Matrix, ...]] = pieces.gated_mlp
    """The MLP's matrices, from hidden size d and intermediate size f."""


def read_decoder(
    reader: ConfigReader, kind: HeadKind, defaults: DecoderDefaults, variation: Variation | None = None
) -> Architecture:
    """Block: 2 d a d_h + 2 d g d_h + 3 d f + 2 d, varied; attention windows are set afterwards (`with_windows`)."""
    variation = variation or Variation()
    hidden = pieces.width(reader, "hidden_size", default=defaults.hidden)
    intermediate = pieces.width(reader, "intermediate_size", default=defaults.intermediate)
    layers = pieces.layer_count(reader, "num_hidden_layers", default=defaults.layers)
    vocabulary = pieces.vocabulary(reader, defaults.vocabulary)
    positions = pieces.position_count(reader, "max_position_embeddings", default=defaults.positions)
    activation = reader.word(defaults.activation_key, default=defaults.activation, known=pieces.NONLINEARITY_TENSORS)
    attention = pieces.decoder_attention(reader, hidden, defaults, normalised_heads=variation.normalised_heads)
    projections = pieces.separate_projections(
        attention, hidden, qkv_bias=variation.qkv_bias, out_bias=variation.out_bias
    )
    block = Block(
        hidden=hidden,
        attention=attention,
        matrices=projections + variation.mlp(hidden, intermediate),
        norm=variation.norm,
        norms=variation.norms,
        nonlinearity_tensors=pieces.NONLINEARITY_TENSORS[activation],
    )
    return Architecture(
        embedding=Embedding(hidden, vocabulary),
        blocks=(block,) * layers,
        head=pieces.decoder_head(reader, kind, variation.norm, HeadMatrix(hidden, vocabulary, tied=defaults.tied)),
        max_positions=positions,
    )


def with_windows(architecture: Architecture, windows: tuple[int | None, ...]) -> Architecture:
    """The same architecture with an attention window per block."""
    blocks = tuple(
        replace(block, attention=replace(block.attention, window=window))
        for block, window in zip(architecture.blocks, windows, strict=True)
    )
    return replace(architecture, blocks=blocks)


def read(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Llama: `attention_bias` adds biases to all four attention matrices, `mlp_bias` to the MLP's."""
    bias = reader.flag("attention_bias", default=False)
    mlp = partial(pieces.gated_mlp, bias=reader.flag("mlp_bias", default=False))
    return read_decoder(reader, kind, DEFAULTS, Variation(qkv_bias=bias, out_bias=bias, mlp=mlp))


FAMILY = Family("llama", "Llama 1, 2, 3, 3.1, 3.2", decoder_heads("Llama"), read, ("q_proj", "v_proj"))
