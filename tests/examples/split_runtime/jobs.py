"""Jobs small enough for a test: four blocks, hidden size 32."""

from __future__ import annotations

from typing import Any

from examples.split_runtime.job import InferenceWork, Job, StageOf, TrainingWork
from models.workload import Schedule

LLAMA = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4,
         "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 256, "max_position_embeddings": 64,
         "bos_token_id": 0, "eos_token_id": 0}  # fmt: skip
GPT2 = {"model_type": "gpt2", "n_embd": 32, "n_layer": 4, "n_head": 4, "vocab_size": 256, "n_positions": 64,
        "bos_token_id": 0, "eos_token_id": 0}  # fmt: skip
NODES = ("phone", "edge-1", "edge-2")
STRAIGHT = (StageOf("phone", 0, 2), StageOf("edge-1", 2, 4), StageOf("edge-2", 4, 6))
U_SHAPED = (StageOf("phone", 0, 2), StageOf("edge-1", 2, 5), StageOf("phone", 5, 6))
ELSEWHERE = (StageOf("edge-1", 0, 4), StageOf("edge-2", 4, 6))


def training(
    stages: tuple[StageOf, ...],
    config: dict[str, Any] = LLAMA,
    schedule: Schedule = Schedule.GPIPE,
    lora_rank: int | None = 4,
    iterations: int = 3,
) -> Job:
    """Four micro-batches of two sequences of eight tokens."""
    work = TrainingWork(4, 2, 8, schedule, iterations=iterations, lora_rank=lora_rank, learning_rate=0.01)
    return Job(config, "phone", stages, work, seed=3)


def generation(stages: tuple[StageOf, ...], config: dict[str, Any] = LLAMA) -> Job:
    """A prompt of six tokens, five more of each of two sequences."""
    return Job(config, "phone", stages, InferenceWork(2, 6, 5), seed=3)
