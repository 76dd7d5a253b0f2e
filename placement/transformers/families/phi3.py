"""Phi-3: Llama's block with two fused matrices, qkv_proj and gate_up_proj."""

from __future__ import annotations

from dataclasses import replace

from placement.transformers.architecture import Architecture, HeadKind, Matrix, Role
from placement.transformers.config_reader import MAX_POSITIONS, ConfigReader
from placement.transformers.families.family import Family, decoder_heads
from placement.transformers.families.llama import read_decoder, with_windows
from placement.transformers.families.pieces import DecoderDefaults

DEFAULTS = DecoderDefaults(32064, 3072, 8192, 32, 32, positions=4096)


def read(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block as Llama's; `sliding_window` is off unless given."""
    architecture = read_decoder(reader, kind, DEFAULTS)
    block = architecture.blocks[0]
    attention, hidden, intermediate = block.attention, block.hidden, block.mlp_out.inputs
    fused = replace(
        block,
        matrices=(
            Matrix(("qkv_proj",), Role.QUERY_KEY_VALUE, hidden, attention.query_width + 2 * attention.kv_width),
            Matrix(("o_proj",), Role.ATTENTION_OUTPUT, attention.query_width, hidden),
            Matrix(("gate_up_proj",), Role.MLP_IN, hidden, 2 * intermediate),
            Matrix(("down_proj",), Role.MLP_OUT, intermediate, hidden),
        ),
        residual_dropout=reader.probability("resid_pdrop", default=0.0) > 0,
    )
    layers = len(architecture.blocks)
    window = reader.optional_count("sliding_window", default=None, maximum=MAX_POSITIONS)
    return with_windows(replace(architecture, blocks=(fused,) * layers), (window,) * layers)


FAMILY = Family("phi3", "Phi-3", decoder_heads("Phi3"), read, ("qkv_proj",))
