"""Mixtral: Mistral with E experts per block, k of which every token passes."""

from __future__ import annotations

from functools import partial

from placement.transformers.architecture import Architecture, HeadKind, Matrix, Role
from placement.transformers.config_reader import MAX_EXPERTS, MAX_POSITIONS, ConfigReader
from placement.transformers.families.family import Family, decoder_heads
from placement.transformers.families.llama import Variation, read_decoder, with_windows
from placement.transformers.families.pieces import DecoderDefaults

DEFAULTS = DecoderDefaults(32000, 4096, 14336, 32, 32, kv_heads=8, positions=4096 * 32)


def read(reader: ConfigReader, kind: HeadKind) -> Architecture:
    """Block: 2 d a d_h + 2 d g d_h + 3 E d f + d E (router) + 2 d."""
    experts = reader.count("num_local_experts", "num_experts", default=8, maximum=MAX_EXPERTS)
    active = reader.count("num_experts_per_tok", default=2, maximum=MAX_EXPERTS)
    if active > experts and reader.sound("num_local_experts", "num_experts", "num_experts_per_tok"):
        reader.fault("num_experts_per_tok", "out_of_range", f"is more than the {experts} experts", experts)
    variation = Variation(mlp=partial(_experts, experts=experts, active=active))
    architecture = read_decoder(reader, kind, DEFAULTS, variation)
    window = reader.optional_count("sliding_window", default=None, maximum=MAX_POSITIONS)
    return with_windows(architecture, (window,) * len(architecture.blocks))


def _experts(hidden: int, intermediate: int, *, experts: int, active: int) -> tuple[Matrix, ...]:
    return (
        Matrix(("gate",), Role.ROUTER, hidden, experts),
        Matrix(("w1",), Role.MLP_IN, hidden, intermediate, copies=experts, active=active),
        Matrix(("w3",), Role.MLP_IN, hidden, intermediate, copies=experts, active=active),
        Matrix(("w2",), Role.MLP_OUT, intermediate, hidden, copies=experts, active=active),
    )


FAMILY = Family("mixtral", "Mixtral", decoder_heads("Mixtral"), read, ("q_proj", "v_proj"))
