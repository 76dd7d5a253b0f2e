"""A real Transformer, built layer by layer from a Hugging Face config: random weights, nothing is downloaded.

Its layers are those of `placement.transformers.profile` for the same config: 0 the embedding, 1..n the blocks, n + 1
the head (final normalisation and LM head). Blocks are the transformers library's own modules. The weights of a layer
depend on (seed, layer) alone, so that every split of the model has the weights of the unsplit one, wherever its layers
are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import nn
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask

from api.measuring.adapters import Adapters
from api.measuring.transformer_families import FAMILIES, Family
from models.base import Fault, InvalidInput
from placement.transformers.architecture import HeadKind
from placement.transformers.families import open_config


class Embedding(nn.Module):
    """Token ids to hidden states; learned positions are added where the family has them."""

    def __init__(self, family: Family, config: Any) -> None:
        super().__init__()
        self.tokens = family.build_tokens(config)
        self.positions = None if family.rotary else nn.Embedding(config.max_position_embeddings, config.hidden_size)
        dropout = 0.0 if family.embedding_dropout is None else getattr(config, family.embedding_dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Ids (b, s) and positions (1, s) to hidden states (b, s, d)."""
        hidden = self.tokens(ids)
        if self.positions is not None:
            hidden = hidden + self.positions(positions)
        return self.dropout(hidden)


class Head(nn.Module):
    """Final normalisation and LM head: hidden states (b, s, d) to logits (b, s, V)."""

    def __init__(self, family: Family, config: Any) -> None:
        super().__init__()
        self.norm = family.build_norm(config)
        self.matrix = nn.Linear(config.hidden_size, config.vocab_size, bias=family.head_bias)
        self.cap: float | None = getattr(config, "final_logit_softcapping", None)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits, capped as c tanh(x / c) where the config says so (Gemma 2)."""
        logits = self.matrix(self.norm(hidden))
        return logits if self.cap is None else torch.tanh(logits / self.cap) * self.cap


@dataclass(slots=True)
class StageCache:
    """Keys and values of the blocks of one stage, for one request."""

    blocks: Any
    seen: int = 0
    """Tokens per sequence that have passed."""

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Whatever passes inside, the cache is afterwards what it was: a pass can be repeated at the same context."""
        before = self.seen, [dict(vars(layer)) for layer in self.blocks.layers]
        try:
            yield
        finally:
            self.seen = before[0]
            for layer, state in zip(self.blocks.layers, before[1], strict=True):
                vars(layer).update(state)

    @property
    def stored_bytes(self) -> int:
        """Bytes of keys and values held."""
        tensors = [tensor for layer in self.blocks.layers for tensor in (layer.keys, layer.values)]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


class Stage(nn.Module):
    """Consecutive layers. Positions, rotary angles and the causal mask are computed here, from the input's shape."""

    def __init__(self, model: SplitTransformer, first: int, layers: list[nn.Module]) -> None:
        super().__init__()
        self.family, self.config, self.first = model.family, model.config, first
        self.last_block = model.layer_count - 2
        self.layers = nn.ModuleList(layers)
        self.rotary = model.family.part("RotaryEmbedding")(model.config) if model.family.rotary else None
        for slot, (_, block) in enumerate(self._blocks()):
            # The index of a block's keys and values in the cache of its stage, which holds nobody else's.
            getattr(block, model.family.attention).layer_idx = slot

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Token ids (b, s) or hidden states (b, s, d) to hidden states, or to logits (b, s, V) behind the head.

        All tokens, no cache: training, or a single pass.
        """
        return self._run(x, None)

    def step(self, x: torch.Tensor, cache: StageCache) -> torch.Tensor:
        """One pass of generation: the prompt first (prefill), then one token per sequence and pass (decode).

        Behind the last block only the last token's state goes on, because the head reads no other.
        """
        out = self._run(x, cache)
        cache.seen += x.shape[1]
        return out

    def new_cache(self) -> StageCache:
        """An empty cache for one request; windowed blocks keep no more than their window."""
        cache = transformers.DynamicCache(config=self.config)
        cache.layers = [cache.layers[index - 1] for index, _ in self._blocks()]
        return StageCache(cache)

    def _blocks(self) -> Iterator[tuple[int, nn.Module]]:
        for index, layer in enumerate(self.layers, self.first):
            if not isinstance(layer, Embedding | Head):
                yield index, layer

    def _run(self, x: torch.Tensor, cache: StageCache | None) -> torch.Tensor:
        traversal = StagePass(self, x, cache)
        for index, layer in enumerate(self.layers, self.first):
            x = traversal.through(index, layer, x)
        return x


class StagePass:
    """One traversal of a stage: what its blocks share in it, rotary angles and a mask of each kind that occurs.

    `x` is the stage's input; angles and masks are made when the first block asks, or beforehand by `prepare`.
    """

    def __init__(self, stage: Stage, x: torch.Tensor, cache: StageCache | None = None) -> None:
        seen = 0 if cache is None else cache.seen
        self._stage, self._cache = stage, cache
        self._positions = torch.arange(seen, seen + x.shape[1], device=x.device).unsqueeze(0)
        self._masks: dict[bool, Any] = {}
        self._angles: Any = None

    def prepare(self, index: int, hidden: torch.Tensor) -> None:
        """Make angles and mask for the block that is layer `index`, so that `through` spends no time on them."""
        self._arguments(index, hidden)

    def through(self, index: int, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """Layer `index` of the model applied to `x`."""
        if isinstance(layer, Embedding):
            return layer(x, self._positions)
        if isinstance(layer, Head):
            return layer(x)
        x = layer(x, **self._arguments(index, x))
        behind_last = self._cache is not None and index == self._stage.last_block
        return x[:, -1:] if behind_last else x

    @property
    def shared(self) -> tuple[torch.Tensor, ...]:
        """Tensors that all blocks of the stage read: angles and masks."""
        masks = (mask for mask in self._masks.values() if mask is not None)
        return (*(self._angles or ()), *masks)

    def _arguments(self, index: int, hidden: torch.Tensor) -> dict[str, Any]:
        """Keyword arguments of a block's forward."""
        stage = self._stage
        past = None if self._cache is None else self._cache.blocks
        slides = stage.family.slides(stage.config, index - 1)
        if slides not in self._masks:
            make = create_sliding_window_causal_mask if slides else create_causal_mask
            self._masks[slides] = make(
                config=stage.config, inputs_embeds=hidden, attention_mask=None, past_key_values=past
            )
        given = {
            "attention_mask": self._masks[slides],
            "position_ids": self._positions,
            "past_key_values": past,
            "use_cache": past is not None,
        }
        if stage.rotary is not None:
            if self._angles is None:
                self._angles = stage.rotary(hidden, position_ids=self._positions)
            given["position_embeddings"] = self._angles
        return given


