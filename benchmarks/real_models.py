"""Catalogued Transformers, whose blocks are all alike, on identical nodes: the everyday case with the most symmetry."""

from __future__ import annotations

from benchmarks.instances import Body
from placement.catalogue import transformer

MODELS = (
    "llama-3-8b", "llama-2-7b", "llama-2-13b", "llama-3-70b", "qwen2.5-7b",
    "qwen2.5-14b", "qwen2.5-32b", "mistral-7b-v0.1", "phi-2", "gpt2-xl",
)  # fmt: skip
"""One per seed, in this order."""
FLOAT16_BYTES = 2
TIGHTNESS = 2.0
"""Memory of all nodes together over the weights; the first node must also hold the embedding and a block."""


def on_identical_nodes(nodes: int, seed: int) -> Body:
    """512 prompt tokens and 32 answered ones, least latency; every node and every link is the same (1 Gbit/s)."""
    name = MODELS[seed % len(MODELS)]
    weights = transformer(name).parameters * FLOAT16_BYTES
    node = {
        "compute_flops_per_s": 3.76e12,
        "memory_bandwidth_bytes_per_s": 102.4e9,
        "memory_bytes": TIGHTNESS * weights / nodes + 2 * 2.0**30,
        "idle_power_w": 8.0,
        "busy_power_w": 25.0,
    }
    rate = [[None if a == b else 1e9 for b in range(nodes)] for a in range(nodes)]
    delay = [[None if a == b else 1e-3 for b in range(nodes)] for a in range(nodes)]
    return {
        "cluster": {
            "nodes": [{"id": f"node-{n}", "kind": "edge" if n else "terminal", **node} for n in range(nodes)],
            "link_matrix": {"bandwidth_bits_per_s": rate, "latency_s": delay},
        },
        "model": {"catalogue": name, "sequence_length": 512, "micro_batch_size": 1, "dtype": "float16"},
        "workload": {"kind": "inference", "source": "node-0", "output_tokens": 32},
        "objective": {"kind": "latency"},
    }
