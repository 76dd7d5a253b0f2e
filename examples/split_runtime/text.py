"""Synthetic text: a Markov chain over the vocabulary, so that there is something to learn and nothing to download.

Every token has `SUCCESSORS` likely followers; the next token is one of them with probability 1 - NOISE, else any. The
entropy per token is about (1 - NOISE) log SUCCESSORS + NOISE log V, well under log V of an untrained model.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

SUCCESSORS = 4
NOISE = 0.1


@dataclass(frozen=True, slots=True)
class Text:
    """A source of token sequences; `batch` depends on (vocabulary, seed, index) alone."""

    vocabulary: int
    seed: int

    def batch(self, index: int, sequences: int, length: int) -> torch.Tensor:
        """(sequences, length) token ids."""
        chain = torch.randint(self.vocabulary, (self.vocabulary, SUCCESSORS), generator=self._generator(-1))
        draw = self._generator(index)
        tokens = torch.empty(sequences, length, dtype=torch.long)
        tokens[:, 0] = torch.randint(self.vocabulary, (sequences,), generator=draw)
        choices = torch.randint(SUCCESSORS, (sequences, length), generator=draw)
        strays = torch.randint(self.vocabulary, (sequences, length), generator=draw)
        stray = torch.rand(sequences, length, generator=draw) < NOISE
        for position in range(1, length):
            likely = chain[tokens[:, position - 1], choices[:, position]]
            tokens[:, position] = torch.where(stray[:, position], strays[:, position], likely)
        return tokens

    def _generator(self, index: int) -> torch.Generator:
        return torch.Generator().manual_seed((self.seed << 24) + index + 1)
