"""The transformers library's own model with the weights of a stage that holds all layers: the witness."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from api.measuring.transformer import SplitTransformer, Stage


def whole_model(model: SplitTransformer, stage: Stage) -> nn.Module:
    """Weights are copied part by part; a part that did not fit would raise."""
    witness = AutoModelForCausalLM.from_config(model.config)
    for ours, theirs in parts(stage, witness):
        theirs.load_state_dict(ours.state_dict())
    witness.eval()
    return witness


def parts(stage: Stage, witness: Any) -> list[tuple[nn.Module, nn.Module]]:
    """Modules of the stage with those of the witness that play the same part."""
    embedding, *blocks, head = stage.layers
    base = witness.base_model
    if stage.family.model_type == "gpt2":
        ends = [(embedding.tokens, base.wte), (embedding.positions, base.wpe), (head.norm, base.ln_f)]
        own = base.h
    else:
        norm = base.final_layernorm if stage.family.model_type == "phi" else base.norm
        ends = [(embedding.tokens, base.embed_tokens), (head.norm, norm)]
        own = base.layers
    return [*ends, (head.matrix, witness.lm_head), *zip(blocks, own, strict=True)]


def some_ids(sequences: int = 2, tokens: int = 9) -> torch.Tensor:
    """Token ids, none of them a special token."""
    return torch.randint(3, 53, (sequences, tokens), generator=torch.Generator().manual_seed(3))
