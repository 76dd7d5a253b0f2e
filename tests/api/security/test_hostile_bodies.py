"""Bodies made to cost: each is refused as bad input, with a short answer that repeats nothing of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

import examples
from api.problems import Problem
from api.requests import MANY_FAULTS, parse
from models import PlanRequest

[EXAMPLE] = [each for each in examples.of(examples.Purpose.PLAN) if each.name == "two-nodes-by-hand"]
MIB = 2**20
LONGEST_ANSWER_BYTES = 32 * 1024


def with_value(path: str, value: Any) -> bytes:
    """A sound request with this value at a slash-separated path."""
    body = copy.deepcopy(json.loads(EXAMPLE.read()))
    here: Any = body
    *way, last = [int(step) if step.isdecimal() else step for step in path.split("/")]
    for step in way:
        here = here[step]
    here[last] = value
    return json.dumps(body).encode()


def link(source: str, target: str) -> dict[str, Any]:
    return {"source": source, "target": target, "bandwidth_bits_per_s": 1e8}


COSTLY: dict[str, Callable[[], bytes]] = {
    "a quantity of a million digits": lambda: with_value("cluster/nodes/0/memory_bytes", "1" * MIB),
    "a quantity with a million blanks": lambda: with_value("cluster/nodes/0/memory_bytes", "1" + " " * MIB + "x"),
    "a quantity with an endless exponent": lambda: with_value("cluster/nodes/0/memory_bytes", "1e" + "9" * MIB),
    "a number of a million decimals": lambda: EXAMPLE.read().rstrip()[:-1] + b', "zz": 0.' + b"1" * MIB + b"}",
    "an id of a megabyte": lambda: with_value("cluster/nodes/0/id", "secret" * 200_000),
    "an id of control characters": lambda: with_value("cluster/nodes/0/id", "\x01" * 100_000),
    "a field name of a megabyte": lambda: with_value("x" * MIB, 1),
    "a hundred thousand unknown fields": lambda: with_value("cluster/nodes/0", {f"k{k}": 1 for k in range(100_000)}),
    "one name fifty thousand times": lambda: EXAMPLE.read().rstrip()[:-1] + b', "a": 1' * 50_000 + b"}",
    "times on fifty thousand unknown nodes": lambda: with_value(
        "model/layers/1/forward/time_s", {f"n{k}": 1.0 for k in range(50_000)}
    ),
    "twenty thousand links between unknown nodes": lambda: with_value(
        "cluster/links", [link(f"p{k}", f"q{k}") for k in range(20_000)]
    ),
    "twenty thousand nodes without figures": lambda: with_value("cluster/nodes", [{"id": 1}] * 20_000),
    "a trillion micro-batches": lambda: with_value("workload/micro_batches", 10**12),
    "lists in lists": lambda: b"[" * MIB,
    "objects in objects": lambda: b'{"a":' * 200_000,
    "objects without end": lambda: b"{}," * 400_000,
    "commas without end": lambda: b"," * 2 * MIB,
    "nothing but blanks": lambda: b" " * MIB,
}


def refusal(raw: bytes) -> Problem:
    with pytest.raises(Problem) as refused:
        parse(PlanRequest, raw)
    return refused.value


@pytest.mark.parametrize("make", COSTLY.values(), ids=COSTLY)
def test_a_costly_body_is_refused_in_a_few_words(make: Callable[[], bytes]) -> None:
    problem = refusal(make())
    assert 400 <= problem.kind.value.status < 500
    answer = problem.details().model_dump_json()
    assert len(answer) < LONGEST_ANSWER_BYTES
    assert "secretsecret" not in answer


def test_faults_that_rules_of_the_domain_find_are_counted_and_not_listed_when_there_are_too_many() -> None:
    raw = with_value("cluster/links", [link("phone", f"q{k}") for k in range(MANY_FAULTS + 1)])
    [violation] = refusal(raw).violations
    assert violation.code == "too_many_faults"
    assert f"{MANY_FAULTS + 1} places" in violation.message


def test_as_many_faults_as_can_be_listed_are_listed() -> None:
    raw = with_value("cluster/links", [link("phone", f"q{k}") for k in range(500)])
    assert len(refusal(raw).violations) == 500
