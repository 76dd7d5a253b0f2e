"""Gemma 1 (wide heads, tied head) and 2 (four normalisations, a window in every other block)."""

from __future__ import annotations

from dataclasses import replace

from placement.transformers.architecture import Architecture, HeadKind, NormKind
from placement.transformers.config_reader import MAX_POSITIONS, ConfigReader
from placement.transformers.families import pieces
from placement.transformers.families.family import Family, decoder_heads
from placement.transformers.families.llama import Variation, read_decoder, with_windows
from placement.transformers.families.pieces import DecoderDefaults

DEFAULTS_1 = DecoderDefaults(
    256000, 3072, 24576, 28, 16, kv_heads=16, head_dim=256, positions=8192, tied=True, activation="gelu_pytorch_tanh"
)
DEFAULTS_2 = replace(
    DEFAULTS_1,
    hidden=2304,
    intermediate=9216,
    layers=26,
    heads=8,
    kv_heads=4,
    activation_key="hidden_activation",
)


def _read(reader: ConfigReader, kind: HeadKind, defaults: DecoderDefaults, norms: int) -> Architecture:
    reader.refuse_true("use_bidirectional_attention", "bidirectional attention is not covered")
    bias = reader.flag("attention_bias", default=False)
    variation = Variation(qkv_bias=bias, out_bias=bias, norm=NormKind.RMS_FLOAT32, norms=norms)
    return read_decoder(reader, kind, defaults, variation)


def read_1(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block as Llama's, with heads wider than d / a."""
    return _read(reader, kind, DEFAULTS_1, norms=2)


def read_2(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block: Llama's with 4 d instead of 2 d; blocks 0, 2, 4, ... have the window."""
    architecture = _read(reader, kind, DEFAULTS_2, norms=4)
    window = reader.optional_count("sliding_window", default=4096, maximum=MAX_POSITIONS)
    windows = pieces.windows(reader, len(architecture.blocks), window, lambda k: k % 2 == 0)
    return with_windows(architecture, windows)


FAMILY_1 = Family("gemma", "Gemma 1", decoder_heads("Gemma"), read_1, ("q_proj", "v_proj"))
FAMILY_2 = Family("gemma2", "Gemma 2", decoder_heads("Gemma2"), read_2, ("q_proj", "v_proj"))
