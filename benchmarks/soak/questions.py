"""What callers of a soak ask for: plans of several sizes, and things that nobody should ask."""

from __future__ import annotations

import json
from random import Random

import examples
from benchmarks.instances import Body, heterogeneous
from benchmarks.soak.ledger import Question

TINY_OBJECTIVE = 0.35008
"""Seconds, see examples/two-nodes-by-hand.json."""
FRESH = {"Cache-Control": "no-cache"}
_EXAMPLES = {(example.purpose, example.name): example.read() for example in examples.EXAMPLES}
_TINY: Body = json.loads(_EXAMPLES[examples.Purpose.PLAN, "two-nodes-by-hand"])
EVALUATION = _EXAMPLES[examples.Purpose.EVALUATE, "two-nodes-by-hand"]
FRONTIER = _EXAMPLES[examples.Purpose.FRONTIER, "two-nodes-by-hand"]
INFEASIBLE = _EXAMPLES[examples.Purpose.INFEASIBLE, "llama-2-7b-phone-and-tablet"]
_BIG_SEED = 2**31


def tiny(seed: int) -> Question:
    """Milliseconds; each seed is a question of its own."""
    return Question({**_TINY, "solver": {"seed": seed}}, TINY_OBJECTIVE)


def middling(random: Random) -> Question:
    """Tenths of a second: 32 layers over 8 nodes."""
    return Question(heterogeneous(32, 8, random.randrange(_BIG_SEED)) | {"solver": {"time_limit_s": 30.0}})


def large(random: Random) -> Question:
    """A second or a few, with a body of a hundred kilobytes: 80 layers over 32 nodes, at most 4 s."""
    return Question(heterogeneous(80, 32, random.randrange(_BIG_SEED)) | {"solver": {"time_limit_s": 4.0}})


def endless(random: Random) -> Question:
    """Until its time limit of 20 s, unless it is cancelled."""
    solver = {"backend": "reference_cp_sat", "time_limit_s": 20.0, "seed": random.randrange(_BIG_SEED)}
    return Question(heterogeneous(32, 8, 1) | {"solver": solver})


def nonsense(random: Random) -> bytes:
    """A body that is to be refused."""
    sound = json.dumps(_TINY).encode()
    place = random.choice(['"compute_flops_per_s": ', '"memory_bytes": ', '"bandwidth_bits_per_s": '])
    value = random.choice(["NaN", "Infinity", "-1", "1e308", "9" * 400, '"3 bananas"', "[]", "null"])
    head, _, tail = sound.decode().partition(place)
    rest = tail[min(k for k in (tail.find(","), tail.find("}")) if k >= 0) :]
    bad = [
        (head + place + value + rest).encode(),
        sound[: random.randrange(1, len(sound))],
        sound[:-1] + b', "cluster": {}}',
        b"[" * random.randrange(1, 5000),
        b'{"a":' * random.randrange(1, 5000),
        random.randbytes(random.randrange(5000)) + b"\xff",
        b"",
        b"null",
    ]
    return random.choice(bad)
