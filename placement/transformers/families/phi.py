"""Phi-1, 1.5 and 2: attention and MLP side by side behind one LayerNorm, biases everywhere."""

from __future__ import annotations

from placement.transformers.architecture import (
    Architecture,
    Block,
    Embedding,
    HeadKind,
    HeadMatrix,
    Matrix,
    NormKind,
    Role,
)
from placement.transformers.config_reader import ConfigReader
from placement.transformers.families import pieces
from placement.transformers.families.family import Family, decoder_heads
from placement.transformers.families.pieces import DecoderDefaults

DEFAULTS = DecoderDefaults(51200, 2048, 8192, 24, 32, positions=2048, activation="gelu_new")


def read(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block: 4 d^2 + 2 d f + 4 d + f + d + 2 d, where a d_h = g d_h = d; the LM head has a bias."""
    hidden = pieces.width(reader, "hidden_size", default=DEFAULTS.hidden)
    intermediate = pieces.width(reader, "intermediate_size", default=DEFAULTS.intermediate)
    layers = pieces.layer_count(reader, "num_hidden_layers", default=DEFAULTS.layers)
    vocabulary = pieces.vocabulary(reader, DEFAULTS.vocabulary)
    positions = pieces.position_count(reader, "max_position_embeddings", default=DEFAULTS.positions)
    activation = reader.word("hidden_act", default=DEFAULTS.activation, known=pieces.NONLINEARITY_TENSORS)
    normalised = NormKind.LAYER if reader.flag("qk_layernorm", default=False) else None
    attention = pieces.decoder_attention(reader, hidden, DEFAULTS, normalised_heads=normalised)
    projections = pieces.separate_projections(attention, hidden, qkv_bias=True, out_bias=True, out_names=("dense",))
    block = Block(
        hidden=hidden,
        attention=attention,
        matrices=(
            *projections,
            Matrix(("fc1",), Role.MLP_IN, hidden, intermediate, bias=True),
            Matrix(("fc2",), Role.MLP_OUT, intermediate, hidden, bias=True),
        ),
        norm=NormKind.LAYER,
        norms=1,
        parallel=True,
        gated=False,
        nonlinearity_tensors=pieces.NONLINEARITY_TENSORS[activation],
        residual_dropout=reader.probability("resid_pdrop", default=0.0) > 0,
    )
    dropout = reader.probability("embd_pdrop", default=0.0) > 0
    return Architecture(
        embedding=Embedding(hidden, vocabulary, dropout=dropout),
        blocks=(block,) * layers,
        head=pieces.decoder_head(
            reader, kind, NormKind.LAYER, HeadMatrix(hidden, vocabulary, bias=True, tied=DEFAULTS.tied)
        ),
        max_positions=positions,
    )


FAMILY = Family("phi", "Phi-1, 1.5 and 2", decoder_heads("Phi"), read, ("q_proj", "v_proj"))
