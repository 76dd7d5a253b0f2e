"""How a Transformer is used: the request's choices with every default filled in."""

from __future__ import annotations

from dataclasses import dataclass

from models.profile import AttentionKernel
from placement.transformers.adaptation import Adaptation
from placement.transformers.numerics import Numerics


@dataclass(frozen=True, slots=True)
class Setting:
    """One micro-batch of `sequences` x `tokens_per_sequence`, and what is done with it."""

    sequences: int
    """b: sequences (or images) per micro-batch."""
    tokens_per_sequence: int
    """s: prompt length in inference, sample length in training, patches + 1 for images."""
    output_tokens: int
    """T: tokens generated; 1 is a single forward pass."""
    numerics: Numerics
    kernel: AttentionKernel
    adaptation: Adaptation | None
    """What trains; None in inference."""
    recompute: bool = False
    """Activation checkpointing."""

    @property
    def training(self) -> bool:
        """Whether there is a backward pass."""
        return self.adaptation is not None

    @property
    def tokens(self) -> int:
        """Tokens of a forward pass, b s."""
        return self.sequences * self.tokens_per_sequence

    @property
    def decodes(self) -> bool:
        """Whether there are passes of one token per sequence."""
        return not self.training and self.output_tokens > 1
