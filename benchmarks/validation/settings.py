"""The ten settings: a Transformer, a workload, and a few unequal nodes with unequal links.

A node is a process that gets a share of one core; a link is a rate. All shares of a setting together stay below the two
cores of the machine, so that the emulated nodes do not disturb each other. Every pair of nodes has a link; where a
setting names no rate for a pair, its `usual_bits_per_s` holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from models.workload import Inference, Schedule, Training, Workload

MEBIBYTE = 2.0**20
MEGABIT = 1e6
AMPLE_BYTES = 4096 * MEBIBYTE
"""Memory of a node whose memory shall not matter."""
LORA_RANK = 8
SOURCE = "terminal"


class Family(StrEnum):
    """Which Transformer."""

    LLAMA = "llama"
    GPT2 = "gpt2"


@dataclass(frozen=True)
class EmulatedNode:
    """A process with a share of one core, and the memory that the plan may fill on it."""

    id: str
    share: float
    memory_bytes: float = AMPLE_BYTES


@dataclass(frozen=True)
class Setting:
    """What is planned, run and compared."""

    name: str
    family: Family
    blocks: int
    hidden_size: int
    sequence_length: int
    micro_batch_size: int
    workload: Workload
    nodes: tuple[EmulatedNode, ...]
    """The source first."""
    usual_bits_per_s: float
    rates_bits_per_s: tuple[tuple[str, str, float], ...] = ()
    """(source, target, rate) where a directed link differs from the usual rate."""
    tail_layers: int = 0

    @property
    def trains(self) -> bool:
        """Training, not inference."""
        return isinstance(self.workload, Training)

    @property
    def layer_count(self) -> int:
        """Embedding, blocks, head."""
        return self.blocks + 2

    @property
    def config(self) -> dict[str, Any]:
        """The Hugging Face config of the Transformer."""
        return _CONFIGS[self.family](self.blocks, self.hidden_size)

    def links(self) -> Iterator[tuple[str, str, float]]:
        """(source, target, bits per s) of every directed link."""
        named = {(source, target): rate for source, target, rate in self.rates_bits_per_s}
        for a in self.nodes:
            for b in self.nodes:
                if a is not b:
                    yield a.id, b.id, named.get((a.id, b.id), self.usual_bits_per_s)

    def title(self) -> str:
        """The setting in words."""
        work = self.workload
        if isinstance(work, Training):
            shape = (
                f"{work.schedule.value}{', U-shaped' if self.tail_layers else ''}, {work.micro_batches} micro-batches"
            )
        else:
            shape = f"inference, {self.sequence_length} + {work.output_tokens} tokens"
        size = f"{self.family.value}, {self.blocks} blocks of {self.hidden_size}"
        return f"{size}, {shape}, {len(self.nodes)} nodes"


def _llama(blocks: int, hidden_size: int) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": hidden_size,
        "intermediate_size": hidden_size * 11 // 4,
        "num_attention_heads": hidden_size // 32,
        "num_key_value_heads": hidden_size // 64,
        "num_hidden_layers": blocks,
        "vocab_size": 1024,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
    }


def _gpt2(blocks: int, hidden_size: int) -> dict[str, Any]:
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "n_embd": hidden_size,
        "n_head": hidden_size // 32,
        "n_layer": blocks,
        "n_positions": 512,
        "vocab_size": 1024,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
    }


_CONFIGS = {Family.LLAMA: _llama, Family.GPT2: _gpt2}


def _training(schedule: Schedule, micro_batches: int) -> Training:
    return Training(kind="training", source=SOURCE, micro_batches=micro_batches, schedule=schedule)


def _inference(output_tokens: int) -> Inference:
    return Inference(kind="inference", source=SOURCE, output_tokens=output_tokens)


def _nodes(terminal: float, *edges: float, mebibytes: tuple[float | None, ...] = ()) -> tuple[EmulatedNode, ...]:
    """The terminal and the edges by their shares; `mebibytes` of memory in the same order, None: ample."""
    names = (SOURCE, *(f"edge-{k}" for k in range(1, len(edges) + 1)))
    room = (*mebibytes, *(None for _ in range(len(names) - len(mebibytes))))
    return tuple(
        EmulatedNode(name, share, AMPLE_BYTES if size is None else size * MEBIBYTE)
        for name, share, size in zip(names, (terminal, *edges), room, strict=True)
    )


def _both_ways(**megabits: float) -> tuple[tuple[str, str, float], ...]:
    """Rates between two nodes, the same in both directions: `e1_e2=20` is 20 Mbit/s between edge-1 and edge-2."""
    found = []
    for pair, rate in megabits.items():
        a, b = (SOURCE if end == "t" else f"edge-{end[1:]}" for end in pair.split("_"))
        found += [(a, b, rate * MEGABIT), (b, a, rate * MEGABIT)]
    return tuple(found)


SETTINGS = (
    Setting("gpipe-llama-3", Family.LLAMA, 10, 256, 64, 2, _training(Schedule.GPIPE, 4),
            _nodes(0.2, 0.6, 0.4), 60 * MEGABIT, _both_ways(t_e1=15)),
    Setting("gpipe-gpt2-4", Family.GPT2, 10, 256, 64, 2, _training(Schedule.GPIPE, 4),
            _nodes(0.2, 0.3, 0.45, 0.5, mebibytes=(None, None, 64)), 80 * MEGABIT, _both_ways(e1_e2=15, t_e1=20)),
    Setting("gpipe-llama-5", Family.LLAMA, 14, 192, 64, 2, _training(Schedule.GPIPE, 6),
            _nodes(0.15, 0.2, 0.5, 0.35, 0.25), 60 * MEGABIT, _both_ways(t_e1=12, e2_e3=15, e3_e4=20)),
    Setting("1f1b-llama-3", Family.LLAMA, 10, 256, 64, 2, _training(Schedule.ONE_F_ONE_B, 4),
            _nodes(0.25, 0.35, 0.6), 60 * MEGABIT, _both_ways(t_e1=15, e1_e2=25)),
    Setting("1f1b-gpt2-4", Family.GPT2, 12, 192, 64, 2, _training(Schedule.ONE_F_ONE_B, 6),
            _nodes(0.2, 0.25, 0.5, 0.4), 100 * MEGABIT, _both_ways(t_e1=15, e1_e2=15)),
    Setting("1f1b-llama-5", Family.LLAMA, 14, 192, 64, 2, _training(Schedule.ONE_F_ONE_B, 6),
            _nodes(0.15, 0.2, 0.5, 0.3, 0.3), 80 * MEGABIT, _both_ways(e1_e2=12, e3_e4=15)),
    Setting("u-gpipe-llama-4", Family.LLAMA, 11, 256, 64, 2, _training(Schedule.GPIPE, 4),
            _nodes(0.25, 0.3, 0.5, 0.4), 80 * MEGABIT, _both_ways(t_e1=15, e2_e3=20), tail_layers=1),
    Setting("u-1f1b-gpt2-4", Family.GPT2, 10, 256, 64, 2, _training(Schedule.ONE_F_ONE_B, 4),
            _nodes(0.3, 0.3, 0.5, 0.4, mebibytes=(None, None, 36)), 100 * MEGABIT, _both_ways(e1_e2=15, t_e1=25),
            tail_layers=1),
    Setting("kv-llama-4", Family.LLAMA, 16, 256, 96, 1, _inference(12),
            _nodes(0.15, 0.3, 0.5, 0.45, mebibytes=(None, None, 22, 17)), 50 * MEGABIT, _both_ways(e1_e2=10)),
    Setting("kv-gpt2-3", Family.GPT2, 16, 256, 96, 1, _inference(12),
            _nodes(0.2, 0.4, 0.6, mebibytes=(None, None, 26)), 40 * MEGABIT, _both_ways(t_e1=20)),
)  # fmt: skip
"""As `make validate` runs them."""

QUICK = (
    Setting("quick", Family.LLAMA, 6, 192, 48, 2, _training(Schedule.GPIPE, 3),
            _nodes(0.3, 0.6, 0.4), 50 * MEGABIT),
)  # fmt: skip
"""One small setting, for development."""


def find(name: str) -> Setting:
    """The setting of that name; KeyError where there is none."""
    return {setting.name: setting for setting in (*SETTINGS, *QUICK)}[name]
