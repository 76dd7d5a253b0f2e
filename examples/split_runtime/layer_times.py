"""How long each layer takes on a node: the code that a run executes, under the same throttle."""

from __future__ import annotations

import time
from collections import deque
from itertools import pairwise

import torch

from api.measuring.transformer import SplitTransformer, Stage
from examples.split_runtime.job import TrainingWork
from examples.split_runtime.protocol import LayerQuestion, LayerSamples
from examples.split_runtime.schedule import pay_at_layers
from examples.split_runtime.throttle import PassTime, Throttle
from examples.split_runtime.training import loss_of, optimizer_of

Rows = dict[str, list[tuple[float, ...]]]
"""Pass to rows of seconds per layer."""
LEAST_RUNS = 3
"""Of which the first does not count."""


def time_layers(question: LayerQuestion, throttle: Throttle) -> LayerSamples:
    """Samples for every layer; a layer without a pass has none."""
    q = question
    transformer = SplitTransformer(q.config, dtype=q.dtype, seed=q.seed, lora_rank=q.lora_rank)
    model = transformer.stage(0, transformer.layer_count).eval()
    pay_at_layers(model, throttle)
    tokens = torch.randint(transformer.config.vocab_size, (q.batch, q.length))
    sample = _request if q.decode_tokens else _iteration
    rows: Rows = {}
    runs, end_s = 0, time.monotonic() + q.budget_s
    while runs < LEAST_RUNS or time.monotonic() < end_s:
        for name, taken in sample(q, model, tokens, throttle).items():
            rows.setdefault(name, []).extend(taken if runs > 0 else [])
        runs += 1
    return {name: tuple(zip(*taken, strict=True)) for name, taken in rows.items()}


def _iteration(q: LayerQuestion, model: Stage, tokens: torch.Tensor, throttle: Throttle) -> Rows:
    """Forwards and backwards of all micro-batches, the update; the loss belongs to the head."""
    throttle.passes.clear()
    losses: deque[torch.Tensor] = deque()
    for m in range(q.micro_batches + q.in_flight):
        if m >= q.in_flight:
            with throttle.run_pass("backward", 0, m - q.in_flight):
                losses.popleft().backward()
        if m < q.micro_batches:
            with throttle.run_pass("forward", 0, m):
                logits = model(tokens)
            with throttle.run_pass("loss", 0, m):
                losses.append(loss_of(logits, tokens))
            del logits
    of = {name: [one for one in throttle.passes if one.activity == name] for name in ("forward", "loss", "backward")}
    return {
        "forward": [
            (*_between(forward)[:-1], _between(forward)[-1] + of_loss.seconds)
            for forward, of_loss in zip(of["forward"], of["loss"], strict=True)
        ],
        "backward": [_backward(one, q) for one in of["backward"]],
        "update": [_update(model, q, throttle)],
    }


def _update(model: Stage, q: LayerQuestion, throttle: Throttle) -> tuple[float, ...]:
    """Seconds of the optimizer per layer: one step over all of them, dealt out by what trains.

    So a run steps over a stage: what a step costs whatever its size is paid once, not by each layer. The optimizer is
    kept on the model, as a new one would allocate its states again.
    """
    work = TrainingWork(1, q.batch, q.length, lora_rank=q.lora_rank)
    optimizer = getattr(model, "timed_optimizer", None) or optimizer_of(model.parameters(), work)
    if optimizer is None:
        return (0.0,) * len(model.layers)
    model.timed_optimizer = optimizer
    with throttle.run_pass("update", 0, 0):
        optimizer.step()
        optimizer.zero_grad()
    trained = [sum(p.numel() for p in layer.parameters() if p.requires_grad) for layer in model.layers]
    return tuple(throttle.passes[-1].seconds * count / sum(trained) for count in trained)


@torch.no_grad()
def _request(q: LayerQuestion, model: Stage, tokens: torch.Tensor, throttle: Throttle) -> Rows:
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
