"""Where the transformers library keeps the parts of each family that can be run layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import Any

from torch import nn


class Window(Enum):
    """Which blocks attend to a window of `sliding_window` tokens."""

    NEVER = "never"
    EVERY_BLOCK = "every block"
    """Every block, where the config has a window."""
    BY_LAYER_TYPE = "by layer type"
    """The blocks that the config's `layer_types` names so."""


@dataclass(frozen=True, slots=True)
class Family:
    """What the decoder classes of one `model_type` are called, and in what they differ from Llama's."""

    model_type: str
    prefix: str
    """What the class names begin with."""
    block: str = "DecoderLayer"
    norm: str | None = "RMSNorm"
    """The final normalisation's class; None: torch's LayerNorm, with biases."""
    norm_epsilon: str = "rms_norm_eps"
    """The config key of its epsilon."""
    norm_weight: float = 1.0
    """What a normalisation's scale starts with: Gemma scales by 1 + weight."""
    attention: str = "self_attn"
    """The block's attribute that holds the attention."""
    rotary: bool = True
    """Rotary positions; else a learned table of positions is added to the embedding."""
    scaled_embedding: bool = False
    """The embedding is multiplied by the root of the hidden size."""
    embedding_dropout: str | None = None
    """The config key of the embedding's dropout."""
    head_bias: bool = False
    window: Window = Window.NEVER
    kernel: str = "sdpa"
    """The attention implementation; Gemma 2 caps its scores, which sdpa cannot."""
    experts: str | None = None
    """The implementation of the experts, where there are any."""
    columns_first: bool = False
    """Matrices are stored input by output (GPT-2's Conv1D)."""

    def part(self, name: str) -> Any:
        """A class of the family, named without its prefix."""
        module = import_module(f"transformers.models.{self.model_type}.modeling_{self.model_type}")
        return getattr(module, self.prefix + name)

    def build_norm(self, config: Any) -> nn.Module:
        """The final normalisation."""
        epsilon = getattr(config, self.norm_epsilon)
        if self.norm is None:
            return nn.LayerNorm(config.hidden_size, eps=epsilon)
        norm: nn.Module = self.part(self.norm)(config.hidden_size, eps=epsilon)
        return norm

    def build_tokens(self, config: Any) -> nn.Module:
        """The table of token embeddings."""
        shape = (config.vocab_size, config.hidden_size, None if self.columns_first else config.pad_token_id)
        if not self.scaled_embedding:
            return nn.Embedding(*shape)
        scaled: nn.Module = self.part("TextScaledWordEmbedding")(*shape, embed_scale=config.hidden_size**0.5)
        return scaled

    def slides(self, config: Any, block: int) -> bool:
        """Whether a block attends to a window only."""
        if self.window is Window.BY_LAYER_TYPE:
            return bool(config.layer_types[block] == "sliding_attention")
        return self.window is Window.EVERY_BLOCK and config.sliding_window is not None


FAMILIES = {
    family.model_type: family
    for family in (
        Family("llama", "Llama"),
        Family(
            "gpt2",
            "GPT2",
            block="Block",
            norm=None,
            norm_epsilon="layer_norm_epsilon",
            attention="attn",
            rotary=False,
            embedding_dropout="embd_pdrop",
            columns_first=True,
        ),
        Family("qwen2", "Qwen2", window=Window.BY_LAYER_TYPE),
        Family("qwen3", "Qwen3", window=Window.BY_LAYER_TYPE),
        Family("mistral", "Mistral", window=Window.EVERY_BLOCK),
        Family("mixtral", "Mixtral", window=Window.EVERY_BLOCK, experts="grouped_mm"),
        Family("gemma", "Gemma", norm_weight=0.0, scaled_embedding=True),
        Family(
            "gemma2",
            "Gemma2",
            norm_weight=0.0,
            scaled_embedding=True,
            window=Window.BY_LAYER_TYPE,
            kernel="eager",
        ),
        Family(
            "phi",
            "Phi",
            norm=None,
            norm_epsilon="layer_norm_eps",
            embedding_dropout="embd_pdrop",
            head_bias=True,
        ),
        Family("phi3", "Phi3", window=Window.EVERY_BLOCK),
    )
}
