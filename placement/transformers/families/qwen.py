"""Qwen 2, 2.5 (query, key and value biases) and 3 (per-head normalisation of queries and keys)."""

from __future__ import annotations

from placement.transformers.architecture import Architecture, HeadKind, NormKind
from placement.transformers.config_reader import MAX_BLOCKS, MAX_POSITIONS, ConfigReader
from placement.transformers.families import pieces
from placement.transformers.families.family import Family, decoder_heads
from placement.transformers.families.llama import Variation, read_decoder, with_windows
from placement.transformers.families.pieces import DecoderDefaults

DEFAULTS_2 = DecoderDefaults(151936, 4096, 22016, 32, 32, kv_heads=32, positions=32768)
DEFAULTS_3 = DecoderDefaults(151936, 4096, 22016, 32, 32, kv_heads=32, head_dim=128, positions=32768)


def read_2(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block: Llama's plus (a + 2 g) d_h biases."""
    return _with_late_windows(reader, read_decoder(reader, kind, DEFAULTS_2, Variation(qkv_bias=True)))


def read_3(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block: Llama's plus 2 d_h for the normalisation of queries and keys."""
    bias = reader.flag("attention_bias", default=False)
    variation = Variation(qkv_bias=bias, out_bias=bias, normalised_heads=NormKind.RMS)
    architecture = read_decoder(reader, kind, DEFAULTS_3, variation)
    return _with_late_windows(reader, architecture)


def _with_late_windows(reader: ConfigReader, architecture: Architecture) -> Architecture:
    """With `use_sliding_window`, blocks from `max_window_layers` on have a window."""
    window = reader.optional_count("sliding_window", default=4096, maximum=MAX_POSITIONS)
    first = reader.count("max_window_layers", default=28, maximum=MAX_BLOCKS, minimum=0)
    if not reader.flag("use_sliding_window", default=False):
        window = None
    windows = pieces.windows(reader, len(architecture.blocks), window, lambda k: k >= first)
    return with_windows(architecture, windows)


FAMILY_2 = Family("qwen2", "Qwen 2 and 2.5", decoder_heads("Qwen2"), read_2, ("q_proj", "v_proj"))
FAMILY_3 = Family("qwen3", "Qwen 3", decoder_heads("Qwen3"), read_3, ("q_proj", "v_proj"))
