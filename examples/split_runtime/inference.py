"""Split generation with a KV cache on every node: one prefill, then a decode pass per further token, greedy.

The prompt enters where layer 0 is; behind the head the next token of each sequence is chosen, and returns to the source
(4 bytes per sequence). A source that does not hold layer 0 sends prompt and tokens there.
"""

from __future__ import annotations

import torch

from api.measuring.transformer import SplitTransformer, Stage, StageCache
from examples.split_runtime.job import InferenceWork, Job, Kind, NodeReport
from examples.split_runtime.record import Record
from examples.split_runtime.schedule import pay_at_layers
from examples.split_runtime.sending import Courier
from examples.split_runtime.text import Text
from examples.split_runtime.throttle import Throttle
from examples.split_runtime.training import WIRE_IDS


class _Generation:
    """One node's part of one request."""

    def __init__(
        self, job: Job, transformer: SplitTransformer, stages: dict[int, Stage], courier: Courier, throttle: Throttle
    ) -> None:
        assert isinstance(job.work, InferenceWork)
        self._job, self._work, self._transformer = job, job.work, transformer
        self._stages, self._courier, self._throttle = stages, courier, throttle
        self._is_source = courier.me == job.source

    def run(self, prompt: torch.Tensor | None) -> torch.Tensor:
        """All passes of the request; on the source, the generated tokens (batch, output_tokens)."""
        caches = {s: stage.new_cache() for s, stage in self._stages.items()}
        fed, chosen = prompt, []
        for index in range(self._work.output_tokens):
            length = self._work.prompt_tokens if index == 0 else 1
            fed = self._pass(index, length, fed, caches)
            if fed is not None:
                chosen.append(fed)
        return torch.cat(chosen, dim=1) if chosen else torch.empty(0, 0, dtype=torch.long)

    def _pass(
        self, index: int, length: int, fed: torch.Tensor | None, caches: dict[int, StageCache]
    ) -> torch.Tensor | None:
        """One pass through this node's stages; on the source, the next token of each sequence (batch, 1)."""
        stages, me = self._job.stages, self._courier.me
        if self._is_source and self._job.tokens_leave:
            assert fed is not None
            self._courier.send(fed.to(WIRE_IDS), stages[0].node, Kind.INPUT)
        out: torch.Tensor | None = None
        for s, module in self._stages.items():
            given = fed if s == 0 and self._is_source else self._receive(s, length)
            assert given is not None
            with self._throttle.run_pass("forward" if index == 0 else "decode", s, index):
                out = module.step(given, caches[s])
                if s == len(stages) - 1:
                    out = out[:, -1:].argmax(dim=-1)
            if s < len(stages) - 1:
                self._courier.send(out, stages[s + 1].node, Kind.ACTIVATION)
        if stages[-1].node == me == self._job.source:
            return out
        if stages[-1].node == me:
            assert out is not None
            self._courier.send(out.to(WIRE_IDS), self._job.source, Kind.RESULT)
            return None
        return (
            self._wait(torch.empty(self._work.batch, 1, dtype=WIRE_IDS), stages[-1].node, Kind.RESULT)
            if self._is_source
            else None
        )

    def _receive(self, s: int, length: int) -> torch.Tensor:
        """What stage s works on in a pass of `length` tokens; behind the last block only the last of them go on."""
        batch = self._work.batch
        if s == 0:
            return self._wait(torch.empty(batch, length, dtype=WIRE_IDS), self._job.source, Kind.INPUT)
        stage, transformer = self._job.stages[s], self._transformer
        tokens = 1 if stage.first == transformer.layer_count - 1 else length
        buffer = torch.empty(batch, tokens, transformer.config.hidden_size, dtype=transformer.dtype)
        self._courier.expect(buffer, self._job.stages[s - 1].node, Kind.ACTIVATION).wait()
        return buffer

    def _wait(self, buffer: torch.Tensor, source: str, kind: Kind) -> torch.Tensor:
        self._courier.expect(buffer, source, kind).wait()
        return buffer.long()


@torch.no_grad()
def generate(job: Job, courier: Courier, throttle: Throttle) -> NodeReport:
    """Run one node's part of all requests, one after the other."""
    work = job.work
    assert isinstance(work, InferenceWork)
    transformer = SplitTransformer(job.config, dtype=job.dtype, seed=job.seed)
    stages = {
        s: transformer.stage(stage.first, stage.stop).eval()
        for s, stage in enumerate(job.stages)
        if stage.node == courier.me
    }
    for module in stages.values():
        pay_at_layers(module, throttle)
    generation = _Generation(job, transformer, stages, courier, throttle)
    record = Record(courier, throttle, work.warm_up)
    tokens = []
    for request in range(work.warm_up + work.requests):
        prompt = prompt_of(job, transformer.config.vocab_size, request) if courier.me == job.source else None
        with record.iteration(request):
            chosen = generation.run(prompt)
        tokens.append(tuple(tuple(row) for row in chosen.tolist()))
    return record.report(tokens=tuple(tokens))


def prompt_of(job: Job, vocabulary: int, request: int) -> torch.Tensor:
    """The prompt of a request, (batch, prompt_tokens)."""
    assert isinstance(job.work, InferenceWork)
    return Text(vocabulary, job.seed).batch(request, job.work.batch, job.work.prompt_tokens)


@torch.no_grad()
def generate_unsplit(job: Job) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Tokens of the same requests from the model in one piece, without a cache: every pass sees all tokens again."""
    work = job.work
    assert isinstance(work, InferenceWork)
    transformer = SplitTransformer(job.config, dtype=job.dtype, seed=job.seed)
    model = transformer.stage(0, transformer.layer_count).eval()
    answers = []
    for request in range(work.warm_up + work.requests):
        tokens = prompt_of(job, transformer.config.vocab_size, request)
        for _ in range(work.output_tokens):
            tokens = torch.cat([tokens, model(tokens)[:, -1:].argmax(dim=-1)], dim=1)
        answers.append(tuple(tuple(row) for row in tokens[:, work.prompt_tokens :].tolist()))
    return tuple(answers)