class SplitTransformer:
    """A Transformer of which any run of layers can be built on its own. Holds no weights itself.

    Raises `InvalidInput` where the config has no language-model head or is of a family that is not covered (encoders).
    Tied embeddings (`tie_word_embeddings`) are two matrices here, with equal values to begin with: each may sit on
    another node. Without training that is the tied model; full fine-tuning lets the two drift apart, LoRA does not.

    `lora_rank`: everything is frozen, and the blocks get adapters of that rank (`lora_targets`, by default those of the
    profile for the family). Else every parameter trains, unless the caller works without gradients.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        dtype: str = "float32",
        seed: int = 0,
        lora_rank: int | None = None,
        lora_targets: tuple[str, ...] | None = None,
    ) -> None:
        profiled, head, reader = open_config(config)
        if profiled.model_type not in FAMILIES or head is not HeadKind.LANGUAGE:
            message = (
                f"model.huggingface_config: {profiled.title} with head {head.value} cannot be run layer by layer; "
                f"language models of these types can: {', '.join(FAMILIES)}"
            )
            raise InvalidInput([Fault(f"{reader.pointer}/model_type", "unsupported", message)])
        inner = config["text_config"] if reader.pointer.endswith("text_config") else config
        outer = {key: config[key] for key in ("tie_word_embeddings",) if key in config}
        given = {
            key: value for key, value in {**outer, **inner}.items() if key not in ("model_type", "dtype", "torch_dtype")
        }
        self.family = FAMILIES[profiled.model_type]
        self.config = transformers.AutoConfig.for_model(
            profiled.model_type,
            **given,
            attn_implementation=self.family.kernel,
            experts_implementation=self.family.experts,
        )
        self.layer_count: int = self.config.num_hidden_layers + 2
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.seed = seed
        self._adapters = (
            None if lora_rank is None else Adapters(self.family, lora_rank, lora_targets or profiled.lora_targets)
        )

    def layer(self, index: int) -> nn.Module:
        """One layer with its weights: `Embedding`, a block of the transformers library, or `Head`."""
        if not 0 <= index < self.layer_count:
            raise IndexError(f"layer {index}: the model has layers 0 to {self.layer_count - 1}")
        # On the meta device nothing is initialised twice, and no float32 copy of a 16-bit layer ever exists.
        with torch.device("meta"):
            layer = self._shape(index).to(self.dtype)
        layer = layer.to_empty(device="cpu")
        self._fill(layer, index)
        if self._adapters is not None:
            layer.requires_grad_(False)
            if 0 < index < self.layer_count - 1:
                self._adapters.inject(layer, self._generator(index, "adapters"))
        return layer

    def stage(self, first: int, stop: int) -> Stage:
        """Layers `first`..`stop` (half-open) as one module."""
        return Stage(self, first, [self.layer(index) for index in range(first, stop)])

    def gradient_crosses(self, cut: int) -> bool:
        """Whether the input of layer `cut` needs a gradient in training: something before it trains."""
        return cut > (0 if self._adapters is None else 1)

    def _shape(self, index: int) -> nn.Module:
        if index == 0:
            return Embedding(self.family, self.config)
        if index == self.layer_count - 1:
            return Head(self.family, self.config)
        block: nn.Module = self.family.part(self.family.block)(self.config, layer_idx=index - 1)
        return block

    def _generator(self, index: int, purpose: str) -> torch.Generator:
        digest = hashlib.blake2b(f"{self.seed}/{index}/{purpose}".encode(), digest_size=8).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)

    def _fill(self, layer: nn.Module, index: int) -> None:
        """Matrices N(0, initializer_range), biases 0, scales of normalisations as their family starts them."""
        deviation = getattr(self.config, "initializer_range", 0.02)
        generator = self._generator(index, "weights")
        for name, parameter in layer.named_parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=deviation, generator=generator)
            else:
                nn.init.constant_(parameter, 0.0 if name.endswith("bias") else self.family.norm_weight)
        if isinstance(layer, Embedding) and self.family.scaled_embedding:
            layer.tokens.embed_scale.fill_(layer.tokens.scalar_embed_scale)
        if isinstance(layer, Head) and self.config.tie_word_embeddings:
            # The token table is the first that layer 0 draws.
            nn.init.normal_(layer.matrix.weight, std=deviation, generator=self._generator(0, "weights"))
