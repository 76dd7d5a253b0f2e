"""Synthetic text: a Markov chain over some words of the vocabulary. There is something to learn, nothing to download.

Every word has `SUCCESSORS` likely followers; the next one is one of them with probability 1 - NOISE, else any word. A
model first learns which tokens are words (the loss falls from log V to log WORDS), then what follows what (to about
(1 - NOISE) log SUCCESSORS + NOISE log WORDS).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

WORDS = 32
"""Different tokens that occur, or the whole vocabulary if it is smaller."""
SUCCESSORS = 4
NOISE = 0.1


@dataclass(frozen=True, slots=True)
class Text:
    """A source of token sequences; `batch` depends on (vocabulary, seed, index) alone."""

    vocabulary: int
    seed: int

    def batch(self, index: int, sequences: int, length: int) -> torch.Tensor:
        """(sequences, length) token ids."""
        of_text, draw = self._generator(-1), self._generator(index)
        words = torch.randperm(self.vocabulary, generator=of_text)[:WORDS]
        count = len(words)
        chain = torch.randint(count, (count, SUCCESSORS), generator=of_text)
        chosen = torch.randint(count, (sequences, length), generator=draw)
        choices = torch.randint(SUCCESSORS, (sequences, length), generator=draw)
        stray = torch.rand(sequences, length, generator=draw) < NOISE
        for position in range(1, length):
            likely = chain[chosen[:, position - 1], choices[:, position]]
            chosen[:, position] = torch.where(stray[:, position], chosen[:, position], likely)
        return words[chosen]

    def _generator(self, index: int) -> torch.Generator:
        return torch.Generator().manual_seed((self.seed << 24) + index + 1)
