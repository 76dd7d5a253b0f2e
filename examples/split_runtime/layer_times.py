"""How long each layer takes on a node: the code that a run executes, under the same throttle."""

from __future__ import annotations

import time
from itertools import pairwise

import torch

from api.measuring.transformer import SplitTransformer, Stage
from examples.split_runtime.job import TrainingWork
from examples.split_runtime.protocol import LayerQuestion, LayerSamples
from examples.split_runtime.schedule import pay_at_layers
from examples.split_runtime.throttle import PassTime, Throttle
from examples.split_runtime.training import loss_of, optimizer_of


def time_layers(question: LayerQuestion, throttle: Throttle) -> LayerSamples:
    """Samples for every layer; a layer without a pass has none."""
    q = question
    transformer = SplitTransformer(q.config, dtype=q.dtype, seed=q.seed, lora_rank=q.lora_rank)
    model = transformer.stage(0, transformer.layer_count).eval()
    pay_at_layers(model, throttle)
    tokens = torch.randint(transformer.config.vocab_size, (q.batch, q.length))
    sample = _request if q.decode_tokens else _iteration
    samples: list[dict[str, list[tuple[float, ...]]]] = []
    end_s = time.monotonic() + q.budget_s
    while len(samples) < 4 or time.monotonic() < end_s:
        samples.append(sample(q, model, tokens, throttle))
    samples = samples[1:]
    return {name: tuple(zip(*(row for one in samples for row in one[name]), strict=True)) for name in samples[0]}


def _iteration(
    q: LayerQuestion, model: Stage, tokens: torch.Tensor, throttle: Throttle
) -> dict[str, list[tuple[float, ...]]]:
    """Forward, backward and update of one micro-batch; the loss belongs to the head."""
    throttle.passes.clear()
    with throttle.run_pass("forward", 0, 0):
        logits = model(tokens)
    with throttle.run_pass("loss", 0, 0):
        loss = loss_of(logits, tokens)
    with throttle.run_pass("backward", 0, 0):
        loss.backward()
    forward, of_loss, backward = throttle.passes
    work = TrainingWork(1, q.batch, q.length, lora_rank=q.lora_rank)
    updates = []
    for layer in model.layers:
        # States are kept on the parameters' optimizer; a new one each time would time their allocation.
        optimizer = getattr(layer, "timed_optimizer", None) or optimizer_of(layer.parameters(), work)
        layer.timed_optimizer = optimizer
        throttle.passes.clear()
        with throttle.run_pass("update", 0, 0):
            if optimizer is not None:
                optimizer.step()
                optimizer.zero_grad()
        updates.append(throttle.passes[0].seconds if optimizer is not None else 0.0)
    seconds = list(_between(forward))
    seconds[-1] += of_loss.seconds
    return {"forward": [tuple(seconds)], "backward": [_backward(backward, q)], "update": [tuple(updates)]}


@torch.no_grad()
def _request(
    q: LayerQuestion, model: Stage, tokens: torch.Tensor, throttle: Throttle
) -> dict[str, list[tuple[float, ...]]]:
    """Prefill and decode passes of one request; choosing the token belongs to the head."""
    throttle.passes.clear()
    cache = model.new_cache()
    given = tokens
    for _ in range(q.decode_tokens + 1):
        with throttle.run_pass("", 0, 0):
            given = model.step(given, cache)[:, -1:].argmax(dim=-1)
    rows = [_between(one) for one in throttle.passes]
    return {"forward": rows[:1], "decode": rows[1:]}


def _between(one: PassTime) -> tuple[float, ...]:
    """Seconds per layer from the boundaries behind each; what follows the last layer is the last layer's."""
    marks = (0.0, *one.marks_s[:-1], one.seconds)
    return tuple(later - earlier for earlier, later in pairwise(marks))


def _backward(one: PassTime, q: LayerQuestion) -> tuple[float, ...]:
    """Seconds per layer, first layer first.

    Boundaries come from the last layer down; the pass ends in the first that trains: under LoRA layer 1, and layer 0
    takes none.
    """
    marks = (0.0, *one.marks_s, one.seconds)
    down = [later - earlier for earlier, later in pairwise(marks)]
    return tuple(([] if q.lora_rank is None else [0.0]) + down[::-1])
