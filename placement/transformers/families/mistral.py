"""Mistral: Llama with a sliding attention window in every block."""

from __future__ import annotations

from placement.transformers.architecture import Architecture, HeadKind
from placement.transformers.config_reader import MAX_POSITIONS, ConfigReader
from placement.transformers.families.family import Family, decoder_heads
from placement.transformers.families.llama import read_decoder, with_windows
from placement.transformers.families.pieces import DecoderDefaults

DEFAULTS = DecoderDefaults(32000, 4096, 14336, 32, 32, kv_heads=8, positions=4096 * 32)


def read(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block as Llama's; `sliding_window` is 4096 unless given, null for none."""
    architecture = read_decoder(reader, kind, DEFAULTS)
    window = reader.optional_count("sliding_window", default=4096, maximum=MAX_POSITIONS)
    return with_windows(architecture, (window,) * len(architecture.blocks))


FAMILY = Family("mistral", "Mistral", decoder_heads("Mistral"), read, ("q_proj", "v_proj"))
