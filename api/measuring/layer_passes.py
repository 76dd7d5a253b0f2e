"""What one layer executes in each pass, each pass ready to be timed: preparations stay outside the timed part.

Training: forward under autograd in train mode; the head's ends in the cross-entropy of next tokens. Backward: gradients
of the input, where something before the layer trains, and of the parameters that train. Update: one optimizer step and
the release of the gradients. Inference: no gradients; forward is the prefill, which fills the cache; decode is one
token per sequence at the mean context; the head's passes end in the choice of the most likely token.

Positions' angles and the mask are shared by the blocks of a stage; they are made before the timed part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import torch
from torch.nn.functional import cross_entropy

from api.measuring.optimizers import Updater
from api.measuring.transformer import Embedding, Head, SplitTransformer, StagePass
from models.profile import Optimizer

T = TypeVar("T")
Timer = Callable[[Callable[[], T]], tuple[T, float]]
"""Runs a piece of work; its result, and the seconds that it took by the clock of whoever measures."""


class PassName(StrEnum):
    """The passes of a layer, as they are called in a profile."""

    FORWARD = "forward"
    BACKWARD = "backward"
    DECODE = "decode"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class LayerWork:
    """What the layers are used for: micro-batches of `sequences` x `tokens`."""

    sequences: int
    tokens: int
    output_tokens: int = 1
    """Inference: tokens generated per sequence."""
    training: bool = False
    optimizer: Optimizer = Optimizer.ADAMW

    @property
    def decodes(self) -> bool:
        """Whether there are passes of one token per sequence."""
        return not self.training and self.output_tokens > 1

    @property
    def decode_context(self) -> int:
        """Tokens that the mean decode pass attends to, itself included: s + T / 2, rounded down."""
        return self.tokens + max(self.output_tokens // 2, 1)


class TrainingLayer:
    """One layer of a model, and the passes of one micro-batch through it."""

    def __init__(self, model: SplitTransformer, index: int, work: LayerWork) -> None:
        self.index = index
        self.stage = model.stage(index, index + 1).train()
        self._input = layer_input(model, index, work.sequences, work.tokens)
        self._input_trains = model.gradient_crosses(index)
        self._labels = token_ids(model, work.sequences, work.tokens)
        self.trained = [parameter for parameter in self.stage.parameters() if parameter.requires_grad]
        self.optimizer = Updater(self.trained, work.optimizer) if self.trained else None
        self.received = self._input
        """The input of the last forward pass; its gradient is what crosses the cut before this layer."""
        self.sent: Any = None
        """The output of the last forward pass, until a backward pass uses it up."""
        self.shared: tuple[torch.Tensor, ...] = ()
        """What the blocks of a stage would have shared in that pass."""
        self._gradient: torch.Tensor | None = None

    def passes(self) -> Iterator[PassName]:
        """The passes that this layer has, in the order in which they must run."""
        yield PassName.FORWARD
        if self.trained or self._input_trains:
            yield PassName.BACKWARD
        if self.trained:
            yield PassName.UPDATE

    def run(self, name: PassName, timer: Timer[Any]) -> float:
        """Seconds of one pass. A backward pass needs a forward pass before it, an update a backward pass."""
        if name is PassName.FORWARD:
            return self._forward(timer)
        if name is PassName.BACKWARD:
            return self._backward(timer)
        return self._update(timer)

    def _forward(self, timer: Timer[Any]) -> float:
        x = self._input.detach().requires_grad_(self._input_trains)
        layer = self.stage.layers[0]
        traversal = StagePass(self.stage, x)
        if not isinstance(layer, Embedding | Head):
            traversal.prepare(self.index, x)

        def work() -> torch.Tensor:
            out = traversal.through(self.index, layer, x)
            if isinstance(layer, Head):
                return cross_entropy(out.flatten(0, 1).float(), self._labels.flatten())
            return out

        self.sent, seconds = timer(work)
        self.received, self.shared = x, traversal.shared
        return seconds

    def _backward(self, timer: Timer[Any]) -> float:
        out, self.sent = self.sent, None
        if self._gradient is None:
            self._gradient = torch.ones_like(out) if out.dim() == 0 else torch.randn_like(out)
        _, seconds = timer(lambda: out.backward(self._gradient))
        return seconds

    def _update(self, timer: Timer[Any]) -> float:
        optimizer = self.optimizer
        assert optimizer is not None  # passes() names no update without one

        def work() -> None:
            optimizer.step()
            optimizer.zero_grad()

        return timer(work)[1]


class InferenceLayer:
    """One layer of a model, and the passes of one request through it."""

    def __init__(self, model: SplitTransformer, index: int, work: LayerWork) -> None:
        self.index = index
        self._work = work
        self.stage = model.stage(index, index + 1).eval()
        head = index == model.layer_count - 1
        self._input = layer_input(model, index, work.sequences, 1 if head else work.tokens)
        self._next = layer_input(model, index, work.sequences, 1)
        self._context = layer_input(model, index, work.sequences, 1 if head else work.decode_context - 1)
        self.cache = self.stage.new_cache()

    def passes(self) -> Iterator[PassName]:
        """The passes that this layer has."""
        yield PassName.FORWARD
        if self._work.decodes:
            yield PassName.DECODE

    @torch.no_grad()
    def run(self, name: PassName, timer: Timer[Any]) -> float:
        """Seconds of one pass."""
        if name is PassName.FORWARD:
            return self._timed(self._input, self.stage.new_cache(), timer)
        if self.cache.seen == 0:
            self.stage.step(self._context, self.cache)
        with self.cache.kept():
            return self._timed(self._next, self.cache, timer)

    def _timed(self, x: torch.Tensor, cache: Any, timer: Timer[Any]) -> float:
        layer = self.stage.layers[0]
        traversal = StagePass(self.stage, x, cache)
        if not isinstance(layer, Embedding | Head):
            traversal.prepare(self.index, x)

        def work() -> torch.Tensor:
            out = traversal.through(self.index, layer, x)
            return out[:, -1:].argmax(dim=-1) if isinstance(layer, Head) else out

        return timer(work)[1]


PassedLayer = TrainingLayer | InferenceLayer


def passed_layer(model: SplitTransformer, index: int, work: LayerWork) -> PassedLayer:
    """A layer, built, with its passes."""
    return TrainingLayer(model, index, work) if work.training else InferenceLayer(model, index, work)


def token_ids(model: SplitTransformer, sequences: int, tokens: int) -> torch.Tensor:
    """Random token ids (b, s), the same for the same shape."""
    generator = torch.Generator().manual_seed(sequences * tokens)
    return torch.randint(model.config.vocab_size, (sequences, tokens), generator=generator)


def layer_input(model: SplitTransformer, index: int, sequences: int, tokens: int) -> torch.Tensor:
    """What layer `index` receives: token ids, or hidden states (b, s, d) of unit variance."""
    if index == 0:
        return token_ids(model, sequences, tokens)
    generator = torch.Generator().manual_seed(sequences * tokens)
    shape = (sequences, tokens, model.config.hidden_size)
    return torch.randn(shape, generator=generator).to(model.dtype)
